--- JSON, exact both ways: 64-bit integers, empty arrays, null and numbers no float can hold survive a round trip.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local errors = require "xai.error"
local options = require "xai.options"

--- @class xai.json.DecodeOptions
--- @field max_depth integer?  nesting; default 128
--- @field max_bytes integer?  memory for values and decoded strings; default 256 MiB
--- @field unique boolean?     a key twice in an object is an error; otherwise the last one wins
--- @field order boolean?      objects are written again in the order they were read (by a `__jsonorder`)
local decode_options = { max_depth = "count", max_bytes = "count", unique = "boolean", order = "boolean" }

--- @class xai.json.EncodeOptions
--- @field max_depth integer?  nesting; default 128
--- @field max_bytes integer?  length of the text; default 256 MiB
--- @field empty string?       what an unmarked empty table is: "object" (the default) or "array"
local encode_options = { max_depth = "count", max_bytes = "count", empty = "string" }

--- A number as JSON wrote it, where Lua has none that is equal: `tostring` gives the text.
--- @class xai.json.Number: userdata

-- The text and the value are the program's own: the network has no part in what is wrong with them.
local function fault_of(plain, hint)
  local err = errors.from_core(plain)
  if err.kind == "protocol" or err.kind == "usage" then err.hint = hint end
  return err
end

--- Read one JSON text.
---
--- Objects and arrays become tables; arrays carry `array_mt`, so that an empty one stays one. null becomes
--- `json.null`. An integer becomes a Lua integer if it fits (on LuaJIT a number up to 2^53); what Lua cannot
--- hold exactly, or at all, becomes a `json.number`.
--- @param text string
--- @param opts xai.json.DecodeOptions?
--- @return any value  nil only with an error; null is json.null
--- @return xai.Error? err  offset is the byte, from 0, where the text went wrong
local function decode(text, opts)
  if type(text) ~= "string" then error("json.decode: text must be a string, not a " .. type(text), 2) end
  local value, err = core.decode(text, opts and options.check("json.decode", opts, decode_options))
  if value == nil then return nil, fault_of(err, "correct the text there; err.offset is the byte, from 0") end
  return value
end

--- Write one value as JSON.
---
--- Keys come out sorted, so equal tables give equal texts; a metatable's `__jsonorder`, a list of names, puts
--- those first. A table is an array if it is marked as one (`array`, or cjson's marks) or if its keys are
--- exactly 1 to n. What has no form in JSON is refused, never changed in silence: the error's message names
--- the place, as in "$.messages[2].content", counted as in Lua.
--- @param value any
--- @param opts xai.json.EncodeOptions?
--- @return string? text
--- @return xai.Error? err
local function encode(value, opts)
  local text, err = core.encode(value, opts and options.check("json.encode", opts, encode_options))
  if not text then return nil, fault_of(err, "change the value there") end
  return text
end

--- @class xai.json
local module = {
  decode = decode,
  encode = encode,

  --- JSON's null; the same value as cjson.null.
  null = core.null,

  --- Mark a table, or a new one, as an array; its metatable becomes `array_mt`.
  --- @type fun(t: table?): table
  array = core.array,
  array_mt = core.array_mt,

  --- An exact number from its text, e.g. json.number "18446744073709551615".
  --- @type fun(text: string): xai.json.Number
  number = core.number,
}

return module
