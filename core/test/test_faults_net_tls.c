/* test_faults_net_tls.c - F04, F07, F08, F09, F13 and F95: handshakes that stall, certificates nobody should trust.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "interpose.h"
#include "net.h"
#include "tls.h"

static tls_authority trusted, stranger;

static xai_client *tls_client(const lb_server *s, xai_config config) {
  char base[64];
  snprintf(base, sizeof base, "https://127.0.0.1:%d/v1", s->port);
  config.ca_file = trusted.file;
  return net_open_at(&config, base, 0);
}

/* What a call to a server with this identity ends with; no request may reach it unless all is well. */
static net_call call_with_server(tls_server *server, xai_config config, long *requests, long *connections) {
  if (server->answer == NULL) server->answer = OK_WHOLE;
  lb_server *s = lb_start_serving(tls_serve, server);
  xai_client *client = tls_client(s, config);
  net_call c;
  net_ask(client, &c, false);
  xai_client_free(client);
  *requests = lb_seen(s, LB_REQUESTS);
  *connections = lb_seen(s, LB_CONNECTIONS);
  lb_stop(s);
  return c;
}

static void a_right_certificate_is_spoken_to(void) {
  const tls_wish wish = {.name = "api", .issuer = &trusted.identity};
  tls_identity identity = tls_make(&wish);
  tls_server server;
  tls_server_init(&server, &identity);
  long requests, connections;
  net_call c = call_with_server(&server, net_config(), &requests, &connections);
  CHECK_CALL(c, "complete", "answered", XAI_OK);
  CHECK_INT(requests, 1);
  tls_server_deinit(&server);
  tls_identity_free(&identity);
}

/* ---- whom to believe */

/* A folder as `openssl rehash` makes it, with this authority alone. */
typedef struct hashed_folder {
  char path[64];
  char file[96];
} hashed_folder;

static hashed_folder folder_of(const tls_authority *authority) {
  hashed_folder folder = {.path = "/tmp/xai-test-cas-XXXXXX"};
  tls_must(mkdtemp(folder.path) != NULL, "no folder");
  unsigned long hash = X509_NAME_hash(X509_get_subject_name(authority->identity.cert));
  snprintf(folder.file, sizeof folder.file, "%s/%08lx.0", folder.path, hash);
  tls_must(symlink(authority->file, folder.file) == 0, "no link");
  return folder;
}

static void folder_free(hashed_folder *folder) {
  unlink(folder->file);
  rmdir(folder->path);
}

/* What a call ends with of a client that believes what the environment names. */
static net_call call_believing(const char *file, const char *folder, const tls_wish *wish,
                               long *connections) {
  tls_identity identity = tls_make(wish);
  tls_server server;
  tls_server_init(&server, &identity);
  server.answer = OK_WHOLE;
  lb_server *s = lb_start_serving(tls_serve, &server);
  char base[64];
  snprintf(base, sizeof base, "https://127.0.0.1:%d/v1", s->port);
  if (file != NULL) setenv("SSL_CERT_FILE", file, 1);
  if (folder != NULL) setenv("SSL_CERT_DIR", folder, 1);
  xai_config config = net_config();
  xai_client *client = net_open_at(&config, base, 0);
  unsetenv("SSL_CERT_FILE");
  unsetenv("SSL_CERT_DIR");
  net_call c;
  net_ask(client, &c, false);
  CHECK_INT(c.attempts, 1);
  *connections = lb_seen(s, LB_CONNECTIONS);
  CHECK_INT(lb_seen(s, LB_REQUESTS), c.error.code == XAI_OK ? 1 : 0);
  xai_client_free(client);
  lb_stop(s);
  tls_server_deinit(&server);
  tls_identity_free(&identity);
  return c;
}

static void a_folder_of_authorities_is_believed(void) {
  const tls_wish wish = {.name = "api", .issuer = &trusted.identity};
  hashed_folder folder = folder_of(&trusted);
  long connections;
  net_call c = call_believing(NULL, folder.path, &wish, &connections);
  CHECK_CALL(c, "complete", "answered", XAI_OK);
  CHECK_INT(connections, 1);
  c = call_believing(stranger.file, folder.path, &wish, &connections);
  CHECK_CALL(c, "complete", "answered", XAI_OK);
  CHECK_INT(connections, 1);
  folder_free(&folder);
}

