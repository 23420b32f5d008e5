--- Neovim and every other luv program: the client's descriptor in a uv_poll, its clock in a uv_timer.
-- SPDX-License-Identifier: MIT
--
--   require("xai.uv").attach()
--   xai.spawn(function() ... end) -- calls inside wait by yielding to the loop, which goes on
--
-- In Neovim all that runs of ours is scheduled, so tasks may use the whole editor. Outside of a coroutine a call runs
-- the loop until it is over (vim.wait; elsewhere uv.run, where that does not run yet).
local loop = require "xai.loop"
local threads = require "xai.threads"

local SLICE, DAY = 0.002, 86400 -- seconds: of our work before the host's own has its turn, and the longest wait

local function milliseconds(seconds) return math.ceil(math.min(seconds or DAY, DAY) * 1000) end

-- How the main coroutine waits, which cannot yield. One pass of luv's loop will do: whoever waits looks again.
local function blocker(uv, vim, host)
  return function(is_over, seconds)
    if vim then
      local _, why = vim.wait(milliseconds(seconds), is_over, 10)
      return why == -2 and error("interrupted", 0)
    end
    if seconds then host.alarm(seconds) end
    if not uv.loop_alive() then error("this waits for something that cannot happen any more", 0) end
    uv.run "once"
  end
end

local function new_host(uv, vim, schedule)
  local host, timer, polls = { is_uv = true }, uv.new_timer(), {}
  local due, scheduled, turn = math.huge, false, nil

  local function go()
    scheduled, due = false, math.huge
    local seconds = turn(SLICE)
    if seconds then host.alarm(seconds) end
  end

  local function ring()
    if scheduled then return end
    scheduled, due = true, 0
    uv.timer_stop(timer)
    schedule(go)
  end

  function host.alarm(seconds)
    local at = uv.hrtime() / 1e9 + seconds
    if at >= due then return end
    due = at
    uv.timer_start(timer, milliseconds(seconds), 0, ring)
  end

  function host.watch(client)
    polls[client] = uv.new_poll(client.handle:fd())
    uv.poll_start(polls[client], "r", ring)
  end

  function host.unwatch(client)
    uv.close(polls[client])
    polls[client] = nil
    host.alarm(0) -- what the clock was set for is over, perhaps
  end

  turn = threads.new(host, blocker(uv, vim, host))
  return host
end

--- Wait inside luv's loop from now on; before the first client is made. Again: nothing happens.
--- @param given { uv: table?, schedule: function?, report: function? }?  default: of Neovim, else of luv;
---   schedule(fn): run it where the program's functions may run; report(message): a task failed that nobody waits for
local function attach(given)
  if (loop.host() or {}).is_uv then return end
  local vim, options = _G.vim, given or {}
  local uv = options.uv or vim and (vim.uv or vim.loop) or require "luv"
  local host = new_host(uv, vim, options.schedule or vim and vim.schedule or function(fn) fn() end)
  host.report = options.report or vim and function(message) vim.notify(message, vim.log.levels.ERROR) end
  loop.adopt(host)
end

return { attach = attach }
