/* fuzz_redact.c - any text in which a secret may lie: afterwards no piece of it does, and looking twice finds no more.
 * SPDX-License-Identifier: MIT
 *
 * The first byte chooses the secret, the rest is the text; "\1n" in it stands for the nth eighth of the secret.
 */
#include "fuzz.h"
#include "xai_redact.h"

static const char *const secrets[] = {
  "xai-q7Wm2LrT9vKpXz4NcB8sYdHgJ5fA3eRuQ6oVtZkMwPi1yDlSxCnGbEhUjF0a",
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
  "%41\\u0041&#65;%2541+/==%%\\\\&&__--xyz0",
  "secret",
};

static bool holds(const char *text, size_t len, xai_str secret, size_t piece) {
  for (size_t from = 0; from + piece <= secret.len; from++)
    for (size_t at = 0; at + piece <= len; at++)
      if (memcmp(text + at, secret.ptr + from, piece) == 0) return true;
  return false;
}

/* The text, parts of the secret put in; malloc'd to its very size, so that a sanitizer sees each byte beyond. */
static char *compose(fuzz_input *in, xai_str secret, size_t *len) {
  size_t eighth = secret.len / 8 + 1, room = (size_t)(in->end - in->at) * eighth + 1;
  char *text = malloc(room);
  need(text != NULL);
  for (*len = 0; in->at < in->end;) {
    char c = (char)fuzz_byte(in);
    size_t from = c == 1 ? fuzz_byte(in) % 8 * eighth : secret.len;
    size_t count = from >= secret.len ? 0 : secret.len - from < eighth ? secret.len - from : eighth;
    if (c == 1) memcpy(text + *len, secret.ptr + (count ? from : 0), count);
    else text[*len] = c;
    *len += c == 1 ? count : 1;
  }
  char *fit = malloc(*len + (*len == 0));
  need(fit != NULL);
  memcpy(fit, text, *len);
  free(text);
  return fit;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, data + (size < 4096 ? size : 4096)};
  xai_str secret = xai_str_of(secrets[fuzz_byte(&in) % (sizeof secrets / sizeof *secrets)]);
  size_t len;
  char *text = compose(&in, secret, &len), *copy = malloc(len + 1);
  need(copy != NULL);
  xai__redact_secret(text, len, secret);
  need(!holds(text, len, secret, secret.len < 20 ? secret.len : 8));
  memcpy(copy, text, len);
  xai__redact_secret(text, len, secret);
  need(memcmp(copy, text, len) == 0);
  copy[len] = '\0';
  xai__redact(copy);
  need(strlen(copy) <= len);
  free(copy);
  free(text);
  return 0;
}
