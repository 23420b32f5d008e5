--- Checks a table of options once, at the door: a misspelt one is an error that names the nearest right one.
-- SPDX-License-Identifier: MIT

local checks = {
  any = function() return true end,
  string = function(v) return type(v) == "string" end,
  boolean = function(v) return type(v) == "boolean" end,
  table = function(v) return type(v) == "table" end,
  ["function"] = function(v) return type(v) == "function" end,
  file = function(v) return io.type(v) == "file" end,
  seconds = function(v) return type(v) == "number" and v > 0 end, -- math.huge: no limit; NaN fails
  count = function(v) return type(v) == "number" and v >= 1 and v <= 2 ^ 53 and v % 1 == 0 end,
  priority = function(v) return type(v) == "number" and v >= -9 and v <= 9 and v % 1 == 0 end,
  amount = function(v) return type(v) == "number" and v >= 0 and v < math.huge end,
  number = function(v) return type(v) == "number" and v == v end,
}

local words = { string = "a string", boolean = "a boolean", table = "a table", ["function"] = "a function",
  number = "a number", seconds = "a number of seconds above 0", count = "a whole number above 0",
  priority = "a whole number from -9 to 9", file = "an open file",
  amount = "a number, 0 or more" }

-- How many single-character edits lie between two words (Levenshtein).
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(row[j] + 1, row[j - 1] + 1, diagonal + (same and 0 or 1))
      diagonal, row[j] = row[j], best
    end
  end
  return row[#b]
end

local function sorted_keys(known)
  local keys = {}
  for key in pairs(known) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

--- The known name nearest to a misspelt one, nil when none is near.
--- @param name string
--- @param known table<string, any>
--- @return string?
local function nearest(name, known)
  local best, least
  for _, key in ipairs(sorted_keys(known)) do
    local d = distance(name:lower(), key)
    if not least or d < least then best, least = key, d end
  end
  if best and least <= math.max(2, math.floor(#name / 2)) then return best end
end

local function unknown(where, name, known)
  local guess = type(name) == "string" and nearest(name, known)
  local shown = type(name) == "string" and '"' .. name:sub(1, 40) .. '"' or "a " .. type(name)
  if guess then return where .. ": unknown option " .. shown .. ', did you mean "' .. guess .. '"?' end
  return where .. ": unknown option " .. shown .. ", known are: " .. table.concat(sorted_keys(known), ", ")
end

local function fits(value, kinds)
  local check = checks[kinds] -- most are of one kind
  if check then return check(value) end
  for kind in kinds:gmatch("[^|]+") do
    if checks[kind](value) then return true end
  end
  return false
end

-- What was given instead: a number by its value, anything else by its type, for it may be a secret.
local function described(value)
  if type(value) ~= "number" then return "a " .. type(value) end
  if value ~= value then return "NaN" end
  return ("%.14g"):format(value)
end

local function kinds_in_words(kinds)
  local list = kinds:gsub("[^|]+", words)
  return (list:gsub("|([^|]*)$", " or %1"):gsub("|", ", "))
end

--- Check `given` against `known` (name -> kinds joined by "|"). Raises for the caller's mistakes.
--- @param where string  shown in front of the message, e.g. "xai.new"
--- @param given table?
--- @param known table<string, string>
--- @param level integer?  as for error(); default: who called the function that called us
--- @return table given  the same table, or an empty one
local function check(where, given, known, level)
  level = (level or 2) + 1
  if given == nil then return {} end
  if type(given) ~= "table" then
    error(where .. ": options must be a table, not a " .. type(given), level)
  end
  for name, value in pairs(given) do
    local kinds = known[name]
    if not kinds then error(unknown(where, name, known), level) end
    if not fits(value, kinds) then
      error(('%s: option "%s" must be %s, not %s'):format(where, name, kinds_in_words(kinds), described(value)), level)
    end
  end
  return given
end

--- What is wrong with a key, in words that do not show it; nil when it is usable.
--- @param key string
--- @return string?
local function key_fault(key)
  if key:find("\0", 1, true) then return "the API key has a NUL byte in it" end
  if key:find "%s" then return "the API key has a space or a line end in it" end
  if key:find "%c" then return "the API key has a control character in it" end
  if key:find("[\128-\255]") then return "the API key has a character outside ASCII in it" end
  if key:find("[\"'`\\]") then return "the API key has a quote or a backslash in it" end
end

return { check = check, nearest = nearest, key_fault = key_fault }
