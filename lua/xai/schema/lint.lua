--- What the API's structured answers do not know of a schema: its subset is smaller than JSON Schema.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local options = require "xai.options"
local words = require "xai.schema.words"

--- @class xai.Finding
--- @field level string    "refused": the API answers 400; "best_effort": it may be broken, and xai.schema checks
---   it all the same; "note": it means something else there, or nothing; "unchecked": the API may take it, but this
---   build of the library cannot check it (a pattern for PCRE2, which it is without)
--- @field schema string   JSON pointer to the schema that has it
--- @field keyword string  "" where it is about the whole
--- @field message string

-- Enforced as they stand; those that need a closer look are in `rules`.
local enforced = words.set [[$defs $ref anyOf const enum exclusiveMaximum exclusiveMinimum items maximum minimum
  prefixItems properties required type]]

-- Keywords of JSON Schema of which the API's documentation says nothing.
local undocumented = words.set [[$anchor $dynamicAnchor $dynamicRef $recursiveAnchor $recursiveRef $vocabulary
  additionalItems contains contentEncoding contentMediaType contentSchema definitions dependencies dependentRequired
  dependentSchemas multipleOf patternProperties propertyNames unevaluatedItems unevaluatedProperties uniqueItems]]

local formats = words.set "date time date-time email uuid ipv4 ipv6 uri"

local limits = {
  minLength = 2048, maxLength = 2048, minItems = 256, maxItems = 256, minProperties = 64, maxProperties = 64,
}

local function is_object(value)
  return type(value) == "table" and getmetatable(value) ~= core.array_mt
end

