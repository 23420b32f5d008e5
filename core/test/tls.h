/* tls.h - certificates made on the spot, right and wrong, and a server that shows them, for tests.
 * SPDX-License-Identifier: MIT
 *
 * Over OpenSSL 3, whatever TLS library libcurl itself uses. Runs on connections of loopback.h. */
#ifndef TLS_H
#define TLS_H

#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <signal.h>

#include "loopback.h"

typedef struct tls_identity {
  EVP_PKEY *key;
  X509 *cert;
} tls_identity;

typedef struct tls_wish {
  const char *name;           /* common name                                         */
  const char *san;            /* NULL: "IP:127.0.0.1"                                */
  const tls_identity *issuer; /* NULL: itself                                        */
  const char *digest;         /* of the signature, NULL: "SHA256"                    */
  unsigned rsa_bits;          /* 0: an elliptic curve, P-256                         */
  long from_days, until_days; /* from now; both 0: from yesterday until tomorrow     */
  bool authority;
} tls_wish;

static inline void tls_must(bool ok, const char *what) {
  if (ok) return;
  printf("tls.h: %s\n", what);
  exit(2);
}

static inline void tls_extend(X509 *cert, X509 *issuer, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  tls_must(extension != NULL && X509_add_ext(cert, extension, -1) == 1, value);
  X509_EXTENSION_free(extension);
}

static inline tls_identity tls_make(const tls_wish *wish) {
  static long serial = 1;
  EVP_PKEY *key = wish->rsa_bits ? EVP_RSA_gen(wish->rsa_bits) : EVP_EC_gen("P-256");
  tls_identity self = {key, X509_new()};
  const tls_identity *issuer = wish->issuer ? wish->issuer : &self;
  bool usual = wish->from_days == 0 && wish->until_days == 0;
  tls_must(self.key != NULL && self.cert != NULL, "no key");
  X509_set_version(self.cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(self.cert), serial++);
  X509_time_adj_ex(X509_getm_notBefore(self.cert), usual ? -1 : (int)wish->from_days, 0, NULL);
  X509_time_adj_ex(X509_getm_notAfter(self.cert), usual ? 1 : (int)wish->until_days, 0, NULL);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(self.cert), "CN", MBSTRING_ASC,
                             (const unsigned char *)wish->name, -1, -1, 0);
  X509_set_issuer_name(self.cert, X509_get_subject_name(issuer->cert));
  X509_set_pubkey(self.cert, self.key);
  tls_extend(self.cert, issuer->cert, NID_basic_constraints,
             wish->authority ? "critical,CA:TRUE" : "CA:FALSE");
  tls_extend(self.cert, issuer->cert, NID_subject_alt_name, wish->san ? wish->san : "IP:127.0.0.1");
  const EVP_MD *digest = EVP_get_digestbyname(wish->digest ? wish->digest : "SHA256");
  tls_must(X509_sign(self.cert, issuer->key, digest) > 0, "no signature");
  return self;
}

static inline void tls_identity_free(tls_identity *self) {
  X509_free(self->cert);
  EVP_PKEY_free(self->key);
}

/* An authority, and the file that makes it trusted. */
typedef struct tls_authority {
  tls_identity identity;
  char file[64];
} tls_authority;

static inline tls_authority tls_authority_new(const char *name) {
  const tls_wish wish = {.name = name, .authority = true};
  tls_authority a = {.identity = tls_make(&wish)};
  snprintf(a.file, sizeof a.file, "/tmp/xai-test-ca-XXXXXX");
  int fd = mkstemp(a.file);
  FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
  tls_must(file != NULL && PEM_write_X509(file, a.identity.cert) == 1, "no file for the authority");
  fclose(file);
  return a;
}

static inline void tls_authority_free(tls_authority *a) {
  unlink(a->file);
  tls_identity_free(&a->identity);
}

/* ---- serving */

typedef struct tls_server {
  SSL_CTX *context;
  const char *protocols; /* for ALPN, each behind its length; NULL: none   */
  unsigned char *staple; /* an OCSP answer, NULL: none                     */
  int staple_len;
  const char *answer; /* to each request, of tls_serve                  */
  void *user;
} tls_server;

