--- Events as programs see them, and the lots in which the core hands them out.
-- SPDX-License-Identifier: MIT
--
-- An event is a table of three fields: type, text (nil: it has none) and the API's JSON. Kind, name and place in the
-- answer are mostly the same for a while: they lie in a *series*, one table for all such neighbours, and it is their
-- metatable. The JSON is a string in the event itself, `raw`. Where strings are dear and many events came at once, on
-- LuaJIT, it lies with its neighbours' in a block (see lua/c/lxai_block.h), which the series knows, and is cut from
-- there whenever somebody asks: `at` says which it is.
--
-- A *lot* is a table of many events; the core puts there what they are made of, in runs (see lua/c/lxai_lot.c).
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

--- What events with this place and name have in common.
--- @return table series  place, name, type; shared: what an event shows of it; block: that has the JSON; plain: the
---   same series without a block
local function series_of(place, name)
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

--- Turn what the core put into a lot into events, in the same table. Where memory runs out in the middle it may be
--- called again, and goes on.
--- @param lot table
--- @param count integer  events in it
--- @param series table   of the event before it
--- @return table series  of its last event, without a block
local function unpack_lot(lot, count, series)
  local runs, raws, first = lot.runs, lot.raws, 1
  while first <= count and type(lot[first]) == "table" do
    series = getmetatable(lot[first])
    first = first + 1
  end
  for at = 2, 1 + runs[1] * RUN_SLOTS, RUN_SLOTS do
    local following = at + RUN_SLOTS <= runs[1] * RUN_SLOTS and runs[at + RUN_SLOTS] or count + 1
    local last = math.min(following - 1, count)
    if first <= last then
      local block, base = runs[at + 3], runs[at + 4]
      series = next_series(series, runs[at + 1], runs[at + 2], block)
      local kind = series.type
      if block then
        for i = first, last do lot[i] = setmetatable({ type = kind, text = lot[i], at = i - base }, series) end
      else
        for i = first, last do lot[i] = setmetatable({ type = kind, text = lot[i], raw = raws[i - base] }, series) end
      end
      first = last + 1
    end
  end
  return series.plain
end

--- An event that the core gave alone; its metatable is its series.
--- @return xai.Event
local function single(series, kind, text, name, raw, output_index, content_index)
  local place = (content_index * INDICES + output_index) * KINDS + number_of[kind]
  series = next_series(series, place, name, false)
  return setmetatable({ type = kind, text = kind ~= "api" and text or nil, raw = raw }, series)
end

return { unpack_lot = unpack_lot, single = single }
