--- Coroutines that park until they are woken or their time is up, for hosts that have no threads of their own.
-- SPDX-License-Identifier: MIT
--
-- Gives a host of xai.hosted its `wait`, `wake`, `spawn` and `kill`, and one function, the turn, that the host's loop
-- calls. Any coroutine may park, also one that the program made: a turn resumes it, never one from inside another.
local core = require "xai.core"
local heap = require "xai.heap"
local loop = require "xai.loop"

local unpack = table.unpack or unpack

local REST = 1 -- seconds without a turn after one that failed

-- The coroutine that runs; nil: the main one, which cannot be resumed.
local function running()
  local thread, is_main = coroutine.running()
  return not is_main and thread or nil
end

local function remove(list, value)
  for i = #list, 1, -1 do
    if list[i] == value then return table.remove(list, i) end
  end
end

--- @param host xai.Host  has alarm and report; gets wait, wake, spawn and kill
--- @param block fun(is_over: (fun(): boolean), seconds: number?)  the main coroutine waits: turn the host's loop
--- @return fun(budget: number?): number? turn  gives out events and resumes who was woken, for about `budget` seconds
---   of time; in how many seconds the next turn is due, nil: when a descriptor is readable or something is woken
local function new(host, block)
  local ready = { first = 1, last = 0 }
  local sleepers = heap.new()                       -- of threads
  local places = setmetatable({}, { __mode = "k" }) -- parked thread -> { line, sleeper }
  local killed = setmetatable({}, { __mode = "k" })
  local turning, limit = false, math.huge           -- a turn is in progress, and its time is up then
  host.paced = true

  local function ring(seconds)
    if not turning then host.alarm(seconds) end
  end

  local function push(thread)
    ready.last = ready.last + 1
    ready[ready.last] = thread
  end

  -- It is parked no longer; false: it was not.
  local function leave(thread)
    local place = places[thread]
    if not place then return false end
    places[thread] = nil
    remove(place.line.parked, thread)
    if place.sleeper then heap.remove(sleepers, place.sleeper) end
    return true
  end

  local function put_to_sleep(thread, seconds)
    local sleeper = heap.add(sleepers, core.now() + seconds, thread)
    ring(math.max(0, seconds))
    return sleeper
  end

  function host.wait(line, seconds)
    local thread = running()
    if not thread then
      line.awaited = true
      return block(function() return not line.awaited end, seconds)
    end
    line.parked = line.parked or {}
    table.insert(line.parked, thread)
    places[thread] = { line = line, sleeper = seconds and put_to_sleep(thread, seconds) }
    coroutine.yield()
    leave(thread) -- it was the program that resumed it
  end

  function host.wake(line)
    line.awaited = nil
    local parked = line.parked
    if not parked or not parked[1] then return end
    while parked[1] do
      local thread = parked[1]
      leave(thread)
      push(thread)
    end
    ring(0)
  end

  function host.rest()
    local thread = running()
    if not thread or not turning or core.now() < limit then return false end
    push(thread)
    coroutine.yield()
    return true
  end

  function host.spawn(fn, ...)
    local arguments = { n = select("#", ...), ... }
    local thread = coroutine.create(function() fn(unpack(arguments, 1, arguments.n)) end)
    push(thread)
    ring(0)
    return thread
  end

  function host.kill(thread)
    killed[thread] = true
    leave(thread)
  end

  local function resume(thread)
    if killed[thread] or coroutine.status(thread) ~= "suspended" then return end
    local ok, fault = coroutine.resume(thread)
    if not ok then host.report(debug.traceback(thread, tostring(fault))) end
  end

  -- Those who are ready now, as far as the time allows, but at least so many; whom they wake has the next turn.
  local function resume_ready(least)
    local first = ready.first
    for at = first, ready.last do
      if at >= first + least and core.now() >= limit then return end
      local thread = ready[at]
      ready[at], ready.first = nil, at + 1
      resume(thread)
    end
  end

  local function wake_sleepers()
    while sleepers[1] and sleepers[1].due <= core.now() do
      local thread = sleepers[1].what
      leave(thread)
      push(thread)
    end
  end

  local function pump(budget)
    local ok, due = pcall(loop.pump, budget)
    if ok then return due end
    host.report(tostring(due))
    return REST
  end

  -- Who was left waiting by the last turn goes first: nothing is fetched that nobody has time for.
  local function work(budget)
    wake_sleepers()
    local waited = ready.first <= ready.last
    resume_ready(1)
    local left = limit - core.now()
    if waited and left <= 0 then return 0 end
    local due = pump(budget and math.max(0, left))
    resume_ready(0)
    return due
  end

  return function(budget)
    turning, limit = true, budget and core.now() + budget or math.huge
    local due = work(budget)
    turning = false
    if ready.first <= ready.last then return 0 end
    local first = sleepers[1] and math.max(0, sleepers[1].due - core.now())
    return first and due and math.min(first, due) or first or due
  end
end

return { new = new }
