--- Schemas written with small functions: plain JSON Schema tables, in the strict form that the API enforces.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local nearest = require("xai.options").nearest

-- How a schema's own keywords are written; the rest follows sorted.
local node_mt = { __jsonorder = { "$schema", "$id", "title", "type", "description", "properties", "required" } }
local optional_mt = { __name = "xai.schema.optional" }

-- ------------------------------------------------------------------ options

local common = { "title", "description", "default", "examples", "deprecated", "$comment", "$id", "$schema", "$defs" }

-- name of an option -> keyword
local function names(list, short)
  local known = {}
  for _, name in ipairs(common) do known[name] = name end
  for _, name in ipairs(list) do known[name] = name end
  for name, keyword in pairs(short or {}) do known[name] = keyword end
  return known
end

local known = {
  string = names({ "minLength", "maxLength", "pattern", "format" }, { min = "minLength", max = "maxLength" }),
  number = names({ "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf" },
    { min = "minimum", max = "maximum", above = "exclusiveMinimum", below = "exclusiveMaximum" }),
  array = names({ "minItems", "maxItems", "uniqueItems", "prefixItems" }, { min = "minItems", max = "maxItems" }),
  object = names({ "additionalProperties", "minProperties", "maxProperties", "optional" },
    { min = "minProperties", max = "maxProperties" }),
  plain = names {},
}

local is_list = { examples = true, prefixItems = true }

-- Puts the options into the node under their keywords; `level` is that of the function that made the node.
local function add(node, where, options, table_of, level)
  if options == nil then return node end
  if type(options) ~= "table" then
    error(("schema.%s: options must be a table, not a %s"):format(where, type(options)), level + 1)
  end
  for name, value in pairs(options) do
    local keyword = table_of[name]
    if not keyword then
      local guess = type(name) == "string" and nearest(name, table_of)
      error(("schema.%s: unknown option %q%s"):format(where, tostring(name),
        guess and (", did you mean %q?"):format(guess) or ""), level + 1)
    end
    node[keyword] = is_list[keyword] and core.array(value) or value
  end
  return node
end

local function new(fields)
  return setmetatable(fields, node_mt)
end

local function simple(kind, options, table_of)
  return add(new { type = kind }, kind, options, table_of, 3)
end

-- Raises unless the value can stand for a schema here.
local function must_be_schema(value, what, level)
  if getmetatable(value) == optional_mt then
    error(what .. ": only a property of an object can be optional", level + 1)
  end
  if type(value) ~= "table" and type(value) ~= "boolean" then
    error(("%s must be a schema, not a %s"):format(what, type(value)), level + 1)
  end
  return value
end

-- ------------------------------------------------------------------ plain types

local build = {}

--- A text.
--- @param options table?  min, max (characters), pattern, format; and title, description, default ... everywhere
--- @return table schema
function build.string(options) return simple("string", options, known.string) end

--- Any number.
--- @param options table?  min, max, above, below, multipleOf
--- @return table schema
function build.number(options) return simple("number", options, known.number) end

--- A whole number; 1.0 is one.
--- @param options table?  as for a number
--- @return table schema
function build.integer(options) return simple("integer", options, known.number) end

--- true or false.
--- @param options table?  title, description, default ...
--- @return table schema
function build.boolean(options) return simple("boolean", options, known.plain) end

--- JSON's null.
--- @param options table?  title, description, default ...
--- @return table schema
function build.null(options) return simple("null", options, known.plain) end

--- A list of what fits one schema.
--- @param items table      the schema of each element
--- @param options table?   min, max, uniqueItems
--- @return table schema
function build.array(items, options)
  local node = new { type = "array", items = must_be_schema(items, "schema.array: the elements", 2) }
  return add(node, "array", options, known.array, 2)
end

--- One of these values.
--- @param values any[]
--- @param options table?  title, description, default ...
--- @return table schema
function build.enum(values, options)
  if type(values) ~= "table" or #values == 0 then error("schema.enum: a list of values is needed", 2) end
  local node, texts = new { enum = core.array {} }, true
  for i, value in ipairs(values) do
    node.enum[i] = value
    texts = texts and type(value) == "string"
  end
  if texts then node.type = "string" end
  return add(node, "enum", options, known.plain, 2)
end

--- This value alone.
--- @param value any
--- @param options table?  title, description, default ...
--- @return table schema
function build.const(value, options)
  if value == nil then error("schema.const: a value is needed; JSON's null is xai.null", 2) end
  return add(new { const = value }, "const", options, known.plain, 2)
end

--- What fits one of these schemas.
--- @param schemas table[]
--- @param options table?  title, description, default ...
--- @return table schema
function build.any_of(schemas, options)
  if type(schemas) ~= "table" or #schemas == 0 then error("schema.any_of: a list of schemas is needed", 2) end
  local node = new { anyOf = core.array {} }
  for i, schema in ipairs(schemas) do node.anyOf[i] = must_be_schema(schema, "schema.any_of: each", 2) end
  return add(node, "any_of", options, known.plain, 2)
