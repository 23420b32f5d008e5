--- Waiting inside an event loop that is not ours: nginx, an editor, a game. The host parks us and wakes us.
-- SPDX-License-Identifier: MIT
--
-- `xai.loop` asks here for everything that waits once it has adopted a host. Nothing here ever blocks: a call's
-- bytes come in while its readers are parked, and the host calls `pump` when a moment has come that we named.
local core = require "xai.core"

local unpack = table.unpack or unpack

local STUCK = 10000 -- turns of a simulated network without an event before we stop turning

--- What a host offers. A `line` is any table of ours: who waits for something and who wakes them meet there.
--- @class xai.Host
--- @field wait fun(line: table, seconds: number?)  park the running coroutine until the line is woken or the time is up
--- @field wake fun(line: table)       have everybody who is parked on it run soon; never runs them at once
--- @field spawn fun(fn: function, ...): any  run a function in a coroutine of the host's, at once or soon
--- @field alarm fun(seconds: number)  call loop.pump in that many seconds, or earlier
--- @field report fun(message: string)?  say that something went wrong of which nobody waits to hear; default: to stderr
--- @field watch fun(client: table)?   it has calls in flight: call loop.pump when client.handle:fd() becomes readable
--- @field unwatch fun(client: table)? ... no longer; the descriptor is about to be closed, perhaps
--- @field paced boolean?              pump alone gives out real events, and the host calls it with a budget
--- @field most integer?               sockets that a turn of the network serves before the clock is asked again
--- @field rest (fun(): boolean)?      if the budget is used up, go on in the next turn, and say that you did
--- @field kill fun(thread: any)?      end what spawn gave, wherever it is parked
--- @field is_over fun(thread: thread): boolean?  has a coroutine of the host's run to its end?
--- @field transport "host"?           it has sockets of its own, which the next five use (see xai.carrier):
--- @field connect fun(request: table): any, string?, string?  a socket, or nil, how it failed, a few words
--- @field send fun(socket: any, bytes: string): any, string?
--- @field receive fun(socket: any, most: integer): string?, string?  what has come, at least a byte and, only for
---   memory's sake, at most so many; nil, "closed" or a fault
--- @field keep fun(socket: any, request: table)       the next request to the same origin may have it
--- @field close fun(socket: any)

local Hosted = {}
local mt = { __index = Hosted }

local function is_done(task) return task.done end

-- A simulated network is as fast as we are: its clock jumps to the next moment that something is due.
local function jump(self)
  local jumped = false
  for client in self.clients() do
    local due = client.virtual and client:busy() and client:due()
    if due then
      client.handle:advance(math.max(due, 0.001))
      jumped = true
    end
  end
  self.turns = self.turns + 1
  return jumped and self.turns < STUCK
end

local function take(self, most)
  if not self.take_events(most) then return false end
  self.turns = 0
  return true
end

--- As loop.wait.
function Hosted:wait(subject, check, timeout)
  local limit = timeout and core.now() + timeout
  while not check(subject) do
    local left = limit and limit - core.now()
    if left and left <= 0 then return false end
    if not take(self, self.host.paced and 0) and not jump(self) then self.host.wait(subject, left) end
  end
  return true
end

--- As loop.sleep.
function Hosted:sleep(seconds)
  local limit = core.now() + seconds
  repeat
    self.host.wait({}, limit - core.now())
  until core.now() >= limit
end

local function earlier(a, b)
  if not a or not b then return a or b end
  return math.min(a, b)
end

--- Have the host watch a client's descriptor while calls are in flight, and no longer: whoever drops a client that
--- is at rest closes it, and a watched one is held.
function Hosted:watch(client)
  local wanted = client.handle ~= nil and not client.virtual and client:busy()
  if wanted == (self.watched[client] or false) then return end
  self.watched[client] = wanted or nil
  local tell = wanted and self.host.watch or not wanted and self.host.unwatch
  if tell then tell(client) end
end

--- A client is about to be closed.
function Hosted:forget(client)
  if not self.watched[client] then return end
  self.watched[client] = nil
  if self.host.unwatch then self.host.unwatch(client) end
end

-- Until the time is up or nothing is left, but at least so often; may anything be left, and was there anything?
local function take_all(self, limit, least)
  local took = false
  while least > 0 or not limit or core.now() < limit do
    if not take(self, limit and 1) then return false, took end
    least, took = least - 1, true
  end
  return true, took
