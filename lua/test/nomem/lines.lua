--- A stream that is passed on as lines while allocations fail: what is lost raises, and the call still ends once.
-- SPDX-License-Identifier: MIT
local arm = ...
local core = require "xai.core"
local links = require "xai.link"

local EVENTS = 30

local link, handle, call, ends

local function open()
  link = assert(links.new { api_key = "xai-test", base_url = "http://wire/v1", transport = "scripted", seed = 7 })
  handle, ends = link.handle, 0
  call = assert(link:start({ path = "/responses", body = "{}", reply = "responses", stream = true },
    { keep = true, folded = true, streamed = true, reading = true, announced = true,
      on_end = function() ends = ends + 1 end }))
  link:announce(call.id, true)
  local id = assert(handle:wire_next()).id
  handle:wire_status(id, 200)
  handle:wire_header(id, "content-type", "text/event-stream")
  local bytes = {}
  for i = 1, EVENTS do
    bytes[i] = ('data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"<%d>"}\n\n')
      :format(i)
  end
  bytes[EVENTS + 1] = 'data: {"type":"response.completed","response":' .. core.encode {
    id = "r", object = "response", status = "completed", output = core.array {} } .. "}\n\n"
  assert(handle:wire_body(id, table.concat(bytes)))
  handle:wire_finish(id, "done")
end

arm "fork"

open()
local list, seen = {}, 0

local function pass()
  while not call.done do
    local _, count = link:fetch_lines(call, list, false)
    seen = seen + count
  end
end

-- Where little of the stack is left even the next call of a function takes memory.
local function deep(levels)
  if levels == 0 then return pass() end
  local a, b, c = deep(levels - 1)
  return a, b, c
end

-- Whoever passes a stream on gives it up with the error.
arm(function()
  call:cancel()
  while link:take() do end -- luacheck: ignore 542
  assert(call.done and ends <= 1, "the call has no end, or two")
  link:close()
end)
local thread = coroutine.create(deep)
arm(true)
local ok, fault = coroutine.resume(thread, 15)
if not ok then error(fault, 0) end
assert(seen == EVENTS + 1 or call.err and call.err.kind == "memory", seen)
arm(false)
