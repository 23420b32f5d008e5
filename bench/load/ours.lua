--- The library from Lua under load: what a request, an event and a loaded library cost.
-- SPDX-License-Identifier: MIT
--
--   lua ours.lua request BASE COUNT     -> cpu_us (a request), wall_us
--   lua ours.lua deltas BASE STREAMS    -> cpu_us (an event), the text of each delta taken, by deltas()
--   lua ours.lua streams BASE STREAMS   -> cpu_us (an event), the same by events()
--   lua ours.lua tables BASE STREAMS    -> cpu_us (an event), type and text of each taken from its table
--   lua ours.lua slow BASE STREAMS SECONDS -> kib (a stream), p50_ms, p99_ms
--   lua ours.lua first BASE             one answer, and out
local core = require "xai.core"
local xai = require "xai"

local what, base, count, seconds = arg[1], arg[2], tonumber(arg[3]), tonumber(arg[4])

local function figure(name, value) print(("%s %.6g"):format(name, value)) end

local function resident_kib()
  local file = assert(io.open "/proc/self/statm")
  local pages = file:read("*l"):match "^%d+ (%d+)"
  file:close()
  return tonumber(pages) * 4
end

local function client()
  return assert(xai.new { api_key = "xai-benchmark", base_url = base, proxy = "", ca_file = os.getenv "BENCH_CA",
    max_calls = 20000 })
end

local function cpu() return os.clock() * 1e6 end

local BODY = { model = "grok-4.6", input = "Tides?" }
local run = {}

function run.request()
  local grok = client()
  for _ = 1, 50 do assert(grok:respond(BODY)) end
  local from = cpu()
  for _ = 1, count do assert(grok:respond(BODY)) end
  figure("cpu_us", (cpu() - from) / count)
end

-- `read` takes a stream to its end and returns how many deltas it was.
local function all_streams(read)
  local grok = client()
  local from, events = cpu(), 0
  xai.run(function()
    for _ = 1, count do
      xai.spawn(function()
        local stream = grok:stream(BODY)
        local seen = read(stream) -- others count meanwhile
        events = events + seen
        assert(stream:result())
      end)
    end
  end)
  figure("cpu_us", (cpu() - from) / events)
  figure("events", events)
end

local function all_events(each)
  all_streams(function(stream)
    local events = 0
    for event in stream:events() do events = events + each(event) end
    return events
  end)
end

function run.deltas()
  all_streams(function(stream)
    local events = 0
    for text in stream:deltas() do events = events + (#text > 0 and 1 or 0) end
    return events
  end)
end

function run.streams()
  all_events(function(event) return event.type == "text" and #event.text > 0 and 1 or 0 end)
end

function run.tables()
  all_events(function(event)
    if event.type ~= "text" then return 0 end
    return event.data.type == "response.output_text.delta" and event.data.sequence_number and 1 or 0
  end)
end

function run.slow()
  local grok, before = client(), nil
  local first, seen = math.floor(count / 10), 0
  local delays, timed_from = {}, math.huge
  local function take(text)
    seen = seen + 1
    local sent = tonumber(text)
    if sent > timed_from then delays[#delays + 1] = core.now() * 1e6 - sent end
  end
  xai.run(function()
    local streams = {}
    local function open(n)
      for _ = 1, n do
        local stream = grok:stream(BODY)
        streams[#streams + 1] = stream
        xai.spawn(function()
          for event in stream:events() do if event.type == "text" then take(event.text) end end
        end)
        if #streams % 50 == 0 then xai.sleep(0.002) end
      end
      xai.sleep(2)
    end
    open(first)
    collectgarbage()
    before = resident_kib()
    open(count - first)
    local from, had = cpu(), seen
    timed_from = core.now() * 1e6
    xai.sleep(seconds)
    timed_from = math.huge
    figure("cpu_us", (cpu() - from) / (seen - had))
    collectgarbage()
    figure("kib", (resident_kib() - before) / (count - first))
    table.sort(delays)
    figure("p50_ms", delays[math.ceil(#delays * 0.5)] / 1e3)
    figure("p99_ms", delays[math.ceil(#delays * 0.99)] / 1e3)
    for _, stream in ipairs(streams) do stream:cancel() end
  end)
end

function run.first()
  assert(client():respond(BODY))
end

run[what]()
