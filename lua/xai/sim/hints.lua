--- Finds in the question what a schema's fields may be asking for: places, names, numbers, dates, choices.
-- SPDX-License-Identifier: MIT
local Hints = {}
local mt = { __name = "xai.sim.hints", __index = Hints }

local CAPITALISED = "%u[%w\128-\255'%-]*"

local SHAPES = {
  date = "%f[%d]%d%d%d%d%-%d%d%-%d%d%f[%D]",
  ["date-time"] = "%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ",
  email = "[%w%.%+_%-]+@[%w%-]+%.[%w%.%-]*%w",
  uri = "https?://[%w%-%._~/%?#=&%%%+]*[%w/]",
}

local COMMON = {}
for word in ([[a an and are as at be but by can do does for from give have how i if in into is it its me my of on or
please say should so tell that the their them then there this to up use using was we what when where which who whose
why will with would you your about current get new any some one want need write answer question]]):gmatch "%S+" do
  COMMON[word] = true
end

--- Words that mean the subject of a tool without being in its name.
local KIN = {
  umbrella = "weather", rain = "weather", sunny = "weather", snow = "weather", temperature = "weather",
  forecast = "weather", cold = "weather", warm = "weather", calculate = "calculator", compute = "calculator",
  times = "calculator", plus = "calculator", clock = "time", oclock = "time",
}