-- The names of an object's members in their order, each once.
local function order_of(object)
  local list, seen = {}, {}
  for _, name in ipairs((getmetatable(object) or {}).__jsonorder or {}) do
    if not seen[name] then list[#list + 1] = name end
    seen[name] = true
  end
  return list
end

local function is_empty(value)
  return type(value) == "table" and next(value) == nil
end

-- ------------------------------------------------------------------ keywords: level, message | nothing

local rules = {}

function rules.enum(value)
  if is_empty(value) then return "refused", "the API refuses an empty enum" end
end

function rules.anyOf(value)
  if is_empty(value) then return "refused", "the API refuses an empty anyOf" end
end

function rules.oneOf()
  return "best_effort", "the API reads oneOf as anyOf, so that a value may fit several"
end

function rules.allOf(value)
  if type(value) == "table" and #value == 1 then return end
  return "best_effort", "the API guarantees an allOf of one schema only: write them into one"
end

function rules.items(value)
  if type(value) == "table" and not is_object(value) then
    return "refused", "the API refuses an array of items: use prefixItems"
  end
end

function rules.properties(value)
  if not is_object(value) then return end
  for _, name in ipairs(order_of(value)) do
    if type(value[name]) == "boolean" then
      return "refused", ("the API refuses %s as the schema of a property (%q)"):format(tostring(value[name]), name)
    end
  end
end

function rules.format(value)
  if type(value) == "string" and not formats[value] then
    return "best_effort", ("the API guarantees no format %q"):format(value)
  end
end

local function refused(_, keyword)
  return "refused", ("the API refuses %s"):format(keyword)
end
rules.minContains, rules.maxContains = refused, refused

local function loose(_, keyword)
  return "best_effort", ("the API accepts %s without guaranteeing it"):format(keyword)
end
rules["not"], rules["if"], rules["then"], rules["else"] = loose, loose, loose, loose

local function limited(value, keyword)
  if type(value) == "number" and value > limits[keyword] then
    return "best_effort", ("the API guarantees %s up to %d only"):format(keyword, limits[keyword])
  end
end
for keyword in pairs(limits) do rules[keyword] = limited end

rules["$ref"] = function(value)
  if type(value) ~= "string" or value:sub(1, 1) == "#" then return end
  return "best_effort", "the API fetches nothing: only a $ref into the schema itself is documented"
end

-- What the API's reduced dialect of patterns lacks, by how it is written.
local beyond = {
  { "%(%?<?[=!]", "look-around" }, { "\\[1-9]", "back-references" }, { "\\k<", "back-references" },
  { "\\[pP]{", "Unicode property classes" }, { "\\[bB]", "word boundaries" }, { "%(%?[%a%-]+[:%)]", "inline flags" },
}

function rules.pattern(value)
  if type(value) ~= "string" then return end
  local plain = value:gsub("\\\\", "") -- an escaped backslash escapes nothing
  for _, case in ipairs(beyond) do
    if plain:find(case[1]) then
      return "best_effort", ("the API's patterns have no %s"):format(case[2])
    end
  end
  if value:sub(1, 1) ~= "^" or value:sub(-1) ~= "$" then
    return "note", "the API matches the whole string, JSON Schema any part of it: write ^(?:...)$ to mean the same"
  end
end

-- ------------------------------------------------------------------ the walk

local each

local function each_below(keyword, value, pointer, parent, visit)
  local here = pointer .. "/" .. keyword
  if words.list[keyword] and not is_object(value) then
    for i, inner in ipairs(value) do each(inner, here .. "/" .. i - 1, parent, visit) end
  elseif words.map[keyword] then
    for _, name in ipairs(order_of(value)) do
      each(value[name], here .. "/" .. name:gsub("~", "~0"):gsub("/", "~1"), parent, visit)
    end
  elseif words.single[keyword] then
    each(value, here, parent, visit)
  end
end

-- Calls visit(schema, pointer, parent) for each object schema in it, itself first. The decoder has bounded the
-- depth.
function each(schema, pointer, parent, visit)
  if not is_object(schema) then return end
  visit(schema, pointer, parent)
  for _, keyword in ipairs(order_of(schema)) do
    if type(schema[keyword]) == "table" then each_below(keyword, schema[keyword], pointer, schema, visit) end
  end
end

local function target_of(root, ref)
  if type(ref) ~= "string" or ref:sub(1, 1) ~= "#" then return nil end
  local at = root
  local path = ref:sub(2):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  for token in path:gmatch "/([^/]*)" do
    token = token:gsub("~1", "/"):gsub("~0", "~")
    if type(at) ~= "table" then return nil end
    if is_object(at) then at = at[token] else at = at[(tonumber(token) or -1) + 1] end
  end
  return is_object(at) and at or nil
end

-- What leads where: each schema's pointer, and its edges to those in it and to the one it refers to.
local function graph_of(root)
  local pointers, edges, refs = {}, {}, {}
  each(root, "", nil, function(schema, pointer, parent)
    pointers[schema], edges[schema] = pointer, {}
    if parent then table.insert(edges[parent], { to = schema, blame = pointer }) end
    if schema["$ref"] ~= nil then refs[#refs + 1] = schema end
  end)
  for _, schema in ipairs(refs) do
    local target = target_of(root, schema["$ref"])
    if target and edges[target] then table.insert(edges[schema], { to = target, blame = pointers[schema] }) end
  end
  return edges
end

-- The pointers of the schemas by which one leads back to itself: a walk in depth that meets what it stands in.
local function circles(root)
  local edges = graph_of(root)
  local found, state, stack = {}, { [root] = "open" }, { { node = root, at = 0 } }
  while #stack > 0 do
    local top = stack[#stack]
    top.at = top.at + 1
    local edge = edges[top.node][top.at]
    if not edge then
      state[top.node] = "done"
      stack[#stack] = nil
    elseif state[edge.to] == "open" then
      found[#found + 1] = edge.blame
    elseif not state[edge.to] then
      state[edge.to] = "open"
      stack[#stack + 1] = { node = edge.to, at = 0 }
    end
  end
  return found
end

-- ------------------------------------------------------------------ the linter

local function judge(schema, keyword)
  local rule = rules[keyword]
  if rule then return rule(schema[keyword], keyword) end
  if enforced[keyword] or words.annotation[keyword] or keyword == "additionalProperties" then return end
  if undocumented[keyword] then
    return "best_effort", ("the API's documentation does not know %s"):format(keyword)
  end
  local guess = options.nearest(keyword, rules) or options.nearest(keyword, enforced)
  return "note", ("%q is no keyword of JSON Schema%s"):format(keyword, guess and (": %s?"):format(guess) or "")
end

local function add(findings, level, pointer, keyword, message)
  findings[#findings + 1] = { level = level, schema = pointer, keyword = keyword, message = message }
  findings.refused = findings.refused or level == "refused"
end

local function lint_one(findings, schema, pointer)
  for _, keyword in ipairs(order_of(schema)) do
    local level, message = judge(schema, keyword)
    if level then add(findings, level, pointer, keyword, message) end
  end
  if is_object(schema.properties) and schema.additionalProperties == nil then
    add(findings, "note", pointer, "additionalProperties",
      "the API takes a missing additionalProperties as false, JSON Schema as true: say which")
  end
end

--- @param schema any    decoded with its order
--- @param fault table?  why the core compiles no such schema: kind, message
--- @return xai.Finding[]
return function(schema, fault)
  local findings = {}
  each(schema, "", nil, function(inner, pointer) lint_one(findings, inner, pointer) end)
  for _, pointer in ipairs(is_object(schema) and circles(schema) or {}) do
    add(findings, "refused", pointer, "$ref", "the API takes references without circles only, and this one leads back")
  end
  if fault and fault.kind == "library" then
    add(findings, "unchecked", "", "", fault.message)
  elseif fault and not findings.refused then
    add(findings, "refused", "", "", fault.message)
  end
  findings.refused = nil
  return findings
end
