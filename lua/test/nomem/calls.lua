--- Calls of the Lua face while allocations fail: whole, streamed, retried, cancelled and dropped ones.
-- SPDX-License-Identifier: MIT
local arm = ...
local core = require "xai.core"
local helper = require "spec.helper"
local wire = require "lua.test.nomem.wire"

local need = wire.need

local function events(list)
  local parts = {}
  for i, event in ipairs(list) do
    parts[i] = "data: " .. (type(event) == "string" and event or core.encode(event)) .. "\n\n"
  end
  return { 200, "text/event-stream", table.concat(parts) }
end

local streamed = events(helper.stream { "Hel", "lo" })
local chunked = events(helper.chunks { "Hel", "lo" })
local whole = { 200, "application/json", core.encode(helper.response "Hello") }
local models = { 200, "application/json", '{"data":[{"id":"grok-4.6"}]}' }
local busy = { 503, "application/json", '{"error":"busy"}' }
local refused = { 400, "application/json", '{"code":"invalid-argument","error":"no"}' }
local failures = 0

arm "fork"

local grok = wire.client(function(request)
  if request.url:find("/models", 1, true) then return models end
  if request.body:find("refuse", 1, true) then return refused end
  if request.body:find("busy", 1, true) and failures == 0 then
    failures = 1
    return busy
  end
  if not request.body:find('"stream":true', 1, true) then return whole end
  return request.url:find("/chat", 1, true) and chunked or streamed
end)

local function read(stream)
  local parts = {}
  for event in stream:events() do
    if event.type == "text" then parts[#parts + 1] = event.text end
    if event.type == "api" then parts.seen = event.data end
  end
  return table.concat(parts)
end

arm(function()
  wire.settle(grok)
  assert(grok:respond "Hello?":text() == "Hello")
  local stream = assert(grok:stream "Hello?")
  assert(read(stream) == "Hello" and assert(stream:result()):text() == "Hello")
end)
arm(true)

assert(need(grok:respond "Hello?"):text() == "Hello")
assert(need(grok:respond "busy"):text() == "Hello")
local value, err = grok:respond "refuse"
assert(value == nil and (err.kind ~= "memory" or need(nil, err)))
local stream = need(grok:stream "Hello?")
local text = read(stream) -- ends silently, however the call ends
assert(need(stream:result()):text() == "Hello" and text == "Hello")
stream = need(grok:chat_stream "Hello?")
text = read(stream)
assert(need(stream:result()):text() == "Hello" and text == "Hello")
stream = need(grok:stream "Hello?")
stream:cancel()
assert(stream:result() == nil)
need(grok:stream "dropped")
stream = nil -- luacheck: ignore 311
collectgarbage()
need(grok:models())

arm(false)
