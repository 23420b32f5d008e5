--- What is tested in a luv program: the scenario beside the program's own timer, and calls before the loop runs.
-- SPDX-License-Identifier: MIT
package.path = "spec/hosts/?.lua;" .. package.path
local uv = require "luv"
local meters = require "meter"
local metered_uv = require "metered_uv"
local scenario = require "scenario"
local xai = require "xai"

local meter, passed, failed = meters.new(), 0, {}
require("xai.uv").attach { uv = metered_uv(uv, meter) }
local grok = assert(xai.new())

local function check(what, ok, why)
  if ok then passed = passed + 1 else failed[#failed + 1] = what .. ": " .. tostring(why) end
end

local ticks, timer = 0, uv.new_timer()
uv.timer_start(timer, 5, 5, function() ticks = ticks + 1 end)

xai.spawn(function()
  local good, bad = scenario.run(grok)
  passed = passed + good
  for _, what in ipairs(bad) do failed[#failed + 1] = what end
  check("the program's own timer went on", ticks > 20, ticks)
  uv.close(timer)
end)
uv.run()
check("the loop ends when nothing is in flight", passed > 0, "it ended before the scenario")

coroutine.wrap(function() -- a coroutine of the program's own
  local answer, err = grok:respond "Why?"
  check("a coroutine of the program's waits", answer and #answer:text() > 0, err)
end)()
uv.run()
local answer, err = grok:respond "Why?"
check("outside of a coroutine a call runs the loop", answer and #answer:text() > 0, err)

local late, woke = uv.hrtime(), nil
xai.spawn(function()
  xai.sleep(0.02)
  woke = uv.hrtime()
end)
uv.run()
check("sleeps", woke and woke - late >= 20e6 and woke - late < 2e9, woke)

local other = assert(xai.new())
local stream = assert(other:stream("x", { headers = { ["x-sim-fault"] = "stall=3000" } }))
xai.spawn(function() for _ in stream:events() do other:close() end end)
uv.run()
local _, gone = stream:result()
check("a client that is closed in a stream's middle lets go of the loop", gone and gone.kind == "cancelled", gone)

grok:close()
os.exit(meters.report(passed, failed, meter, ("of %d functions that luv called"):format(meter.count)))
