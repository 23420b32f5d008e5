--- Other clients of Lua under the same load: Debian's lua-curl and lua-http, both with lua-cjson and a plain find.
-- SPDX-License-Identifier: MIT
--
--   luajit load.lua curl|http request BASE COUNT       -> cpu_us (a request)
--   luajit load.lua curl|http streams BASE COUNT       -> cpu_us (an event); curl has no more than one at a time
--   luajit load.lua http slow BASE COUNT SECONDS       -> kib (a stream), p99_ms, cpu_us
local json = require "cjson"

local who, mode, base, count, seconds = arg[1], arg[2], arg[3], tonumber(arg[4]), tonumber(arg[5])
local url = base .. "/responses"
local WHOLE = json.encode { model = "grok-4.6", input = "Tides?" }
local STREAM = json.encode { model = "grok-4.6", input = "Tides?", stream = true }

local function figure(name, value) print(("%s %.6g"):format(name, value)) end

local function cpu() return os.clock() * 1e6 end

-- What takes chunks and hands the text of each delta on.
local function splitter(on_text)
  local carry = ""
  return function(chunk)
    local text, at = carry .. chunk, 1
    while true do
      local stop = text:find("\n\n", at, true)
      if not stop then break end
      local from = text:find("data: ", at, true)
      local event = json.decode(text:sub(from + 6, stop - 1))
      if event.type == "response.output_text.delta" then on_text(event.delta) end
      at = stop + 2
    end
    carry = text:sub(at)
  end
end

local peers = {}

function peers.curl()
  local curl = require "curl"
  local handle = curl.easy_init()
  handle:setopt(curl.OPT_URL, url)
  handle:setopt(curl.OPT_PROXY, "")
  handle:setopt(curl.OPT_HTTPHEADER, { "Content-Type: application/json", "Authorization: Bearer xai-benchmark" })
  local function send(body, on_chunk)
    handle:setopt(curl.OPT_POSTFIELDS, body)
    handle:setopt(curl.OPT_WRITEFUNCTION, function(chunk)
      on_chunk(chunk)
      return #chunk
    end)
    handle:perform()
  end
  return {
    ask = function()
      local parts = {}
      send(WHOLE, function(chunk) parts[#parts + 1] = chunk end)
      return json.decode(table.concat(parts))
    end,
    stream = function(on_text) send(STREAM, splitter(on_text)) end,
    all = function(work) for _ = 1, count do work() end end,
  }
end

function peers.http()
  local cqueues, requests = require "cqueues", require "http.request"
  local function send(body)
    local request = requests.new_from_uri(url)
    request.headers:upsert(":method", "POST")
    request.headers:upsert("content-type", "application/json")
    request.headers:upsert("authorization", "Bearer xai-benchmark")
    request:set_body(body)
    return select(2, assert(request:go()))
  end
  return {
    ask = function()
      local answer = send(WHOLE)
      local value = json.decode(assert(answer:get_body_as_string()))
      answer:shutdown()
      return value
    end,
    stream = function(on_text)
      local answer, take = send(STREAM), splitter(on_text)
      for chunk in answer:each_chunk() do take(chunk) end
    end,
    all = function(work)
      local queue = cqueues.new()
      for _ = 1, count do queue:wrap(work) end
      assert(queue:loop())
    end,
    queue = cqueues.new, sleep = cqueues.sleep, now = cqueues.monotime,
  }
end

local client = peers[who]()
local run = {}

function run.request()
  for _ = 1, 50 do client.ask() end
  local from = cpu()
  for _ = 1, count do assert(client.ask().status == "completed") end
  figure("cpu_us", (cpu() - from) / count)
end

function run.streams()
  local from, events = cpu(), 0
  client.all(function() client.stream(function(text) events = events + (#text > 0 and 1 or 0) end) end)
  figure("cpu_us", (cpu() - from) / events)
  figure("events", events)
end

local function resident_kib()
  local file = assert(io.open "/proc/self/statm")
  local pages = file:read("*l"):match "^%d+ (%d+)"
  file:close()
  return tonumber(pages) * 4
end

function run.slow()
  local queue, delays, seen, timed_from = client.queue(), {}, 0, math.huge
  local function each(text)
    seen = seen + 1
    local sent = tonumber(text)
    if sent > timed_from then delays[#delays + 1] = client.now() * 1e6 - sent end
  end
  local function open(n)
    for i = 1, n do
      queue:wrap(function() client.stream(each) end)
      if i % 50 == 0 then client.sleep(0.002) end
    end
    client.sleep(2)
  end
  queue:wrap(function()
    local first = math.floor(count / 10)
    open(first)
    collectgarbage()
    local before = resident_kib()
    open(count - first)
    timed_from = client.now() * 1e6
    local from, had = cpu(), seen
    client.sleep(seconds)
    figure("cpu_us", (cpu() - from) / (seen - had))
    collectgarbage()
    figure("kib", (resident_kib() - before) / (count - first))
    table.sort(delays)
    figure("p50_ms", delays[math.ceil(#delays * 0.5)] / 1e3)
    figure("p99_ms", delays[math.ceil(#delays * 0.99)] / 1e3)
    os.exit(0)
  end)
  assert(queue:loop())
end

run[mode]()
