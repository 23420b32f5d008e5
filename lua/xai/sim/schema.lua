--- Makes a value that satisfies a JSON schema.
-- SPDX-License-Identifier: MIT
local json    = require "xai.sim.json"
local pattern = require "xai.sim.pattern"
local rules   = require "xai.sim.schema_rules"

local floor, ceil, huge = math.floor, math.ceil, math.huge

local DEEP = 24   -- below this only what is required is filled in
local ABYSS = 96  -- a schema that requires itself for ever ends here
local ROOM = 2^20 -- bytes of a value, and of what it takes to make it: beyond, the value breaks off

local WORDS = { "amber", "harbour", "lantern", "meadow", "quiet", "river", "signal", "willow" }
local NAMES = { "Ada Okafor", "Bruno Hale", "Ilse Maro", "Tomas Lindqvist", "Yuki Arai" }
local FORMATS = {
  date = { "2026-03-14", "2026-09-21", "2027-01-05" },
  time = { "09:30:00Z", "18:05:00Z" },
  ["date-time"] = { "2026-03-14T09:30:00Z", "2026-09-21T18:05:00Z" },
  email = { "ada@example.org", "bruno@example.org" },
  ipv4 = { "192.0.2.7", "198.51.100.23" },
  ipv6 = { "2001:db8::7", "2001:db8::1:23" },
  uri = { "https://example.org/page", "https://example.org/a/b" },
}

local Maker = {}
local mt = { __name = "xai.sim.schema", __index = Maker }

local function number_of(value)
  if value == nil or value == json.null or type(value) == "boolean" then return nil end
  return tonumber(tostring(value))
end

--- Whole numbers as integers where the host has them, so that they are written without a point.
local function whole(n)
  if n == floor(n) and n > -2^53 and n < 2^53 then return floor(n) end
  return n
end

--- A least length, at most as great as the API still enforces.
local function least(value, most)
  local n = number_of(value) or 0
  return n < most and n or most
end

local function length(text)
  local _, n = text:gsub("[^\128-\191]", "")
  return n
end

local function cut(text, characters)
  local at, seen = 1, 0
  while at <= #text do
    local byte = text:byte(at)
    if byte < 128 or byte >= 192 then
      if seen == characters then return text:sub(1, at - 1) end
      seen = seen + 1
    end
    at = at + 1
  end
  return text
end