end

--- This, or null.
--- @param schema table
--- @param options table?  title, description, default ...
--- @return table schema
function build.nullable(schema, options)
  local either = core.array { must_be_schema(schema, "schema.nullable: it", 2), new { type = "null" } }
  return add(new { anyOf = either }, "nullable", options, known.plain, 2)
end

-- ------------------------------------------------------------------ objects

--- A property that may be left out. Only inside schema.object.
--- @param schema table
--- @return table property
function build.optional(schema)
  return setmetatable({ schema = must_be_schema(schema, "schema.optional: it", 2) }, optional_mt)
end

-- The properties as a list of {name, schema}, and the options that stand beside them in the list form.
local function entries_of(fields, level)
  if type(fields) ~= "table" then error("schema.object: a table of properties is needed", level + 1) end
  local list, rest = {}, {}
  if type(fields[1]) == "table" then
    for key, value in pairs(fields) do
      if math.type and math.type(key) == "integer" or not math.type and type(key) == "number" then
        list[key] = value
      else
        rest[key] = value
      end
    end
    return list, rest
  end
  for name, schema in pairs(fields) do list[#list + 1] = { name, schema } end
  table.sort(list, function(a, b) return tostring(a[1]) < tostring(b[1]) end)
  return list, rest
end

local function add_property(node, order, entry, level)
  local name, schema = entry[1], entry[2]
  if type(name) ~= "string" then error("schema.object: a property's name must be a string", level + 1) end
  if node.properties[name] ~= nil then error(("schema.object: %q stands there twice"):format(name), level + 1) end
  local is_optional = getmetatable(schema) == optional_mt
  local what = ("schema.object: property %q (options go into a second table)"):format(name)
  node.properties[name] = must_be_schema(is_optional and schema.schema or schema, what, level + 1)
  order[#order + 1] = name
  return is_optional
end

local function set_of(list, node, level)
  local optional = {}
  for _, name in ipairs(list or {}) do
    if node.properties[name] == nil then
      local guess = type(name) == "string" and nearest(name, node.properties)
      error(("schema.object: optional names %q, which is no property%s"):format(tostring(name),
        guess and (", did you mean %q?"):format(guess) or ""), level + 1)
    end
    optional[name] = true
  end
  return optional
end

--- An object with exactly these properties, all required but the optional ones.
--- As a list, `{ {"name", s.string()}, {"hp", s.integer()}, optional = {"hp"} }`, the order is kept: the model
--- writes its answer in it. As a map, `{ name = s.string(), hp = s.optional(s.integer()) }`, it is sorted.
--- @param fields table
--- @param options table?  optional (names), additionalProperties, min, max; a list may hold them itself
--- @return table schema
function build.object(fields, options)
  local entries, beside = entries_of(fields, 2)
  local order, optional = {}, {}
  local node = new { type = "object", properties = setmetatable({}, { __jsonorder = order }) }
  for _, entry in ipairs(entries) do
    if add_property(node, order, entry, 2) then optional[entry[1]] = true end
  end
  node.additionalProperties = false
  add(node, "object", beside, known.object, 2)
  add(node, "object", options, known.object, 2)
  local named = set_of(node.optional, node, 2)
  node.optional = nil
  node.required = core.array {}
  for _, name in ipairs(order) do
    if not optional[name] and not named[name] then table.insert(node.required, name) end
  end
  return node
end

-- ------------------------------------------------------------------ definitions

--- What a definition says.
--- @param name string  of schema.def; or a whole reference, such as "#" or "#/properties/a"
--- @return table schema
function build.ref(name)
  if type(name) ~= "string" then error("schema.ref: a name is needed", 2) end
  if name:find "[#:]" then return new { ["$ref"] = name } end
  return new { ["$ref"] = "#/$defs/" .. name:gsub("~", "~0"):gsub("/", "~1"):gsub("%%", "%%25") }
end

--- A schema with definitions beside it, for schema.ref.
--- @param schema table
--- @param definitions table<string, table>
--- @return table schema  a new one
function build.def(schema, definitions)
  must_be_schema(schema, "schema.def: the first argument", 2)
  if type(schema) ~= "table" or type(definitions) ~= "table" then
    error("schema.def: a schema and a table of definitions are needed", 2)
  end
  local node, defs = {}, {}
  for keyword, value in pairs(schema) do node[keyword] = value end
  for name, value in pairs(schema["$defs"] or {}) do defs[name] = value end
  for name, value in pairs(definitions) do defs[name] = must_be_schema(value, "schema.def: " .. tostring(name), 2) end
  node["$defs"] = defs
  return setmetatable(node, getmetatable(schema) or node_mt)
end

return build