static inline int tls_choose(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                             const unsigned char *in, unsigned in_len, void *user) {
  const tls_server *self = user;
  unsigned char *choice = NULL;
  (void)ssl;
  const unsigned char *ours = (const unsigned char *)self->protocols;
  int found = SSL_select_next_proto(&choice, out_len, ours, (unsigned)strlen(self->protocols), in, in_len);
  *out = choice;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static inline int tls_give_staple(SSL *ssl, void *user) {
  const tls_server *self = user;
  if (self->staple == NULL) return SSL_TLSEXT_ERR_NOACK;
  unsigned char *copy = OPENSSL_memdup(self->staple, (size_t)self->staple_len);
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, self->staple_len);
  return SSL_TLSEXT_ERR_OK;
}

/* Whatever is wrong with the identity, it is shown. */
static inline void tls_server_init(tls_server *self, const tls_identity *identity) {
  *self = (tls_server){.context = SSL_CTX_new(TLS_server_method())};
  SSL_CTX_set_security_level(self->context, 0);
  SSL_CTX_set_alpn_select_cb(self->context, NULL, NULL);
  SSL_CTX_set_tlsext_status_cb(self->context, tls_give_staple);
  SSL_CTX_set_tlsext_status_arg(self->context, self);
  tls_must(SSL_CTX_use_certificate(self->context, identity->cert) == 1 &&
             SSL_CTX_use_PrivateKey(self->context, identity->key) == 1,
           "an identity that no server can use");
}

static inline void tls_server_offer(tls_server *self, const char *protocols) {
  self->protocols = protocols;
  SSL_CTX_set_alpn_select_cb(self->context, tls_choose, self);
}

/* What the authority says of a certificate: V_OCSP_CERTSTATUS_GOOD or _REVOKED. */
static inline void tls_server_staple(tls_server *self, const tls_identity *of, const tls_identity *authority,
                                     int status) {
  OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
  SSL_CTX_add1_chain_cert(self->context, authority->cert); /* a client may look for it in what it was sent */
  OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), of->cert, authority->cert);
  ASN1_TIME *before = X509_time_adj_ex(NULL, 0, -3600, NULL), *after = X509_time_adj_ex(NULL, 1, 0, NULL);
  ASN1_TIME *revoked = status == V_OCSP_CERTSTATUS_REVOKED ? before : NULL;
  OCSP_basic_add1_status(basic, id, status, 0, revoked, before, after);
  tls_must(OCSP_basic_sign(basic, authority->cert, authority->key, EVP_sha256(), NULL, 0) == 1, "no staple");
  OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
  self->staple_len = i2d_OCSP_RESPONSE(response, &self->staple);
  OCSP_RESPONSE_free(response);
  OCSP_CERTID_free(id);
  OCSP_BASICRESP_free(basic);
  ASN1_TIME_free(before);
  ASN1_TIME_free(after);
}

static inline void tls_server_deinit(tls_server *self) {
  OPENSSL_free(self->staple);
  SSL_CTX_free(self->context);
}

/* NULL when the peer would not. Nothing is shut down politely: the socket just closes. A SIGPIPE of the server's
 * own must not be taken for the client's. */
static inline SSL *tls_accept(const tls_server *self, int fd) {
  sigset_t pipe_alone;
  sigemptyset(&pipe_alone);
  sigaddset(&pipe_alone, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_alone, NULL);
  SSL *ssl = SSL_new(self->context);
  SSL_set_fd(ssl, fd);
  if (SSL_accept(ssl) == 1) return ssl;
  SSL_free(ssl);
  return NULL;
}

/* A request's head and body; false when the peer is gone. */
static inline bool tls_read_request(SSL *ssl) {
  char text[8192] = "";
  size_t len = 0;
  const char *end = NULL;
  while (end == NULL && len + 1 < sizeof text && SSL_read(ssl, text + len, 1) == 1) {
    text[++len] = '\0';
    if (len >= 4 && strcmp(text + len - 4, "\r\n\r\n") == 0) end = text + len;
  }
  long left = end ? lb_length_of(text) : -1;
  char rest[1024];
  for (int got = 1; left > 0 && got > 0; left -= got)
    got = SSL_read(ssl, rest, left < (long)sizeof rest ? (int)left : (int)sizeof rest);
  return left == 0;
}

/* The connection function of lb_start_serving, with a tls_server for user: HTTP/1.1, the same answer each time. */
static inline void tls_serve(lb_server *s, int fd, size_t index) {
  const tls_server *self = s->user;
  (void)index;
  SSL *ssl = tls_accept(self, fd);
  if (ssl == NULL) return;
  while (tls_read_request(ssl)) {
    lb_add(s, LB_REQUESTS);
    if (SSL_write(ssl, self->answer, (int)strlen(self->answer)) <= 0) break;
  }
  SSL_free(ssl);
}

#endif
