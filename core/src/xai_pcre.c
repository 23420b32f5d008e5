/* xai_pcre.c - regular expressions matched by PCRE2, with its memory and its time held within limits.
 * SPDX-License-Identifier: MIT */
#include "xai_pcre.h"

#if XAI_PCRE2

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define HEAP_LIMIT_KIB (64u << 10)

struct xai_pcre {
  pcre2_code *code;
  pcre2_general_context *context;
  bool anchored; /* a match begins at the text's first byte or nowhere */
  xai_mem mem;
};

struct xai_pcre_room {
  pcre2_general_context *context;
  pcre2_match_context *limits;
  pcre2_match_data *data;
  uint64_t steps; /* of the match in progress             */
  uint64_t most;  /* of them                              */
  size_t at;      /* where the item before was looked for */
  xai_mem mem;
};

/* ---- PCRE2's memory through ours, which wants to hear the old size ---- */

typedef union sized {
  size_t size;
  max_align_t align;
} sized;

static void *sized_alloc(size_t size, void *user) {
  size_t whole;
  if (!xai__add(size, sizeof(sized), &whole)) return NULL;
  sized *block = xai__realloc(user, NULL, 0, whole);
  if (block == NULL) return NULL;
  block->size = whole;
  return block + 1;
}

static void sized_free(void *ptr, void *user) {
  if (ptr == NULL) return;
  sized *block = (sized *)ptr - 1;
  xai__free(user, block, block->size);
}

/* ---- compiling ---- */

/* `why` is left alone but with XAI_ERR_SCHEMA. */
static xai_code compile(xai_pcre *pcre, xai_str text, char *why, size_t why_size) {
  int error;
  PCRE2_SIZE offset;
  pcre2_compile_context *context = pcre2_compile_context_create(pcre->context);
  if (context == NULL) return XAI_ERR_NOMEM;
  uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_MATCH_UNSET_BACKREF |
                     PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT;
  PCRE2_SPTR source = (PCRE2_SPTR)(text.len > 0 ? text.ptr : "");
  pcre->code = pcre2_compile(source, text.len, options, &error, &offset, context);
  pcre2_compile_context_free(context);
  uint32_t all;
  if (pcre->code != NULL) {
    bool known = pcre2_pattern_info(pcre->code, PCRE2_INFO_ALLOPTIONS, &all) == 0;
    pcre->anchored = known && (all & PCRE2_ANCHORED) != 0;
    return XAI_OK;
  }
  if (error == PCRE2_ERROR_HEAP_FAILED) return XAI_ERR_NOMEM;
  if (pcre2_get_error_message(error, (PCRE2_UCHAR *)why, why_size) < 0 && why_size > 0) why[0] = '\0';
  return XAI_ERR_SCHEMA;
}

xai_code xai__pcre_new(const xai_mem *mem, xai_str written, xai_pcre **out, char *why, size_t why_size) {
  *out = NULL;
  xai_pcre *pcre = xai__alloc(mem, sizeof *pcre);
  if (pcre == NULL) return XAI_ERR_NOMEM;
  pcre->mem = xai__mem(mem);
  pcre->context = pcre2_general_context_create(sized_alloc, sized_free, &pcre->mem);
  xai_code code = pcre->context != NULL ? compile(pcre, written, why, why_size) : XAI_ERR_NOMEM;
  if (code == XAI_OK) *out = pcre;
  else xai__pcre_free(pcre);
  return code;
}

void xai__pcre_free(xai_pcre *pcre) {
  if (pcre == NULL) return;
  pcre2_code_free(pcre->code);
  pcre2_general_context_free(pcre->context);
  xai_mem mem = pcre->mem;
  xai__free(&mem, pcre, sizeof *pcre);
}

size_t xai__pcre_size(const xai_pcre *pcre) {
  size_t size;
  if (pcre2_pattern_info(pcre->code, PCRE2_INFO_SIZE, &size) != 0) size = 0;
  return size + sizeof *pcre;
}

/* ---- matching ---- */

/* Before each item of the pattern. PCRE2's own match limit begins anew wherever a search begins anew, so that "a+$"
 * takes hours for a megabyte of "a" and stays below it. The bytes that the item before ran over count, too. */
