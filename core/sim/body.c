/* body.c - the bytes that the model of the API answers with, and what is true of them.
 * SPDX-License-Identifier: MIT
 *
 * Each answer's text is its own: no two attempts say the same, so nothing can be taken for another's.
 * Shapes: api/responses-streaming.md section 3, api/chat-completions.md sections 5-7, api/errors-limits.md
 * sections 2-3.
 */
#include "sim.h"

#include <string.h>

/* A word as the model means it, and as JSON: plain, escaped, or cut between two deltas. */
typedef struct word {
  const char *text;
  const char *json;
  const char *rest; /* the second half of a split escape goes into the next delta; NULL: whole */
} word;

static const word words[] = {
  {"tide ", "tide ", NULL},
  {"Moon, ", "Moon, ", NULL},
  {"the ", "the ", NULL},
  {"lag ", "lag ", NULL},
  {"\n", "\\n", NULL},
  {"\"friction\" ", "\\\"friction\\\" ", NULL},
  {"\xc3\xa9t\xc3\xa9 ", "\\u00e9t\xc3\xa9 ", NULL},
  {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", NULL},
  {"\xf0\x9f\x98\x80", "\\ud83d\\ude00", NULL},
  {"\xf0\x9f\x98\x80", "\\ud83d", "\\ude00"},
  {"12 ", "12 ", NULL},
  {"\\", "\\\\", NULL},
};
enum { WORDS = sizeof words / sizeof *words };

typedef struct maker {
  sim_exchange *x;
  sim_text *body;
  uint64_t random;
  uint64_t whole_from; /* where the running event began */
  uint32_t sequence;
  bool chat;
  const char *line_end;
  sim_text json; /* the text in JSON, as far as it came */
} maker;

static void put(maker *m, const char *cstr) {
  sim_text_put(m->body, cstr);
}

static void number(maker *m, uint64_t n) {
  sim_text_put_number(m->body, n);
}

static void id(maker *m) {
  put(m, "\"r");
  number(m, m->x->call + 1);
  put(m, "_");
  number(m, (uint64_t)m->x->attempt + 1);
  put(m, "\"");
}

/* ---- events */

static void begin_event(maker *m, const char *name) {
  m->whole_from = m->body->len;
  if (!m->chat && m->sequence % 3 != 1) {
    put(m, "event: ");
    put(m, name);
    put(m, m->line_end);
  }
  put(m, "data: {\"sequence_number\":");
  number(m, m->sequence++);
  if (m->chat) {
    put(m, ",\"object\":\"chat.completion.chunk\",\"id\":");
    id(m);
  } else {
    put(m, ",\"type\":\"");
    put(m, name);
    put(m, "\"");
  }
}

static void end_event(maker *m) {
  put(m, "}");
  put(m, m->line_end);
  put(m, m->line_end);
  size_t size = m->body->len - m->whole_from;
  if (size > m->x->biggest) m->x->biggest = size;
  m->x->events++;
}

static void usage(maker *m) {
  sim_exchange *x = m->x;
  put(m, m->chat ? "\"usage\":{\"prompt_tokens\":" : "\"usage\":{\"input_tokens\":");
  number(m, x->input_tokens);
  put(m, m->chat ? ",\"completion_tokens\":" : ",\"output_tokens\":");
  number(m, x->output_tokens);
  put(m, ",\"total_tokens\":");
  number(m, x->input_tokens + x->output_tokens);
  if (x->is_priced) put(m, ",\"cost_in_usd_ticks\":");
  if (x->is_priced) number(m, x->input_tokens + x->output_tokens);
  put(m, "}");
}

/* The answer's own object, as a whole body and as a terminal event hold it. */
static void object(maker *m, const char *status) {
  bool cut = strcmp(status, "completed") != 0;
  if (m->chat) {
    put(m, "{\"id\":");
    id(m);
    put(m, ",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
           "\"content\":\"");
    sim_text_add(m->body, m->json.ptr, m->json.len);
    put(m, "\"},\"finish_reason\":\"");
    put(m, cut ? "length" : "stop");
    put(m, "\"}],");
  } else {
    put(m, "{\"id\":");
    id(m);
    put(m, ",\"object\":\"response\",\"status\":\"");
    put(m, status);
    put(m, cut ? "\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"}," : "\",");
    if (strcmp(status, "failed") == 0)
      put(m, "\"error\":{\"code\":\"server_error\",\"message\":\"it broke\"},");
    put(m, "\"output\":[{\"type\":\"message\",\"id\":\"m\",\"role\":\"assistant\",\"content\":[{\"type\":"
           "\"output_text\",\"text\":\"");
    sim_text_add(m->body, m->json.ptr, m->json.len);
    put(m, "\"}]}],");
  }
  usage(m);
  put(m, "}");
}

