--- A client's line to the core: starts calls, gives each event to the call it belongs to, ends them once.
-- SPDX-License-Identifier: MIT
local calls = require "xai.call"
local core = require "xai.core"
local errors = require "xai.error"
local late = require "xai.late"
local loop = require "xai.loop"

local LOT, SMALL_LOT = 128, 4 -- events at most that one crossing brings; in a host that gives us little time

local Link = {}
local link_mt = { __name = "xai.link", __index = Link }

-- The collector may run while the core lends out an event, and then a stream's finaliser must not touch the
-- core: what it wants cancelled waits until the core is left.
local function drop(self)
  while self.dropped[1] do self.handle:cancel(table.remove(self.dropped)) end
end

local function leave(self, ...)
  self.inside = false
  if self.dropped[1] then drop(self) end
  return ...
end

-- The core says once how a call ended. Without memory even calling a function may fail: so it is remembered first, and
-- whoever takes next goes on here.
local function finish(self)
  local call = self.ended
  self.crowded = false
  self.calls[call.id], self.writers[call.id] = nil, nil
  loop.attend(self)
  if not call.done then call:settle_or_end(self.ended_result) end
  if self.ended == call then self.ended, self.ended_result = false, false end
end

-- What waits in the core for its reader does so alone, unless the program itself turns the crank.
local function announce(self, call)
  if self.driven then call:gather() end
  loop.wake(call)
end

local function route(self, id, kind, text, name, raw, output_index, content_index)
  local call = self.calls[id]
  if not call then
    loop.attend(self)
  elseif kind == "ready" then
    announce(self, call)
  else
    call:take_event(kind, text, name, raw, output_index, content_index)
    loop.wake(call)
    if kind == "retry" and call.line then loop.wake(call.line) end
  end
end

-- An end is noted before anything else is done: it is said once.
local function take_end(self, call, result)
  self.ended, self.ended_result = call or false, result
  if self.dropped[1] then drop(self) end
  if call then return finish(self) end
  self.crowded, self.ended_result = false, false
  loop.attend(self)
end

-- Gives the next event there is to its call; says which kind it is, or false.
local function next_event(self)
  if self.ended then
    finish(self)
    return "end"
  end
  self.inside = true
  local id, kind, text, name, raw, output_index, content_index = self.handle:next()
  self.inside = false
  if kind == "end" then
    take_end(self, self.calls[id], text)
    return kind
  end
  if kind == "ready" and self.calls[id] then self.calls[id].ready = true end -- likewise
  if self.dropped[1] then drop(self) end
  if not id then return false end
  route(self, id, kind, text, name, raw, output_index, content_index)
  return kind
end

-- What follows the events of a call that were fetched.
local function go_on(self, call, word, ...)
  if word == "rest" then call.ready = false
  elseif word == "owed" then next_event(self)
  elseif word == "end" then take_end(self, call, (...))
  elseif word ~= "more" then route(self, call.id, word, ...) end
end

--- Fetch events of a call that has some, into a lot that is the call's from then on, as `packed`.
--- @param sparing boolean  texts alone are wanted
function Link:fetch(call, lot, sparing)
  if not self.handle then
    call.ready = false
    return
  end
  if self.ended then return finish(self) end
  local most = loop.is_paced() and SMALL_LOT or LOT
  self.inside = true
  local count, word, first, second, third = self.handle:take(call.id, lot, most, sparing)
  self.inside = false
  lot.count, call.packed = count, count > 0 and lot -- at once, see finish
  if word == "end" then self.ended, self.ended_result = call, first end
  if self.dropped[1] then drop(self) end
  go_on(self, call, word, first, second, third)
  if self.log then self:tell_log() end
end

--- Fetch events of a call that has some, as the lines in which a server sends them.
--- @param list table     holds them afterwards, in parts
--- @param named boolean  with the names of the events
--- @return integer bytes
--- @return integer count  of events
function Link:fetch_lines(call, list, named)
  if not self.handle then
    call.ready = false
    return 0, 0
  end
  if self.ended then
    finish(self)
    return 0, 0
  end
  self.inside = true
  local bytes, count, word, first, second, third = self.handle:take_lines(call.id, list, named)
  self.inside = false
  if word == "end" then self.ended, self.ended_result = call, first end -- at once, see finish
  if self.dropped[1] then drop(self) end
  go_on(self, call, word, first, second, third)
  if self.log then self:tell_log() end
  return bytes, count
end

