--- Where in a JSON text something stands: bytes and JSON pointers to lines and columns, as an editor counts them.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"

local Places = {}
local mt = { __name = "xai.cli.place", __index = Places }

--- Where the string that opens at `at` has ended.
local function after_string(text, at)
  at = at + 1
  while true do
    local stop = text:find('["\\]', at)
    if not stop then return #text + 1 end
    if text:byte(stop) == 34 then return stop + 1 end
    at = stop + 2
  end
end

--- Where the value that begins at `at` has ended.
local function after_value(text, at)
  if text:find("^[^%[{\"]", at) then return text:find("[%s,%]}]", at) or #text + 1 end
  local depth = 0
  repeat
    local c = text:sub(at, at)
    if c == "{" or c == "[" then depth = depth + 1 end
    if c == "}" or c == "]" then depth = depth - 1 end
    at = c == '"' and after_string(text, at) or at + 1
    if depth > 0 then at = text:find('["%[%]{}]', at) or #text + 1 end
  until depth <= 0 or at > #text
  return at
end

local function skip_space(text, at)
  return text:find("[^%s,:]", at) or #text + 1
end

-- The place of the member or element that `token` names in the container at `at`; nil when it has none.
local function enter(text, at, token)
  local opening = text:sub(at, at)
  if opening ~= "{" and opening ~= "[" then return nil end
  local index = 0
  at = skip_space(text, at + 1)
  while at <= #text and not text:find("^[%]}]", at) do
    local key = tostring(index)
    if opening == "{" then
      local stop = after_string(text, at)
      key = core.decode(text:sub(at, stop - 1))
      at = skip_space(text, stop)
    end
    if key == token then return at end
    at, index = skip_space(text, after_value(text, at)), index + 1
  end
end

--- The byte, from 0, of what a pointer names: the nearest container where that is not there.
--- @param pointer string
--- @return integer
function Places:offset(pointer)
  local at = skip_space(self.text, 1)
  for token in pointer:gmatch "/([^/]*)" do
    local inner = enter(self.text, at, (token:gsub("~1", "/"):gsub("~0", "~")))
    if not inner then break end
    at = inner
  end
  return at - 1
end

--- Line and column, in characters, both from 1.
--- @param offset integer  a byte, from 0
--- @return integer line
--- @return integer column
function Places:line(offset)
  local low, high = 1, #self.starts
  while low < high do
    local middle = math.floor((low + high + 1) / 2)
    if self.starts[middle] <= offset + 1 then low = middle else high = middle - 1 end
  end
  local before = self.text:sub(self.starts[low], offset)
  local _, characters = before:gsub("[^\128-\191]", "")
  return low, characters + 1
end

--- @param text string  valid JSON, where pointers are asked for
local function new(text)
  local starts = { 1 }
  for stop in text:gmatch "\n()" do starts[#starts + 1] = stop end
  return setmetatable({
    text = text,
    starts = starts, -- where each line begins
  }, mt)
end

return { new = new }
