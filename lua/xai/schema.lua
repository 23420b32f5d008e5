--- JSON Schema: compiled once, held against values and texts; what does not fit is told in sentences.
-- SPDX-License-Identifier: MIT
local build = require "xai.schema.build"
local checkers = require "xai.schema.checker"
local core = require "xai.core"
local late = require "xai.late"
local errors = require "xai.error"
local options_of = require "xai.options"
local words = require "xai.schema.words"

--- @class xai.SchemaOptions
--- @field remotes table<string, table|string>?  schemas that others refer to by their URI; nothing is fetched
--- @field format string?     "assert": `format` must hold; "annotate" (the default): it is a remark
--- @field content string?    the same for `contentEncoding` and `contentMediaType`
--- @field draft string?      of schemas without $schema: "2020-12" (the default), "2019-09", "7", "6" or "4"
--- @field base_uri string?   of the schema itself
--- @field max_depth integer? nesting of values; default 128
--- @field max_bytes integer? of the compiled form; default 64 MiB
--- @field max_steps integer? of one check, some 10 ns each; default 5 for each byte of the text, at least 4,000,000
--- @field match_limit integer? steps of one pattern on one string, beside 16 for each byte of it; default 1,000,000
local known_options = {
  remotes = "table", format = "string", content = "string", draft = "string", base_uri = "string",
  max_depth = "count", max_bytes = "count", max_steps = "count", match_limit = "count",
}

local choices = {
  format = { assert = true, annotate = true },
  content = { assert = true, annotate = true },
  draft = { ["2020-12"] = true, ["2019-09"] = true, ["7"] = true, ["6"] = true, ["4"] = true },
}

local known_check = { all = "boolean" }

--- @class xai.Violation
--- @field instance string  JSON pointer into the value; "" is the whole
--- @field schema string    JSON pointer into the schema
--- @field keyword string   "minimum"; "" where no keyword is to blame
--- @field message string   one sentence, which can go back to the model as it stands
--- @field offset integer?  the byte in the text, from 0, where known

--- @class xai.Violations  a list of xai.Violation; tostring gives the sentences, one a line
--- @field code string      "invalid"; "json", "utf8", "depth", "steps", "nomem" when the check did not get through
--- @field kind string      as of an xai.Error
local violations_mt = { __name = "xai.violations" }

function violations_mt:__tostring()
  local lines = {}
  for i, violation in ipairs(self) do lines[i] = violation.message end
  return table.concat(lines, "\n")
end

local function violations(list, err)
  if #list == 0 then
    list[1] = { instance = "", schema = "", keyword = "", message = err.message, offset = err.offset }
  end
  list.code, list.kind = err.code, err.kind
  return setmetatable(list, violations_mt)
end

--- @class xai.Schema
local Schema = {}
local mt = { __name = "xai.schema", __index = Schema }

-- ------------------------------------------------------------------ schemas as tables

local DEPTH = 128 -- deeper the encoder does not go either

local marked

local function marked_all(schemas, made, depth)
  local copy = {}
  for key, value in pairs(schemas) do copy[key] = marked(value, made, depth) end
  return setmetatable(copy, getmetatable(schemas))
end

local function marked_value(keyword, value, made, depth)
  if type(value) ~= "table" then return value end
  if words.array[keyword] and next(value) == nil and getmetatable(value) == nil then return core.array {} end
  if words.map[keyword] or words.list[keyword] and value[1] ~= nil then return marked_all(value, made, depth) end
  return words.single[keyword] and marked(value, made, depth) or value
end

-- A copy in which `required = {}` and its like are arrays: Lua cannot tell, but the keyword does. `made` has the
-- copies, so that a table that holds itself ends here; the encoder refuses it.
function marked(schema, made, depth)
  if type(schema) ~= "table" or depth > DEPTH then return schema end
  if made[schema] then return made[schema] end
  local copy = {}
  made[schema] = copy
  for keyword, value in pairs(schema) do copy[keyword] = marked_value(keyword, value, made, depth + 1) end
  return setmetatable(copy, getmetatable(schema))
end

-- The JSON of a schema that is a text, a table, a boolean or compiled.
local function json_of(schema)
  if type(schema) == "string" then return schema end
  if getmetatable(schema) == mt then return schema.text end
  local text, err = core.encode(marked(schema, {}, 0))
  if not text then return nil, errors.from_core(err) end
  return text
end

local function check_kind(schema, level)
  local kind = type(schema)
  if kind == "table" or kind == "string" or kind == "boolean" then return end
  error("schema: a table or JSON text is needed, not a " .. kind, level + 1)
end

-- ------------------------------------------------------------------ compile