/* Another handshake, before anything was said: to the caller it is the same attempt. */
static void the_bundle_is_asked_when_the_folder_does_not_know(void) {
  const tls_wish wish = {.name = "api", .issuer = &trusted.identity};
  hashed_folder folder = folder_of(&stranger);
  long connections;
  net_call c = call_believing(trusted.file, folder.path, &wish, &connections);
  CHECK_CALL(c, "complete", "answered", XAI_OK);
  CHECK_INT(connections, 2);
  c = call_believing(trusted.file, "/nonexistent", &wish, &connections);
  CHECK_CALL(c, "complete", "answered", XAI_OK);
  folder_free(&folder);
}

static void F08_an_issuer_that_neither_folder_nor_bundle_knows(void) {
  const tls_wish wish = {.name = "api", .issuer = &trusted.identity};
  hashed_folder folder = folder_of(&stranger);
  long connections;
  net_call c = call_believing(stranger.file, folder.path, &wish, &connections);
  CHECK_CALL(c, "failed", "not_sent", XAI_ERR_TLS);
  CHECK_HAS(c.error.message, "unable to get local issuer certificate");
  CHECK_INT(connections, 2);
  c = call_believing(NULL, folder.path, &wish, &connections);
  CHECK_CALL(c, "failed", "not_sent", XAI_ERR_TLS);
  CHECK_INT(connections, 1);
  folder_free(&folder);
}

/* The bundle would not help. */
static void F08_expired_by_a_folder(void) {
  const tls_wish wish = {.name = "api", .issuer = &trusted.identity, .from_days = -9, .until_days = -1};
  hashed_folder folder = folder_of(&trusted);
  long connections;
  net_call c = call_believing(trusted.file, folder.path, &wish, &connections);
  CHECK_CALL(c, "failed", "not_sent", XAI_ERR_TLS);
  CHECK_HAS(c.error.message, "expired");
  CHECK_INT(connections, 1);
  folder_free(&folder);
}

/* ca_file is the caller's word, and the environment's is not asked. */
static void F08_a_file_that_was_named_is_alone(void) {
  const tls_wish wish = {.name = "api", .issuer = &stranger.identity};
  hashed_folder folder = folder_of(&stranger);
  tls_identity identity = tls_make(&wish);
  tls_server server;
  tls_server_init(&server, &identity);
  long requests, connections;
  setenv("SSL_CERT_DIR", folder.path, 1);
  net_call c = call_with_server(&server, net_config(), &requests, &connections);
  unsetenv("SSL_CERT_DIR");
  CHECK_CALL(c, "failed", "not_sent", XAI_ERR_TLS);
  CHECK_INT(connections, 1);
  tls_server_deinit(&server);
  tls_identity_free(&identity);
  folder_free(&folder);
}

/* Calls at the same time learn it each for itself; those after them begin with the bundle. */
static void a_client_that_asked_the_bundle_goes_on_with_it(void) {
  const tls_wish wish = {.name = "api", .issuer = &trusted.identity};
  hashed_folder folder = folder_of(&stranger);
  tls_identity identity = tls_make(&wish);
  tls_server server;
  tls_server_init(&server, &identity);
  server.answer =
    JSON_HEAD "Content-Length: 132\r\nConnection: close\r\n\r\n" WHOLE; /* so each call connects */
  lb_server *s = lb_start_serving(tls_serve, &server);
  char base[64];
  snprintf(base, sizeof base, "https://127.0.0.1:%d/v1", s->port);
  setenv("SSL_CERT_FILE", trusted.file, 1);
  setenv("SSL_CERT_DIR", folder.path, 1);
  xai_config config = net_config();
  xai_client *client = net_open_at(&config, base, 0);
  net_call calls[3];
  for (int i = 0; i < 2; i++) net_start(client, &calls[i], net_request("/responses", "{}", false));
  for (int i = 0; i < 2; i++) net_run(client, &calls[i]);
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 4);
  net_ask(client, &calls[2], false);
  for (int i = 0; i < 3; i++) CHECK_CALL(calls[i], "complete", "answered", XAI_OK);
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 5);
  CHECK_INT(lb_seen(s, LB_REQUESTS), 3);
  xai_client_free(client);
  unsetenv("SSL_CERT_FILE");
  unsetenv("SSL_CERT_DIR");
  lb_stop(s);
  tls_server_deinit(&server);
  tls_identity_free(&identity);
  folder_free(&folder);
}

