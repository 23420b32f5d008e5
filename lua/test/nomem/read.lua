--- A stream over a real client's own ways, read event by event and delta by delta while allocations fail: none is lost,
-- none comes twice.
-- SPDX-License-Identifier: MIT
local arm = ...
local core = require "xai.core"
local links = require "xai.link"
local streams = require "xai.stream"

local EVENTS = 150

local link, handle, call

local function open()
  link = assert(links.new { api_key = "xai-test", base_url = "http://wire/v1", transport = "scripted", seed = 7 })
  handle = link.handle
  call = assert(link:start({ path = "/responses", body = "{}", reply = "responses", stream = true },
    { keep = true, folded = true, streamed = true }))
  local id = assert(handle:wire_next()).id
  handle:wire_status(id, 200)
  handle:wire_header(id, "content-type", "text/event-stream")
  local bytes = {}
  for i = 1, EVENTS do
    bytes[i] = ('data: {"type":"response.output_text.delta","output_index":%d,"content_index":0,"delta":"<%d>"}\n\n')
      :format(i % 7 == 0 and 1 or 0, i)
  end
  bytes[EVENTS + 1] = 'data: {"type":"response.completed","response":' .. core.encode {
    id = "r", object = "response", status = "completed", output = core.array {} } .. "}\n\n"
  assert(handle:wire_body(id, table.concat(bytes)))
  handle:wire_finish(id, "done")
  return streams.new(call)
end

-- The core, too, may lack the memory to read on: then that is how the call ended.
local function is_starved() return call.done and call.err and call.err.kind == "memory" end

arm "fork"

local stream = open()
local events, deltas, seen, over = stream:events(), stream:deltas(), 0, false

-- What an event shows of itself may lack memory, too, and must be there the next time.
local shown
local function look()
  if not shown then return end
  local wanted = ('"delta":"<%d>"}'):format(seen)
  if shown.raw:sub(-#wanted) ~= wanted then error("another event's JSON: " .. shown.raw) end
  if shown.data.delta ~= shown.text then error("another event's data: " .. shown.data.delta) end
  shown = nil
end

local function see(text)
  seen = seen + 1
  if text ~= "<" .. seen .. ">" then error("lost or repeated: " .. text .. " after " .. seen - 1) end
end

-- The next event, or delta, must be the next one of the stream, whatever was raised before.
local function read()
  look()
  if seen % 50 < 20 then
    local text = deltas()
    if text then see(text) else over = true end
    return
  end
  local event = events()
  if not event then
    over = true
  elseif event.type == "text" then
    see(event.text)
    shown = seen % 10 == 0 and event or nil
  end
end

arm(function()
  while not over do read() end
  assert(seen == EVENTS or is_starved(), seen)
  link:close()
end)
arm(true)
while not over do read() end
assert(seen == EVENTS or is_starved(), seen)
arm(false)
