/* xai_secret.c - a text in memory pages of its own: locked, left out of core dumps, wiped when it goes.
 * SPDX-License-Identifier: MIT */
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE
#endif
#if defined(__APPLE__) && !defined(_DARWIN_C_SOURCE)
#define _DARWIN_C_SOURCE
#endif
#include "xai_secret.h"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#endif

#if !defined(MAP_ANONYMOUS) && defined(MAP_ANON)
#define MAP_ANONYMOUS MAP_ANON
#endif

#if defined(MAP_ANONYMOUS)
/* Each of these is one defence more; a system that refuses one still gives the others. */
static void protect(void *pages, size_t size) {
  (void)mlock(pages, size);
#if defined(MADV_DONTDUMP)
  (void)madvise(pages, size, MADV_DONTDUMP);
#elif defined(MADV_NOCORE)
  (void)madvise(pages, size, MADV_NOCORE);
#endif
#if defined(MADV_WIPEONFORK)
  (void)madvise(pages, size, MADV_WIPEONFORK);
#endif
}

static bool map(xai_secret *secret, size_t bytes) {
  long asked = sysconf(_SC_PAGESIZE);
  size_t page = asked > 0 ? (size_t)asked : 4096, inner = (bytes + page - 1) / page * page;
  char *block = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) return false;
  if (mprotect(block + page, inner, PROT_READ | PROT_WRITE) != 0) {
    munmap(block, inner + 2 * page);
    return false;
  }
  protect(block + page, inner);
  secret->block = block;
  secret->size = inner + 2 * page;
  secret->text = block + page + inner - bytes;
  secret->mapped = true;
  return true;
}

static void unmap(const xai_secret *secret) {
  munmap(secret->block, secret->size);
}
#else
static bool map(xai_secret *secret, size_t bytes) {
  (void)secret;
  (void)bytes;
  return false;
}

static void unmap(const xai_secret *secret) {
  (void)secret;
}
#endif

xai_code xai__secret_init(xai_secret *secret, const xai_mem *mem, size_t len) {
  size_t bytes;
  *secret = (xai_secret){.mem = *mem, .len = len};
  if (!xai__add(len, 1, &bytes)) return XAI_ERR_NOMEM;
  if (map(secret, bytes)) return XAI_OK;
  secret->block = secret->text = xai__alloc(mem, bytes);
  secret->size = bytes;
  return secret->block != NULL ? XAI_OK : XAI_ERR_NOMEM;
}

void xai__secret_deinit(xai_secret *secret) {
  if (secret->text == NULL) return;
  xai__wipe(secret->text, secret->len);
  if (secret->mapped) unmap(secret);
  else xai__free(&secret->mem, secret->block, secret->size);
  *secret = (xai_secret){.mem = secret->mem};
}
