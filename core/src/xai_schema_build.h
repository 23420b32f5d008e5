/* xai_schema_build.h - a schema in the making: what the files of the compiler share.
 * SPDX-License-Identifier: MIT */
#ifndef XAI_SCHEMA_BUILD_H
#define XAI_SCHEMA_BUILD_H

#include "xai_err.h"
#include "xai_schema.h"
#include "xai_uri.h"

#pragma GCC visibility push(hidden)

/* A URI, with '#' and an anchor's name if it is one, and what it names. */
typedef struct xai_schema_address {
  uint64_t hash;
  xai_str text; /* NULL pointer: a free slot                 */
  xai_schema_node *node;
  bool dynamic;   /* a $dynamicAnchor                          */
  bool ambiguous; /* given twice in one document               */
} xai_schema_address;

typedef struct xai_schema_build {
  xai_schema *schema;
  xai_schema_options options;
  xai_error *err;
  xai_code code; /* of the first failure; then nothing more is done */
  xai_schema_address *addresses;
  size_t address_room;
  size_t address_count;
  xai_schema_node *first_made; /* all nodes, in the order of finding them   */
  xai_schema_node *last_made;
  xai_schema_node *to_scan; /* the first that was not scanned yet        */
  xai_schema_node *to_compile;
  uint32_t node_count;
  xai_schema_node **nodes; /* by number - 1: see xai_schema_ref.c          */
  size_t node_room;
  xai_schema_resource *resources;
  xai_schema_ref *dynamic_refs;
  size_t pattern_bytes;
  xai_equal equal;
  xai_buf text; /* for a URI being put together              */
} xai_schema_build;

/* ---- failing; all are harmless after the first failure ---- */

void xai__build_fail(xai_schema_build *b, xai_code code);
/* "not a usable JSON Schema: <pointer>/<keyword> <what>"; node may be NULL, keyword XAI_KW_COUNT. lack: XAI_ERR_LIBRARY
 * likewise, for what this build cannot do. */
void xai__build_refuse(xai_schema_build *b, const xai_schema_node *node, xai_keyword keyword,
                       const char *format, ...)
#if defined(__GNUC__)
  __attribute__((format(printf, 4, 5)))
#endif
  ;
void xai__build_lack(xai_schema_build *b, const xai_schema_node *node, xai_keyword keyword,
                     const char *format, ...)
#if defined(__GNUC__)
  __attribute__((format(printf, 4, 5)))
#endif
  ;

/* Zeroed memory in the schema's arena; NULL after a failure. */
void *xai__build_alloc(xai_schema_build *b, size_t size);
void *xai__build_array(xai_schema_build *b, size_t count, size_t size);

/* ---- documents and addresses (xai_schema_ref.c) ---- */

/* Read the main schema and find its nodes. */
xai_schema_node *xai__build_main(xai_schema_build *b, const char *text, size_t len);
/* The node of a subschema, made and scanned when it is new; parent, keyword, step, key and index say where it is. */
xai_schema_node *xai__build_node(xai_schema_build *b, const xai_json *json, const xai_schema_node *where);
/* What `reference` means in `from`; NULL after refusing. *dynamic, if given: it is a $dynamicAnchor. */
xai_schema_node *xai__build_resolve(xai_schema_build *b, const xai_schema_node *from, xai_keyword keyword,
                                    xai_str reference, bool *dynamic);

/* A metaschema of the library's own in a short form, or NULL; see xai__metaschema_expand. */
const char *xai__metaschema(xai_str uri);
/* The draft whose metaschema this is; XAI_DRAFT_AUTO: none. */
xai_draft xai__metaschema_draft(xai_str uri);
xai_code xai__metaschema_expand(xai_buf *out, const char *brief);

/* ---- keywords to operations (xai_schema_rules.c) ---- */

enum { XAI_GROUP_NUMBER, XAI_GROUP_STRING, XAI_GROUP_ARRAY, XAI_GROUP_OBJECT, XAI_GROUP_ANY, XAI_GROUPS };

#define XAI__MOST_OPS 48

/* A node's operations before they are sorted into lists. */
typedef struct xai_schema_ops {
  xai_schema_op op[XAI__MOST_OPS];
  uint8_t group[XAI__MOST_OPS];
  unsigned count;
} xai_schema_ops;

void xai__build_rules(xai_schema_build *b, xai_schema_node *node, xai_schema_ops *ops);
/* Have it compiled, now or soon. */
xai_schema_node *xai__build_want(xai_schema_build *b, xai_schema_node *node);
/* The subschema at `json` below a keyword of `parent`, wanted. */
xai_schema_node *xai__build_child(xai_schema_build *b, const xai_schema_node *parent, xai_keyword keyword,
                                  const xai_json *json);

/* ---- when all is compiled (xai_schema_switch.c) ---- */

/* Find out what tells the branches of the node's anyOf and oneOf apart, if anything does. `dynamic`: it matters
 * which resources were passed on the way. */
void xai__build_switches(xai_schema_build *b, xai_schema_node *node, bool dynamic);

#pragma GCC visibility pop

#endif
