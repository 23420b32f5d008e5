/* xai_schema.h - what a compiled schema is made of: nodes, their lists of operations, resources, documents.
 * SPDX-License-Identifier: MIT
 *
 * A *node* is one schema object or boolean. Compiled, it is a set of allowed types and, for each type of JSON, one
 * flat list of operations. A *resource* is what one URI names; a *document* is one JSON text. Nodes, operations and
 * tables live in the schema's arena, until it is freed. Nodes that cannot be reached are never compiled.
 */
#ifndef XAI_SCHEMA_H
#define XAI_SCHEMA_H

#include <string.h>

#include "xai_decimal.h"
#include "xai_equal.h"
#include "xai_format.h"
#include "xai_json.h"
#include "xai_pattern.h"

#pragma GCC visibility push(hidden)

/* ---- keywords ---- */

/* Where a keyword's value holds further schemas. */
typedef enum xai_keyword_shape {
  XAI_SHAPE_NONE,
  XAI_SHAPE_ONE,         /* a schema                               */
  XAI_SHAPE_LIST,        /* an array of schemas                    */
  XAI_SHAPE_ONE_OR_LIST, /* `items` before 2020-12                 */
  XAI_SHAPE_MAP,         /* an object of schemas                   */
  XAI_SHAPE_MAP_OR_NAMES /* `dependencies`: schemas or string lists */
} xai_keyword_shape;

/* Vocabularies; `core` is always in force. */
enum {
  XAI_VOCAB_CORE = 0,
  XAI_VOCAB_APPLICATOR = 1,
  XAI_VOCAB_UNEVALUATED = 2,
  XAI_VOCAB_VALIDATION = 4,
  XAI_VOCAB_FORMAT = 8,
  XAI_VOCAB_CONTENT = 16,
  XAI_VOCAB_ALL = 31,
  XAI_VOCAB_ASSERT_FORMAT = 32 /* format-assertion */
};

/* Drafts as bits 1 << xai_draft. */
enum {
  XAI_D4 = 1 << XAI_DRAFT_4,
  XAI_D6 = 1 << XAI_DRAFT_6,
  XAI_D7 = 1 << XAI_DRAFT_7,
  XAI_D19 = 1 << XAI_DRAFT_2019_09,
  XAI_D20 = 1 << XAI_DRAFT_2020_12,
  XAI_D_FROM_19 = XAI_D19 | XAI_D20,
  XAI_D_FROM_7 = XAI_D7 | XAI_D_FROM_19,
  XAI_D_FROM_6 = XAI_D6 | XAI_D_FROM_7,
  XAI_D_ALL = XAI_D4 | XAI_D_FROM_6
};

