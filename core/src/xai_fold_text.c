/* xai_fold_text.c - texts that grow piece by piece, split surrogate pairs joined; values kept from an event.
 * SPDX-License-Identifier: MIT
 *
 * A piece may end in the escape of half a character ("\ud83d") and the next begin with the other half
 * (faults.md F55). JSON is read so that a lone half keeps its three-byte form, which is no UTF-8; here it
 * is joined, held back or replaced, so that neither a delta nor the tree ever shows it.
 */
#include <string.h>

#include "xai_fold_int.h"

static const char REPLACEMENT[] = "\xef\xbf\xbd"; /* U+FFFD, three bytes like a half */

/* ---- halves ---- */

/* Does a JSON text hold an escaped half without its other half? Only escapes can: raw bytes are UTF-8. */
bool xai__fold_lone_half(xai_str json) {
  const char *at = json.ptr, *end = json.ptr + json.len;
  while (at < end && (at = memchr(at, '\\', (size_t)(end - at))) != NULL) {
    if (end - at < 6 || at[1] != 'u') {
      at += 2;
      continue;
    }
    bool half = (at[2] | 0x20) == 'd' && at[3] >= '8';
    if (!half) {
      at += 6;
      continue;
    }
    bool low = at[3] != '8' && at[3] != '9' && (at[3] | 0x20) != 'a' && (at[3] | 0x20) != 'b';
    bool pair = !low && end - at >= 12 && at[6] == '\\' && at[7] == 'u' && (at[8] | 0x20) == 'd' &&
                ((at[9] | 0x20) >= 'c' && (at[9] | 0x20) <= 'f');
    if (!pair) return true;
    at += 12;
  }
  return false;
}

static bool is_half(const char *at, unsigned char kind) {
  return (unsigned char)at[0] == 0xed && ((unsigned char)at[1] & 0xf0) == kind;
}

static bool is_high(const char *at) {
  return is_half(at, 0xa0);
}

static bool is_low(const char *at) {
  return is_half(at, 0xb0);
}

static uint32_t half_value(const char *at) {
  return (((unsigned char)at[1] & 0x0fu) << 6) | ((unsigned char)at[2] & 0x3fu);
}

/* The character of two halves, as four bytes. */
static void join_halves(const char *high, const char *low, char *to) {
  uint32_t c = 0x10000 + (half_value(high) << 10) + half_value(low);
  to[0] = (char)(0xf0 | (c >> 18));
  to[1] = (char)(0x80 | ((c >> 12) & 0x3f));
  to[2] = (char)(0x80 | ((c >> 6) & 0x3f));
  to[3] = (char)(0x80 | (c & 0x3f));
}

/* Replace the halves in a text, in place. A text that holds any was decoded, so it lies in the event's own
 * document and not in the borrowed data. */
static void scrub(xai_fold *fold, xai_str text) {
  for (size_t i = 0; i + 3 <= text.len; i++) {
    if (!is_high(text.ptr + i) && !is_low(text.ptr + i)) continue;
    memcpy((char *)text.ptr + i, REPLACEMENT, 3);
    fold->flags |= XAI_FLAG_TEXT_REPLACED;
    i += 2;
  }
}

/* ---- values ---- */

static xai_code scrub_container(xai_fold *fold, const xai_json *container) {
  for (const xai_json *value = xai_json_first(container); value != NULL; value = value->next) {
    scrub(fold, xai_json_key(value));
    scrub(fold, xai_json_str(value));
    if (xai_json_first(value) == NULL) continue;
    xai_code code = xai__buf_add(&fold->scratch, (const char *)&value, sizeof value);
    if (code != XAI_OK) return code;
  }
  return XAI_OK;
}

/* The containers still to be seen wait in fold->scratch: no recursion. */
static xai_code scrub_tree(xai_fold *fold, const xai_json *value) {
  xai_buf *todo = &fold->scratch;
  xai__buf_reset(todo);
  scrub(fold, xai_json_str(value));
  xai_code code = scrub_container(fold, value);
  while (code == XAI_OK && todo->len > 0) {
    todo->len -= sizeof value;
    memcpy(&value, todo->ptr + todo->len, sizeof value);
    code = scrub_container(fold, value);
  }
  return code;
}

