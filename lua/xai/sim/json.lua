--- JSON as the simulator needs it: the key order of what is read is kept, and that of what is written is chosen.
-- SPDX-License-Identifier: MIT
local codec = require "xai.json"

local find, sub = string.find, string.sub

-- Of values and strings as the codec counts them; their tables take several times as much.
local READ = { order = true, max_bytes = 64 * 2^20 }

--- Decode a text; objects remember the order of their keys, for an echo in another would not look like the API's.
local function decode(text)
  return codec.decode(text, READ)
end

-- What the API says of each of the codec's complaints, in the order they are looked for.
local PHRASES = {
  { "a key in quotes", "key must be a string", "an object" }, { "',' or '}'", "expected `,` or `}`", "an object" },
  { "',' or ']'", "expected `,` or `]`", "a list" }, { "':' after", "expected `:`", "an object" },
  { "the end of a string", "control character (\\u0000-\\u001F) found while parsing a string", "a string" },
  { "control character", "control character (\\u0000-\\u001F) found while parsing a string", "a string" },
  { "backslash", "invalid escape", "a string" }, { "UTF-8", "invalid unicode code point", "a string" },
  { "surrogate", "lone leading surrogate in hex escape", "a string" },
  { "expected the end of the text", "trailing characters" }, { "digit", "invalid number" },
  { "expected true", "expected ident" }, { "expected false", "expected ident" }, { "expected null", "expected ident" },
  { "nested too deeply", "recursion limit exceeded" },
}

--- What the API says of a text that is no JSON: its words, the line, and the column counted in bytes.
local function complaint(err, text)
  local at, line, start = err.offset or 0, 1, 0
  for stop in sub(text, 1, at):gmatch "()\n" do line, start = line + 1, stop end
  local words, ended = "expected value", at >= #text
  if ended then words = "EOF while parsing a value" end
  for _, phrase in ipairs(PHRASES) do
    if find(err.message, phrase[1], 1, true) then
      words = ended and "EOF while parsing " .. (phrase[3] or "a value") or phrase[2]
      break
    end
  end
  return ("%s at line %d column %d"):format(words, line, at - start + (ended and 0 or 1))
end

--- As decode, but what is wrong is said in the API's words.
--- @return any value
--- @return string? complaint
--- @return boolean? too_big  nothing is wrong with it but its size
local function read(text)
  local value, err = decode(text)
  if value == nil then return nil, complaint(err, text), err.code == "too_big" end
  return value
end

--- An object whose keys are written in the order given: object("id", 1, "type", "x"). A nil value leaves its key out.
local function object(...)
  local order, out = {}, {}
  for i = 1, select("#", ...), 2 do
    local key, value = select(i, ...)
    if value ~= nil then
      order[#order + 1] = key
      out[key] = value
    end
  end
  return setmetatable(out, { __jsonorder = order })
end

--- Set a key; a new one goes to the end of the order.
local function put(obj, key, value)
  local mt = getmetatable(obj)
  if obj[key] == nil and mt and mt.__jsonorder then
    mt.__jsonorder[#mt.__jsonorder + 1] = key
  end
  obj[key] = value
  return obj
end

--- The keys of an object: in their order when it is known, else sorted.
local function keys(obj)
  local mt = getmetatable(obj)
  if mt and mt.__jsonorder then return mt.__jsonorder end
  local out = {}
  for key in pairs(obj) do
    if type(key) == "string" then out[#out + 1] = key end
  end
  table.sort(out)
  return out
end

--- A shallow copy with the same order.
local function copy(obj)
  local out, order = {}, {}
  for i, key in ipairs(keys(obj)) do
    out[key], order[i] = obj[key], key
  end
  return setmetatable(out, { __jsonorder = order })
end

local ARRAY = getmetatable(codec.array {})

local function is_array(value)
  return type(value) == "table" and (getmetatable(value) == ARRAY or getmetatable(value) == nil and value[1] ~= nil)
end

--- Objects read or built here carry their order; a bare table is one when it has no array part. An exact number
--- of the codec is neither object nor array.
local function is_object(value)
  if type(value) ~= "table" then return false end
  local mt = getmetatable(value)
  return mt == nil and value[1] == nil or mt ~= nil and mt.__jsonorder ~= nil
end

--- The field of a body, with JSON's null read as absent.
local function field(obj, name)
  local value = obj[name]
  if value == codec.null then return nil end
  return value
end

local function encode(value)
  local text, err = codec.encode(value, { max_depth = 1000 })   -- an echo lies deeper than what it echoes
  if not text then error("cannot write as JSON: " .. tostring(err), 2) end
  return text
end

return {
  null = codec.null, array = codec.array,
  decode = decode, read = read, encode = encode,
  object = object, put = put, copy = copy, keys = keys,
  field = field, is_array = is_array, is_object = is_object,
}
