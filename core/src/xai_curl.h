/* xai_curl.h - what the files of the libcurl transport share; alone includes <curl/curl.h>.
 * SPDX-License-Identifier: MIT
 *
 * xai_curl_load.c has libcurl ready, xai_transport_curl.c takes the steps, xai_curl_multi.c watches libcurl's sockets,
 * xai_curl_exchange.c begins and ends an exchange, xai_curl_setup.c sets its options, xai_curl_talk.c answers what
 * libcurl asks during it, xai_curl_end.c says how it ended. xai_curl_trust.c says whom to believe, xai_curl_store.c
 * loads them once, xai_curl_limits.c holds the limits in time, xai_curl_race.c tries all addresses at once,
 * xai_curl_h2.c overhears what became of a stream of HTTP/2, xai_curl_wire.c does without libcurl once a plain
 * connection stands.
 */
#ifndef XAI_CURL_H
#define XAI_CURL_H

#include <curl/curl.h>
#include <sys/types.h>

#include "xai_head.h"
#include "xai_links.h"
#include "xai_poll.h"
#include "xai_race.h"
#include "xai_sockets.h"
#include "xai_transport.h"

#pragma GCC visibility push(hidden)

/* Before 7.85 a cancelled exchange may leave its connection open, and the server at work. */
#define XAI_CURL_LEAST 0x075500
#if LIBCURL_VERSION_NUM < XAI_CURL_LEAST
#error "libcurl 7.85 or later is needed"
#endif

/* Before 7.88.1 a stream of HTTP/2 that was refused cannot be told from one that broke (7.85, 7.86), libcurl's talk ends
 * the program (7.87), or the end of an answer behind a GOAWAY is lost (7.88.0). */
#define XAI_CURL_HTTP2_LEAST 0x075801

#define XAI_CURL_IDLE_SECONDS 60L /* for a pooled connection, and a name's address (F14) */

typedef struct net net;
typedef struct xai_wire xai_wire;

/* What an xai_exchange of this transport is; the first field of either. */
typedef enum net_kind {
  NET_EXCHANGE, /* libcurl's, from begin to end */
  NET_WIRE      /* ours: see xai_curl_wire.h    */
} net_kind;

/* libcurl tries one address after another. When that takes too long, its list is taken, all are tried at once,
 * and the socket that connects is handed to it. */
typedef enum race_stage {
  RACE_NONE,   /* as libcurl goes                                          */
  RACE_SURVEY, /* libcurl is shown no socket, so that it names all addresses */
  RACE_RUN,    /* out of libcurl's hands, until one connects               */
  RACE_WON     /* libcurl gets this one, and no other                      */
} race_stage;

typedef struct net_exchange {
  net_kind kind; /* first                                                   */
  net *owner;
  CURL *easy;
  struct net_exchange *prev;   /* among the active ones                            */
  struct net_exchange *next;   /* likewise, or among the spare ones                */
  struct net_exchange *resume; /* next among those to be unpaused                  */
  const xai_exchange_request *request;
  xai_sink sink;
  xai_wire *wire;             /* not NULL: only connects, for this one            */
  struct curl_slist *headers; /* one block with its texts; holds the key          */
  size_t headers_size;
  bool whole;   /* libcurl has the body, else it asks for pieces of it      */
  long spoken;  /* bytes it had written, to a proxy, when a connection was ready */
  size_t given; /* bytes of the body that libcurl took, piece by piece      */
  size_t taken; /* bytes of the answer that the sink took                   */
  xai_head head;
  xai_code code;  /* not 0: we end it, for this reason                        */
  bool by_folder; /* the handle is set to believe whom the folder knows             */
  unsigned tries; /* connections that were ready for the request              */
  bool fresh;     /* opened a socket of its own                               */
  bool stale;     /* was given a kept connection that had died                */
  bool paused;
  bool held;            /* its socket is not watched while it is paused             */
  int fd;               /* ... which is this one                                    */
  unsigned want;        /* ... for what libcurl wants it watched                     */
  bool resuming;        /* is in the list of those to be unpaused                   */
  bool refused;         /* HTTP/2: the peer did not look at it                      */
  unsigned long stream; /* HTTP/2: its number, 0: not known                 */
  int local_port;       /* of the connection that was ready for it                  */
  bool linked;          /* a peer accepted: what follows is the handshake           */
  bool late;            /* no connection in connect_ms, or no handshake in its time */
  int open_errno;       /* why no socket could be opened                            */
  race_stage stage;
  xai_race *race;    /* NULL: none                                                */
  unsigned asked;    /* sockets that libcurl asked for in this pass                        */
  bool connected;    /* its socket was when libcurl got it                        */
  uint64_t race_due; /* when to look whether libcurl takes too long              */
  bool mute;         /* its upload did not get on for silence_ms                  */
  uint64_t connect_due;
  uint64_t upload_due;         /* when to look whether it gets on                           */
  curl_off_t uploaded;         /* ... and how far it was the last time                      */
  char words[CURL_ERROR_SIZE]; /* libcurl's own, about the failure                 */
} net_exchange;

