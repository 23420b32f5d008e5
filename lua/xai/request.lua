--- What a request is made of before the core takes it: headers checked and merged, empty lists marked as such.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"

-- Fields of the two endpoints' bodies that are lists (or texts). An empty table does not say which it is.
local lists = {
  "input", "tools", "include", "messages", "stop", "guidelines", "context_management", "functions",
}

local no_lists = {}

--- A body as the core takes it.
--- @param body table
--- @param listed boolean  it is one of those endpoints' body: its empty lists go out as [] and not as {}
--- @param held boolean    a large text need not be a string: the core takes it from where it was written, once
--- @return any text
--- @return table? err
local function encode(body, listed, held)
  return core.encode_body(body, listed and lists or no_lists, held)
end

local function shown(name)
  return '"' .. name:gsub("[^\33-\126]", "?"):sub(1, 40) .. '"'
end

-- What is wrong with a header, in words that do not show its value; nil when nothing is.
local function fault_of(name, value)
  if type(name) ~= "string" then
    return ('a name must be a string, not a %s: write headers = { ["x-name"] = "value" }'):format(type(name))
  end
  if not name:find "^[%w!#$%%&'*+.^_`|~-]+$" then return shown(name) .. " is no header's name" end
  if type(value) ~= "string" and type(value) ~= "number" then
    return ("the value of %s must be a string or a number, not a %s"):format(shown(name), type(value))
  end
  if tostring(value):find "[^\32-\126]" then
    return ("the value of %s holds a character that no header may hold"):format(shown(name))
  end
end

--- Raise for headers that cannot be sent.
--- @param where string
--- @param headers table?  name -> value
--- @param level integer   as for error()
local function check_headers(where, headers, level)
  if not headers then return end
  for name, value in pairs(headers) do
    local fault = fault_of(name, value)
    if fault then error(where .. ", headers: " .. fault, level + 1) end
  end
end

--- Headers as the core takes them; a later table's value stands for an earlier one's, whatever the case of the names.
--- @return table? list  { name, value }[] in the order of their names; nil: there are none
local function header_list(...)
  if (...) == nil and select(-1, ...) == nil then return nil end -- two tables at most are ever given
  local merged, names, list = {}, {}, {}
  for i = 1, select("#", ...) do
    for name, value in pairs((select(i, ...)) or {}) do merged[name:lower()] = { name, tostring(value) } end
  end
  for key in pairs(merged) do names[#names + 1] = key end
  table.sort(names)
  for i, key in ipairs(names) do list[i] = merged[key] end
  return list
end

local function field(t, name)
  return type(t) == "table" and t[name] or nil
end

--- The schema that a body asks its answer to satisfy, in either endpoint's shape; nil when there is none.
--- @param body table  of /responses or /chat/completions
--- @return table?
local function wanted_schema(body)
  local format = field(body.text, "format")
  local chat = body.response_format
  local schema = field(format, "type") == "json_schema" and field(format, "schema")
    or field(chat, "type") == "json_schema" and field(field(chat, "json_schema"), "schema")
  return type(schema) == "table" and schema or nil
end

return { encode = encode, check_headers = check_headers, header_list = header_list,
  wanted_schema = wanted_schema }