/* Sorted by length, then bytes, for xai__keyword_find. */
/* clang-format off */
#define XAI_KEYWORDS(X)                                                                       \
  X(ID4, "id", NONE, XAI_D4, CORE)                                                            \
  X(IF, "if", ONE, XAI_D_FROM_7, APPLICATOR)                                                  \
  X(ID, "$id", NONE, XAI_D_FROM_6, CORE)                                                      \
  X(NOT, "not", ONE, XAI_D_ALL, APPLICATOR)                                                   \
  X(REF, "$ref", NONE, XAI_D_ALL, CORE)                                                       \
  X(ELSE, "else", ONE, XAI_D_FROM_7, APPLICATOR)                                              \
  X(ENUM, "enum", NONE, XAI_D_ALL, VALIDATION)                                                \
  X(THEN, "then", ONE, XAI_D_FROM_7, APPLICATOR)                                              \
  X(TYPE, "type", NONE, XAI_D_ALL, VALIDATION)                                                \
  X(DEFS, "$defs", MAP, XAI_D_FROM_19, CORE)                                                  \
  X(ALL_OF, "allOf", LIST, XAI_D_ALL, APPLICATOR)                                             \
  X(ANY_OF, "anyOf", LIST, XAI_D_ALL, APPLICATOR)                                             \
  X(CONST, "const", NONE, XAI_D_FROM_6, VALIDATION)                                           \
  X(ITEMS, "items", ONE_OR_LIST, XAI_D_ALL, APPLICATOR)                                       \
  X(ONE_OF, "oneOf", LIST, XAI_D_ALL, APPLICATOR)                                             \
  X(FORMAT, "format", NONE, XAI_D_ALL, FORMAT)                                                \
  X(ANCHOR, "$anchor", NONE, XAI_D_FROM_19, CORE)                                             \
  X(SCHEMA, "$schema", NONE, XAI_D_ALL, CORE)                                                 \
  X(MAXIMUM, "maximum", NONE, XAI_D_ALL, VALIDATION)                                          \
  X(MINIMUM, "minimum", NONE, XAI_D_ALL, VALIDATION)                                          \
  X(PATTERN, "pattern", NONE, XAI_D_ALL, VALIDATION)                                          \
  X(CONTAINS, "contains", ONE, XAI_D_FROM_6, APPLICATOR)                                      \
  X(MAX_ITEMS, "maxItems", NONE, XAI_D_ALL, VALIDATION)                                       \
  X(MIN_ITEMS, "minItems", NONE, XAI_D_ALL, VALIDATION)                                       \
  X(REQUIRED, "required", NONE, XAI_D_ALL, VALIDATION)                                        \
  X(MAX_LENGTH, "maxLength", NONE, XAI_D_ALL, VALIDATION)                                     \
  X(MIN_LENGTH, "minLength", NONE, XAI_D_ALL, VALIDATION)                                     \
  X(MULTIPLE_OF, "multipleOf", NONE, XAI_D_ALL, VALIDATION)                                   \
  X(PROPERTIES, "properties", MAP, XAI_D_ALL, APPLICATOR)                                     \
  X(DYNAMIC_REF, "$dynamicRef", NONE, XAI_D20, CORE)                                          \
  X(VOCABULARY, "$vocabulary", NONE, XAI_D_FROM_19, CORE)                                     \
  X(DEFINITIONS, "definitions", MAP, XAI_D_ALL, CORE)                                         \
  X(MAX_CONTAINS, "maxContains", NONE, XAI_D_FROM_19, VALIDATION)                             \
  X(MIN_CONTAINS, "minContains", NONE, XAI_D_FROM_19, VALIDATION)                             \
  X(PREFIX_ITEMS, "prefixItems", LIST, XAI_D20, APPLICATOR)                                   \
  X(UNIQUE_ITEMS, "uniqueItems", NONE, XAI_D_ALL, VALIDATION)                                 \
  X(DEPENDENCIES, "dependencies", MAP_OR_NAMES, XAI_D_ALL, APPLICATOR)                        \
  X(RECURSIVE_REF, "$recursiveRef", NONE, XAI_D19, CORE)                                      \
  X(CONTENT_SCHEMA, "contentSchema", ONE, XAI_D_FROM_19, CONTENT)                             \
  X(MAX_PROPERTIES, "maxProperties", NONE, XAI_D_ALL, VALIDATION)                             \
  X(MIN_PROPERTIES, "minProperties", NONE, XAI_D_ALL, VALIDATION)                             \
  X(PROPERTY_NAMES, "propertyNames", ONE, XAI_D_FROM_6, APPLICATOR)                           \
  X(DYNAMIC_ANCHOR, "$dynamicAnchor", NONE, XAI_D20, CORE)                                    \
  X(ADDITIONAL_ITEMS, "additionalItems", ONE, XAI_D4 | XAI_D6 | XAI_D7 | XAI_D19, APPLICATOR) \
  X(CONTENT_ENCODING, "contentEncoding", NONE, XAI_D_FROM_7, CONTENT)                         \
  X(RECURSIVE_ANCHOR, "$recursiveAnchor", NONE, XAI_D19, CORE)                                \
  X(CONTENT_MEDIA_TYPE, "contentMediaType", NONE, XAI_D_FROM_7, CONTENT)                      \
  X(DEPENDENT_SCHEMAS, "dependentSchemas", MAP, XAI_D_FROM_19, APPLICATOR)                    \
  X(EXCLUSIVE_MAXIMUM, "exclusiveMaximum", NONE, XAI_D_ALL, VALIDATION)                       \
  X(EXCLUSIVE_MINIMUM, "exclusiveMinimum", NONE, XAI_D_ALL, VALIDATION)                       \
  X(UNEVALUATED_ITEMS, "unevaluatedItems", ONE, XAI_D_FROM_19, UNEVALUATED)                   \
  X(DEPENDENT_REQUIRED, "dependentRequired", NONE, XAI_D_FROM_19, VALIDATION)                 \
  X(PATTERN_PROPERTIES, "patternProperties", MAP, XAI_D_ALL, APPLICATOR)                      \
  X(ADDITIONAL_PROPERTIES, "additionalProperties", ONE, XAI_D_ALL, APPLICATOR)                \
  X(UNEVALUATED_PROPERTIES, "unevaluatedProperties", ONE, XAI_D_FROM_19, UNEVALUATED)
