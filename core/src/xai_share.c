/* xai_share.c - opens, checks and maps the file; finds its counters, takes its places.
 * SPDX-License-Identifier: MIT */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "xai_share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first 64 bits tell the file's kind and the version of what follows. */
#define MAGIC 0x3130657261687378u /* "xshare01" */
#define MAGIC_KIND 0x0000657261687378u
#define MAGIC_KIND_BITS 0x0000ffffffffffffu
#define ALL_PLACES UINT64_MAX
#define CLOCK_PLACE ((uint64_t)XAI_SHARE_COUNTERS * XAI_SHARE_PLACES)

enum { FLUSH_EVERY_MS = 1000, CLOCK_TRIES = 1000 };

typedef struct share_file {
  _Atomic uint64_t magic; /* 0: new                    */
  _Atomic uint64_t clock; /* xai_share_clock, 0: unused */
  uint64_t unused[6];
  xai_counter counters[XAI_SHARE_COUNTERS];
} share_file;

_Static_assert(sizeof(xai_counter) == 64, "a counter is 64 bytes");
_Static_assert(sizeof(share_file) == sizeof(xai_counter) * ((size_t)XAI_SHARE_COUNTERS + 1),
               "nothing lies between the counters");
_Static_assert(sizeof(_Atomic uint64_t) == 8, "an atomic number is the number alone");

/* ---- places */

/* Locks of an open file description, not of a process: two clients of one process exclude each other, too, and a
 * death of any kind ends them. A process id in the file would do neither, nor hold across containers. They lie
 * behind the counters, beyond the file's end. */
#if defined(F_OFD_SETLK)
static bool set_lock(const xai_share *self, uint64_t place, short type) {
  off_t begin = (off_t)(sizeof(share_file) + (place != ALL_PLACES ? place : 0));
  struct flock lock = {
    .l_type = type, .l_whence = SEEK_SET, .l_start = begin, .l_len = place != ALL_PLACES ? 1 : 0};
  return fcntl(self->fd, F_OFD_SETLK, &lock) == 0;
}
#else
static bool set_lock(const xai_share *self, uint64_t place, short type) {
  (void)self, (void)place, (void)type;
  return false;
}
#endif

static uint64_t place_of(const xai_share *self, const xai_counter *counter, uint32_t place) {
  return (uint64_t)(counter - self->file->counters) * XAI_SHARE_PLACES + place;
}

bool xai__share_lock(const xai_share *self, const xai_counter *counter, uint32_t place) {
  return set_lock(self, place_of(self, counter, place), F_WRLCK);
}

void xai__share_unlock(const xai_share *self, const xai_counter *counter, uint32_t place) {
  set_lock(self, place_of(self, counter, place), F_UNLCK);
}

/* Letting go of what nobody holds works wherever the locks do. */
bool xai__share_has_places(const xai_share *self) {
  return set_lock(self, 0, F_UNLCK);
}

/* ---- opening */

static const char *why(int error) {
  switch (error) {
    case ENOENT: return "there is no such folder";
    case EACCES:
    case EPERM: return "permission denied";
    case EISDIR: return "it is a folder";
    case ENOTDIR: return "what is before its last slash is no folder";
    case ELOOP: return "its links lead nowhere";
    case ENAMETOOLONG: return "its path is too long";
    case ENOSPC:
    case EDQUOT: return "the disk is full";
    case EFBIG: return "RLIMIT_FSIZE allows this process no file so large";
    case EROFS: return "the file system is read-only";
    case EMFILE:
    case ENFILE: return "too many files are open";
    case ENODEV: return "its file system cannot map files";
    default: return "the system refuses";
  }
}

static xai_code fail_system(xai_error *err, const char *what, int error) {
  return xai__fail(err, XAI_ERR_FILE, "%s: %s (error %d)", what, why(error), error);
}

static xai_code fail_magic(xai_error *err, uint64_t magic) {
  bool is_kin = (magic & MAGIC_KIND_BITS) == MAGIC_KIND;
  return xai__fail(err, XAI_ERR_FILE, "%s",
                   is_kin ? "it was made by another version of this library"
                          : "this is no shared file of ours");
}

