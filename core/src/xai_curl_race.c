/* xai_curl_race.c - takes libcurl's list of addresses, and gives it the one that connects (F04).
 * SPDX-License-Identifier: MIT
 *
 * libcurl asks for a socket for each address. When it gets none it goes to the next, so one pass without sockets
 * names them all, from its cache of names; another pass, with the winner's socket alone, goes on as ever. */
#include "xai_curl.h"

#define APART_MS 50u  /* between two beginnings, or a hundredth of connect_ms */
#define AGAIN_MS 100u /* after which a name may be known */
#define MOST_ASKED 256u

static bool pass(net_exchange *x, race_stage stage) {
  curl_easy_setopt(x->easy, CURLOPT_DNS_CACHE_TIMEOUT, XAI_CURL_IDLE_SECONDS); /* asked for afresh or not */
  curl_multi_remove_handle(x->owner->multi, x->easy);
  x->stage = stage;
  x->linked = x->connected = false;
  x->asked = 0;
  x->open_errno = 0;
  x->words[0] = '\0';
  return curl_multi_add_handle(x->owner->multi, x->easy) == CURLM_OK;
}

/* libcurl looks at its next address when it is looked at itself; without a socket or a timer nothing would make it.
 * Ending a pause does, for this handle alone. */
static void nudge(net_exchange *x) {
  int running;
  curl_easy_pause(x->easy, CURLPAUSE_ALL);
  curl_easy_pause(x->easy, CURLPAUSE_CONT);
  curl_multi_socket_action(x->owner->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

/* Until it has no more addresses to ask a socket for, or got the winner's. */
static void walk_addresses(net_exchange *x) {
  for (int quiet = 0; quiet < 3 && !x->connected && x->asked < MOST_ASKED; quiet++) {
    unsigned before = x->asked;
    nudge(x);
    if (x->asked > before) quiet = -1;
  }
  x->owner->curl_due = 0; /* others may have come to their ends in there */
}

static xai_code begin_survey(net_exchange *x) {
  uint32_t apart = x->request->connect_ms / 100;
  if (x->race == NULL) x->race = xai__alloc(&x->owner->mem, sizeof *x->race);
  if (x->race == NULL) return XAI_MORE; /* then libcurl goes on by itself */
  xai__race_init(x->race, x->owner->poll, apart < APART_MS ? apart : APART_MS);
  if (!pass(x, RACE_SURVEY)) return XAI_ERR_NOMEM;
  walk_addresses(x);
  return XAI_OK;
}

static xai_code begin_race(net_exchange *x) {
  xai_code code = begin_survey(x);
  if (code != XAI_OK) return code;
  if (x->race->count == 0) return pass(x, RACE_NONE) ? XAI_MORE : XAI_ERR_NOMEM;
  curl_multi_remove_handle(x->owner->multi, x->easy);
  x->stage = RACE_RUN;
  x->owner->racing++;
  xai__race_begin(x->race, xai__poll_now());
  return XAI_OK;
}

static bool go_on_with_winner(net_exchange *x) {
  x->owner->racing--;
  if (!pass(x, RACE_WON)) return false;
  walk_addresses(x);
  return true;
}

CURLcode xai__curl_race_judge(net_exchange *x) {
  if (xai__race_is_lost(x->race)) {
    x->open_errno = x->race->cause;
    return CURLE_COULDNT_CONNECT;
  }
  if (x->race->winner >= 0) return go_on_with_winner(x) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
  xai__curl_watch(x->owner, x->race->next_at);
  return CURLE_OK;
}

/* libcurl has an address that does not answer, or waits for its resolver: then look again later. */
CURLcode xai__curl_race_look(net_exchange *x, uint64_t now) {
  bool due = x->race_due <= now && x->stage == RACE_NONE && xai__curl_is_unconnected(x);
  bool resolved = due && xai__curl_has_time(x, CURLINFO_NAMELOOKUP_TIME_T);
  if (x->race_due <= now) x->race_due = due && !resolved ? now + AGAIN_MS : UINT64_MAX;
  xai__curl_watch(x->owner, x->race_due);
  if (resolved && begin_race(x) == XAI_ERR_NOMEM) return CURLE_OUT_OF_MEMORY;
  if (x->stage != RACE_RUN) return CURLE_OK;
  xai__race_begin(x->race, now);
  return xai__curl_race_judge(x);
}

void xai__curl_race_drop(net_exchange *x) {
  if (x->race == NULL) return;
  if (x->stage == RACE_RUN) x->owner->racing--;
  xai__race_deinit(x->race);
  xai__free(&x->owner->mem, x->race, sizeof *x->race);
  x->race = NULL;
}