static bool keeps_bundles(void) {
  int major = 0, minor = 0;
  sscanf(xai_curl_version(), "%d.%d", &major, &minor);
  if (major > 7 || minor >= 87) return true;
  not_run("libcurl before 7.87 loads a bundle for each connection");
  return false;
}

/* Of all systems: 20 ms and 830 KiB. So the second connection does not miss the file. */
static void a_bundle_is_loaded_once(void) {
  if (!keeps_bundles()) return;
  const tls_wish wish = {.name = "api", .issuer = &trusted.identity};
  hashed_folder folder = folder_of(&trusted);
  tls_identity identity = tls_make(&wish);
  tls_server server;
  tls_server_init(&server, &identity);
  server.answer = JSON_HEAD "Content-Length: 132\r\nConnection: close\r\n\r\n" WHOLE;
  lb_server *s = lb_start_serving(tls_serve, &server);
  xai_config config = net_config();
  config.ca_file = folder.file;
  char base[64];
  snprintf(base, sizeof base, "https://127.0.0.1:%d/v1", s->port);
  xai_client *client = net_open_at(&config, base, 0);
  net_call c;
  for (int i = 0; i < 3; i++) {
    net_ask(client, &c, false);
    CHECK_CALL(c, "complete", "answered", XAI_OK);
    unlink(folder.file);
  }
  CHECK_INT(lb_seen(s, LB_CONNECTIONS), 3);
  xai_client_free(client);
  lb_stop(s);
  tls_server_deinit(&server);
  tls_identity_free(&identity);
  folder_free(&folder);
}

/* ---- F04 */

/* A name with a dead address before the live one: the handshake goes on over the socket that won. */
static void F04_a_handshake_after_a_race(void) {
  static const char *const addresses[] = {"127.0.0.2", "127.0.0.1"};
  const tls_wish wish = {.name = "api", .issuer = &trusted.identity, .san = "DNS:api.test.invalid"};
  tls_identity identity = tls_make(&wish);
  tls_server server;
  black_hole hole;
  tls_server_init(&server, &identity);
  server.answer = OK_WHOLE;
  lb_server *s = lb_start_serving(tls_serve, &server);
  if (black_hole_open(&hole, addresses[0], s->port)) {
    char base[64];
    snprintf(base, sizeof base, "https://api.test.invalid:%d/v1", s->port);
    resolver_set(addresses, 2);
    xai_config config = net_config();
    config.ca_file = trusted.file;
    config.limits.connect_ms = 500 * slowness();
    xai_client *client = net_open_at(&config, base, 0);
    net_works(client);
    net_works(client);
    CHECK_INT(lb_seen(s, LB_CONNECTIONS), 1);
    CHECK_INT(lb_seen(s, LB_REQUESTS), 2);
    xai_client_free(client);
  } else {
    not_run("this system has one loopback address");
  }
  black_hole_close(&hole);
  lb_stop(s);
  tls_server_deinit(&server);
  tls_identity_free(&identity);
}

/* ---- F07 */

/* The first flight is read, and then comes nothing, or the beginning of an answer and then nothing. */
static void F07_a_handshake_that_stalls(void) {
  static const lb_step mute[] = {AWAIT_EOF};
  static const lb_step begins[] = {
    ARRIVAL, {LB_WRITE, "\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03", 11, 0}, AWAIT_EOF};
  const lb_step *const scripts[] = {mute, begins};
  for (int i = 0; i < 2; i++) {
    lb_server *s = lb_start(&scripts[i], 1);
    xai_config config = net_config();
    config.limits.handshake_ms = 50;
    config.limits.max_attempts = 2;
    xai_client *client = tls_client(s, config);
    net_call c;
    net_ask(client, &c, false);
    CHECK_CALL(c, "failed", "not_sent", XAI_ERR_CONNECT);
    CHECK_STR(xai_str_of(c.attempt[0].phase), "handshake");
    CHECK_INT(c.attempts, 2);
    CHECK_INT(c.attempt[1].outcome, XAI_ATTEMPT_NOT_SENT);
    CHECK(c.attempt[0].took_ms < 2000 * slowness());
    CHECK_HAS(c.error.message, "no handshake in time");
    CHECK(lb_wait(s, LB_EOFS, 2));
    xai_client_free(client);
    lb_stop(s);
  }
}

/* ---- F08 */

