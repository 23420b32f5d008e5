--- Carries the requests of a call over a host's own sockets, for as long as the call lives.
-- SPDX-License-Identifier: MIT
--
-- Sockets of a host may belong to the request they were made in (nginx), so each call has a thread of its own,
-- started by whoever started the call: it sees to the attempts one after another and ends with the call. An
-- attempt has a thread below it, so that a cancel ends it wherever it is parked.
local core = require "xai.core"

local PIECE = 65536
local TICK = 0.4    -- seconds between two looks at whether a call's thread is still there
local GLANCE = 0.02 -- ... and at which call's turn it is

local function is_live(link, id)
  return link.handle ~= nil and link.handle:host_live(id)
end

local function finish(link, id, how, detail)
  if not link.handle then return end
  link.handle:host_end(id, how, detail)
  link:fed()
end

-- The head goes out together with the start of the body, which is all of it most of the time.
local function write(host, link, id, socket)
  while is_live(link, id) do
    local piece = link.handle:host_pull(id, PIECE)
    if piece == "" then return true end
    if #piece < PIECE then piece = piece .. link.handle:host_pull(id, PIECE) end
    local ok, fault = host.send(socket, piece)
    if not ok then return false, fault end
  end
  return true
end

-- What the call has no room for waits here, and so the socket waits, and so the server.
local function feed(host, call, id, bytes)
  local link, at = call.link, 1
  while link.handle do
    local wish, rest, is_due = link.handle:host_feed(id, bytes, at)
    if wish == "read" and not is_due then return wish end -- it made no event
    link:fed(wish == "read")
    if wish ~= "wait" then return wish end
    host.wait(call.room_line, not (call.held or call.ready) and 0.01 or nil)
    at = rest
  end
  return "close"
end

-- The same where the events are passed on: by this thread, which reads on when they are out.
local function pass(host, call, id, bytes)
  local link, passing, at = call.link, call.passing, 1
  call.ran = true
  if passing.id ~= id then passing.id, passing.over = id, false end
  while link.handle do
    local wish, rest, is_due, len, count = link:pass(call, id, bytes, at)
    if wish == "keep" or wish == "close" then passing.over = true end
    if is_due then link:fed(wish == "read") end
    if count and count > 0 then call:write_lines(len, count)
    elseif wish == "wait" then host.wait(call.room_line, 0.01) end
    if wish ~= "wait" then return wish end
    at = rest
  end
  return "close"
end

local function read(host, call, id, socket)
  while true do
    local bytes, fault = host.receive(socket, PIECE)
    if not bytes then
      finish(call.link, id, fault == "closed" and "closed" or "reset", fault)
      return "close"
    end
    local wish = (call.passing and pass or feed)(host, call, id, bytes)
    if wish ~= "read" then return wish end
  end
end

local function exchange(host, call, request)
  local link, id = call.link, request.id
  local socket, how, detail = host.connect(request)
  if not socket then return finish(link, id, how, detail) end
  local wish, ok, fault = "close", write(host, link, id, socket)
  if ok then wish = read(host, call, id, socket) else finish(link, id, "reset", fault) end
  if wish == "keep" then host.keep(socket, request) else host.close(socket) end
end

local function guarded_exchange(host, call, request)
  local ok, fault = pcall(exchange, host, call, request)
  if not ok then
    host.report(tostring(fault))
    finish(call.link, request.id, "reset", "the host failed")
    if call.passing then call:stop_writing(fault) end
  end
  host.wake(call.line)
end

-- One that writes the last of an answer ends by itself.
local function stop(host, call, thread)
  local passing = call.passing
  if passing and passing.over then return end
  host.kill(thread)
  if passing and passing.writing then call:stop_writing() end
end

--- Runs in a thread of the host's from the call's start to its end.
local function carry(host, call)
  local link, thread, id = call.link, nil, nil
  while not call.done or (id and is_live(link, id)) do
    local request = call.to_carry
    if request then
      call.to_carry, id = nil, request.id
      thread = host.spawn(guarded_exchange, host, call, request)
    else
      host.wait(call.line)
      call.unseen = false
    end
    if thread and not is_live(link, id) then
      stop(host, call, thread)
      thread = nil
    end
    -- Who started it has ended; if they dropped it the collector cancels it, and nobody else may make it run.
    if not call.done and host.is_over(call.starter) then collectgarbage("step", 100) end
  end
  if thread then stop(host, call, thread) end
end

-- The last one that is looked after, next time.
local function join(call, time)
  local round = call.link.round
  call.tended_at = time
  round.last = round.last + 1
  round[round.last] = call.id
end

--- Have a call carried, from here on.
--- @return boolean ok
--- @return string? fault  the host cannot do that here
local function start(host, call)
  call.line, call.room_line = {}, {}
  call.starter = coroutine.running()
  join(call, core.now())
  return pcall(host.spawn, carry, host, call)
end

-- Who passes lines on and has read since the last look is there.
local function look_after(host, call)
  if call.ran then
    call.ran, call.unseen = false, false
  elseif call.unseen then
    call:cancel()
  else
    call.unseen = true
    host.wake(call.line)
  end
end

--- A host may end our threads with the request they belong to, and tells nobody. Each call's thread is woken now
--- and then; one that has not run until the next time is gone, and so is who waited for the call. Few at a time, so
--- that nothing else waits for it; and those whose turn it is not are not looked at, for there may be thousands.
--- @return number seconds  until it is to be called again
local function tend(host, link)
  local time = core.now()
  if time < link.tend_at then return link.tend_at - time end
  local round = link.round
  while round.first <= round.last do
    local call = link.calls[round[round.first]]
    if call and time - call.tended_at < TICK then break end
    round[round.first] = nil
    round.first = round.first + 1
    if call then
      join(call, time)
      look_after(host, call)
    end
  end
  link.tend_at = time + GLANCE
  return GLANCE
end

--- Before the core looks who is silent: who waits until lines are out does not read, and the server is not to blame.
local function excuse(link)
  for _, passing in pairs(link.writers) do
    if passing.id then link.handle:host_feed(passing.id, "") end
  end
end

return { start = start, tend = tend, excuse = excuse }
