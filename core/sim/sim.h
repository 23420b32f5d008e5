/* sim.h - one simulated run: a program, a client, a network and a model of the API that keeps a ledger.
 * SPDX-License-Identifier: MIT
 *
 *     script ──▶ caller ──▶ port ──▶ the client under test ──▶ port ──▶ api (answers, ledger)
 *                   └──────────────▶ check: what must hold ◀──────────────┘
 *
 * The run owns everything; a run is single-threaded and the same for the same script.
 */
#ifndef SIM_H
#define SIM_H

#include "script.h"

/* ---- what must hold. The name is what a report shows. */

#define SIM_RULES(X)                                                                                       \
  X(ONE_END, "one-end", "each call ends exactly once, and nothing comes after its end (R1)")               \
  X(DEADLINE, "deadline", "no call outlives its deadline, no cancelled one its cancel (R2, F63)")          \
  X(HALF, "half-answer", "complete only if the protocol's own end was sent (R3)")                          \
  X(LOST, "lost-answer", "an answer that came whole is complete")                                          \
  X(TEXT, "text", "the text is the model's, in order, in whole")                                           \
  X(USAGE, "usage", "the usage is the model's")                                                            \
  X(ORDER, "order", "events come in the order sent, none twice")                                           \
  X(REPEAT, "repeat", "what may have been executed is not repeated unless allowed (R4)")                   \
  X(LEDGER, "ledger", "whatever the model billed is answered or unknown in the account (R4)")              \
  X(ATTEMPTS, "attempts", "each request on the wire is one attempt in the account")                        \
  X(BUDGET, "budget", "retries in the 10 s before each are at most 10 % of the calls plus 10 (R5)")        \
  X(WAIT, "wait", "an asked wait is kept")                                                                 \
  X(MEMORY, "memory", "memory is at most the sum of the limits (R6)")                                      \
  X(HELD, "held", "a held call gives no events and takes no more than its inbox")                          \
  X(LEAK, "leak", "nothing is held after the client is freed, and sizes on free are right (R7)")           \
  X(DIES, "dies", "the exchange of an ended call is given up")                                             \
  X(SPIN, "spin", "the client asks for a turn only when there is something to do")                         \
  X(RATE, "rate", "no span of a second or minute sees more than the limits that were set")                 \
  X(CROWD, "crowd", "no more attempts at once than were set")                                              \
  X(FAIR, "fair", "in a line nobody passes one who came before and has the same priority")                 \
  X(GATE, "gate", "what is turned away was not sent, hears when to come again, and at once")               \
  X(BREAKER, "breaker", "the breaker opens only after so many failures as it says")                        \
  X(SHARE, "share", "limits that were shared hold for all who share them together (F76)")                  \
  X(SPEND, "spend", "what was billed is at most what the budget counts, and that at most its limit (F77)") \
  X(AGAIN, "again", "what may be repeated without a second bill was not billed, and when is told (F73)")

typedef enum sim_rule {
  SIM_RULE_NONE,
#define SIM_X(name, tag, text) SIM_RULE_##name,
  SIM_RULES(SIM_X)
#undef SIM_X
    SIM_RULE_COUNT
} sim_rule;

const char *sim_rule_tag(sim_rule rule);
const char *sim_rule_text(sim_rule rule);

/* ---- lies that stand in for a broken client: each must be caught by the rule beside it */