/* clang-format on */

typedef enum xai_keyword {
#define XAI_X(id, text, shape, drafts, vocab) XAI_KW_##id,
  XAI_KEYWORDS(XAI_X)
#undef XAI_X
    XAI_KW_COUNT /* none */
} xai_keyword;

typedef struct xai_keyword_row {
  const char *text;
  uint8_t len;
  uint8_t shape;
  uint8_t drafts;
  uint8_t vocab;
} xai_keyword_row;

extern const xai_keyword_row xai__keywords[XAI_KW_COUNT];
xai_keyword xai__keyword_find(xai_str text);
/* Empty for XAI_KW_COUNT. */
xai_str xai__keyword_text(xai_keyword keyword);

/* A schema object's members by keyword, those of the draft and the vocabularies alone; others are NULL. */
void xai__keyword_slots(const xai_json *object, xai_draft draft, unsigned vocab,
                        const xai_json *slots[XAI_KW_COUNT]);

/* ---- nodes ---- */

typedef struct xai_schema_node xai_schema_node;
typedef struct xai_schema_op xai_schema_op;
typedef struct xai_schema_resource xai_schema_resource;

/* Allowed types: 1 << xai_json_type, and these two for numbers. */
enum {
  XAI_TYPES_INTEGER = 1 << 6, /* whole numbers: 1.0 too                  */
  XAI_TYPES_LITERAL = 1 << 7, /* draft 4: written without '.' and exponent */
  XAI_TYPES_ALL = 63
};

/* How a node is reached from the one around it, to write its JSON pointer. */
typedef enum xai_schema_step {
  XAI_STEP_KEYWORD, /* /not                              */
  XAI_STEP_INDEX,   /* /allOf/0                          */
  XAI_STEP_KEY,     /* /properties/name                  */
  XAI_STEP_POINTER  /* key is the rest of a JSON pointer */
} xai_schema_step;

struct xai_schema_node {
  const xai_json *json;
  xai_schema_node *parent; /* NULL for the root of a document           */
  xai_schema_resource *resource;
  xai_str key;
  uint32_t index;
  uint8_t keyword;               /* of the parent                              */
  uint8_t step;                  /* xai_schema_step                            */
  uint8_t state;                 /* while compiling                            */
  uint8_t types;                 /* XAI_TYPES_...; 0: nothing is allowed       */
  uint8_t leaf;                  /* by type: the list has no other schemas     */
  uint8_t late;                  /* by type: the list has unevaluated...       */
  uint8_t lone;                  /* by type: one branch takes it, and is all there is ... */
  xai_schema_node *jump;         /* itself, or where its only $ref leads         */
  xai_schema_node **branch;      /* ... this one; NULL: of no type               */
  const xai_schema_op *list[6];  /* by type of value; each ends in XAI_OP_END    */
  struct xai_schema_edge *edges; /* while compiling                              */
  xai_schema_node *next_made;    /* in the order of finding them                 */
  xai_schema_node *next_work;    /* to be compiled                               */
};

/* From a node to one that sees the same value. */
typedef struct xai_schema_edge {
  xai_schema_node *to;
  struct xai_schema_edge *next;
} xai_schema_edge;

/* A name that $dynamicRef can find from outside; of $recursiveAnchor the empty name. */
typedef struct xai_schema_dynamic {
  xai_str name;
  xai_schema_node *node;
  struct xai_schema_dynamic *next;
} xai_schema_dynamic;

struct xai_schema_resource {
  xai_str uri; /* without fragment; may be empty             */
  xai_schema_node *root;
  xai_draft draft;
  unsigned vocab;
  xai_schema_dynamic *dynamics;
  xai_schema_resource *next;
};

/* ---- operations ---- */

