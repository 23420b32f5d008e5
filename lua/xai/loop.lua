--- The one place that waits: tasks that take turns, or a plain program that pumps until its answer is there.
-- SPDX-License-Identifier: MIT
--
-- Everything else is straight-line code that calls `loop.wait(subject, check)`. Inside a task of `run` that
-- yields; anywhere else (a plain program, a coroutine of the program's own, a callback that cannot yield) it
-- turns the crank until the check holds, and the other calls and tasks go on meanwhile.
--
-- Time: with real clients it is the monotonic clock. When every open client is simulated, time is virtual: it
-- stands still while anything can happen and then jumps to the next moment that something is due, so a
-- simulated delay of an hour takes no time and always ends the same.
--
-- Inside an event loop that is not ours (a host, see xai.hosted) nothing turns here: waiting parks the host's
-- coroutine, and the host calls `pump`. nginx is noticed by itself, another host is adopted.
local core = require "xai.core"
local heap = require "xai.heap"
local late = require "xai.late"

local unpack = table.unpack or unpack

local open = setmetatable({}, { __mode = "v" }) -- clients, in the order they were opened; holes when collected
local opened = 0
local tasks = {}                                 -- coroutine -> task, while it lives
local scheduler                                  -- nil outside run
local sleepers = heap.new()                      -- of tasks
local clock = { time = 0, real = core.now(), busy = 0 }
local interrupt                                  -- called each turn, see on_interrupt
local hosted                                     -- waits in our place; false: no host, nil: not looked yet
local barred = setmetatable({}, { __mode = "k" }) -- coroutine -> why nothing may be called or waited for in it

local LONGEST = 3600 -- seconds in one wait of the system's; then we look again
local GLANCE = 0.1   -- ... while somebody wants to be asked about interrupts
local BATCH = 32     -- events in one turn
local BUSY = 256     -- turns of tasks that never rest, then the network has one
local STUCK = 10000  -- turns without an event or a later moment before we say so

-- ------------------------------------------------------------------ time

local function is_virtual()
  local any = false
  for i = 1, opened do
    local client = open[i]
    if client and not client.virtual then return false end
    any = any or client ~= nil
  end
  return any
end

local function now()
  local real = core.now()
  if not is_virtual() then clock.time = clock.time + (real - clock.real) end
  clock.real = real
  return clock.time
end

--- A simulated client's clock is in milliseconds and follows ours; before a call starts, too, whose time counts from
--- there.
local function follow(client)
  local behind = clock.time - client.synced
  local step = math.ceil(behind * 1000 - 1e-6) / 1000
  if step <= 0 then return end
  client.handle:advance(step)
  client.synced = client.synced + step
end

-- ------------------------------------------------------------------ tasks that wait

local function is_live(task)
  return task and not task.done
end

local function push(task)
  local queue = task.scheduler.ready
  queue.last = queue.last + 1
  queue[queue.last] = task
end

local function pop()
  local queue = scheduler.ready
  if queue.first > queue.last then return nil end
  local task = queue[queue.first]
  queue[queue.first] = nil
  queue.first = queue.first + 1
  if queue.first > queue.last then queue.first, queue.last = 1, 0 end -- places are used again: the table never grows
  return task
end

-- Who waits for a subject stands in a ring, in the order they came; `subject.waiters` is the first. Where thousands
-- wait, each for its own, there is nothing beside the tasks themselves for the collector to look at.
local function join(subject, task)
  local first = subject.waiters
  task.subject = subject
  if first then
    task.before, task.after = first.before, first
    first.before.after = task
    first.before = task
  else
    task.before, task.after = task, task
    subject.waiters = task
  end
end

local function leave(task)
  local subject = task.subject
  if not subject then return end
  task.before.after, task.after.before = task.after, task.before
  if subject.waiters == task then subject.waiters = task.after ~= task and task.after or nil end
  task.subject, task.before, task.after = false, false, false
end

local function unpark(task)
  leave(task)
  if task.sleeper then
    heap.remove(sleepers, task.sleeper)
    task.sleeper = nil
  end
  task.parked = false
  push(task)
end

local function park(task, subject, due)
  task.parked = true
  if subject then join(subject, task) end
  if due then task.sleeper = heap.add(sleepers, due, task) end
  coroutine.yield()
end

--- Something happened to a subject: whoever waits for it looks again, in the order they came.
local function wake(subject)
  if hosted then hosted.host.wake(subject) end
  while subject.waiters do unpark(subject.waiters) end
end

local function wake_sleepers(time)
  while sleepers[1] and sleepers[1].due <= time do unpark(sleepers[1].what) end
end

local function keep(task, ok, ...)
  if ok then
    task.results = { n = select("#", ...), ... }
  else
    task.failed = true
    task.fault = ...
    task.traceback = debug.traceback(task.thread)
    table.insert(task.scheduler.failures, task)
  end
end

local function forget(task)
  task.done = true
  tasks[task.thread] = nil
end

-- After it was resumed: it has come to its end, or it yielded.
local function resumed(task, ...)
  if coroutine.status(task.thread) == "dead" then
    keep(task, ...)
    forget(task)
    task.scheduler.live[task] = nil
    wake(task)
  elseif not task.parked then -- it yielded by itself: others first
    push(task)
  end
end

local function resume(task)
  local arguments = task.arguments
  task.arguments = nil
  if arguments then
    resumed(task, coroutine.resume(task.thread, unpack(arguments, 1, arguments.n)))
  else
    resumed(task, coroutine.resume(task.thread))
  end
end

-- ------------------------------------------------------------------ one turn

-- Some events of each client, so that a busy one does not starve the others. Simulated time must not run ahead of
-- the tasks, so there it is one.
local function take_events(most)
  local took = false
  for i = 1, opened do
    local client = open[i]
    if client then
      if client.virtual then follow(client) end
      for _ = 1, client.virtual and 1 or most or BATCH do
        local kind = client:take()
        if not kind then break end
        took = true
        if kind == "end" and not client:busy() then break end -- that was all
      end
    end
  end
  return took
end

local function earlier(a, b)
  if not a or not b then return a or b end
  return math.min(a, b)
end

-- ------------------------------------------------------------------ hosts

local function clients()
  local i = 0
  return function()
    repeat i = i + 1 until open[i] or i > opened
    return open[i]
  end
end

--- From now on wait inside an event loop that is not ours; nil: no longer. While no client is open.
--- @param host xai.Host?
local function adopt(host)
  hosted = host and late("xai.hosted").new(host, clients, take_events) or false
end

-- What waits in our place, if anything does.
local function host_around()
  if hosted == nil then
    hosted = false
    local ngx = _G.ngx
    if type(ngx) == "table" and ngx.socket and ngx.thread and ngx.timer then adopt(late("xai.ngx").host) end
  end
  return hosted
end

--- The host around us, if there is one.
--- @return xai.Host?
local function host()
  if hosted == nil then host_around() end
  return hosted and hosted.host or nil
end

--- For a host: do what is due and give every event to its call.
--- @param budget number?    seconds after which to stop giving out events; nil: when all are given out
--- @return number? seconds  call again by then; nil: nothing is in flight
local function pump(budget)
  return hosted and hosted:pump(budget) or nil
end

--- Does the host give us only so much time at once? Then a reader takes small lots, and rests between them.
local function is_paced()
  return hosted and hosted.host.paced or false
end

--- Let a host go on that has given us its time; that takes a while, in which anything may happen.
--- @return boolean rested  false: there is time left
local function rest()
  local host_rests = hosted and hosted.host.rest
  return host_rests and host_rests() or false
end

--- A call of a client was started, or ended, inside a host: its descriptor is to be watched, or no longer.
local function attend(client)
  if hosted then hosted:watch(client) end
end

-- The next moment that anything is due which the calls in flight over real connections do not see to themselves; and
-- how many clients have such calls, with one of these clients.
local function outlook(limit)
  local due, count, one = limit, 0, nil
  if sleepers[1] then due = earlier(due, sleepers[1].due) end
  for i = 1, opened do
    local client = open[i]
    if client and client:busy() then
      if client.virtual then
        local seconds = client:due()
        due = earlier(due, seconds and now() + seconds)
      else
        count, one = count + 1, client
      end
    end
  end
  return due, count, one
end

local function wait_for_several(seconds)
  local busy, handles = {}, {}
  for i = 1, opened do
    local client = open[i]
    if client and not client.virtual and client:busy() then busy[#busy + 1] = client end
  end
  for i, client in ipairs(busy) do handles[i] = client.handle end
  core.wait(handles, seconds)
  for _, client in ipairs(busy) do client:crank(0) end
end

local function wait_for(count, one, seconds)
  if interrupt then seconds = math.min(seconds, GLANCE) end
  if count == 1 then one:crank(seconds) else wait_for_several(seconds) end
end

-- Nothing is ready: wait, or jump to the next moment. False when nothing will ever happen.
local function idle(limit)
  local due, count, one = outlook(limit)
  if not due then
    if count == 0 then return false end
    wait_for(count, one, LONGEST)
    return true
  end
  local time = now()
  if not is_virtual() then
    wait_for(count, one, math.min(LONGEST, math.max(0, due - time)))
  elseif due > time then
    clock.time = math.max(due, time + 0.001)
    clock.stuck = 0
  else
    clock.stuck = (clock.stuck or 0) + 1
    if clock.stuck > STUCK then return false end
  end
  return true
end

local function move_bytes()
  for i = 1, opened do
    local client = open[i]
    if client and not client.virtual and client:busy() then client:crank(0) end
  end
end

-- The turn of a task, if one is ready and the network has had its own.
local function run_task()
  local task = clock.busy < BUSY and pop()
  if task then
    clock.busy = clock.busy + 1
    if is_live(task) then resume(task) end
    return true
  end
  if clock.busy >= BUSY then move_bytes() end
  clock.busy = 0
  return false
end

local function turn(limit)
  if interrupt then interrupt() end
  if sleepers[1] then wake_sleepers(now()) end
  if scheduler and run_task() then return true end
  if take_events() then
    clock.stuck = 0
    return true
  end
  if scheduler and scheduler.ready.first <= scheduler.ready.last then return true end
  return idle(limit)
end

-- ------------------------------------------------------------------ waiting

local function deadlock()
  local waiting = {}
  for task in pairs(scheduler and scheduler.live or {}) do waiting[#waiting + 1] = task.name end
  table.sort(waiting)
  if #waiting == 0 then return "deadlock: this waits for something that cannot happen any more" end
  return ("deadlock: %d task(s) wait for something that cannot happen any more: %s"):format(
    #waiting, table.concat(waiting, ", "))
end

--- From now on a coroutine may neither call nor wait: it runs in the middle of something that cannot.
--- @param thread thread
--- @param why string?  what it is told when it tries; nil: it may again
local function bar(thread, why)
  barred[thread] = why
end

--- May the running coroutine not call or wait?
--- @return string? why
local function bar_here()
  return next(barred) and barred[coroutine.running()] or nil
end

-- The task we may yield from: the running coroutine is one, and no C function is in between.
local function current_task()
  local thread = coroutine.running()
  local task = thread and tasks[thread]
  if not task or task.done then return nil end
  if coroutine.isyieldable and not coroutine.isyieldable() then return nil end
  return task
end

--- Wait until check(subject) is true. Whoever changes the subject calls wake(subject).
--- @param subject table
--- @param check fun(subject: table): any
--- @param timeout number?  seconds
--- @return boolean held  false: the time was up
local function wait(subject, check, timeout)
  local bar_of_this = bar_here()
  if bar_of_this and not check(subject) then error(bar_of_this, 3) end
  if hosted == nil then host_around() end
  if hosted then return hosted:wait(subject, check, timeout) end
  local limit = timeout and now() + timeout
  while not check(subject) do
    if limit and now() >= limit then return false end
    local task = scheduler and current_task()
    if task then
      park(task, subject, limit)
    elseif not turn(limit) and not check(subject) then -- a finaliser may just have seen to it
      error(deadlock(), 3)
    end
  end
  return true
end

local function never() return false end

--- Wait that many seconds; other calls and tasks go on.
--- @param seconds number
--- @return nil
local function sleep(seconds)
  if type(seconds) ~= "number" or seconds ~= seconds then error("xai.sleep: seconds must be a number", 2) end
  local bar_of_this = bar_here()
  if bar_of_this then error(bar_of_this, 2) end
  if host_around() then return hosted:sleep(math.max(0, seconds)) end
  local task = current_task()
  if task then return park(task, nil, now() + math.max(0, seconds)) end
  wait({}, never, math.max(0, seconds))
end

-- ------------------------------------------------------------------ tasks

--- @class xai.Task
local Task = {}
local task_mt = { __name = "xai.task", __index = Task }

local function is_done(task) return task.done end

--- Wait for the task's end.
--- @return any ...  what its function returned; an error in it is raised here again, with its traceback
function Task:wait()
  if getmetatable(self) ~= task_mt then
    error("this is a method of a task: call it with a colon, as in task:wait()", 2)
  end
  local current = hosted and hosted:current() or tasks[coroutine.running() or self]
  if current == self then error("a task cannot wait for itself", 2) end
  self.waited = true
  wait(self, is_done)
  if self.failed then
    local fault = self.fault
    error(type(fault) == "string" and fault .. "\n" .. self.traceback or fault, 0)
  end
  return unpack(self.results, 1, self.results.n)
end

local function name_of(fn)
  local info = debug.getinfo(fn, "S")
  return info.short_src .. ":" .. info.linedefined
end

local function start(fn, ...)
  local task = setmetatable({
    thread = not hosted and coroutine.create(fn) or nil, -- a host gives its own
    scheduler = scheduler,
    name = name_of(fn),
    arguments = { n = select("#", ...), ... },
    parked = false,  -- waits for its subject or its time
    sleeper = nil,   -- its entry among those who wait for their time
    subject = false, -- what it waits for ...
    before = false,  -- ... and its neighbours among those who do
    after = false,
    waiters = nil,   -- who waits for it
    done = false,
    waited = false,  -- somebody takes its results or its error
    results = nil,
    failed = false,
    fault = nil,     -- what was raised
    traceback = nil,
  }, task_mt)
  if hosted then
    task.arguments = nil
    hosted:start(task, fn, ...)
    return task
  end
  tasks[task.thread] = task
  scheduler.live[task] = true
  push(task)
  return task
end

--- Start a function as a task of the running scheduler; it begins when the caller next waits. Inside a host no
--- scheduler is needed, and it may begin at once.
--- @param fn function
--- @param ... any  its arguments
--- @return xai.Task
local function spawn(fn, ...)
  if type(fn) ~= "function" then error("xai.spawn: a function is needed, not a " .. type(fn), 2) end
  if not host_around() and not scheduler then
    error("xai.spawn: there is no scheduler here: call it inside xai.run", 2)
  end
  return start(fn, ...)
end

local function abandon(self)
  for task in pairs(self.live) do
    if task.sleeper then heap.remove(sleepers, task.sleeper) end
    forget(task)
    leave(task)
    task.failed, task.fault, task.traceback = true, "xai.run ended before this task", ""
    if coroutine.close and coroutine.status(task.thread) == "suspended" then coroutine.close(task.thread) end
  end
end

local function drive(self, fn, ...)
  local main = start(fn, ...)
  main.waited = true
  while next(self.live) and not main.failed do
    if not turn() then error(deadlock(), 0) end
  end
  for _, task in ipairs(self.failures) do
    if main.failed or not task.waited then return task end
  end
  return main
end

--- Run a function as the first task of a scheduler, until it and every task it started have ended. An error
--- in it ends the run at once; an error in a task nobody waited for is raised when all have ended. Inside a
--- run it is a plain call of the function.
--- @param fn function
--- @param ... any  its arguments
--- @return any ...  what the function returned
local function run(fn, ...)
  if type(fn) ~= "function" then error("xai.run: a function is needed, not a " .. type(fn), 2) end
  if host_around() then return hosted:run(fn, ...) end
  if scheduler then return fn(...) end
  local self = { ready = { first = 1, last = 0 }, live = {}, failures = {} }
  scheduler = self
  local ok, outcome = pcall(drive, self, fn, ...)
  abandon(self)
  scheduler = nil
  if not ok then error(outcome, 0) end
  return outcome:wait()
end

local function wait_for_all(list)
  local started = {}
  for i, entry in ipairs(list) do
    started[i] = type(entry) == "function" and start(entry) or entry
  end
  local results, errors = {}, {}
  for i, task in ipairs(started) do results[i], errors[i] = task:wait() end
  return results, errors
end

--- Wait for tasks, or start functions as tasks and wait for them; outside a run it makes one.
--- @param list (xai.Task|function)[]
--- @return table results  by place: the first thing each returned
--- @return table errors   by place: the second, so that `nil, err` is kept apart
local function all(list)
  if type(list) ~= "table" then error("xai.all: a list of tasks and functions is needed, not a " .. type(list), 2) end
  for i, entry in ipairs(list) do
    if type(entry) ~= "function" and getmetatable(entry) ~= task_mt then
      error(("xai.all: entry %d is neither a task nor a function"):format(i), 2)
    end
  end
  return run(wait_for_all, list)
end

-- ------------------------------------------------------------------ clients

-- Places of collected clients are closed up when they are half of all.
local compact_at = 16

local function compact()
  local n = 0
  for i = 1, opened do
    local client = open[i]
    open[i] = nil
    if client then
      n = n + 1
      open[n] = client
    end
  end
  opened = n
  compact_at = math.max(16, 2 * n)
end

--- A client was opened; the loop holds it weakly. It offers handle, virtual, synced, and the methods
--- take() -> the kind of the event it took, or false; busy() -> has calls?; due() -> seconds or nil; crank(seconds);
--- tend() -> likewise.
local function watch(client)
  if opened >= compact_at then compact() end
  client.synced = now()
  opened = opened + 1
  open[opened] = client
end

--- A client was closed.
local function unwatch(client)
  if hosted then hosted:forget(client) end
  for i = 1, opened do
    if open[i] == client then open[i] = nil end
  end
end

--- Have a function called at least ten times a second while something waits; nil takes it away.
--- @param fn function?
--- @return function? previous
local function on_interrupt(fn)
  local previous = interrupt
  interrupt = fn
  return previous
end

return {
  run = run,
  spawn = spawn,
  all = all,
  sleep = sleep,
  wait = wait,
  wake = wake,
  bar = bar,
  bar_here = bar_here,
  now = now,
  adopt = adopt,
  host = host,
  pump = pump,
  attend = attend,
  is_paced = is_paced,
  rest = rest,
  watch = watch,
  unwatch = unwatch,
  follow = follow,
  on_interrupt = on_interrupt,
}