/* Of several files, which. A path is told as it is: it is the program's own, and may be named after us. */
static void tell_path(xai_error *err, const char *path) {
  if (err == NULL) return;
  char text[sizeof err->message];
  const char *reason = err->message + strlen(xai_code_text(err->code));
  snprintf(text, sizeof text, "%s: %.300s%s", xai_code_text(err->code), path, reason);
  xai__str_copy(err->message, sizeof err->message, xai_str_of(text));
}

/* Whoever goes beyond it gets a signal, and dies of it. */
static bool may_be_so_large(void) {
  struct rlimit limit;
  return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
         limit.rlim_cur >= sizeof(share_file);
}

/* A file of that size whose blocks are there: writing into a mapped hole of a full disk would be fatal. */
static xai_code make_room(int fd, xai_error *err) {
  if (!may_be_so_large()) return fail_system(err, "no room can be made for it", EFBIG);
  int error = posix_fallocate(fd, 0, sizeof(share_file));
  bool unknown = error == EINVAL || error == EOPNOTSUPP;
  if (unknown && ftruncate(fd, sizeof(share_file)) == 0) return XAI_OK;
  return error == 0 ? XAI_OK : fail_system(err, "no room can be made for it", error);
}

/* One that was copied may have holes. Not by posix_fallocate, which writes into them where the system has no other way,
 * and somebody else may be writing there. */
static xai_code fill_holes(int fd, xai_error *err) {
#if defined(__linux__)
  bool is_full = fallocate(fd, 0, 0, sizeof(share_file)) != 0 && (errno == ENOSPC || errno == EDQUOT);
  if (is_full) return fail_system(err, "no room can be made for it", errno);
#else
  (void)fd, (void)err;
#endif
  return XAI_OK;
}

/* Whoever finds it short and without a mark makes it as long as it must be, if somebody else is at it, too. */
static xai_code check_file(int fd, xai_error *err) {
  struct stat at;
  uint64_t magic = 0;
  if (fstat(fd, &at) != 0) return fail_system(err, "it cannot be looked at", errno);
  if (!S_ISREG(at.st_mode)) return xai__fail(err, XAI_ERR_FILE, "this is something else than a file");
  if (pread(fd, &magic, sizeof magic, 0) < 0 ||
      fstat(fd, &at) != 0) /* it is long enough before it is marked */
    return fail_system(err, "it cannot be looked at", errno);
  if (magic != 0 && magic != MAGIC) return fail_magic(err, magic);
  uint64_t size = (uint64_t)at.st_size;
  if (size > sizeof(share_file) || (magic == MAGIC && size < sizeof(share_file)))
    return xai__fail(err, XAI_ERR_FILE, "it is damaged: it has %llu bytes, not %zu", (unsigned long long)size,
                     sizeof(share_file));
  return size < sizeof(share_file) ? make_room(fd, err) : fill_holes(fd, err);
}

static bool is_empty(const share_file *file) {
  const char *bytes = (const char *)file + sizeof file->magic, *end = (const char *)file + sizeof *file;
  static const char zeros[64];
  for (; bytes < end; bytes += sizeof zeros) {
    size_t len = (size_t)(end - bytes) < sizeof zeros ? (size_t)(end - bytes) : sizeof zeros;
    if (memcmp(bytes, zeros, len) != 0) return false;
  }
  return true;
}

/* Marked as ours before the first counter is made in it, so what holds anything and has no mark is not ours. */
static xai_code mark(share_file *file, xai_error *err) {
  uint64_t magic = atomic_load(&file->magic);
  if (magic == 0 && is_empty(file) && atomic_compare_exchange_strong(&file->magic, &magic, MAGIC))
    return XAI_OK;
  magic = atomic_load(&file->magic); /* another one may have been quicker */
  return magic == MAGIC ? XAI_OK : fail_magic(err, magic);
}

