--- Events as programs see them, and the lots in which the core hands them out.
-- SPDX-License-Identifier: MIT
--
-- A lot is a table that holds events one after another. The core puts four slots there for each: its place and its name
-- (false: those of the event before), its text (nil: it has none) and the API's JSON. Kind, name
-- and place in the answer are mostly the same for a while: they lie in a *series*, one table for all such neighbours,
-- and an event is three fields and that series for its metatable.
local core = require "xai.core"

local setmetatable = setmetatable -- asked for with every event

--- @class xai.Event
--- @field type string            "text", "reasoning", "refusal", "arguments", "api" or "retry"
--- @field text string?           the delta, in whole characters
--- @field name string?           the API's own name of the event
--- @field data table?            the API's own event, decoded when first looked at
--- @field raw string?            ... as JSON text
--- @field output_index integer?  the item in response.output; for chat the choice; from 0
--- @field content_index integer? the part in the item; for chat the tool call; from 0
--- @field wait number?           retry: seconds until the next attempt
--- @field attempt table?         retry: the attempt that failed
--- @field error xai.Error?       retry: why

local KINDS, INDICES = 8, 131072 -- values in a place's lowest part, and in the middle one; see lua/c/lxai_event.c

local kinds = { [0] = "text", "reasoning", "refusal", "arguments", "api" }
local number_of = {}
for number, kind in pairs(kinds) do number_of[kind] = number end

local function lazy(event, key)
  if key ~= "data" then return getmetatable(event).shared[key] end
  local data = core.decode(event.raw)
  rawset(event, "data", data)
  return data
end

--- What events with this place and name have in common.
--- @return table series  place, name, type; shared: what an event shows of it
local function series_of(place, name)
  local indices = math.floor(place / KINDS)
  return {
    place = place,
    name = name,
    type = kinds[place % KINDS],
    shared = { name = name, output_index = indices % INDICES, content_index = math.floor(indices / INDICES) },
    __index = lazy,
  }
end

--- Turn what the core put into a lot into events, in the same table. Where memory runs out in the middle it may be
--- called again, and goes on.
--- @param lot table
--- @param count integer  events in it
--- @param series table   of the event before it
--- @return table series  of its last event
local function unpack_lot(lot, count, series)
  local first = 1
  while first <= count and type(lot[first]) == "table" do
    series = getmetatable(lot[first])
    first = first + 1
  end
  local kind, from = series.type, 4 * (first - 1)
  for i = first, count do -- the slots of an event are never before its own place
    local place = lot[from + 1]
    if place and (place ~= series.place or lot[from + 2] ~= series.name) then
      series = series_of(place, lot[from + 2])
      kind = series.type
    end
    lot[i] = setmetatable({ type = kind, text = lot[from + 3], raw = lot[from + 4] }, series)
    from = from + 4
  end
  return series
end

--- An event that the core gave alone; its metatable is its series.
--- @return xai.Event
local function single(series, kind, text, name, raw, output_index, content_index)
  local place = (content_index * INDICES + output_index) * KINDS + number_of[kind]
  if place ~= series.place or name ~= series.name then series = series_of(place, name) end
  return setmetatable({ type = kind, text = kind ~= "api" and text or nil, raw = raw }, series)
end

return { unpack_lot = unpack_lot, single = single }