#define SIM_LIES(X)                                                               \
  X(DUPLICATE, ATTEMPTS, "sends each request twice and counts it once")           \
  X(REPEATS, REPEAT, "repeats what may have been executed, unasked")              \
  X(LOSES_END, ONE_END, "loses an end")                                           \
  X(TWO_ENDS, ONE_END, "ends a call twice")                                       \
  X(AFTER_END, ONE_END, "gives an event after the end")                           \
  X(LATE_END, DEADLINE, "allows a call twice its deadline")                       \
  X(DEAF, DEADLINE, "does not hear a cancel")                                     \
  X(HALF_AS_WHOLE, HALF, "calls an incomplete answer complete")                   \
  X(WHOLE_AS_HALF, LOST, "calls a complete answer incomplete")                    \
  X(DROPS_TEXT, TEXT, "drops a letter of the text")                               \
  X(SWAPS_EVENTS, ORDER, "gives two events in the wrong order")                   \
  X(WRONG_USAGE, USAGE, "reports a token less")                                   \
  X(HIDES_BILL, LEDGER, "says not sent where the outcome is unknown")             \
  X(STORM, BUDGET, "repeats refused calls beyond the budget, all in the account") \
  X(IMPATIENT, WAIT, "comes back before the wait that was asked")                 \
  X(HOARDS, MEMORY, "keeps 64 KiB for each call")                                 \
  X(IGNORES_HOLD, HELD, "gives events of held calls")                             \
  X(LEAKS, LEAK, "forgets a block")                                               \
  X(CLINGS, DIES, "keeps the exchange of an ended call")                          \
  X(SPINS, SPIN, "asks for a turn all the time")                                  \
  X(RUSHES, RATE, "knows of no rate")                                             \
  X(CROWDS, CROWD, "knows of no limit to attempts at once")                       \
  X(JUMPS, FAIR, "lets some pass before others of the same priority")             \
  X(MUTE, GATE, "does not say when to come again")                                \
  X(TIMID, BREAKER, "gives a service up after its first failure")                 \
  X(LONER, SHARE, "shares no limits")                                             \
  X(SQUANDERS, SPEND, "says that a call costs nothing")                           \
  X(INVITES, AGAIN, "says that all may be repeated")

typedef enum sim_lie {
  SIM_LIE_NONE,
#define SIM_X(name, rule, text) SIM_LIE_##name,
  SIM_LIES(SIM_X)
#undef SIM_X
    SIM_LIE_COUNT
} sim_lie;

sim_rule sim_lie_rule(sim_lie lie);
const char *sim_lie_text(sim_lie lie);

/* ---- the server's side of one attempt: a line of the ledger */

enum { SIM_BIG_PIECE = 16 << 10 }; /* bytes fed at once, unless all are */

typedef enum sim_phase { SIM_TAKEN, SIM_BODY, SIM_OVER } sim_phase;

typedef struct sim_exchange {
  uint32_t id;    /* of the wire        */
  uint32_t index; /* in the pool        */
  uint32_t call;  /* index of its track */
  int attempt;    /* 0 ...              */
  sim_answer plan;
  sim_phase phase;
  bool executed;    /* the model ran: this is billed                        */
  bool forbids;     /* the answer forbids another attempt                   */
  bool clean_end;   /* the body ended as its framing said                   */
  bool honest;      /* the answer is whole and right when all of it arrives */
  uint32_t limit;   /* refused because of this rate; 0: not                 */
  uint32_t wish_ms; /* the wait that was asked                              */
  uint64_t taken_at;
  uint64_t over_at;
  uint64_t linger_from; /* its call ended here                    */
  uint32_t pieces;      /* small ones, sent                       */
  uint32_t again_ms;    /* before refused bytes are offered again */
  sim_text body;
  size_t at;        /* bytes taken by the client                           */
  size_t comments;  /* bytes sent beside the body                          */
  size_t stop;      /* where the fault hits                                */
  size_t whole_at;  /* complete from here on                               */
  size_t finish_at; /* complete from here on if the body then ends cleanly */
  size_t usage_at;  /* the usage was sent                                  */
  size_t biggest;   /* event, in bytes                                     */
  uint32_t events;  /* in the body                                         */
  sim_text text;    /* what the model said                                 */
  uint64_t input_tokens, output_tokens;
  bool is_priced; /* its usage says what it cost: a tick for each token */
} sim_exchange;

/* ---- another process that shares a file with the client */

enum { SIM_RIVAL_ROWS = 8, SIM_MOST_COST = 1000000 };

typedef struct sim_rival_row {
  uint32_t id; /* of its wire */
  int lane;
  uint64_t tokens;
  uint64_t until; /* answered then */
} sim_rival_row;

typedef struct sim_rival {
  xai_client *client; /* NULL: there is none in this run */
  char path[200];     /* of the file                     */
  uint64_t turns;
  sim_rival_row rows[SIM_RIVAL_ROWS]; /* on its wire */
  size_t count;
} sim_rival;

/* ---- the caller's side of one call */

enum { SIM_MAX_ROWS = 16 };