xai_json *xai__fold_keep(xai_fold *fold, const xai_json *value) {
  if (fold->lone && scrub_tree(fold, value) != XAI_OK) return NULL;
  return xai__json_copy(fold->tree, value);
}

xai_code xai__fold_set(xai_fold *fold, xai_json *object, const char *key, xai_json *value) {
  if (value == NULL) return xai__fold_no_room(fold);
  return xai__fold_check(fold, xai__json_set(fold->tree, object, key, value));
}

xai_code xai__fold_set_member(xai_fold *fold, xai_json *object, const xai_json *member) {
  xai_json *copy = xai__fold_keep(fold, member);
  if (copy == NULL) return xai__fold_no_room(fold);
  xai_str key = xai_json_key(member);
  if (key.len > 0 && memchr(key.ptr, '\0', key.len) != NULL) return XAI_OK; /* no name of the API's */
  if (fold->lone) scrub(fold, key);
  xai__buf_reset(&fold->scratch);
  xai_code code = xai__buf_add(&fold->scratch, key.ptr, key.len);
  if (code != XAI_OK) return xai__fold_check(fold, code);
  return xai__fold_set(fold, object, fold->scratch.ptr, copy);
}

void xai__fold_move_behind(xai_json *object, const char *after) {
  xai_json *anchor = xai__json_get(object, after), *moved = object->as.list.last;
  if (anchor == NULL || anchor == moved || anchor->next == moved) return;
  xai_json *before = anchor;
  while (before->next != moved) before = before->next;
  before->next = NULL;
  object->as.list.last = before;
  moved->next = anchor->next;
  anchor->next = moved;
}

xai_code xai__fold_index(xai_fold *fold, const xai_json *value, const char *what, uint32_t otherwise,
                         uint32_t *out) {
  int64_t index;
  *out = otherwise;
  if (value == NULL) return XAI_OK;
  if (!xai_json_int(value, &index) || index < 0 || index > XAI__FOLD_MAX_INDEX) {
    return xai__fail(xai__fold_why(fold), XAI_ERR_PROTOCOL, "%s is not an index below %d", what,
                     XAI__FOLD_MAX_INDEX + 1);
  }
  *out = (uint32_t)index;
  return XAI_OK;
}

/* ---- what is final ---- */

bool xai__fold_same_target(xai_fold_target a, xai_fold_target b) {
  return a.field == b.field && a.output == b.output && a.content == b.content;
}

bool xai__fold_is_closed(const xai_fold *fold, xai_fold_target target) {
  xai_fold_target item = {XAI__FIELD_ITEM, target.output, 0}, closed;
  for (size_t at = 0; at < fold->closed.len; at += sizeof closed) {
    memcpy(&closed, fold->closed.ptr + at, sizeof closed);
    if (xai__fold_same_target(closed, target) || xai__fold_same_target(closed, item)) return true;
  }
  return false;
}

xai_code xai__fold_close(xai_fold *fold, xai_fold_target target) {
  fold->at_text = NULL;
  if (xai__fold_is_closed(fold, target)) return XAI_OK;
  return xai__fold_check(fold, xai__buf_add(&fold->closed, (const char *)&target, sizeof target));
}

/* ---- texts that grow ---- */

static unsigned find_half(const xai_fold *fold, xai_fold_target target) {
  unsigned i = 0;
  while (i < fold->half_count && !xai__fold_same_target(fold->halves[i].target, target)) i++;
  return i;
}

static xai_fold_half remove_half(xai_fold *fold, unsigned i) {
  xai_fold_half half = fold->halves[i];
  fold->halves[i] = fold->halves[--fold->half_count];
  return half;
}