typedef enum xai_schema_opcode {
  XAI_OP_END,
  /* of numbers */
  XAI_OP_MINIMUM,
  XAI_OP_MAXIMUM,
  XAI_OP_ABOVE,
  XAI_OP_BELOW,
  XAI_OP_MULTIPLE,
  /* of strings */
  XAI_OP_MIN_LENGTH,
  XAI_OP_MAX_LENGTH,
  XAI_OP_PATTERN,
  XAI_OP_FORMAT,
  XAI_OP_CONTENT,
  /* of arrays */
  XAI_OP_MIN_ITEMS,
  XAI_OP_MAX_ITEMS,
  XAI_OP_UNIQUE,
  /* of objects */
  XAI_OP_MIN_PROPERTIES,
  XAI_OP_MAX_PROPERTIES,
  /* of any */
  XAI_OP_CONST,
  XAI_OP_ENUM,
  /* from here on with other schemas: objects and arrays ... */
  XAI_OP_MEMBERS,
  XAI_OP_REQUIRED,  /* uses what MEMBERS of the same node saw */
  XAI_OP_DEPENDENT, /* so does this one                       */
  XAI_OP_ELEMENTS,
  XAI_OP_CONTAINS,
  /* ... the same value ... */
  XAI_OP_REF,
  XAI_OP_DYNAMIC,
  XAI_OP_ALL,
  XAI_OP_ANY,
  XAI_OP_ONE,
  XAI_OP_NOT,
  XAI_OP_IF,
  /* ... and what none of the others looked at */
  XAI_OP_REST_MEMBERS,
  XAI_OP_REST_ELEMENTS
} xai_schema_opcode;

/* Both ends of a name: of one of up to 16 bytes, together with its length, all of it. */
typedef struct xai_name_ends {
  uint64_t head, tail;
} xai_name_ends;

/* A property that the schema knows by name. */
typedef struct xai_schema_name {
  xai_str text;
  xai_name_ends ends;
  xai_schema_node *node; /* in `properties`; may be NULL                    */
  uint32_t bit;          /* in what MEMBERS saw; UINT32_MAX: nobody asks    */
} xai_schema_name;

typedef struct xai_schema_pattern {
  const xai_pattern *pattern;
  xai_schema_node *node;
} xai_schema_pattern;

typedef struct xai_schema_dependency {
  uint32_t trigger;      /* index of a name                              */
  uint32_t count;        /* of needs                                     */
  const uint32_t *needs; /* indices of names                             */
  xai_schema_node *node; /* or a schema for the whole object             */
  uint8_t keyword;
} xai_schema_dependency;

typedef struct xai_schema_members {
  const xai_schema_name *names;
  const uint32_t *slots; /* by hash: index of a name + 1                 */
  uint32_t mask;         /* slots - 1                                    */
  uint32_t name_count;
  uint32_t bits;
  uint32_t pattern_count;
  const xai_schema_pattern *patterns;
  xai_schema_node *rest;      /* additionalProperties or NULL                 */
  xai_schema_node *name_rule; /* propertyNames or NULL                        */
  const uint32_t *required;   /* indices of names                             */
  uint32_t required_count;
  uint32_t dependency_count;
  const xai_schema_dependency *dependencies;
} xai_schema_members;

typedef struct xai_schema_elements {
  xai_schema_node *const *prefix;
  uint32_t prefix_count;
  uint8_t rest_keyword; /* items or additionalItems */
  xai_schema_node *rest;
} xai_schema_elements;

typedef struct xai_schema_contains {
  xai_schema_node *node;
  uint64_t least;
  uint64_t most;
  bool marks; /* what it matches counts as evaluated (2020-12) */
} xai_schema_contains;

typedef struct xai_schema_enum {
  const xai_json **values;
  const uint32_t *slots; /* by hash: index of a value + 1; NULL: few, one by one */
  uint32_t mask;
  uint32_t count;
} xai_schema_enum;

typedef struct xai_schema_if {
  xai_schema_node *condition;
  xai_schema_node *then; /* each may be NULL */
  xai_schema_node *otherwise;
} xai_schema_if;

/* A value that tells branches apart, by its hash. */
typedef struct xai_schema_case {
  uint64_t hash;
  uint64_t branches; /* that allow it; 0: a free slot */
} xai_schema_case;

/* Which branches an object can meet, by the value of one property. */
typedef struct xai_schema_switch {
  xai_str key;
  uint64_t others;        /* branches that do not care, beside those of the case */
  xai_schema_case *cases; /* by hash                                             */
  uint32_t mask;          /* cases - 1                                           */
} xai_schema_switch;

/* Of anyOf and oneOf. */
typedef struct xai_schema_choice {
  xai_schema_node *const *nodes;
  const xai_schema_switch *by; /* NULL: each has to be tried */
} xai_schema_choice;

typedef struct xai_schema_format {
  xai_format format;
  xai_str name;
} xai_schema_format;

typedef struct xai_schema_content {
  bool base64;
  bool json;
} xai_schema_content;