typedef struct sim_track {
  const sim_call *plan;
  xai_call_id id; /* 0: not started, or it could not be */
  uint64_t order; /* of its start                       */
  bool open;      /* started, its END not seen          */
  bool held;
  bool stood_in_line; /* for a rate limit, when the last turn was over */
  uint64_t started_at;
  uint64_t deadline_at;
  uint64_t cancelled_at;            /* SIM_NEVER: not               */
  uint64_t failed_before;           /* failed allocations before it */
  sim_exchange *rows[SIM_MAX_ROWS]; /* what the wire saw, in order  */
  int row_count;
  size_t text_seen;  /* bytes of text events, all of them the model's */
  bool text_broken;  /* half a character was cut off                  */
  int64_t sequence;  /* of the last event                             */
  int retries;       /* RETRY events                                  */
  size_t since_hold; /* bytes taken since it is held                  */
  uint64_t let_go_at;
} sim_track;

/* What the server sees of one model, or of all together. */
typedef struct sim_lane {
  sim_window second, minute, tokens;
} sim_lane;

typedef struct sim_port {
  sim_lie lie;
  bool keeps;        /* an event waits to be given */
  xai_event event;   /* ... this one               */
  xai_result result; /* a changed one              */
  xai_attempt attempts[SIM_MAX_ROWS];
  char data[4096];          /* of an event that is given late */
  xai_wire_request request; /* to be given again              */
  int extra;                /* so many more times             */
  void *stolen[64];
  size_t stolen_count;
} sim_port;

typedef struct sim_stats {
  uint64_t runs, calls, requests, steps, complete, incomplete, refused, failed, cancelled, not_started;
  uint64_t billed, repeated, nomem, virtual_ms;
  uint64_t fates[SIM_FATE_COUNT];
} sim_stats;

typedef struct sim {
  sim_script script;
  sim_heap heap;
  sim_agenda agenda;
  xai_client *client;
  uint64_t now;
  uint64_t began;
  uint64_t step;
  uint64_t last_step; /* stop there; SIM_NEVER: at the end */
  bool trace;
  sim_track *tracks; /* one for each call of the script */
  size_t track_room;
  uint32_t *open; /* indices of open tracks */
  size_t open_count;
  size_t started; /* calls whose start is past */
  sim_exchange **pool;
  size_t pool_len;
  sim_exchange **idle; /* exchanges not in use */
  size_t idle_count;
  uint32_t *lingering; /* pool indices: of ended calls, still live */
  size_t lingering_count;
  sim_window starts, retries;
  sim_lane lanes[SIM_LANES];
  bool taught;           /* an answer spoke of a rate                                  */
  uint64_t failures;     /* attempts that the breaker may count                        */
  uint64_t asleep_until; /* the program stands still                                   */
  uint64_t prompt_from;  /* it has come and read in time since; SIM_NEVER: it does not */
  bool read_due;         /* the program looks for events this turn                     */
  bool drained;          /* ... and has taken all                                      */
  bool freed;            /* the client is gone before its time                         */
  uint64_t events;       /* taken                                                      */
  size_t spent_memory;   /* of the call whose end was taken last                       */
  uint32_t idle_turns;   /* in a row, at one moment                                    */
  sim_port port;
  sim_rival rival;
  uint64_t billed; /* to both, in ticks; with a budget */
  sim_stats stats;
  size_t seconds; /* of the histograms; 0: none are kept */
  uint32_t *requests_by_second, *complete_by_second;
  sim_rule broken; /* the first rule that did not hold */
  uint64_t broken_at;
  char why[400];
} sim;

/* ---- run.c */

/* Runs s->script to its end, to last_step or to the first broken rule. The same sim runs again and again. */
void sim_run(sim *s);
void sim_deinit(sim *s);

/* ---- caller.c: the program that uses the client */

void sim_caller_plan(sim *s); /* enters the script into the agenda */
void sim_caller_do(sim *s, const sim_date *date);
void sim_caller_read(sim *s); /* takes events as the script says */

/* ---- api.c: the network and the model behind it */

void sim_api_take(sim *s); /* all requests that wait */
void sim_api_do(sim *s, const sim_date *date);
void sim_api_forget(sim *s, sim_exchange *x);

/* ---- rates.c: limits, as the server sees them, and the breaker */