static int count_step(pcre2_callout_block *block, void *user) {
  xai_pcre_room *room = user;
  size_t at = block->current_position;
  size_t far = at > room->at ? at - room->at : room->at - at;
  room->at = at;
  room->steps += 2 + far / 16;
  return room->steps > room->most ? PCRE2_ERROR_MATCHLIMIT : 0;
}

xai_pcre_room *xai__pcre_room_new(const xai_mem *mem) {
  xai_pcre_room *room = xai__alloc(mem, sizeof *room);
  if (room == NULL) return NULL;
  room->mem = xai__mem(mem);
  room->context = pcre2_general_context_create(sized_alloc, sized_free, &room->mem);
  if (room->context != NULL) {
    room->limits = pcre2_match_context_create(room->context);
    room->data = pcre2_match_data_create(1, room->context);
  }
  if (room->limits == NULL || room->data == NULL) {
    xai__pcre_room_free(room);
    return NULL;
  }
  pcre2_set_heap_limit(room->limits, HEAP_LIMIT_KIB);
  return room;
}

void xai__pcre_room_free(xai_pcre_room *room) {
  if (room == NULL) return;
  pcre2_match_data_free(room->data);
  pcre2_match_context_free(room->limits);
  pcre2_general_context_free(room->context);
  xai_mem mem = room->mem;
  xai__free(&mem, room, sizeof *room);
}

static int match(const xai_pcre *pcre, const xai_pcre_room *room, xai_str text, uint64_t most) {
  pcre2_set_match_limit(room->limits, most < UINT32_MAX ? (uint32_t)most : UINT32_MAX);
  PCRE2_SPTR subject = (PCRE2_SPTR)(text.len > 0 ? text.ptr : "");
  return pcre2_match(pcre->code, subject, text.len, 0, 0, room->data, room->limits);
}

static int match_counted(const xai_pcre *pcre, xai_pcre_room *room, xai_str text, uint64_t most) {
  room->steps = room->at = 0;
  room->most = most;
  pcre2_set_callout(room->limits, count_step, room);
  int result = match(pcre, room, text, most);
  pcre2_set_callout(room->limits, NULL, NULL);
  return result;
}

/* A match that can begin at one place only is first tried without counting (measured: a third faster), with a limit
 * that honest ones stay below, and charged with half of that. */
xai_code xai__pcre_match(const xai_pcre *pcre, xai_pcre_room *room, xai_str text, uint64_t most, bool *found,
                         uint64_t *work) {
  uint64_t honest = 16 + (uint64_t)text.len;
  int result = PCRE2_ERROR_MATCHLIMIT;
  *work += 1 + (pcre->anchored ? honest : text.len / 8);
  if (pcre->anchored && most > honest) result = match(pcre, room, text, 2 * honest);
  if (result == PCRE2_ERROR_MATCHLIMIT) {
    result = match_counted(pcre, room, text, most);
    *work += room->steps;
  }
  *found = result >= 0;
  switch (result) {
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT: return XAI_ERR_STEPS;
    case PCRE2_ERROR_NOMEMORY: return XAI_ERR_NOMEM;
    default: return XAI_OK;
  }
}

#else

xai_code xai__pcre_new(const xai_mem *mem, xai_str written, xai_pcre **out, char *why, size_t why_size) {
  (void)mem, (void)written, (void)why, (void)why_size;
  *out = NULL;
  return XAI_ERR_LIBRARY;
}

void xai__pcre_free(xai_pcre *pcre) {
  (void)pcre;
}

size_t xai__pcre_size(const xai_pcre *pcre) {
  (void)pcre;
  return 0;
}

xai_pcre_room *xai__pcre_room_new(const xai_mem *mem) {
  (void)mem;
  return NULL;
}

void xai__pcre_room_free(xai_pcre_room *room) {
  (void)room;
}

xai_code xai__pcre_match(const xai_pcre *pcre, xai_pcre_room *room, xai_str text, uint64_t most, bool *found,
                         uint64_t *work) {
  (void)pcre, (void)room, (void)text, (void)most, (void)work;
  *found = false;
  return XAI_ERR_LIBRARY;
}

#endif