/* The other half never came. */
static xai_code give_up_half(xai_fold *fold, unsigned i) {
  xai_fold_target target = remove_half(fold, i).target;
  xai_str text = {REPLACEMENT, 3};
  xai_event_type type = XAI_EVENT_API;
  bool chat = fold->kind == XAI_REPLY_CHAT;
  xai_json *string = chat ? xai__chat_find(fold, target, &type) : xai__responses_find(fold, target, &type);
  fold->flags |= XAI_FLAG_TEXT_REPLACED;
  if (string == NULL) return XAI_OK;
  xai_code code = xai__fold_check(fold, xai__json_append(fold->tree, string, text));
  if (code != XAI_OK || type == XAI_EVENT_API) return code;
  return xai__fold_delta(fold, type, target, text);
}

xai_code xai__fold_settle(xai_fold *fold, xai_fold_target which) {
  for (unsigned i = fold->half_count; i-- > 0;) {
    xai_fold_target target = fold->halves[i].target;
    bool meant = which.field == XAI__FIELD_NONE || xai__fold_same_target(target, which) ||
                 (which.field == XAI__FIELD_ITEM && which.output == target.output);
    xai_code code = meant ? give_up_half(fold, i) : XAI_OK;
    if (code != XAI_OK) return code;
  }
  return XAI_OK;
}

static xai_code hold_half(xai_fold *fold, xai_fold_target target, const char *bytes) {
  if (fold->halves == NULL) fold->halves = xai__alloc(&fold->mem, XAI__FOLD_HALVES * sizeof *fold->halves);
  if (fold->halves == NULL) return XAI_ERR_NOMEM;
  xai_code code = fold->half_count == XAI__FOLD_HALVES ? give_up_half(fold, 0) : XAI_OK;
  xai_fold_half *half = &fold->halves[fold->half_count++];
  half->target = target;
  memcpy(half->bytes, bytes, 3);
  return code;
}

/* The piece as whole characters: a waiting half is put before it, a half at its end is held back. */
static xai_code whole_characters(xai_fold *fold, xai_fold_target target, xai_str *piece) {
  unsigned i = find_half(fold, target);
  if (piece->len == 0 || (i == fold->half_count && !fold->lone)) return XAI_OK;
  xai_json *whole = xai__json_new(fold->event, XAI_JSON_STRING);
  if (whole == NULL) return xai__fold_no_room(fold);

  xai_code code = XAI_OK;
  if (i < fold->half_count) {
    char joined[4] = "\xef\xbf\xbd";
    xai_fold_half half = remove_half(fold, i);
    bool pair = piece->len >= 3 && is_low(piece->ptr);
    if (pair) {
      join_halves(half.bytes, piece->ptr, joined);
      *piece = (xai_str){piece->ptr + 3, piece->len - 3};
    } else {
      fold->flags |= XAI_FLAG_TEXT_REPLACED;
    }
    code = xai__json_append(fold->event, whole, (xai_str){joined, pair ? 4 : 3});
  }
  if (code == XAI_OK && piece->len >= 3 && is_high(piece->ptr + piece->len - 3)) {
    piece->len -= 3;
    code = hold_half(fold, target, piece->ptr + piece->len);
  }
  if (fold->lone) scrub(fold, *piece);
  if (code == XAI_OK) code = xai__json_append(fold->event, whole, *piece);
  *piece = xai_json_str(whole);
  return xai__fold_check(fold, code);
}

xai_code xai__fold_grow(xai_fold *fold, xai_fold_target target, xai_json *string, xai_event_type type,
                        xai_str piece) {
  if (fold->lone || fold->half_count > 0) {
    xai_code code = whole_characters(fold, target, &piece);
    if (code != XAI_OK) return code;
  }
  if (piece.len == 0) return XAI_OK;
  xai_code code = xai__json_append(fold->tree, string, piece);
  if (code != XAI_OK) return xai__fold_check(fold, code);
  fold->at = target;
  fold->at_text = string;
  return type == XAI_EVENT_API ? XAI_OK : xai__fold_delta(fold, type, target, piece);
}