--- A host feeds what came for a call whose events are passed on as lines: see xai.call.
--- @return string wish
--- @return integer rest     the place of the first byte not taken
--- @return boolean is_due   there is more to be done than what came back
--- @return integer? bytes   of the lines that the list holds now; nil: there are no events
--- @return integer? count   of events
function Link:pass(call, id, bytes, from)
  local passing = call.passing
  if self.ended then finish(self) end
  self.inside = true
  local wish, rest, is_due, len, count, word, first, second, third =
    self.handle:host_pass(id, bytes, from, call.id, passing.list, passing.named)
  self.inside = false
  if word == "end" then self.ended, self.ended_result = call, first end -- at once, see finish
  if self.dropped[1] then drop(self) end
  if word then go_on(self, call, word, first, second, third) end
  return wish, rest, is_due, len, count
end

--- Take one event, if there is one, to the call it belongs to.
--- @return string|false kind  as the core calls it
function Link:take()
  if not self.handle then return false end
  local took = next_event(self)
  if not took and self.virtual and self.handle then
    self.sim_due = self.sim and self.sim:pump(self.handle) or nil
    self:crank(0)
    took = self.handle ~= nil and next_event(self)
  end
  if self.log then self:tell_log() end
  return took
end

--- Are calls in flight?
function Link:busy()
  return next(self.calls) ~= nil or self.handle ~= nil and self.handle:pending() > 0
end

--- Seconds until the next thing is due by the clock, nil when nothing is.
function Link:due()
  local timer, sim = self.handle:timeout(), self.sim_due
  if timer and sim then return math.min(timer, sim) end
  return timer or sim
end

-- The requests that wait for a socket of the host's go to the threads of their calls.
local function hand_out(self)
  while self.handle do
    local id, call_id, name, port, secure, connect, handshake = self.handle:host_next()
    local call = id and self.calls[call_id]
    if not id then return end
    if call then
      call.to_carry = { id = id, host = name, port = port, secure = secure, connect = connect, handshake = handshake,
        origin = name .. ":" .. port }
      if call.line then loop.wake(call.line) end
    end
  end
end

local LINES_AT_ONCE = 1000

--- Give out the log lines there are. Only while nothing of the core's is in our hands; and in a coroutine of their
--- own, so that a function of the program's that raises or yields touches no call.
function Link:tell_log()
  if self.telling then return end
  self.telling = true
  for _ = 1, LINES_AT_ONCE do
    local line, level = self.log_handle:log_next()
    if not line then break end
    coroutine.resume(coroutine.create(self.log), line, level)
  end
  self.telling = false
end

--- Move bytes; wait at most that long for some.
function Link:crank(seconds)
  if self.carried then late("xai.carrier").excuse(self) end
  self.inside = true
  local ok, err = self.handle:step(seconds)
  self.inside = false
  if self.dropped[1] then drop(self) end
  if self.carried then hand_out(self) end
  if self.log then self:tell_log() end
  return ok, err
end

--- A host has fed bytes or an end: the events go to their calls, and time may have another meaning now. While the
--- exchange goes on its moments only move away, or come no nearer than the next look after the threads.
--- @param goes_on boolean?  the host reads on
function Link:fed(goes_on)
  while self:take() do end -- luacheck: ignore 542
  if not self.handle then return end
  if goes_on then hand_out(self) else self:ring() end
end

--- In a host: see to it that what is due next is done in time.
function Link:ring()
  local host = loop.host()
  if not host or self.virtual then return end
  if self.carried then hand_out(self) end
  loop.attend(self)
  local due = self:due()
  if due then host.alarm(due) end
end

--- In a host: look after the threads of the calls.
--- @return number? seconds  until the next time
function Link:tend()
  return self.carried and late("xai.carrier").tend(loop.host(), self) or nil
end

local function start(self, request, body, model)
  if self.virtual then loop.follow(self) end
  self.inside = true
  local id, err
  if request.body or not body then id, err = self.handle:start(request)
  else id, err = self.handle:post(request.path, request.reply, request.stream, body, model) end
  self.inside = false
  if self.dropped[1] then drop(self) end
  return id, err
end

-- All places are taken, some perhaps by streams that were dropped: their finalisers cancel them, and their ends
-- are taken. Each call that is ready comes up once in as many events as there are calls.
local function make_room(self)
  collectgarbage()
  for _ = 1, self.handle:pending() + 1 do
    if not self:take() then break end
  end
end

local function cannot_carry(call, fault)
  call:cancel()
  return errors.new { kind = "usage", code = "state", message = "no call can be made here: " .. tostring(fault) }
end

