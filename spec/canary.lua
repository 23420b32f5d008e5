--- A key for the specs that must not come out anywhere: ways to write it, and a search for what is left of it.
-- SPDX-License-Identifier: MIT

local canary = { key = "xai-q7Wm2LrT9vKpXz4NcB8sYdHgJ5fA3eRuQ6oVtZkMwPi1yDlSxCnGbEhUjF0a_-Ov.Kq9L2mWz7RtXp4N" }

local PIECE = 8

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(bytes)
  local list = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local v = a * 65536 + (b or 0) * 256 + (c or 0)
    for k = 3, 0, -1 do
      local six = math.floor(v / 64 ^ k) % 64
      local used = k == 3 or k == 2 or (k == 1 and b) or (k == 0 and c)
      list[#list + 1] = used and alphabet:sub(six + 1, six + 1) or "="
    end
  end
  return table.concat(list)
end

local function each(format)
  return function(bytes)
    return (bytes:gsub(".", function(c) return format:format(c:byte()) end))
  end
end

--- name -> function(bytes): the bytes in that form
canary.forms = {
  literal = function(bytes) return bytes end,
  percent = each "%%%02X",
  percent_some = function(bytes) return (bytes:gsub("[-_. ]", function(c) return ("%%%02x"):format(c:byte()) end)) end,
  hex = each "%02x",
  hex_upper = each "%02X",
  base64_0 = base64,
  base64_1 = function(bytes) return base64("a" .. bytes .. "b") end,
  base64_2 = function(bytes) return base64("ab" .. bytes) end,
  base64_url = function(bytes) return (base64(bytes):gsub("+", "-"):gsub("/", "_"):gsub("=", "")) end,
}

local pieces = {}
for i = 1, #canary.key - PIECE + 1 do pieces[canary.key:sub(i, i + PIECE - 1)] = true end

local function piece_of(text)
  for i = 1, #text - PIECE + 1 do
    if pieces[text:sub(i, i + PIECE - 1)] then return true end
  end
end

local function unhex(text)
  return (text:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

local values = {}
for i = 1, 64 do values[alphabet:byte(i)] = i - 1 end
values[("-"):byte()], values[("_"):byte()] = 62, 63

local function unbase64(text, from)
  local list = {}
  for i = from, #text - 3, 4 do
    local v = 0
    for k = i, i + 3 do v = v * 64 + (values[text:byte(k)] or 0) end
    list[#list + 1] = string.char(math.floor(v / 65536) % 256, math.floor(v / 256) % 256, v % 256)
  end
  return table.concat(list)
end

--- The form in which eight characters of the key or more stand in a text; nil when there are none.
--- @param text string
--- @return string?
function canary.found(text)
  if piece_of(text) then return "literal" end
  if piece_of((text:gsub("%%(%x%x)", unhex))) then return "percent" end
  if piece_of((text:gsub("\\u00(%x%x)", unhex))) then return "escaped" end
  for run in text:gmatch "%x+" do
    if #run >= 2 * PIECE and (piece_of(unhex(run)) or piece_of(unhex(run:sub(2)))) then return "hex" end
  end
  for run in text:gmatch "[%w+/_-]+" do
    for from = 1, 4 do
      if #run >= 11 and piece_of(unbase64(run, from)) then return "base64" end
    end
  end
end

--- All texts that can be reached from a value by pairs, tostring and its metatable, one in each line.
--- @param value any
--- @param seen table?  tables that are passed over
function canary.dump(value, seen)
  local list = {}
  seen = seen or {}
  local function visit(v)
    if type(v) ~= "table" then
      list[#list + 1] = tostring(v)
      return
    end
    if seen[v] then return end
    seen[v] = true
    list[#list + 1] = tostring(v)
    for key, inner in pairs(v) do
      visit(key)
      visit(inner)
    end
    local meta = getmetatable(v)
    if type(meta) == "table" then visit(meta) end
  end
  visit(value)
  return table.concat(list, "\n")
end

return canary