struct net {
  xai_transport base; /* first: the two convert into each other                  */
  xai_mem mem;
  pid_t process; /* whose connections they are                             */
  CURLM *multi;  /* NULL after it ran out of memory: the next start makes one */
  long most;     /* connections to one host, 0: no limit                     */
  xai_poll *poll;
  net_exchange *active;
  size_t active_count;
  net_exchange *spare;
  size_t spare_count;
  net_exchange *resume; /* to be unpaused by the next step                         */
  char *ca_file;        /* NULL: none; with no folder either: libcurl's own        */
  char *ca_folder;      /* of authorities by the hash of their names; NULL: none   */
  char *ca_stand_in;    /* in place of "no file", beside the folder; NULL: not needed */
  void *ca_store;       /* OpenSSL's, of ca_file; NULL: not loaded yet, or not ours to load */
  void *folder_store;   /* likewise, of ca_folder                                  */
  bool restores_folder; /* libcurl takes "no folder" for the one compiled in       */
  bool own_store;       /* libcurl does not keep ca_file itself                    */
  bool by_folder;       /* the folder is asked; else, or when it does not know: the file */
  char *proxy;          /* NULL: from the environment                              */
  xai_sockets sockets;  /* open ones                                                */
  bool http2;           /* asked for; a server may still speak 1.1 only */
  bool require_staple;
  bool queueing; /* connections are limited, so an exchange may have to wait for one */
  bool unnamed;  /* a name was not found: the next one is asked for afresh        */
  bool news;     /* a sink was told something in this step                  */
  size_t told;   /* ... and how many bytes of bodies                        */
  bool doomed;   /* an active exchange has its code set and must be ended   */
  uint64_t curl_due;
  xai_links links;         /* connections of our own, with what is on them      */
  xai_wire *wires;         /* the active ones                                    */
  xai_wire *wires_resumed; /* to be resumed by the next step                     */
  uint64_t wires_due;      /* the earliest limit of their uploads                */
  size_t racing;           /* exchanges that are out of libcurl's hands                  */
  uint64_t watch_due;      /* the earliest connect_due or upload_due of the active ones */
  uint64_t alarm_due;
};

/* Before anything else of libcurl; the second time is cheap. XAI_ERR_LIBRARY: it could not be loaded or is too old,
 * XAI_ERR_NOMEM: it could not be set up. */
xai_code xai__curl_load(xai_error *err);

/* The multi handle. make: false without memory. end: nothing may be in flight, and there may be none. */
bool xai__curl_make_multi(net *self);
void xai__curl_end_multi(net *self);
/* Whose handle is it? NULL: nobody's. */
net_exchange *xai__curl_of(CURL *easy);
/* While it is paused nobody looks at its socket; release: it goes on. */
void xai__curl_hold(net_exchange *x);
void xai__curl_release(net_exchange *x);

/* Begin: NULL without memory. connect: only that, for a wire, which is told. */
net_exchange *xai__curl_start(net *self, const xai_exchange_request *request, const xai_sink *sink,
                              xai_wire *wire);