end

local function crank(self)
  for client in self.clients() do
    if not client.virtual and client:busy() then client:crank(0) end
  end
end

--- Do what is due now, and give every event to its call.
--- @param budget number?    seconds after which to stop; what is left is done first the next time, before the network
---   has its turn, whose time is not bounded by this: some ten microseconds for each of host.most sockets
--- @return number? seconds  until the next time, at the latest; nil: nothing is in flight
function Hosted:pump(budget)
  local limit = budget and core.now() + budget
  local late = self.behind and budget ~= nil
  local goes_on = limit and self.host.most and not self.host.watch -- a descriptor that is watched tells itself
  if not late then crank(self) end
  local behind, took = take_all(self, limit, late and 1 or 0)
  while goes_on and took and not behind and core.now() < limit do
    crank(self)
    behind, took = take_all(self, limit, 0)
  end
  self.behind = behind
  local due
  for client in self.clients() do
    self:watch(client)
    if not client.virtual and client:busy() then due = earlier(due, earlier(client:due(), client:tend())) end
  end
  return self.behind and 0 or due
end

-- ------------------------------------------------------------------ tasks

local function end_task(task, ok, ...)
  task.done = true
  if ok then
    task.results = { n = select("#", ...), ... }
  else
    local fault = ...
    task.failed, task.fault, task.traceback = true, fault.value, fault.traceback
  end
end

local function with_traceback(value)
  return { value = value, traceback = debug.traceback("", 2) }
end

local function said(task)
  if type(task.fault) ~= "string" then return task.fault end
  return task.fault .. "\n" .. task.traceback
end

local function body(self, task, fn, ...)
  self.groups[coroutine.running() or self] = task.group
  self.tasks[coroutine.running() or self] = task
  end_task(task, xpcall(fn, with_traceback, ...))
  if task.failed and not task.group and not task.waited then
    self.host.report(tostring(task.fault) .. "\n" .. task.traceback)
  end
  self.host.wake(task)
end

--- The task that runs now, if one does.
function Hosted:current()
  return self.tasks[coroutine.running() or self]
end

--- Run a task in a coroutine of the host's; it belongs to the run it was started in, if any.
function Hosted:start(task, fn, ...)
  task.group = self.groups[coroutine.running() or self]
  if task.group then table.insert(task.group, task) end
  task.thread = self.host.spawn(body, self, task, fn, ...)
end

local function abandon(self, group)
  for _, task in ipairs(group) do
    if not task.done then
      end_task(task, false, { value = "xai.run ended before this task", traceback = "" })
      if self.host.kill and task.thread then self.host.kill(task.thread) end
    end
  end
end

-- Tasks may start further ones while we wait for them.
local function wait_for_group(self, group)
  local at = 1
  while group[at] do
    self:wait(group[at], is_done)
    at = at + 1
  end
  for _, task in ipairs(group) do
    if task.failed and not task.waited then error(said(task), 0) end
  end
end

--- As loop.run.
function Hosted:run(fn, ...)
  local thread = coroutine.running() or self
  if self.groups[thread] then return fn(...) end
  local group, main = {}, {}
  self.groups[thread] = group
  end_task(main, xpcall(fn, with_traceback, ...))
  local ok, fault = not main.failed, main.failed and said(main)
  if ok then ok, fault = pcall(wait_for_group, self, group) end
  self.groups[thread] = nil
  if ok then return unpack(main.results, 1, main.results.n) end
  abandon(self, group)
  error(fault, 0)
end

local function to_stderr(message) io.stderr:write("xai: ", message, "\n") end

--- @param host xai.Host
--- @param clients fun(): fun(): table?   iterates over the open clients
--- @param take_events fun(most: integer?): boolean  takes some events of each, of real ones at most so many
local function new(host, clients, take_events)
  host.report = host.report or to_stderr
  return setmetatable({
    host = host,
    clients = clients,
    take_events = take_events,
    turns = 0,                                    -- of simulated networks, since the last event
    behind = false,                               -- the last pump left events
    watched = {},                                 -- client -> true: the host watches its descriptor
    groups = setmetatable({}, { __mode = "k" }),  -- coroutine -> the tasks of its run
    tasks = setmetatable({}, { __mode = "k" }),   -- coroutine -> the task it runs
  }, mt)
end

return { new = new }