static void error_event(maker *m) {
  bool busy = m->x->plan.shape % 2 == 0;
  begin_event(m, "error");
  if (m->chat) put(m, ",\"error\":{\"message\":\"");
  else put(m, ",\"message\":\"");
  put(m, busy ? "Service temporarily unavailable.\",\"code\":\"unavailable\""
              : "Internal error\",\"code\":\"internal\"");
  put(m, m->chat ? "}" : "");
  end_event(m);
}

static void garbage_event(maker *m) {
  put(m, "data: {\"type\":\"response.output_text.delta\",");
  put(m, m->line_end);
  put(m, m->line_end);
}

static void endless_event(maker *m, const xai_limits *limits) {
  put(m, "data: {\"delta\":\"");
  sim_text_fill(m->body, 'x', limits->max_event + 100);
}

/* Faults that stand between events, where the plan puts them: before event number `at` of about `count`. */
static bool intrudes(maker *m, uint32_t at, uint32_t count, const xai_limits *limits) {
  sim_exchange *x = m->x;
  if (at != (uint64_t)x->plan.permille * count / 1001) return false;
  switch (x->plan.fate) {
    case SIM_FATE_ERROR_EVENT:
      x->honest = false;
      x->executed = at >= 2 || (x->plan.shape % 2 != 0 && x->plan.executed);
      error_event(m);
      return true;
    case SIM_FATE_GARBAGE:
      x->honest = false;
      garbage_event(m);
      return true;
    case SIM_FATE_BIG_EVENT:
      x->honest = false;
      endless_event(m, limits);
      return true;
    default: return false;
  }
}

/* ---- streams */