typedef struct xai_schema_ref {
  xai_schema_node *node;
  xai_str dynamic;             /* DYNAMIC: the name looked for; NULL pointer: only one has it */
  struct xai_schema_ref *next; /* while compiling */
} xai_schema_ref;

struct xai_schema_op {
  uint8_t code;    /* xai_schema_opcode */
  uint8_t keyword; /* for what it says  */
  uint32_t count;  /* of nodes          */
  union {
    const xai_decimal *number;
    uint64_t limit;
    const xai_pattern *pattern;
    const xai_schema_format *format;
    const xai_schema_content *content;
    const xai_json *value;
    const xai_schema_enum *values;
    const xai_schema_members *members;
    const xai_schema_elements *elements;
    const xai_schema_contains *contains;
    const xai_schema_ref *ref;
    const xai_schema_if *branch;
    xai_schema_node *node;
    xai_schema_node *const *nodes; /* ALL */
    xai_schema_choice *choice;     /* ANY and ONE */
  } as;
};

/* Short ones are read twice rather than byte by byte. */
static inline xai_name_ends xai__name_ends(const char *text, size_t len) {
  xai_name_ends ends = {0, 0};
  uint32_t low, high;
  if (len >= 8) {
    memcpy(&ends.head, text, 8);
    memcpy(&ends.tail, text + len - 8, 8);
  } else if (len >= 4) {
    memcpy(&low, text, 4);
    memcpy(&high, text + len - 4, 4);
    ends.head = (uint64_t)high << 32 | low;
  } else if (len > 0) {
    ends.head = (uint64_t)(unsigned char)text[0] << 16 | (uint64_t)(unsigned char)text[len / 2] << 8 |
                (unsigned char)text[len - 1];
  }
  return ends;
}

/* For xai_schema_members.slots. Good enough, because the names are those of the schema. */
static inline uint32_t xai__name_hash(xai_name_ends ends, size_t len) {
  uint64_t hash = (ends.head ^ (ends.tail << 23 | ends.tail >> 41) ^ len) * 0x9e3779b97f4a7c15u;
  return (uint32_t)(hash >> 32);
}

static inline bool xai__name_is(const xai_schema_name *name, xai_name_ends ends, const char *key,
                                size_t len) {
  return name->ends.head == ends.head && name->ends.tail == ends.tail && name->text.len == len &&
         (len <= 16 || memcmp(name->text.ptr, key, len) == 0);
}

/* The property of that name, or NULL. */
static inline const xai_schema_name *xai__schema_name(const xai_schema_members *m, const char *key,
                                                      size_t len) {
  if (m->name_count == 0) return NULL;
  xai_name_ends ends = xai__name_ends(key, len);
  uint32_t at = xai__name_hash(ends, len) & m->mask;
  for (; m->slots[at] != 0; at = (at + 1) & m->mask) {
    const xai_schema_name *name = &m->names[m->slots[at] - 1];
    if (xai__name_is(name, ends, key, len)) return name;
  }
  return NULL;
}

/* The case of a value with that hash, or the free slot where it belongs. */
static inline xai_schema_case *xai__schema_case(const xai_schema_switch *s, uint64_t hash) {
  uint32_t at = (uint32_t)hash & s->mask;
  while (s->cases[at].branches != 0 && s->cases[at].hash != hash) at = (at + 1) & s->mask;
  return &s->cases[at];
}

/* ---- the schema ---- */

typedef struct xai_schema_document {
  xai_str uri;
  xai_json_doc *values;
  const xai_json *json;
  xai_schema_node *root; /* NULL until it is referred to */
  struct xai_schema_document *next;
} xai_schema_document;

typedef struct xai_schema_regex {
  xai_pattern *pattern;
  struct xai_schema_regex *next;
} xai_schema_regex;

struct xai_schema {
  xai_mem mem;
  xai_json_doc *arena;
  xai_schema_document *documents;
  xai_schema_regex *regexes;
  xai_schema_node *root;
  unsigned max_depth;
  uint32_t match_limit;
  uint64_t max_steps; /* 0: by the length of the text */
};

/* Append the node's JSON pointer, after its document's URI and '#' when that is not the main one's. */
xai_code xai__schema_where(const xai_schema *schema, const xai_schema_node *node, xai_buf *out);
/* Append one token of a JSON pointer, with its slash, escaped. */
xai_code xai__pointer_add(xai_buf *out, xai_str token);

#pragma GCC visibility pop

#endif