--- The words of a text that carry meaning, lower case, in order, each once.
local function words_of(text)
  local seen, out = {}, {}
  text = text:gsub("(%l)(%u)", "%1 %2"):lower():gsub("_", " ")
  for word in text:gmatch "[%w\128-\255]+" do
    if #word > 2 and not COMMON[word] and not seen[word] then
      seen[word], out[#out + 1] = true, word
    end
  end
  return out
end

local function set_of(words)
  local set = {}
  for _, word in ipairs(words) do
    set[word] = true
    if KIN[word] then set[KIN[word]] = true end
    if word:match "s$" and #word > 4 then set[word:sub(1, -2)] = true end
  end
  return set
end

local MOST = 200   -- names and numbers that are taken from one prompt

--- @param prompt string  what of it is read
--- @param all boolean    that is all of it, so that a field may be given the prompt itself
local function new(prompt, all)
  return setmetatable({
    prompt  = prompt,
    lower   = prompt:lower(),
    whole   = all and prompt:match "^%s*(.-)%s*$" or nil,
    words   = set_of(words_of(prompt)),
    found   = {},    -- what was looked for in the prompt -> what it gave; a schema may ask ten thousand times
    used    = {},    -- names already given to a field
  }, mt)
end

--- What `search` finds in the prompt, which does not change.
function Hints:once(what, search)
  local found = self.found[what]
  if found == nil then
    found = search(self) or false
    self.found[what] = found
  end
  return found or nil
end

function Hints:mentions(text)
  return #text > 0 and self.lower:find(text:lower(), 1, true) ~= nil
end

--- The first text of a list that the question has in it.
--- @param list any[]  remembered by its identity
function Hints:mentioned(list)
  return self:once(list, function()
    for _, value in ipairs(list) do
      if type(value) == "string" and self:mentions(value) then return value end
    end
  end)
end

--- How many of the words of `text` the question has.
function Hints:overlap(text)
  local n = 0
  for _, word in ipairs(words_of(text)) do
    if self.words[word] or self.words[word:gsub("s$", "")] then n = n + 1 end
  end
  return n
end

function Hints:speaks_of(name, schema)
  if self:overlap(name) > 0 then return true end
  return type(schema.enum) == "table" and self:mentioned(schema.enum) ~= nil
end

function Hints:formatted(form)
  if not SHAPES[form] then return nil end
  return self:once(form, function() return self.prompt:match(SHAPES[form]) end)
end

function Hints:truth(name)
  if not name then return nil end
  local text, key = self.lower, tostring(name):lower():gsub("_", " ")
  return text:find(key, 1, true) and not text:find("not " .. key, 1, true) or nil
end

local function numbers_of(self)
  local out = {}
  for text in self.prompt:gmatch "%-?%d+%.?%d*" do
    local n = tonumber((text:gsub("%.$", "")))
    if n then out[#out + 1] = n end
    if #out == MOST then break end
  end
  return out
end

--- A number of the question that satisfies `fits`; one that stands beside the field's name comes first.
function Hints:number(name, fits)
  local numbers = self:once("numbers", numbers_of)
  local beside = name and self.lower:match(tostring(name):lower():gsub("%W", "%%%0") .. "%W+(%-?%d+%.?%d*)")
  beside = beside and tonumber((beside:gsub("%.$", "")))
  for i, n in ipairs(numbers) do
    if (not beside or n == beside) and fits(n) then return table.remove(numbers, i) end
  end
end

local LINKS = { de = true, la = true, del = true, der = true, am = true, van = true, von = true }

--- Where a run of capitalised words that has come to `to` ends: "Rio de Janeiro".
local function run_end(prompt, to)
  while true do
    local _, more = prompt:find("^ " .. CAPITALISED, to + 1)
    if not more and LINKS[prompt:match("^ (%l+) %u", to + 1)] then
      _, more = prompt:find("^ %l+ " .. CAPITALISED, to + 1)
    end
    if not more then return to end
    to = more
  end
end

local BEFORE_PLACES = { ["in"] = true, at = true, to = true, near = true, ["for"] = true, from = true }

--- Runs of capitalised words that do not merely start a sentence.
local function proper_names(self)
  local out, at = {}, 1
  while #out < MOST do
    local from, to = self.prompt:find("%f[%w\128-\255]" .. CAPITALISED, at)
    if not from then return out end
    local before = self.prompt:sub(math.max(1, from - 40), from - 1)
    local starts = from == 1 or before:match "[%.%?!:\n]%s*$" ~= nil
    to = run_end(self.prompt, to)
    local text = self.prompt:sub(from, to):gsub("'s$", "")
    if text ~= "I" and not (starts and COMMON[text:lower()]) then
      out[#out + 1] = { text = text, starts = starts,
        place = BEFORE_PLACES[before:match "(%l+) $"] }
    end
    at = to + 1
  end
  return out
end

local function kinds(names)
  local set = {}
  for name in names:gmatch "%a+" do set[name] = true end
  return set
end

local PLACES = kinds "city cities location place town country region destination origin"
local WHOLE = kinds "query question prompt text message input q content topic"
local SUMS = kinds "expression formula calculation sum"
local PEOPLE = kinds "name person customer author product company"

local function is_kind(set, name)
  for word in tostring(name or ""):gsub("(%l)(%u)", "%1 %2"):lower():gmatch "%a+" do
    if set[word] then return true end
  end
  return false
end

function Hints:take_name(fits, only_inside)
  local best
  for _, name in ipairs(self:once("names", proper_names)) do
    local usable = not self.used[name.text] and fits(name.text) and not (only_inside and name.starts)
    if usable and (not best or (name.place and not best.place) or (best.starts and not name.starts)) then
      best = name
    end
  end
  if not best then return nil end
  self.used[best.text] = true
  return best.text
end

local function expression_in(self)
  local best
  for text in self.prompt:gmatch "[%d%(][%d%s%.%+%-%*/%(%)%^x]*[%d%)]" do
    if text:find "[%+%-%*/%^]" and (not best or #text > #best) then best = text end
  end
  return best
end

local function quoted_in(self)
  return self.prompt:match '"([^"]+)"' or self.prompt:match "\226\128\156(.-)\226\128\157"
end

--- A text of the question for a field of this name.
function Hints:string(name, fits)
  if name == nil then return nil end
  if is_kind(PLACES, name) then return self:take_name(fits) end
  local quoted = self:once("quoted", quoted_in)
  if is_kind(SUMS, name) then
    local sum = self:once("sum", expression_in)
    if sum and fits(sum) then return sum end
  end
  if is_kind(WHOLE, name) then
    local text = quoted or self.whole
    return text and text ~= "" and fits(text) and text or nil
  end
  for _, form in ipairs { "email", "date", "uri" } do
    if tostring(name):lower():find(form == "uri" and "url" or form, 1, true) then
      local found = self:formatted(form)
      if found and fits(found) then return found end
    end
  end
  if quoted and not self.used[quoted] and fits(quoted) then
    self.used[quoted] = true
    return quoted
  end
  if is_kind(PEOPLE, name) then return self:take_name(fits, true) end
end

return { new = new, words_of = words_of }