--- Start a call.
--- @param request table   as the core takes it; without its body, when that and the model are given beside it: then it
---   may have path, reply and stream, and is not changed
--- @param call table      its traits, see xai.call: becomes the call
--- @param body any        as the core takes it
--- @param model any       that the body names
--- @return xai.Call? call
--- @return xai.Error? err
function Link:start(request, call, body, model)
  local id, err = start(self, request, body, model)
  if not id and err.code == "full" and not self.crowded then
    self.crowded = true
    make_room(self)
    id, err = start(self, request, body, model)
  end
  if not id then return nil, errors.from_core(err) end
  call = calls.new(self, id, call)
  self.calls[id] = call
  if request.reply == "bytes" then call.is_bytes = true end
  if self.on_end then call.asked = { path = request.path, model = request.model or model, at = loop.now() } end
  if self.carried then
    local ok, fault = late("xai.carrier").start(loop.host(), call)
    if not ok then return nil, cannot_carry(call, fault) end
  end
  self:ring()
  if self.log then self:tell_log() end
  return call
end

-- A simulated network keeps what nobody pulls in this process as well, so holding would save nothing.
function Link:may_hold()
  return not self.driven and not self.virtual
end

--- The place of a call in the line for a rate limit, nil when it is in none.
function Link:place(id)
  return self.handle and self.calls[id] and self.handle:place(id) or nil
end

-- The core takes this even while it lends something out.
function Link:hold(id, on)
  if self.handle then self.handle:hold(id, on) end
end

--- Likewise.
function Link:announce(id, on)
  if self.handle then self.handle:announce(id, on) end
end

--- The program itself turns the crank: each turn takes all there is. It cannot say which stream it reads.
function Link:drive(seconds)
  self.driven = true
  for _, call in pairs(self.calls) do call:release() end
  self:crank(seconds)
  while self:take() do end -- luacheck: ignore 542
  self.driven = false
end

function Link:cancel(id)
  if not self.handle then return end
  if self.inside then
    table.insert(self.dropped, id)
  else
    self.handle:cancel(id)
    self:ring()
  end
end

--- The response of a call so far, as plain data; nil when nothing has arrived.
function Link:response(id)
  if not self.handle then return nil end
  self.inside = true
  return leave(self, self.handle:response(id))
end

--- The text of a call so far; empty when it has none.
function Link:text(id)
  if not self.handle then return "" end
  self.inside = true
  return leave(self, self.handle:text(id))
end

--- Everything in flight ends as "cancelled"; the connections are closed.
function Link:close()
  if not self.handle then return end
  if self.ended then finish(self) end
  local texts = {}
  for id, call in pairs(self.calls) do texts[id] = call.streamed and self:text(id) or nil end
  local handle, live = self.handle, self.calls
  self.handle, self.calls = nil, {}
  loop.unwatch(self)
  handle:close()
  for id, call in pairs(live) do
    call:discard()
    call:settle({
      outcome = "cancelled", reason = "client closed", attempts = {}, text = texts[id],
      headers = {}, marker_missing = false, text_replaced = false, not_streamed = false,
      error = { kind = "cancelled", code = "cancelled", message = "the client was closed" },
    })
  end
  if self.log then self:tell_log() end
end

--- @param config table  as the core takes it
--- @param sim table?    plays the network of a scripted client: pump(handle) -> seconds until its next step
--- @param log function?  gets each log line and its level; what it raises is its own affair
--- @param on_end fun(report: xai.CallReport)?
--- @return table? link
--- @return xai.Error? err
local function new(config, sim, log, on_end)
  local handle, err = core.client(config)
  if not handle then return nil, errors.from_core(err) end
  local self = setmetatable({
    handle = handle,
    virtual = config.clock == "manual",
    carried = config.transport == "host", -- the host has the sockets
    tend_at = 0,     -- when the threads of its calls are to be looked after
    round = { first = 1, last = 0 }, -- their ids, in the order in which they are
    writers = setmetatable({}, { __mode = "v" }), -- id -> xai.call's `passing`, of those whose lines are being written
    sim = sim,
    sim_due = nil,   -- seconds until the simulator's next step, as it last said
    synced = 0,      -- how far the handle's clock has followed the loop's
    budgeted = config.budget ~= nil,
    calls = {},      -- id -> xai.Call
    ended = false,   -- a call that ended and is not settled yet
    ended_result = false, -- ... and how
    crowded = false, -- no place was free, and no call has ended since
    driven = false,  -- by the program's own loop: nothing is held
    inside = false,  -- the core is at work: no finaliser may call it
    dropped = {},    -- ids to cancel when it is left
    on_end = on_end or false, -- told of each call that has ended
    log = log or false,
    log_handle = handle, -- closed or not, it has the lines
    telling = false, -- the log is being told
  }, link_mt)
  loop.watch(self)
  if log then self:tell_log() end
  return self
end

return { new = new }