local function remote_list(remotes, level)
  if not remotes then return nil end
  local list = {}
  for uri, schema in pairs(remotes) do
    if type(uri) ~= "string" then error("schema.compile: remotes must be named by their URIs", level + 1) end
    check_kind(schema, level + 1)
    local text, err = json_of(schema)
    if not text then return nil, err end
    list[#list + 1] = { uri, text }
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
end

local function check_choices(options, level)
  for name, values in pairs(choices) do
    local value = options[name]
    if value ~= nil and not values[value] then
      error(("schema.compile: option %q cannot be %q"):format(name, value), level + 1)
    end
  end
end

-- A schema is the program's own text: the network has no part in what is wrong with it.
local function fault_of(plain)
  local err = errors.from_core(plain)
  if err.kind == "protocol" then
    err.kind, err.hint = "usage", "correct the schema's text there; err.offset is the byte, from 0"
  end
  return err
end

--- Compile a schema; what comes is immutable and may be used for ever.
--- @param schema table|string|boolean|xai.Schema  a Lua table, JSON text (its order is kept), or compiled already
--- @param options xai.SchemaOptions?
--- @return xai.Schema? schema
--- @return xai.Error? err  kind "usage", for a schema is the program's own text, code "schema" (or "json" and the like,
---   where it is not even JSON), and a message that names the place; kind "library" for a pattern that this build,
---   without PCRE2, cannot match. (Kind "schema" is an answer that does not fit a schema.)
local function compile(schema, options)
  check_kind(schema, 2)
  options = options_of.check("schema.compile", options, known_options)
  check_choices(options, 2)
  if getmetatable(schema) == mt and next(options) == nil then return schema end
  local text, err = json_of(schema)
  if not text then return nil, err end
  local remotes, fault = remote_list(options.remotes, 2)
  if fault then return nil, fault end
  local compiled, wrong = core.schema(text, {
    draft = options.draft, format = options.format, content = options.content, remotes = remotes,
    base_uri = options.base_uri, max_depth = options.max_depth, max_bytes = options.max_bytes,
    max_steps = options.max_steps, match_limit = options.match_limit,
  })
  if not compiled then return nil, fault_of(wrong) end
  return setmetatable({
    core = compiled,
    text = text,    -- as it was compiled
    plain = nil,    -- the same as a table, when somebody asked
  }, mt)
end

-- ------------------------------------------------------------------ check

local function check_self(self)
  if getmetatable(self) == mt then return end
  error("this is a method of a compiled schema: call it with a colon, as in schema:check(...)", 3)
end

local function first_only(options)
  return options_of.check("schema:check", options, known_check, 3).all == false
end

local function check_text(self, text, first)
  local ok, list, err = self.core:check(text, first)
  if ok then return true end
  return nil, violations(list, err)
end

--- Hold a JSON text against the schema.
--- @param text string
--- @param options {all: boolean?}?  all = false: stop at the first violation
--- @return true? valid
--- @return xai.Violations? violations
function Schema:check_text(text, options)
  check_self(self)
  if type(text) ~= "string" then error("schema:check_text: a text is needed, not a " .. type(text), 2) end
  return check_text(self, text, first_only(options))
end

local function undecided(value)
  return type(value) == "table" and next(value) == nil and getmetatable(value) == nil
end

-- A copy of `value` where the empty table at the pointer's end is an array; nil when none is there.
local function with_array(value, pointer)
  local token, rest = pointer:match "^/([^/]*)(.*)$"
  if not token then return undecided(value) and core.array {} or nil end
  if type(value) ~= "table" then return nil end
  token = token:gsub("~1", "/"):gsub("~0", "~")
  local key = value[token] == nil and tonumber(token) and tonumber(token) + 1 or token
  local inner = with_array(value[key], rest)
  local meta = getmetatable(value)
  if not inner or meta ~= nil and type(meta) ~= "table" then return nil end
  local copy = {}
  for k, v in pairs(value) do copy[k] = v end
  copy[key] = inner
  return setmetatable(copy, meta)
end

local wants_other = { type = true, anyOf = true, oneOf = true, const = true, enum = true }

-- The value with those empty tables as arrays which the schema did not want as objects; nil when there are none.
local function decided(value, list)
  local better
  for _, violation in ipairs(list) do
    local try = wants_other[violation.keyword] and with_array(better or value, violation.instance)
    better = try or better
  end
  return better
end

local ROUNDS = 8 -- an array found may uncover the next empty table behind it

--- Hold a Lua value against the schema, read as xai.json writes it; an empty table that is not marked is an
--- object or an array, whichever the schema wants.
--- @param value any
--- @param options {all: boolean?}?
--- @return true? valid
--- @return xai.Violations? violations
function Schema:check(value, options)
  check_self(self)
  local first = first_only(options)
  local list
  for _ = 1, ROUNDS do
    local text, err = core.encode(value)
    if not text then return nil, violations({}, err) end
    local ok
    ok, list = check_text(self, text, first)
    if ok then return true end
    local better = decided(value, list)
    if not better then break end
    value = better
  end
  return nil, list
end

--- Hold a text against the schema while it comes.
--- @return xai.Checker
function Schema:stream()
  check_self(self)
  return checkers.new(assert(self.core:stream()), violations) -- only memory can fail
end

--- The schema's JSON, as it was compiled.
--- @return string
function Schema:json()
  check_self(self)
  return self.text
end

--- The schema as a table that is written again in the same order. Shared: not to be changed.
--- @return table
function Schema:table()
  check_self(self)
  self.plain = self.plain or core.decode(self.text, { order = true })
  return self.plain
end

--- What the API's structured answers do not know of this schema, or would refuse, and what this build cannot check.
--- @param schema table|string|boolean|xai.Schema
--- @return xai.Finding[]? findings
--- @return xai.Error? err  it is not even JSON
local function lint(schema)
  check_kind(schema, 2)
  local text, err = json_of(schema)
  if not text then return nil, err end
  local _, fault = core.schema(text)
  local plain, wrong = core.decode(text, { order = true })
  if plain == nil then return nil, fault_of(wrong) end
  return late("xai.schema.lint")(plain, fault)
end

--- @class xai.schema
local module = {
  compile = compile,
  lint = lint,

  --- Is this value a compiled schema?
  --- @param value any
  --- @return boolean
  is = function(value) return getmetatable(value) == mt end,

  object = build.object,
  string = build.string,
  number = build.number,
  integer = build.integer,
  boolean = build.boolean,
  null = build.null,
  array = build.array,
  enum = build.enum,
  const = build.const,
  any_of = build.any_of,
  nullable = build.nullable,
  optional = build.optional,
  ref = build.ref,
  def = build.def,
}

return module
