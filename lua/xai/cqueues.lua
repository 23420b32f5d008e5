--- cqueues and lua-http programs: the client's descriptor as a pollable, waiting by cqueues' own condition variables.
-- SPDX-License-Identifier: MIT
--
--   require("xai.cqueues").attach()
--   controller:wrap(function() print(grok:respond "Why?") end) -- the other threads of the controller go on
local core = require "xai.core"
local cqueues = require "cqueues"
local condition = require "cqueues.condition"
local loop = require "xai.loop"

local unpack = table.unpack or unpack
local SLICE, HOUR, REST = 0.002, 3600, 1 -- seconds: of one turn, of the longest wait, of that after a turn which failed

--- What cqueues.poll can wait for: returns when client:step(0) has something to do. For programs that turn the crank
--- themselves; who has called attach needs none.
--- @param client xai.Client
--- @return { pollfd: integer, events: string, timeout: function }
local function pollable(client)
  local handle = client.link.handle
  return { pollfd = handle:fd(), events = "r", timeout = function() return handle:timeout() end }
end

--- Wait inside cqueues from now on; before the first client is made.
--- @param options { controller: table?, report: function? }?  controller: where tasks run that are not started in a
---   thread of one (default: one of our own, which runs whenever the main coroutine waits); report(message): a task
---   failed that nobody waits for, default: to stderr
local function attach(options)
  local outside = options and options.controller or cqueues.new()
  local host, polls = { paced = true, report = options and options.report }, {}
  local bell, due, keepers = condition.new(), math.huge, setmetatable({}, { __mode = "k" })

  local function controller() return cqueues.running() or outside end

  -- A thread in each controller that calls are made in, while any are in flight.
  local function keep_time(own)
    repeat
      local ok, seconds = pcall(loop.pump, SLICE)
      if not ok then seconds = host.report(tostring(seconds)) or REST end
      due = core.now() + (seconds or HOUR)
      if seconds then cqueues.poll(bell, math.min(seconds, HOUR), unpack(polls)) end
    until not seconds
    keepers[own] = nil
  end

  function host.alarm(seconds)
    local own = controller()
    if keepers[own] then return core.now() + seconds < due and bell:signal() end
    keepers[own] = true
    own:wrap(keep_time, own)
  end

  function host.wait(line, seconds)
    line.condition = line.condition or condition.new()
    if cqueues.running() then return cqueues.poll(line.condition, seconds) end
    local over
    outside:wrap(function()
      cqueues.poll(line.condition, seconds)
      over = true
    end)
    while not over do assert(outside:step()) end
  end

  function host.wake(line) return line.condition and line.condition:signal() end

  function host.watch(client)
    table.insert(polls, { pollfd = client.handle:fd(), events = "r", client = client })
    bell:signal()
  end

  function host.unwatch(client)
    for i = #polls, 1, -1 do
      if polls[i].client == client then cqueues.cancel(table.remove(polls, i).pollfd) end -- it may be closed next
    end
  end

  function host.spawn(fn, ...) return controller():wrap(fn, ...) end
  loop.adopt(host)
end

return { attach = attach, pollable = pollable }
