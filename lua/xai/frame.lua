--- LÖVE, and every other program that has a frame loop: one call a frame, which never waits and keeps to a budget.
-- SPDX-License-Identifier: MIT
--
--   local frame = require "xai.frame"
--   frame.attach()
--   function love.update() frame.update() end
--   xai.spawn(function() ... end) -- calls inside wait from frame to frame
local loop = require "xai.loop"
local threads = require "xai.threads"

local SOCKETS = 4     -- served between two looks at the clock
local BUDGET = 0.0002 -- seconds of a frame: little more than a hundredth of what there is at sixty a second

local turn

--- Wait from frame to frame from now on. To be called before the first client is made.
--- @param options { report: function? }?  report(message): a task failed that nobody waits for; default: to stderr
local function attach(options)
  local host = { alarm = function() end, most = SOCKETS, report = options and options.report }
  turn = threads.new(host, function()
    error("a frame cannot wait: make this call inside xai.spawn(function() ... end)", 0)
  end)
  loop.adopt(host)
end

--- To be called each frame: moves bytes, gives out events, resumes the tasks that waited for them.
--- @param budget number?  seconds after which the rest is left to the next frame; default 0.0002. What has begun is
---   not interrupted: a task that does not wait, a turn of the network (some ten microseconds for each of 4 sockets)
--- @return boolean more  something was left
local function update(budget)
  if not turn then error("xai.frame.update: call xai.frame.attach() first", 2) end
  return turn(budget or BUDGET) == 0
end

return { attach = attach, update = update }
