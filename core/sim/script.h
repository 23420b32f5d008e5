/* script.h - what will happen in a run, all of it drawn from the seed before the run begins.
 * SPDX-License-Identifier: MIT
 *
 * Nothing is drawn while a run goes on, so any part can be taken out of a script (a call, a fault, a delay)
 * and the rest stays as it was: that is what shrinking lives from.
 */
#ifndef SIM_SCRIPT_H
#define SIM_SCRIPT_H

#include "world.h"

/* Lane 0 is of calls without a model, the last one of all calls together. */
enum { SIM_MAX_ATTEMPTS = 4, SIM_NO_TIME = -1, SIM_MODELS = 2, SIM_LANE_OF_ALL = SIM_MODELS + 1, SIM_LANES };

typedef enum sim_kind {
  SIM_RESPONSES_STREAM,
  SIM_CHAT_STREAM,
  SIM_RESPONSES_WHOLE,
  SIM_CHAT_WHOLE,
  SIM_LIST, /* GET of any JSON: may always be repeated */
  SIM_KINDS
} sim_kind;

/* What the server and the network do with one attempt. */
#define SIM_FATES(X)                                              \
  X(WELL, "answers well")                                         \
  X(CUT, "ends in the middle")                                    \
  X(STALL, "falls silent in the middle")                          \
  X(COMMENTS, "sends comments for ever")                          \
  X(DRIP, "sends a byte each ten seconds")                        \
  X(UNREACHED, "is not reached")                                  \
  X(SILENT, "never answers")                                      \
  X(RESET_EARLY, "resets before the status")                      \
  X(STATUS, "answers with an error status")                       \
  X(ERROR_IN_200, "answers 200 with an error body")               \
  X(ERROR_EVENT, "sends an error event")                          \
  X(FAILED_EVENT, "ends with a failed response")                  \
  X(INCOMPLETE, "ends at a limit of the API")                     \
  X(NOT_JSON, "answers 200 with a page")                          \
  X(EMPTY, "answers with an empty body")                          \
  X(REDIRECT, "redirects")                                        \
  X(BIG_HEADERS, "sends too many headers")                        \
  X(BIG_EVENT, "sends an event without end")                      \
  X(BIG_BODY, "sends more than the limit")                        \
  X(GARBAGE, "sends an event that is not JSON")                   \
  X(OTHER_FORM, "streams when not asked, or does not when asked") \
  X(NO_FINISH, "ends its stream without a finish reason")

typedef enum sim_fate {
#define SIM_X(name, text) SIM_FATE_##name,
  SIM_FATES(SIM_X)
#undef SIM_X
    SIM_FATE_COUNT
} sim_fate;

/* How an error answer asks for a wait. */
#define SIM_WISHES(X)            \
  X(NONE, "")                    \
  X(SECONDS, "Retry-After: 3")   \
  X(MS, "retry-after-ms: 1700")  \
  X(DATE, "Retry-After: a date") \
  X(TEXT, "Resets in: 2s")       \
  X(ZERO, "Retry-After: 0")      \
  X(PAST, "Retry-After: -5")     \
  X(WORDS, "Retry-After: soon")  \
  X(DAY, "Retry-After: 86400")   \
  X(NEVER, "x-should-retry: false")

typedef enum sim_wish {
#define SIM_X(name, text) SIM_WISH_##name,
  SIM_WISHES(SIM_X)
#undef SIM_X
    SIM_WISH_COUNT
} sim_wish;

/* One attempt, as the server will treat it. */
typedef struct sim_answer {
  uint8_t fate;      /* sim_fate                                       */
  uint8_t end;       /* xai_wire_end: of CUT and UNREACHED             */
  uint8_t shape;     /* of an error body                               */
  uint8_t wish;      /* sim_wish: of STATUS                            */
  uint16_t status;   /* of STATUS                                      */
  bool executed;     /* the model ran, where the fate leaves that open */
  bool crlf;         /* line ends of a stream                          */
  bool marker;       /* a stream ends with [DONE]                      */
  bool lingers;      /* the connection stays open after the last byte  */
  uint16_t permille; /* where in the body the fault hits               */
  uint16_t piece;    /* bytes fed at once; 0: all                      */
  uint32_t delay_ms; /* before the status, or before the fault         */
  uint32_t gap_ms;   /* between two pieces                             */
} sim_answer;

/* One call, as its caller will treat it. Times count from the call's start, SIM_NO_TIME: not at all. */
typedef struct sim_call {
  uint32_t number; /* 1 ...; seeds the answer's text and stays when others are taken out */
  uint32_t start_ms;
  uint8_t kind; /* sim_kind */
  bool retry_unknown;
  uint8_t max_attempts;
  uint16_t words; /* of the answer */
  uint32_t deadline_ms;
  uint8_t model; /* 0: none; 1 .. SIM_MODELS */
  int16_t priority;
  uint64_t tokens;   /* the caller's estimate, never too low; 0: none               */
  int32_t cancel_ms; /* 0: before anything is sent                                  */
  int32_t hold_ms;   /* its events are left alone from here ...                     */
  uint32_t held_ms;  /* ... for so long                                             */
  int32_t nomem_ms;  /* allocations fail from here: skip so many, then fail so many */
  uint8_t nomem_skip;
  uint8_t nomem_fail;
  sim_answer answers[SIM_MAX_ATTEMPTS]; /* the last stands for all further ones too */
} sim_call;

/* 0: no limit. */
typedef struct sim_rate {
  uint32_t per_second, per_minute, concurrent;
  uint64_t tokens; /* a minute */
} sim_rate;

typedef struct sim_script {
  uint64_t seed;
  xai_limits limits;
  uint32_t late_ms;       /* how late the program's loop may come                    */
  uint32_t read_every_ms; /* events are taken this often; 0: whenever there are some */
  uint32_t read_at_most;  /* at a time; 0: all                                       */
  uint32_t outage_ms;     /* all attempts meet 503 or nobody from here ...           */
  uint32_t outage_for_ms; /* ... for so long; 0: no outage                           */
  bool outage_refuses;
  uint32_t pause_ms; /* the program does not run from here ... */
  uint32_t paused_ms;
  int32_t free_ms;    /* the client is freed here, whatever is in flight; SIM_NO_TIME    */
  bool wall_jumps;    /* the wall clock is anywhere at any time                          */
  uint16_t meddles;   /* permille of events at which the program cancels, holds or looks */
  uint16_t max_calls; /* of the client; 0: its default                                   */
  bool rates_set;     /* the client is told the rates ...                                */
  bool rates_learn;   /* ... or it is not, and the server refuses what is beyond them    */
  bool breaker_off;
  bool shared;     /* the rates are shared with another process       */
  uint64_t budget; /* ... and so is this one, in ticks; 0: no budget  */
  sim_rate rates[SIM_LANES];
  sim_call *calls; /* in order of start */
  size_t count;
} sim_script;

/* Draws a script; `calls` NULL or of an older script, whose memory is used again. */
void sim_script_draw(sim_script *script, uint64_t seed);
void sim_script_copy(sim_script *to, const sim_script *from);
void sim_script_deinit(sim_script *script);
/* Readable: one line for the run, one for each call and one for each attempt that may happen. */
void sim_script_print(const sim_script *script, const sim_script *drawn);

const char *sim_model_name(int lane); /* NULL for the first and the last */
const char *sim_fate_text(int fate);
const char *sim_wish_text(int wish);

#endif
