--- What is tested in a cqueues program: the scenario beside its other threads, a pollable, and calls outside of one.
-- SPDX-License-Identifier: MIT
--
-- tests.lua [URL]   URL: of the example server, which is asked through lua-http where that is installed
package.path = "spec/hosts/?.lua;" .. package.path
local cqueues = require "cqueues"
local meters = require "meter"
local scenario = require "scenario"
local xai = require "xai"

local meter, passed, failed = meters.new(), 0, {}
require("xai.cqueues").attach()
local grok = assert(xai.new())

local function check(what, ok, why)
  if ok then passed = passed + 1 else failed[#failed + 1] = what .. ": " .. tostring(why) end
end

-- As controller:loop(), but what the threads do is timed; waiting is not.
local function loop(controller)
  local step = meter:timed(function() return controller:step(0) end)
  while not controller:empty() do
    cqueues.poll(controller)
    local ok, why = step()
    if not ok then return false, why end
  end
  return true
end

local function in_a_thread(fn)
  local controller = cqueues.new()
  controller:wrap(fn, controller)
  local ok, why = loop(controller)
  if not ok then failed[#failed + 1] = tostring(why) end
end

in_a_thread(function(controller)
  local ticks, over = 0, false
  controller:wrap(function()
    while not over do
      cqueues.sleep(0.005)
      ticks = ticks + 1
    end
  end)
  local good, bad = scenario.run(grok)
  over = true
  passed = passed + good
  for _, what in ipairs(bad) do failed[#failed + 1] = what end
  check("the other threads went on", ticks > 20, ticks)
end)

local answer, err = grok:respond "Why?"
check("outside of a thread a call runs our own controller", answer and #answer:text() > 0, err)

in_a_thread(function()
  local from = cqueues.monotime()
  xai.sleep(0.02)
  local took = cqueues.monotime() - from
  check("sleeps", took >= 0.02 and took < 2, took)
end)

in_a_thread(function()
  local other = assert(xai.new())
  local stream = assert(other:stream("x", { headers = { ["x-sim-fault"] = "stall=3000" } }))
  for _ in stream:events() do other:close() end
  local _, gone = stream:result()
  check("a client that is closed in a stream's middle lets go", gone and gone.kind == "cancelled", gone)
end)

-- Two threads, two clients of the example server, at the same time.
local function ask_the_example(url)
  local request = require "http.request"
  local texts, controller = {}, cqueues.new()
  for i = 1, 2 do
    controller:wrap(function()
      local ask = request.new_from_uri(url)
      ask.headers:upsert(":method", "POST")
      ask:set_body "Why do tides lag the Moon?"
      local headers, stream = assert(ask:go(20))
      texts[i] = headers:get ":status" .. " " .. assert(stream:get_body_as_string(20))
    end)
  end
  assert(controller:loop())
  check("the example passes answers on", texts[1]:find "^200 Tides" and texts[2]:find "^200 Tides", texts[1])
end

if arg[1] then ask_the_example(arg[1]) end

-- The crank turned by the program, without the adapter: the client is what cqueues polls.
require("xai.loop").adopt(nil)
local client = assert(xai.new())
in_a_thread(function()
  local stream = assert(client:stream "Tell me a story")
  local pollable, turns = require("xai.cqueues").pollable(client), 0
  while not stream:is_done() do
    cqueues.poll(pollable)
    client:step(0)
    turns = turns + 1
  end
  check("a client is a pollable", #stream:text() > 0 and turns > 5 and turns < 2000, turns)
end)

os.exit(meters.report(passed, failed, meter, ("of %d steps of the controller"):format(meter.count)))