/* At once, with its reason, and never again; the server sees nothing of the request. */
static void check_distrust(const tls_wish *wish, int most_version, const char *reason) {
  tls_identity identity = tls_make(wish);
  tls_server server;
  tls_server_init(&server, &identity);
  if (most_version != 0) SSL_CTX_set_max_proto_version(server.context, most_version);
  long requests, connections;
  net_call c = call_with_server(&server, net_config(), &requests, &connections);
  CHECK_CALL(c, "failed", "not_sent", XAI_ERR_TLS);
  CHECK_STR(xai_str_of(xai_kind_name(c.error.kind)), "tls");
  CHECK_STR(xai_str_of(c.attempt[0].phase), "handshake");
  CHECK_HAS(c.error.message, reason);
  CHECK(!c.error.retryable);
  CHECK_INT(c.attempts, 1);
  CHECK_INT(connections, 1);
  CHECK_INT(requests, 0);
  tls_server_deinit(&server);
  tls_identity_free(&identity);
}

static void F08_expired(void) {
  const tls_wish wish = {.name = "api", .issuer = &trusted.identity, .from_days = -9, .until_days = -1};
  check_distrust(&wish, 0, "expired");
}

static void F08_not_yet_valid(void) {
  const tls_wish wish = {.name = "api", .issuer = &trusted.identity, .from_days = 1, .until_days = 9};
  check_distrust(&wish, 0, "not yet valid");
}

static void F08_wrong_name(void) {
  const tls_wish host = {.name = "127.0.0.1", .issuer = &trusted.identity, .san = "DNS:api.example"};
  check_distrust(&host, 0, "127.0.0.1");
  const tls_wish address = {.name = "api", .issuer = &trusted.identity, .san = "IP:127.0.0.2"};
  check_distrust(&address, 0, "name");
}

static void F08_unknown_issuer(void) {
  const tls_wish wish = {.name = "api", .issuer = &stranger.identity};
  check_distrust(&wish, 0, "issuer");
}

static void F08_self_signed(void) {
  const tls_wish wish = {.name = "api"};
  check_distrust(&wish, 0, "self");
}

/* 512 bits: too few for every security level but none. TLS 1.3 could not even sign with them. */
static void F08_weak_key(void) {
  const tls_wish wish = {.name = "api", .issuer = &trusted.identity, .rsa_bits = 512};
  check_distrust(&wish, TLS1_2_VERSION, "key too");
}

static void F08_weak_signature(void) {
  const tls_wish wish = {.name = "api", .issuer = &trusted.identity, .digest = "SHA1"};
  check_distrust(&wish, 0, "too weak");
}

/* By default a staple is not looked at: then every server without one would be refused too. */
static void F08_revoked_by_staple(void) {
  static const int statuses[] = {V_OCSP_CERTSTATUS_GOOD, V_OCSP_CERTSTATUS_REVOKED, -1};
  const tls_wish wish = {.name = "api", .issuer = &trusted.identity};
  tls_identity identity = tls_make(&wish);
  for (int i = 0; i < 3; i++) {
    tls_server server;
    tls_server_init(&server, &identity);
    if (statuses[i] >= 0) tls_server_staple(&server, &identity, &trusted.identity, statuses[i]);
    xai_config config = net_config();
    config.require_staple = true;
    long requests, connections;
    net_call c = call_with_server(&server, config, &requests, &connections);
    if (i == 0) {
      CHECK_CALL(c, "complete", "answered", XAI_OK);
    } else {
      CHECK_CALL(c, "failed", "not_sent", XAI_ERR_TLS);
      CHECK_HAS(c.error.message, i == 1 ? "revo" : "OCSP");
      CHECK_INT(c.attempts, 1);
      CHECK_INT(requests, 0);
    }
    tls_server_deinit(&server);
  }
  tls_identity_free(&identity);
}

/* ---- F09 */

static void F09_only_an_old_version(void) {
  const tls_wish wish = {.name = "api", .issuer = &trusted.identity};
  check_distrust(&wish, TLS1_1_VERSION, "version");
}

/* ---- F13 */

static void F13_a_portal_with_a_certificate_of_its_own(void) {
  const tls_wish wish = {
    .name = "login.portal.example", .issuer = &stranger.identity, .san = "DNS:login.portal.example"};
  check_distrust(&wish, 0, "certificate");
}

