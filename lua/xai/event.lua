--- Events as programs see them, and the lots in which the core hands them out.
-- SPDX-License-Identifier: MIT
--
-- An event is a table of three fields: type, text (nil: it has none) and the API's JSON. Kind, name and place in the
-- answer are mostly the same for a while: they lie in a *series*, one table for all such neighbours, and it is their
-- metatable. The JSON is a string in the event itself, `raw`. Where strings are dear and many events came at once, on
-- LuaJIT, it lies with its neighbours' in a block (see lua/c/lxai_block.h), which the series knows, and is cut from
-- there whenever somebody asks: `at` says which it is.
--
-- A *lot* has a list of many events; the core puts there what they are made of, in runs (see lua/c/lxai_lot.c). Where
-- texts alone are wanted they are read from there, and no events are made.
local core = require "xai.core"

local setmetatable, getmetatable, rawset = setmetatable, getmetatable, rawset -- asked for with every event
local decode = core.decode

--- @class xai.Event
--- @field type string            "text", "reasoning", "refusal", "arguments", "api" or "retry"
--- @field text string?           the delta, in whole characters
--- @field name string?           the API's own name of the event
--- @field data table?            the API's own event, decoded when first looked at; nil: it is no JSON
--- @field raw string?            ... as JSON text
--- @field output_index integer?  the item in response.output; for chat the choice; from 0
--- @field content_index integer? the part in the item; for chat the tool call; from 0
--- @field wait number?           retry: seconds until the next attempt
--- @field attempt table?         retry: the attempt that failed
--- @field error xai.Error?       retry: why
--- @field private at integer?    where its JSON is in the block: its number there

local KINDS, INDICES = 8, 131072 -- values in a place's lowest part, and in the middle one; see lua/c/lxai_lot.c
local RUN_SLOTS = 5                -- likewise

local kinds = { [0] = "text", "reasoning", "refusal", "arguments", "api" }
local number_of = {}
for number, kind in pairs(kinds) do number_of[kind] = number end

local function lazy(event, key)
  local series = getmetatable(event)
  local block = series.block
  if key == "data" then
    local data, err
    if block then data, err = block:decode(event.at) else data, err = decode(event.raw) end
    if err and err.kind == "memory" then error("not enough memory", 0) end
    rawset(event, "data", data)
    return data
  end
  if key == "raw" and block then return block:text(event.at) end
  return series.shared[key]
end

local recent = setmetatable({}, { __mode = "v" }) -- name -> a series: thousands of streams are at the same place

--- What events with this place and name have in common.
--- @return table series  place, name, type; shared: what an event shows of it; block: that has the JSON; plain: the
---   same series without a block
local function series_of(place, name)
  local known = recent[name]
  if known and known.place == place then return known end
  local indices = math.floor(place / KINDS)
  local series = {
    place = place,
    name = name,
    type = kinds[place % KINDS],
    shared = { name = name, output_index = indices % INDICES, content_index = math.floor(indices / INDICES) },
    block = false,
    plain = false,
    __index = lazy,
  }
  series.plain = series
  recent[name] = series
  return series
end

--- The series of what comes after an event of this series.
--- @param block userdata|false  that has the JSON; false: a string of its own
local function next_series(series, place, name, block)
  local same = place == series.place and name == series.name
  if same and block == series.block then return series end
  local plain = same and series.plain or series_of(place, name)
  if not block then return plain end
  return { place = place, name = name, type = plain.type, shared = plain.shared, block = block, plain = plain,
    __index = lazy }
end

local function last_of_run(runs, at, count)
  local following = at + RUN_SLOTS
  return following <= runs[1] * RUN_SLOTS and math.min(runs[following] - 1, count) or count
end

--- Turn what the core put into a lot, but for what was taken as texts, into events in the same list. Where memory
--- runs out in the middle it may be called again, and goes on.
--- @param lot table      not used up
--- @param series table   of the event before it
--- @return table series  of its last event, without a block
local function unpack_lot(lot, series)
  local list, runs, raws, count, first = lot.list, lot.runs, lot.raws, lot.count, lot.at + 1
  lot.block = false -- it is the events' now
  while first <= count and type(list[first]) == "table" do
    series = getmetatable(list[first])
    first = first + 1
  end
  for at = 2, 1 + runs[1] * RUN_SLOTS, RUN_SLOTS do
    local last = last_of_run(runs, at, count)
    if first <= last then
      local block, base = runs[at + 3], runs[at + 4]
      series = next_series(series, runs[at + 1], runs[at + 2], block)
      local kind = series.type
      if block then
        for i = first, last do list[i] = setmetatable({ type = kind, text = list[i], at = i - base }, series) end
      else
        for i = first, last do list[i] = setmetatable({ type = kind, text = list[i], raw = raws[i - base] }, series) end
      end
      first = last + 1
    end
  end
  return series.plain
end

--- Go to the next pieces of the answer's text in a lot that was not unpacked, neighbours that follow lot.at: then that
--- is the number before the first of them, and lot.last that of their last.
--- @param chat boolean  output_index counts choices, and the first is the answer
--- @return boolean found
local function seek_texts(lot, chat)
  local runs, count = lot.runs, lot.count
  for at = lot.run, runs[1] * RUN_SLOTS, RUN_SLOTS do
    local place, first, last = runs[at + 1], math.max(runs[at], lot.at + 1), last_of_run(runs, at, count)
    local is_text = kinds[place % KINDS] == "text" and not (chat and math.floor(place / KINDS) % INDICES ~= 0)
    if first <= last and is_text then
      lot.run, lot.at, lot.last = at + RUN_SLOTS, first - 1, last
      return true
    end
  end
  lot.at, lot.last = count, count
  return false
end

--- How large is the string that has the JSON of a lot's last event? 0: it lies in a block.
--- @return integer bytes
local function last_size(lot)
  local runs, count = lot.runs, lot.count
  local at = 2 + (runs[1] - 1) * RUN_SLOTS
  while at > 2 and runs[at] > count do at = at - RUN_SLOTS end
  local raw = not runs[at + 3] and lot.raws[count - runs[at + 4]]
  return raw and #raw or 0
end

--- An event that the core gave alone; its metatable is its series.
--- @return xai.Event
local function single(series, kind, text, name, raw, output_index, content_index)
  local place = (content_index * INDICES + output_index) * KINDS + number_of[kind]
  series = next_series(series, place, name, false)
  return setmetatable({ type = kind, text = kind ~= "api" and text or nil, raw = raw }, series)
end

return { unpack_lot = unpack_lot, seek_texts = seek_texts, last_size = last_size,
  single = single }