static xai_code map(xai_share *self, xai_error *err) {
  void *file = mmap(NULL, sizeof(share_file), PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
  if (file == MAP_FAILED) return fail_system(err, "it cannot be mapped", errno);
  self->file = file;
  if (!atomic_is_lock_free(&self->file->magic))
    return xai__fail(err, XAI_ERR_FILE, "this machine has no atomic numbers of 64 bits");
  return mark(self->file, err);
}

xai_code xai__share_open(xai_share *self, const char *path, xai_error *err) {
  *self = (xai_share){.fd = -1, .process = getpid()};
  if (*path == '\0') return xai__fail(err, XAI_ERR_ARG, "the path of the shared file is empty");
  self->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
  xai_code code = self->fd < 0 ? fail_system(err, "it cannot be opened", errno) : check_file(self->fd, err);
  if (code == XAI_OK) code = map(self, err);
  if (code == XAI_OK) return code;
  tell_path(err, path);
  xai__share_close(self);
  return code;
}

void xai__share_close(xai_share *self) {
  if (self->file != NULL && self->process == getpid()) set_lock(self, ALL_PLACES, F_UNLCK);
  if (self->file != NULL) munmap(self->file, sizeof(share_file));
  if (self->file != NULL || self->fd > 0) close(self->fd);
  *self = (xai_share){.fd = -1};
}

/* Whoever goes by the clock of the file holds a lock together with the others, and who is alone may change it: the clock
 * of those who are gone, of a simulation that was tried once, is nobody's. A lock that nobody else may have is held for a
 * moment only. */
static bool agree_on_clock(const xai_share *self, xai_share_clock clock) {
  uint64_t before = 0;
  for (int tries = 0; tries < CLOCK_TRIES && xai__share_has_places(self); tries++) {
    if (set_lock(self, CLOCK_PLACE, F_WRLCK)) {
      atomic_store(&self->file->clock, (uint64_t)clock);
      return set_lock(self, CLOCK_PLACE, F_RDLCK);
    }
    if (set_lock(self, CLOCK_PLACE, F_RDLCK)) return atomic_load(&self->file->clock) == clock;
  }
  return atomic_compare_exchange_strong(&self->file->clock, &before, (uint64_t)clock) || before == clock;
}

xai_code xai__share_use_clock(const xai_share *self, xai_share_clock clock, xai_error *err) {
  if (agree_on_clock(self, clock)) return XAI_OK;
  return xai__fail(err, XAI_ERR_FILE,
                   "it is in use by clients with another clock, simulated ones perhaps: name another file");
}

bool xai__share_is_whole(const xai_share *self) {
  struct stat at;
  return fstat(self->fd, &at) == 0 && at.st_size == sizeof(share_file) && at.st_nlink > 0;
}

/* ---- counters */

/* FNV-1a over both and a zero between them, its bits then spread by the end of SplitMix64. */
static uint64_t key_of(const char *kind, xai_str name) {
  uint64_t h = 0xcbf29ce484222325u;
  for (const char *at = kind;; at++) {
    h = (h ^ (unsigned char)*at) * 0x100000001b3u;
    if (*at == '\0') break;
  }
  for (size_t i = 0; i < name.len; i++) h = (h ^ (unsigned char)name.ptr[i]) * 0x100000001b3u;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
  h ^= h >> 31;
  return h != 0 ? h : 1;
}

static void write_label(xai_counter *counter, const char *kind, xai_str name) {
  size_t len = strlen(kind), room = sizeof counter->label - 2 - len;
  if (name.len < room) room = name.len;
  memcpy(counter->label, kind, len);
  counter->label[len] = ' ';
  if (room > 0) memcpy(counter->label + len + 1, name.ptr, room);
}

/* A counter is somebody's by its key alone, which one step sets. */
xai_counter *xai__share_counter(const xai_share *self, const char *kind, xai_str name) {
  uint64_t key = key_of(kind, name);
  for (size_t i = 0; i < XAI_SHARE_COUNTERS; i++) {
    xai_counter *counter = &self->file->counters[(key + i) % XAI_SHARE_COUNTERS];
    uint64_t found = atomic_load(&counter->key);
    if (found == 0 && atomic_compare_exchange_strong(&counter->key, &found, key)) {
      write_label(counter, kind, name);
      return counter;
    }
    if (found == key) return counter;
  }
  return NULL;
}

/* ---- the disk */

void xai__share_flush(xai_share *self, uint64_t now) {
  if (self->flushed_at != 0 && now - self->flushed_at < FLUSH_EVERY_MS) return;
  self->flushed_at = now;
#if defined(SYNC_FILE_RANGE_WRITE)
  sync_file_range(self->fd, 0, sizeof(share_file), SYNC_FILE_RANGE_WRITE);
#else
  msync(self->file, sizeof(share_file), MS_ASYNC);
#endif
}