/* And one that somebody made this machine trust, which sends us to its login page: the key stays here. */
static void F13_a_portal_that_redirects(void) {
  static const lb_step page[] = {READ, WRITE(OK_WHOLE), AGAIN};
  const lb_step *const scripts[] = {page};
  lb_server *login = lb_start(scripts, 1);
  const tls_wish wish = {.name = "api", .issuer = &trusted.identity};
  tls_identity identity = tls_make(&wish);
  tls_server server;
  char redirect[200], place[64];
  snprintf(place, sizeof place, "http://127.0.0.1:%d/login", login->port);
  snprintf(redirect, sizeof redirect, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
           place);
  tls_server_init(&server, &identity);
  server.answer = redirect;
  long requests, connections;
  net_call c = call_with_server(&server, net_config(), &requests, &connections);
  CHECK_CALL(c, "failed", "refused", XAI_ERR_REDIRECT);
  CHECK_HAS(c.error.message, place);
  CHECK_INT(requests, 1);
  CHECK_INT(lb_seen(login, LB_CONNECTIONS), 0);
  tls_server_deinit(&server);
  tls_identity_free(&identity);
  lb_stop(login);
}

/* ---- F95 */

static volatile sig_atomic_t pipes;
static void count_pipe(int number) {
  (void)number;
  pipes++;
}

/* The TLS library writes with no regard for SIGPIPE, again and again after the peer has gone. */
static void serve_and_vanish(lb_server *s, int fd, size_t index) {
  (void)index;
  SSL *ssl = tls_accept(s->user, fd);
  char some[1024];
  int got = 0, more = 1;
  while (ssl != NULL && got < 30000 && more > 0) got += more = SSL_read(ssl, some, sizeof some);
  lb_reset(fd); /* in the midst of the body */
  SSL_free(ssl);
}

static void F95_writing_to_a_peer_that_has_gone(void) {
  static char body[8 << 20];
  struct sigaction mine = {.sa_handler = count_pipe}, before, after;
  const tls_wish wish = {.name = "api", .issuer = &trusted.identity};
  tls_identity identity = tls_make(&wish);
  tls_server server;
  tls_server_init(&server, &identity);
  memset(body, ' ', sizeof body - 1);
  pipes = 0;
  sigaction(SIGPIPE, &mine, &before);
  lb_server *s = lb_start_serving(serve_and_vanish, &server);
  xai_client *client = tls_client(s, net_config());
  for (int i = 0; i < 3; i++) {
    net_call c;
    net_start(client, &c, net_request("/responses", body, false));
    net_run(client, &c);
    CHECK_CALL(c, "failed", "unknown", XAI_ERR_RESET);
    CHECK_INT(c.attempts, 1);
  }
  xai_client_free(client);
  lb_stop(s);
  sigaction(SIGPIPE, &before, &after);
  CHECK(after.sa_handler == count_pipe);
  CHECK_INT(pipes, 0);
  tls_server_deinit(&server);
  tls_identity_free(&identity);
}

int main(void) {
  forget_environment();
  trusted = tls_authority_new("Trusted Test Authority");
  stranger = tls_authority_new("Some Other Authority");
  RUN(a_right_certificate_is_spoken_to);
  RUN(a_folder_of_authorities_is_believed);
  RUN(the_bundle_is_asked_when_the_folder_does_not_know);
  RUN(a_client_that_asked_the_bundle_goes_on_with_it);
  RUN(a_bundle_is_loaded_once);
  RUN(F08_an_issuer_that_neither_folder_nor_bundle_knows);
  RUN(F08_expired_by_a_folder);
  RUN(F08_a_file_that_was_named_is_alone);
  RUN(F04_a_handshake_after_a_race);
  RUN(F07_a_handshake_that_stalls);
  RUN(F08_expired);
  RUN(F08_not_yet_valid);
  RUN(F08_wrong_name);
  RUN(F08_unknown_issuer);
  RUN(F08_self_signed);
  RUN(F08_weak_key);
  RUN(F08_weak_signature);
  RUN(F08_revoked_by_staple);
  RUN(F09_only_an_old_version);
  RUN(F13_a_portal_with_a_certificate_of_its_own);
  RUN(F13_a_portal_that_redirects);
  RUN(F95_writing_to_a_peer_that_has_gone);
  tls_authority_free(&trusted);
  tls_authority_free(&stranger);
  return net_report("faults on the wire: TLS");
}