net_exchange *xai__curl_connect(net *self, const xai_exchange_request *request, xai_wire *wire);
/* libcurl is done with it: its sink or its wire is told, or it is begun afresh where that is no resend. */
void xai__curl_finish(net *self, net_exchange *x, CURLcode result);
/* Out of libcurl's hands; a connection in the middle of an answer is closed by that. */
void xai__curl_detach(net_exchange *x);
/* All of them, and nobody is told. abandon: our memory alone, in a copy of the process. */
void xai__curl_drop_all(net *self);
void xai__curl_abandon(net *self);

/* The functions that libcurl calls, for a fresh handle. False without memory. */
bool xai__curl_set_callbacks(net_exchange *x);
/* The exchange ends with this; the first one counts. */
void xai__curl_fail(net_exchange *x, xai_code code);

/* Options that never change, for a fresh handle. False without memory, or if libcurl cannot be held to
 * what we must rely on. */
bool xai__curl_set_fixed(CURL *easy, const net *self);
/* Whom to believe: init finds file and folder, set tells the handle. more: the handshake failed because the folder does
 * not know the server's authority; from now on the file is asked. False: that is not so, or there is no file. */
bool xai__curl_trust_init(net *self, const xai_config *config);
void xai__curl_trust_deinit(net *self);
bool xai__curl_set_trust(net_exchange *x);
bool xai__curl_trust_more(net_exchange *x, CURLcode result);
/* Can the authorities be loaded by us? use: CURLOPT_SSL_CTX_FUNCTION, with the exchange. drop: at the end. */
bool xai__curl_store_fits(const net *self);
CURLcode xai__curl_store_use(CURL *easy, void *context, void *exchange);
void xai__curl_store_drop(net *self);

/* Headers and options of one request, and what has to go when it is over. */
bool xai__curl_set_request(net_exchange *x);
void xai__curl_clear_request(net_exchange *x);
void xai__curl_drop_headers(net_exchange *x); /* they hold the key */
/* Never on a kept connection. */
bool xai__curl_set_fresh(net_exchange *x, bool fresh);
/* Limits in time. limit: of connecting, from now; limit_upload likewise. watch: look at them all at that moment.
 * note_link: a socket is waited for in this way. is_overdue: late or mute, for the verdict. */
void xai__curl_limit(net_exchange *x);
void xai__curl_limit_upload(net_exchange *x);
void xai__curl_watch(net *self, uint64_t due);
void xai__curl_note_link(net_exchange *x, unsigned want);
bool xai__curl_is_unconnected(const net_exchange *x);
bool xai__curl_is_overdue(net_exchange *x, uint64_t now);

/* The race for an address. look: begin it when libcurl takes too long, and its lanes when they are due. judge: after
 * something happened in it. Both: what the exchange ends with, CURLE_OK: nothing yet. drop: no more of it. */
CURLcode xai__curl_race_look(net_exchange *x, uint64_t now);
CURLcode xai__curl_race_judge(net_exchange *x);
void xai__curl_race_drop(net_exchange *x);

/* What is left of a URL when scheme, user, port and path are taken away. */
xai_str xai__curl_host(const char *url);
/* May libcurl repeat it by itself when a reused connection dies? */
bool xai__curl_may_repeat(const net_exchange *x);

/* XAI_ERR_ARG with err filled: libcurl was built without it, or is too old for it. */
xai_code xai__curl_check_http2(xai_error *err);

/* Bytes of the body that may have left, and those that are out of our hands. */
size_t xai__curl_body_given(const net_exchange *x);
size_t xai__curl_body_sent(const net_exchange *x);
/* Was a connection ready for the request, so that its first bytes may have left? */
bool xai__curl_was_ready(const net_exchange *x);
/* Was this moment of libcurl's timing reached? */
bool xai__curl_has_time(const net_exchange *x, CURLINFO which);
/* libcurl's talk (CURLOPT_DEBUGFUNCTION), with HTTP/2 the only place where some things can be learned. */
int xai__curl_overhear(CURL *easy, curl_infotype type, char *words, size_t len, void *exchange);
/* The verdict, for libcurl's result and what we saw ourselves. Before the handle is removed. */
void xai__curl_describe(const net_exchange *x, CURLcode result, xai_exchange_end *end);

#pragma GCC visibility pop

#endif