void sim_rates_clear(sim *s);
void sim_rates_deinit(sim *s);
/* Beyond what the server allows? Then the limit that it names; else 0. Before the request is counted. */
uint32_t sim_rates_refuses(sim *s, const sim_call *call);
void sim_rates_take(sim *s, const sim_track *track, const sim_exchange *x);
void sim_rates_take_rival(sim *s, int lane, uint64_t tokens);
void sim_rates_step(sim *s); /* after every turn */
void sim_rates_end(sim *s, const sim_track *track, const xai_result *result);

/* ---- rival.c: another process that shares limits and a budget */

void sim_rival_open(sim *s, const xai_config *like); /* nothing, where the script shares nothing */
void sim_rival_close(sim *s);
void sim_rival_config(const sim *s, xai_config *config); /* adds what is shared */
void sim_rival_do(sim *s);
size_t sim_rival_running(const sim *s, int lane);
void sim_rival_check(sim *s); /* after every turn */

/* ---- body.c: the bytes of an answer, its text, its usage and where it is whole */

void sim_body_make(sim_exchange *x, const sim_call *call, uint64_t seed, const xai_limits *limits);
/* limit: the one that was exceeded, named in the text of a 429; 0: none in particular. */
void sim_body_error(sim_text *out, const sim_answer *plan, uint32_t limit);
bool sim_body_is_stream(const sim_exchange *x, const sim_call *call);

/* ---- check.c: what must hold */

void sim_break(sim *s, sim_rule rule, const char *format, ...) __attribute__((format(printf, 3, 4)));
void sim_note(const sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_count_second(const sim *s, uint32_t *seconds);
void sim_check_start(sim *s);
void sim_check_request(sim *s, const sim_track *track, const sim_exchange *x);
void sim_check_event(sim *s, sim_track *track, const xai_event *event);
void sim_check_so_far(sim *s, const sim_track *track);
void sim_check_end(sim *s, sim_track *track, const xai_result *result);
void sim_check_step(sim *s);  /* after every turn         */
void sim_check_freed(sim *s); /* after the client is gone */

/* ---- port.c: between the program and the client; passes everything on, or lies */

xai_client *sim_port_open(sim *s, xai_config *config); /* adds the script's rates */
size_t sim_port_rates(const sim *s, xai_rate *rates);  /* room for SIM_LANES      */
xai_call_id sim_port_start(sim *s, const xai_request *request, xai_error *err);
void sim_port_cancel(sim *s, xai_call_id id);
void sim_port_hold(sim *s, xai_call_id id, bool hold);
xai_code sim_port_next(sim *s, xai_event *event);
int64_t sim_port_timeout(const sim *s);
bool sim_port_request(sim *s, xai_wire_request *out);
void sim_port_header(sim *s, uint32_t exchange, const char *name, const char *value);
bool sim_port_live(const sim *s, uint32_t exchange);
void sim_port_free(sim *s);    /* the client, and what a lie has kept */
void sim_port_cleanup(sim *s); /* what a lie has kept beyond that     */
int64_t sim_port_tokens(const sim *s, const xai_json *response, const char *key, const char *chat_key);

/* ---- batch.c: many seeds, in several processes */

typedef struct sim_batch {
  uint64_t from;        /* the first seed; the others follow                */
  const uint64_t *list; /* instead of `from`: so many seeds                 */
  uint64_t seeds;       /* at most so many                                  */
  uint64_t calls;       /* stop after so many, over all jobs                */
  uint32_t seconds;     /* ... or after so long                             */
  uint32_t jobs;        /* processes                                        */
  uint64_t progress;    /* a line each time so many calls are done; 0: none */
  uint64_t passed, failed;
  sim_stats stats;
  double took_s, processor_s;
} sim_batch;

void sim_batch_run(sim_batch *batch);
/* One seed; a failure is told, shrunk and printed. */
bool sim_one_seed(sim *s, uint64_t seed);
/* Seeds of a file, one in each line, '#' begins a comment. False: it cannot be read. */
bool sim_corpus_run(const char *path, uint64_t *passed, uint64_t *failed);

/* ---- selftest.c and scenarios.c; each prints what it finds */

void sim_self_test(uint64_t *passed, uint64_t *failed);
void sim_scenarios(uint64_t *passed, uint64_t *failed);

/* ---- shrink.c */

/* Makes s->script as short as it can and still break the same rule; the original is `drawn`. */
void sim_shrink(sim *s, sim_rule rule, int tries);

#endif