static void delta(maker *m, const char *json) {
  begin_event(m, "response.output_text.delta");
  if (m->chat) put(m, ",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"");
  else put(m, ",\"output_index\":0,\"content_index\":0,\"delta\":\"");
  put(m, json);
  put(m, m->chat ? "\"},\"finish_reason\":null}]" : "\"");
  end_event(m);
  sim_text_put(&m->json, json);
}

static void say(maker *m, bool streamed) {
  const word *w = &words[sim_below(&m->random, WORDS)];
  sim_text_put(&m->x->text, w->text);
  if (streamed) delta(m, w->json);
  else sim_text_put(&m->json, w->json);
  if (w->rest == NULL) return;
  if (streamed) delta(m, w->rest);
  else sim_text_put(&m->json, w->rest);
}

static void open_stream(maker *m, int part) {
  if (m->chat) {
    begin_event(m, "");
    put(m, ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":"
           "null}]");
  } else if (part == 0) {
    begin_event(m, "response.created");
    put(m, ",\"response\":{\"id\":");
    id(m);
    put(m, ",\"object\":\"response\",\"status\":\"in_progress\",\"output\":[]}");
  } else if (part == 1) {
    begin_event(m, "response.output_item.added");
    put(m,
        ",\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":\"m\",\"role\":\"assistant\",\"content\":"
        "[]}");
  } else {
    begin_event(m, "response.content_part.added");
    put(m, ",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\"}");
  }
  end_event(m);
}

static void close_chat(maker *m, const char *status) {
  sim_exchange *x = m->x;
  bool whole = strcmp(status, "completed") == 0;
  begin_event(m, "");
  put(m, ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"");
  put(m, whole ? "stop\"}]" : "length\"}]");
  end_event(m);
  if (whole) x->finish_at = m->body->len - x->plan.crlf;
  begin_event(m, "");
  put(m, ",\"choices\":[],");
  usage(m);
  end_event(m);
  x->usage_at = m->body->len;
}

static void close_responses(maker *m, const char *status) {
  sim_exchange *x = m->x;
  bool whole = strcmp(status, "completed") == 0;
  begin_event(m, whole                           ? "response.completed"
                 : strcmp(status, "failed") == 0 ? "response.failed"
                                                 : "response.incomplete");
  put(m, ",\"response\":");
  object(m, status);
  end_event(m);
  x->usage_at = m->body->len;
  if (whole) x->whole_at = m->body->len - m->x->plan.crlf; /* a CR ends the line already */
}

static void make_stream(maker *m, const sim_call *call, const xai_limits *limits, const char *status) {
  uint32_t opening = m->chat ? 1 : 3, count = opening + call->words + 1, at = 0;
  if (call->number % 4 == 0) put(m, ": welcome\n\n");
  for (; at < opening; at++) {
    if (intrudes(m, at, count, limits)) return;
    open_stream(m, (int)at);
  }
  for (; at + 1 < count; at++) {
    if (intrudes(m, at, count, limits)) return;
    if (sim_below(&m->random, 16) == 0) put(m, ": keepalive\n\n");
    say(m, true);
  }
  if (intrudes(m, at, count, limits)) return;
  if (m->x->plan.fate == SIM_FATE_NO_FINISH) {
    m->x->honest = false;
    put(m, "data: [DONE]\n\n");
    return;
  }
  if (m->chat) close_chat(m, status);
  else close_responses(m, status);
  if (!m->x->plan.marker && !(m->chat && call->number % 8 != 0)) return;
  put(m, "data: [DONE]");
  put(m, m->line_end);
  put(m, m->line_end);
  if (m->chat && m->x->finish_at != SIZE_MAX) m->x->whole_at = m->body->len - m->x->plan.crlf;
}

/* ---- whole bodies */

static void make_list(maker *m) {
  put(m, "{\"object\":\"list\",\"data\":[{\"id\":\"");
  sim_text_add(m->body, m->json.ptr, m->json.len);
  put(m, "\"}]}");
}

static void make_whole(maker *m, const sim_call *call, const xai_limits *limits, const char *status) {
  sim_exchange *x = m->x;
  for (uint32_t i = 0; i < call->words; i++) say(m, false);
  if (x->plan.fate == SIM_FATE_GARBAGE) put(m, "\x01");
  if (call->kind == SIM_LIST) make_list(m);
  else object(m, status);
  bool whole = strcmp(status, "completed") == 0 || call->kind == SIM_LIST;
  x->honest = x->plan.fate != SIM_FATE_GARBAGE;
  if (whole && x->honest) x->finish_at = m->body->len;
  x->usage_at = m->body->len;
  if (x->plan.fate == SIM_FATE_BIG_BODY || x->plan.fate == SIM_FATE_BIG_EVENT) {
    sim_text_fill(m->body, ' ', limits->max_response + 1);
    x->honest = false;
    x->finish_at = SIZE_MAX;
  }
  if (x->plan.marker) put(m, "\n");
}

bool sim_body_is_stream(const sim_exchange *x, const sim_call *call) {
  if (call->kind == SIM_LIST) return false;
  bool asked = call->kind == SIM_RESPONSES_STREAM || call->kind == SIM_CHAT_STREAM;
  return asked != (x->plan.fate == SIM_FATE_OTHER_FORM);
}

void sim_body_make(sim_exchange *x, const sim_call *call, uint64_t seed, const xai_limits *limits) {
  maker m = {.x = x, .body = &x->body, .line_end = x->plan.crlf ? "\r\n" : "\n"};
  m.random = sim_mix(seed, (uint64_t)call->number << 8 | (uint64_t)x->attempt);
  m.chat = call->kind == SIM_CHAT_STREAM || call->kind == SIM_CHAT_WHOLE;
  x->whole_at = x->finish_at = x->usage_at = SIZE_MAX;
  x->biggest = x->events = 0;
  x->honest = true;
  x->input_tokens = 1 + sim_below(&m.random, 900000);
  x->output_tokens = 1 + sim_below(&m.random, 9000);
  sim_text_put(&x->text, "");
  const char *status = x->plan.fate == SIM_FATE_FAILED_EVENT ? "failed"
                       : x->plan.fate == SIM_FATE_INCOMPLETE ? "incomplete"
                                                             : "completed";
  if (sim_body_is_stream(x, call)) make_stream(&m, call, limits, status);
  else make_whole(&m, call, limits, status);
  if (x->plan.fate == SIM_FATE_BIG_BODY && sim_body_is_stream(x, call)) {
    x->body.len -= x->body.len / 4; /* the end never comes */
    while (x->body.len <= limits->max_response + 1) sim_text_put(&x->body, ": more and more and more\n\n");
    x->whole_at = x->finish_at = SIZE_MAX;
    x->honest = false;
  }
  sim_text_deinit(&m.json);
}

/* ---- error bodies */

static void too_many(sim_text *out, uint32_t limit) {
  sim_text_put(
    out,
    "{\"code\":\"resource-exhausted\",\"error\":\"Too many requests for team t and model m. Your team's rate "
    "limit is \xe2\x80\x94 Requests per Second (actual/limit): ");
  sim_text_put_number(out, (uint64_t)limit + 1);
  sim_text_put(out, "/");
  sim_text_put_number(out, limit);
  sim_text_put(out, ". Resets in: 1s.\"}");
}

void sim_body_error(sim_text *out, const sim_answer *plan, uint32_t limit) {
  if (limit > 0) {
    too_many(out, limit);
    return;
  }
  static const char *const messages[] = {
    "Service temporarily unavailable.",
    ("Too many requests for team t and model grok-4.6. Your team's rate limit is \xe2\x80\x94 Requests per Second "
     "(actual/limit): 151/150, Requests per Minute (actual/limit): 7204/7200."),
    "Internal error",
    "Incorrect API key provided: xa***Zq.",
  };
  const char *before = "", *after = "",
             *message = messages[plan->status == 429 ? 1 : (plan->status / 100 - 3) & 3];
  switch (plan->shape) {
    case 0:
    case 1: before = "{\"code\":\"unavailable\",\"error\":\"", after = "\"}"; break;
    case 2: before = "{\"code\":\"Internal error\",\"error\":\"", after = "\"}"; break;
    case 3:
      before = "{\"error\":{\"message\":\"", after = "\",\"type\":\"server_error\",\"param\":null}}";
      break;
    case 4: before = "{\"error\":\"", after = "\"}"; break;
    case 5: before = "{\"detail\":\"", after = "\"}"; break;
    case 6: before = "{\"message\":\"", after = "\"}"; break;
    case 7: before = "[{\"error\":{\"code\":8,\"message\":\"", after = "\"}}]"; break;
    case 8: before = "\"", after = "\""; break;
    case 9: before = "{\"code\":14,\"message\":\"", after = "\",\"details\":[]}"; break;
    case 10: before = "<html><body><h1>", after = "</h1></body></html>"; break;
    case 11: return;
    case 12: before = "{\"code\":\"x\",\"error\":\"[WKE=unavailable:busy] ", after = "\"}"; break;
    case 13: before = "{\"error\":{\"message\":\""; break; /* cut */
    case 14: before = "\xff\xfe\x01", after = "\xc3"; break;
    default: break;
  }
  sim_text_put(out, before);
  sim_text_put(out, message);
  if (plan->wish == SIM_WISH_TEXT) sim_text_put(out, " Resets in: 2s.");
  sim_text_put(out, after);
}
