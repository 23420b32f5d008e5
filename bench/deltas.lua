--- Bytes of a stream to what a Lua program sees of it: each delta as a string, or each event as a table.
-- SPDX-License-Identifier: MIT
--
--   lua deltas.lua ours|core|find WHAT                 -> ns (an event), from chunks of 16 KiB
--   lua deltas.lua find large                          -> ms: one event of 8 MiB, from chunks of 1,400 bytes
--
-- ours: the public client over bench/wire.lua, as `for text in stream:deltas()` has it (deltas), or `for event in
-- stream:events()` that reads event.type and event.text (text), event.name as well (fields), or event.data, the API's
-- own event decoded (table). core: the C module below it, text and table. find: plain string.find, and lua-cjson but
-- for split.
local who, what = arg[1], arg[2]
local pipe = assert(io.popen "build/bench/sse --bytes")
local bytes = pipe:read "*a"
pipe:close()
local EVENTS, CHUNK, ROUNDS = 4096, 16384, 12
local pieces = {}
for at = 1, #bytes, CHUNK do pieces[#pieces + 1] = bytes:sub(at, at + CHUNK - 1) end

local function with_find()
  local decode = what ~= "split" and require("cjson").decode or function(text) return { delta = text } end
  local carry, events, length, kept = "", 0, 0, {} -- kept: or LuaJIT would not even make the texts
  for _, piece in ipairs(pieces) do
    local text, at = carry .. piece, 1
    while true do
      local stop = text:find("\n\n", at, true)
      if not stop then break end
      local from = text:find("data: ", at, true)
      local event = decode(text:sub(from + 6, stop - 1))
      events, length = events + 1, length + #event.delta
      kept[events % 64] = event.delta
      at = stop + 2
    end
    carry = text:sub(at)
  end
  assert(length > 0)
  return events, kept
end

local function with_core()
  local core, json = require "xai.core", require "xai.json"
  local handle = assert(core.client { transport = "scripted", base_url = "http://wire/v1", api_key = "xai-benchmark" })
  return function()
    local events, length = 0, 0
    assert(handle:start { path = "/responses", body = "{}", stream = true })
    assert(handle:step(0))
    local wire = assert(handle:wire_next())
    handle:wire_status(wire.id, 200)
    handle:wire_header(wire.id, "content-type", "text/event-stream")
    for _, piece in ipairs(pieces) do
      assert(handle:wire_body(wire.id, piece))
      for _, word, text, _, data in handle.next, handle do
        if word == "text" then
          events = events + 1
          length = length + (what == "text" and #text or #json.decode(data).delta)
        end
      end
    end
    handle:cancel(wire.call)
    for _, word in handle.next, handle do if word == "end" then break end end
    assert(length > 0)
    return events
  end
end

local sizes = {}
function sizes.text(event) return #event.text end
function sizes.fields(event) return #event.text + #event.name end
function sizes.table(event) return #event.data.delta end

local function with_ours()
  local grok, size = dofile "bench/wire.lua"("text/event-stream", pieces), sizes[what]
  local body = { model = "grok-4.6", input = "Tides?" }
  local function by_deltas()
    local events, length = 0, 0
    for text in assert(grok:stream(body)):deltas() do
      events, length = events + 1, length + #text
    end
    return events, length
  end
  local function by_events()
    local events, length = 0, 0
    for event in assert(grok:stream(body)):events() do
      if event.type == "text" then events, length = events + 1, length + size(event) end
    end
    return events, length
  end
  local run = size and by_events or by_deltas
  return function()
    local events, length = run()
    assert(length > 0)
    return events
  end
end

if what == "large" then
  local bytes_of_one, from = "data: " .. ("y"):rep(8388600) .. "\n\n", os.clock()
  local carry = ""
  for at = 1, #bytes_of_one, 1400 do
    carry = carry .. bytes_of_one:sub(at, at + 1399)
    if carry:find("\n\n", 1, true) then break end
  end
  assert(#carry == #bytes_of_one)
  print(("ms %.6g"):format((os.clock() - from) * 1e3))
  return
end
local round = who == "ours" and with_ours() or who == "core" and with_core() or with_find
local best = math.huge
for _ = 1, ROUNDS do
  local from = os.clock()
  assert(round() == EVENTS)
  best = math.min(best, os.clock() - from)
end
print(("ns %.6g"):format(best / EVENTS * 1e9))