local function add_list(into, list)
  local have, out = {}, json.array {}
  for _, source in ipairs { into or {}, list or {} } do
    for _, item in ipairs(source) do
      if not have[item] then have[item], out[#out + 1] = true, item end
    end
  end
  return out
end

--- Work that is done takes room like the value itself. Returns false when there is none left.
function Maker:spend(bytes)
  self.room = self.room - bytes
  return self.room >= 0
end

local function size_of(schema)
  local properties, required = schema.properties, schema.required
  return #json.keys(schema) + (json.is_object(properties) and #json.keys(properties) or 0)
    + (json.is_array(required) and #required or 0)
end

--- What two schemas ask for together; the second wins where both speak.
function Maker:merge(base, extra)
  if not self:spend(16 + 8 * (size_of(base) + size_of(extra))) then return base end
  local out = json.copy(base)
  for _, key in ipairs(json.keys(extra)) do
    local value = extra[key]
    if key == "required" then
      value = add_list(out.required, value)
    elseif key == "properties" and out.properties then
      local both = json.copy(out.properties)
      for _, name in ipairs(json.keys(value)) do json.put(both, name, value[name]) end
      value = both
    end
    json.put(out, key, value)
  end
  return out
end

local function without(schema, name)
  local out = json.object()
  for _, key in ipairs(json.keys(schema)) do
    if key ~= name then json.put(out, key, schema[key]) end
  end
  return out
end

local function type_of(value)
  if value == json.null then return "null" end
  if json.is_array(value) then return "array" end
  if type(value) == "table" then return json.is_object(value) and "object" or "number" end
  if type(value) == "number" then return value == floor(value) and "integer" or "number" end
  return type(value)
end

local function allows(schema, kind)
  local wanted = schema.type
  if wanted == nil or wanted == json.null then return true end
  if type(wanted) ~= "table" then wanted = { wanted } end
  for _, name in ipairs(wanted) do
    if name == kind or (name == "number" and kind == "integer") then return true end
  end
  return false
end

local function is_nothing(schema)
  return type(schema) == "table" and (schema.type == "null" or (schema.const == json.null and schema.const ~= nil))
end

local GUESSES = {
  { "properties", "object" }, { "required", "object" }, { "additionalProperties", "object" },
  { "minProperties", "object" }, { "items", "array" }, { "prefixItems", "array" }, { "minItems", "array" },
  { "pattern", "string" }, { "format", "string" }, { "minLength", "string" }, { "maxLength", "string" },
  { "minimum", "number" }, { "maximum", "number" }, { "exclusiveMinimum", "number" },
  { "exclusiveMaximum", "number" }, { "multipleOf", "number" },
}

local function kind_of(schema)
  local kind = schema.type
  if type(kind) == "table" and kind ~= json.null then
    for _, name in ipairs(kind) do
      if name ~= "null" then return name end
    end
    return kind[1] or "null"
  end
  if type(kind) == "string" then return kind end
  for _, guess in ipairs(GUESSES) do
    if schema[guess[1]] ~= nil then return guess[2] end
  end
  return "string"
end

--- A value that cannot be right here, for scenarios that want an answer to break its schema.
local function wrong(schema)
  local kind = kind_of(schema)
  if schema.enum or schema.const ~= nil or kind == "object" or kind == "array" then return "?!" end
  if allows(schema, "object") and schema.type == nil then return nil end
  return json.object("unexpected", true)
end

-- numbers --------------------------------------------------------------------------------------------------------

local function bounds(schema, step)
  local low, high = number_of(schema.minimum) or -huge, number_of(schema.maximum) or huge
  local above, below = number_of(schema.exclusiveMinimum), number_of(schema.exclusiveMaximum)
  local open_low = above and above >= low
  local open_high = below and below <= high
  low, high = open_low and above or low, open_high and below or high
  if not step then return low, high, open_low, open_high end
  local first, last = ceil(low / step), floor(high / step)
  if open_low and first * step <= low then first = first + 1 end
  if open_high and last * step >= high then last = last - 1 end
  return first, last
end

local function fits_number(schema, n, step)
  if step then
    local first, last = bounds(schema, step)
    local k = n / step
    return k == floor(k) and k >= first and k <= last
  end
  local low, high, open_low, open_high = bounds(schema)
  return n >= low and n <= high and not (open_low and n == low) and not (open_high and n == high)
end

function Maker:stepped(schema, step)
  local first, last = bounds(schema, step)
  if first == -huge and last == huge then first, last = 1, 40 end
  if first == -huge then first = last - 20 end
  if last == huge then last = first + 20 end
  if last < first then return whole(first * step) end
  return whole((first + self.rand:int(0, math.min(last - first, 1000))) * step)
end

function Maker:number(schema, kind, name)
  local step = number_of(schema.multipleOf)
  if kind == "integer" and not (step and step == floor(step)) then step = step and step * ceil(1 / step) or 1 end
  local hinted = self.hints:number(name, function(n) return fits_number(schema, n, step) end)
  if hinted then return whole(hinted) end
  if step then return self:stepped(schema, step) end
  local low, high = bounds(schema)
  if low == -huge and high == huge then low, high = 0, 40 end
  if low == -huge then low = high - 20 end
  if high == huge then high = low + 20 end
  return whole(low + (high - low) * self.rand:pick { 0.25, 0.5, 0.75 })
end

-- strings --------------------------------------------------------------------------------------------------------

local function fits_string(schema, text)
  local n = length(text)
  if n < (number_of(schema.minLength) or 0) or n > (number_of(schema.maxLength) or huge) then return false end
  if schema.pattern == nil and schema.format == nil then return true end
  return false   -- a word from the prompt is only used where any text will do
end

--- A match of the pattern; the more repetitions, the longer, so the fewest that reach the least length are searched.
local function match_of(expression, wanted)
  local tree = pattern.read(expression)
  if not tree then return "" end
  local low, high = 0, 2048
  while low < high do
    local middle = floor((low + high) / 2)
    if length(pattern.make(tree, middle)) >= wanted then high = middle else low = middle + 1 end
  end
  return pattern.make(tree, low)
end

function Maker:patterned(schema)
  local wanted = least(schema.minLength, 2048)
  local key = wanted .. ":" .. schema.pattern
  local made = self.matches[key]
  if not made then
    made = match_of(schema.pattern, wanted)
    self.matches[key] = made
    self:spend(2048)
  end
  return made
end

function Maker:phrase(name)
  name = tostring(name or ""):lower()
  if name:find "name" or name:find "author" or name:find "person" then return self.rand:pick(NAMES) end
  if name:find "title" or name:find "subject" then
    return ("The %s %s"):format(self.rand:pick(WORDS), self.rand:pick(WORDS))
  end
  if name:find "summary" or name:find "description" or name:find "reason" or name:find "explanation" then
    return ("A short note about the %s and the %s."):format(self.rand:pick(WORDS), self.rand:pick(WORDS))
  end
  return self.rand:pick(WORDS)
end

function Maker:string(schema, name)
  if schema.pattern and schema.pattern ~= json.null then return self:patterned(schema) end
  local form = schema.format
  if form == "uuid" then return self.rand:uuid() end
  if FORMATS[form] then
    return self.hints:formatted(form) or self.rand:pick(FORMATS[form])
  end
  local hinted = self.hints:string(name, function(text) return fits_string(schema, text) end)
  if hinted then return hinted end
  local low, high = least(schema.minLength, 2048), number_of(schema.maxLength) or huge
  local parts = { self:phrase(name) }
  local size = length(parts[1])
  while size < low do
    parts[#parts + 1] = self.rand:pick(WORDS)
    size = size + 1 + #parts[#parts]
  end
  local text = table.concat(parts, " ")
  return size > high and cut(text, high) or text
end

--- The JSON Pointer of a part; nil where nobody waits for one.
local function below(path, name)
  return path and ("%s/%s"):format(path, (tostring(name):gsub("~", "~0"):gsub("/", "~1")))
end

-- arrays and objects ---------------------------------------------------------------------------------------------

--- @param seen table<string, true>?  texts of the items before, where all must be different
--- @return any item  nil when there seems to be no other
function Maker:item(schema, seen, path, depth)
  if not seen then return self:value(schema, path, nil, depth) end
  for _ = 1, 40 do
    local value = self:value(schema, path, nil, depth)
    local text = json.encode(value)
    if not seen[text] then
      seen[text] = true
      return value
    end
    if self.room < 0 then return nil end
  end
end

function Maker:array(schema, path, depth)
  local out, seen = json.array {}, schema.uniqueItems == true and {} or nil
  local prefix, items = schema.prefixItems or {}, schema.items
  local low, high = least(schema.minItems, 256), number_of(schema.maxItems) or huge
  local want = math.max(low, #prefix)
  if want == 0 and items and depth < DEEP then want = self.rand:int(1, 2) end
  if items == false then want = math.min(want, #prefix) end
  for i = 1, math.min(want, high) do
    local of = prefix[i] or (i == 1 and schema.contains) or items
    if type(of) ~= "table" then of = json.object("type", "string") end
    local value = self:item(of, seen, below(path, i - 1), depth + 1)
    if value == nil then break end
    out[i] = value
    if self.room < 0 then break end
  end
  return out
end

local function required_set(schema)
  local set = {}
  for _, name in ipairs(schema.required or {}) do set[name] = true end
  return set
end

--- An optional property of a call is given only when the question speaks of it; of an answer, always.
function Maker:wants(name, of, required, depth)
  if required[name] then return true end
  if depth >= DEEP then return false end
  if not self.sparse then return true end
  return type(of) == "table" and self.hints:speaks_of(name, of)
end

function Maker:fill(out, schema, required, path, depth)
  local high = number_of(schema.maxProperties) or huge
  local count, properties = 0, schema.properties or {}
  for _ in pairs(required) do high, count = high - 1, count + 1 end
  for _, name in ipairs(json.keys(properties)) do
    local of = properties[name]
    if not self:spend(8 + #name) then return count end
    if of ~= false and self:wants(name, of, required, depth) and (required[name] or high > 0) then
      if not required[name] then high, count = high - 1, count + 1 end
      json.put(out, name, self:value(of, below(path, name), name, depth + 1))
    end
  end
  return count
end

function Maker:object(schema, path, depth)
  local out, required = json.object(), required_set(schema)
  local count = self:fill(out, schema, required, path, depth)
  local rest = schema.additionalProperties
  for _, name in ipairs(schema.required or {}) do
    if out[name] == nil and self:spend(8 + #name) then
      json.put(out, name, self:value(type(rest) == "table" and rest or {}, below(path, name), name, depth + 1))
    end
  end
  local extra = 0
  while self.room >= 0 and count < least(schema.minProperties, 64) and extra < 64 do
    extra = extra + 1
    local name = "extra_" .. extra
    if out[name] == nil then
      json.put(out, name, self:value(type(rest) == "table" and rest or {}, below(path, name), name, depth + 1))
      count = count + 1
    end
  end
  return out
end

-- the choice -----------------------------------------------------------------------------------------------------

--- The member of a union to answer with: the first that is something, or the one that says nothing when deep down.
local function choose(members, depth)
  for _, member in ipairs(members) do
    if type(member) == "table" and is_nothing(member) == (depth >= DEEP) then return member end
  end
  return type(members[1]) == "table" and members[1] or {}
end

--- References, unions and allOf folded away, one step at a time.
--- @param level integer  how many schemas are being folded into one another
function Maker:fold(schema, depth, level)
  for _ = 1, 64 do
    if schema["$ref"] then
      self:spend(#schema["$ref"])
      local target = rules.resolve(self.root, schema["$ref"])
      schema = self:merge(type(target) == "table" and target or {}, without(schema, "$ref"))
    elseif schema.allOf then
      local all = schema.allOf
      schema = without(schema, "allOf")
      for _, part in ipairs(all) do schema = self:merge(schema, self:flatten(part, depth, level + 1)) end
    elseif schema.anyOf or schema.oneOf then
      local name = schema.anyOf and "anyOf" or "oneOf"
      schema = self:merge(without(schema, name), choose(schema[name], depth))
    else
      return schema
    end
    if self.room < 0 then return {} end
  end
  return schema
end

--- As fold, once a schema: what is folded is asked for as often as there are items in an array.
function Maker:flatten(schema, depth, level)
  if type(schema) ~= "table" or level > ABYSS then return {} end
  local folded = depth >= DEEP and self.folded_deep or self.folded
  local flat = folded[schema]
  if not flat then
    folded[schema] = {}   -- for one that folds into itself
    flat = self:fold(schema, depth, level)
    folded[schema] = flat
  end
  return flat
end

--- The members of an enum that the schema's type allows; the ones that the question has come first.
function Maker:candidates(list, schema)
  local known = self.lists[list]
  if known and known.type == schema.type then return known.values end
  self:spend(8 * #list)
  local fitting = {}
  for _, value in ipairs(list) do
    if allows(schema, type_of(value)) then fitting[#fitting + 1] = value end
  end
  if #fitting == 0 then fitting[1] = list[1] end
  local mentioned = self.hints:mentioned(fitting)
  if mentioned then fitting = { mentioned } end
  self.lists[list] = { type = schema.type, values = fitting }
  return fitting
end

function Maker:among(list, schema)
  local values = self:candidates(list, schema)
  return values[2] == nil and values[1] or self.rand:pick(values)
end

--- A value of the schema's own, as often as it is wanted: a long one is paid for each time.
function Maker:given(value)
  if value == nil then return json.null end   -- an enum of nothing
  local size = self.sizes[value]
  if not size then
    size = (type(value) == "table" or type(value) == "string") and #json.encode(value) or 8
    self.sizes[value] = size
  end
  return self:spend(size) and value or json.null
end

function Maker:value(schema, path, name, depth)
  if type(schema) ~= "table" then schema = {} end
  if depth > ABYSS or not self:spend(16) then return json.null end
  schema = self:flatten(schema, depth, 0)
  if path and self.break_at == path then
    local broken = wrong(schema)
    if broken ~= nil then return broken end
  end
  if schema.const ~= nil then return self:given(schema.const) end
  if schema.enum and schema.enum ~= json.null then return self:given(self:among(schema.enum, schema)) end
  local kind = kind_of(schema)
  if kind == "object" then return self:object(schema, path, depth) end
  if kind == "array" then return self:array(schema, path, depth) end
  if kind == "integer" or kind == "number" then return self:number(schema, kind, name) end
  if kind == "boolean" then return self.hints:truth(name) or self.rand:int(0, 1) == 1 end
  if kind == "null" then return json.null end
  local text = self:string(schema, name)
  self:spend(#text)
  return text
end

--- @param schema table
--- @param options { rand: table, hints: table, sparse?: boolean, break_at?: string }
---   sparse: leave out optional properties the question does not speak of. break_at: pointer to a value made wrong.
--- @return any value
--- @return boolean? endless  it would be too large, and what is here is not all of it
local function make(schema, options)
  local self = setmetatable({
    root = schema, rand = options.rand, hints = options.hints,
    sparse = options.sparse or false, break_at = options.break_at, room = ROOM,
    folded = {}, folded_deep = {},   -- schema -> what it comes down to
    lists = {}, matches = {}, sizes = {},
  }, mt)
  local value = self:value(schema, options.break_at and "", nil, 0)
  return value, self.room < 0 or nil
end

return { make = make, refuse = rules.refuse, refuse_parameters = rules.refuse_parameters }
