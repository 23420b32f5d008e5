--- A client's line to the core: starts calls, gives each event to the call it belongs to, ends them once.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local errors = require "xai.error"
local loop = require "xai.loop"
local responses = require "xai.response"

-- ------------------------------------------------------------------ one call

-- How many events of a stream wait here while its reader is busy elsewhere; more stay on the network.
local QUEUE_LIMIT = 256

--- @class xai.Call
--- @field done boolean
--- @field value any         what the call brought, when it ended well
--- @field err xai.Error?    why it did not
local Call = {}
local call_mt = { __name = "xai.call", __index = Call }

local event_mt = {}

-- The API's own event is decoded when somebody looks at it.
function event_mt.__index(event, key)
  if key ~= "data" or not event.raw then return nil end
  local data = core.decode(event.raw)
  rawset(event, "data", data)
  return data
end

local function queued(self)
  return self.last - self.first + 1
end

-- A held call gets no events, so its socket pauses.
local function hold(self, on)
  if self.held == on or self.done then return end
  self.held = on
  self.link:hold(self.id, on)
  if self.room_line and not on then loop.wake(self.room_line) end
end

local function enqueue(self, event)
  self.last = self.last + 1
  self.queue[self.last] = event
  if queued(self) >= self.room and self.ends_wanted == 0 and self.link:may_hold() then hold(self, true) end
end

--- The oldest event not yet taken, nil when there is none.
function Call:shift()
  local event = self.queue[self.first]
  if not event then return nil end
  self.queue[self.first] = nil
  self.first = self.first + 1
  if queued(self) <= self.room / 2 then hold(self, false) end
  return event
end

--- Keep no events, now or later; text is still gathered.
function Call:discard()
  self.keep = false
  self.queue, self.first, self.last = {}, 1, 0
  hold(self, false)
end

--- Somebody looks how far it is without taking events: whoever does so until the end gets there.
function Call:look()
  if not self.held then return end
  self.room = 2 * self.room
  hold(self, false)
end

local function retry_event(seconds, attempt, plain)
  return setmetatable({ type = "retry", wait = seconds, attempt = attempt, error = errors.from_core(plain) },
    event_mt)
end

local function take_event(self, kind, text, name, raw, output_index, content_index)
  if kind == "text" and not (self.chat and output_index ~= 0) then self.parts[#self.parts + 1] = text end
  if not self.keep then return end
  if kind == "retry" then return enqueue(self, retry_event(text, name, raw)) end
  enqueue(self, setmetatable({
    type = kind,
    text = kind ~= "api" and text or nil,
    name = name,
    raw = raw,
    output_index = output_index,
    content_index = content_index,
  }, event_mt))
end

local function meta_of(self, result, headers)
  return {
    outcome = result.outcome,
    reason = result.reason ~= "" and result.reason or nil,
    status = result.status,
    request_id = result.request_id,
    attempts = result.attempts or {},
    counts = result.counts,   -- of the attempts, by class
    tokens = result.tokens,   -- of all of them together
    headers = headers,
    marker_missing = result.marker_missing or false,
    text_replaced = result.text_replaced or false,
    not_streamed = result.not_streamed or false,
    book = self.book,
    us = self.us,
    tools = self.tools,
  }
end

local has_methods = { ["response"] = true, ["chat.completion"] = true, ["text_completion"] = true }

local function dress(self, result, headers)
  local response = result.response
  if type(response) ~= "table" then return response end
  if self.folded or has_methods[response.object] then
    return responses.wrap(response, meta_of(self, result, headers))
  end
  return response
end

local token_limits = { max_output_tokens = true, max_prompt_tokens = true, length = true }

local function is_accepted(self, result)
  if result.outcome == "complete" then return true end
  return self.allow_truncated and result.outcome == "incomplete" and result.response ~= nil
    and token_limits[result.reason]
end

-- A fault in on_end belongs to who waits for the call, not to who happens to turn the crank.
local function tell(self)
  local on_end = self.on_end
  if not on_end then return end
  self.on_end = nil
  local ok, objection = pcall(on_end, self.value, self.err)
  if not ok then
    self.fault = objection
  elseif objection then
    objection.response, self.value, self.err = self.value, nil, objection
  end
end

-- Headers of an answer that are worth keeping.
local kept_headers = {
  "date", "server", "retry-after", "x-request-id", "x-zero-data-retention", "x-should-retry",
  "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests",
  "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens",
  "x-metrics-ttft-ms", "x-metrics-e2e-ms", "x-metrics-mean-itl-ms", "cf-ray",
}

local function read_headers(handle)
  local headers = {}
  for _, name in ipairs(kept_headers) do
    local value = handle:header(name)
    if value and value ~= "" then headers[name] = value end
  end
  return headers
end

-- headers: of the answer; nil: those that the core holds for the end it has just given.
local function settle(self, result, headers)
  headers = headers or read_headers(self.link.handle)
  local response = dress(self, result, headers)
  if is_accepted(self, result) then
    self.value = self.reply == "bytes" and (result.body or "") or response
    if self.value == nil then self.value = core.null end
  else
    local plain = result.error or { kind = "network", code = result.outcome, message = "the call failed" }
    self.err = errors.from_core(plain, {
      repeatable = result.repeatable, retry_after = result.retry_after,
      counts = result.counts, tokens = result.tokens,
      attempts = result.attempts, outcome = result.outcome, reason = result.reason,
      request_id = result.request_id, response = response, streamed = self.streamed,
      body = result.body ~= "" and result.body or nil,
    })
  end
  self.status, self.headers = result.status, headers
  self.request_id, self.attempts = result.request_id, result.attempts
  self.done = true
  self.holder = nil
  tell(self)
  loop.wake(self)
  if self.line then loop.wake(self.line) end
end

-- Made beforehand: when it is needed there may be no room for another.
local starved = errors.new {
  kind = "memory", code = "nomem", message = "out of memory while the answer was taken over", outcome = "failed",
  hint = "free memory and try again",
}

-- Whatever is raised while an end is taken over (memory, an interrupt): it has been the call's only one.
local function settle_or_end(self, result)
  local ok, fault = pcall(settle, self, result)
  if ok then return end
  self.done = true
  self.holder, self.value, self.err = nil, nil, starved
  tell(self)
  loop.wake(self)
  error(fault, 0)
end

local function is_done(self) return self.done end

-- The end lies behind all events: while somebody waits for it they are all taken.
local function wait_for_end(self, timeout)
  self.ends_wanted = self.ends_wanted + 1
  hold(self, false)
  local ended = loop.wait(self, is_done, timeout)
  self.ends_wanted = self.ends_wanted - 1
  return ended
end

--- Wait for the end.
--- @param timeout number?  seconds
--- @return any value
--- @return xai.Error? err
function Call:wait(timeout)
  if not wait_for_end(self, timeout) then
    return nil, errors.new {
      kind = "timeout", code = "waiting", message = "the answer is still on its way", retryable = true,
      hint = "wait again: the call goes on",
    }
  end
  if self.fault ~= nil then error(self.fault, 0) end
  return self.value, self.err
end

--- Stop it. It ends as "cancelled" with what had arrived; one that has ended stays as it is.
function Call:cancel()
  if self.done then return end
  self:discard()
  local on_end = self.on_end
  self.on_end = nil
  if on_end then on_end(nil, nil) end
  self.link:cancel(self.id)
end

--- What is known about the answer beside its content.
--- @return table  status, headers, request_id, attempts
function Call:meta()
  return { status = self.status, headers = self.headers, request_id = self.request_id, attempts = self.attempts }
end

-- ------------------------------------------------------------------ the link

local Link = {}
local link_mt = { __name = "xai.link", __index = Link }

-- The collector may run while the core lends out an event, and then a stream's finaliser must not touch the
-- core: what it wants cancelled waits until the core is left.
local function leave(self, ...)
  self.inside = false
  while self.dropped[1] do self.handle:cancel(table.remove(self.dropped)) end
  return ...
end

local function route(self, id, kind, ...)
  if not id then return false end
  local call = self.calls[id]
  if kind == "end" then
    local result = ...
    self.calls[id] = nil
    self.crowded = false
    loop.attend(self)
    if call then settle_or_end(call, result) end
  elseif call then
    take_event(call, kind, ...)
    loop.wake(call)
    if kind == "retry" and call.line then loop.wake(call.line) end
  end
  return true
end

local function next_event(self)
  self.inside = true
  return route(self, leave(self, self.handle:next()))
end

--- Take one event, if there is one, to the call it belongs to.
--- @return boolean took
function Link:take()
  if not self.handle then return false end
  local took = next_event(self)
  if not took and self.virtual then
    self.sim_due = self.sim and self.sim:pump(self.handle) or nil
    self:crank(0)
    took = self.handle ~= nil and next_event(self)
  end
  if self.log then self:tell_log() end
  return took
end

--- Are calls in flight?
function Link:busy()
  return self.handle ~= nil and self.handle:pending() > 0
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
  self.inside = true
  local ok, err = leave(self, self.handle:step(seconds))
  if self.carried then hand_out(self) end
  if self.log then self:tell_log() end
  return ok, err
end

--- A host has fed bytes or an end: the events go to their calls, and time may have another meaning now.
function Link:fed()
  while self:take() do end -- luacheck: ignore 542
  if self.handle then self:ring() end
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
  return self.carried and require("xai.carrier").tend(loop.host(), self) or nil
end

local function start(self, request)
  if self.virtual then loop.follow(self) end
  self.inside = true
  return leave(self, self.handle:start(request))
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
--- @param request table   as the core takes it
--- @param traits table    ours: keep, chat, folded, allow_truncated, book, us, tools, schema, on_end
--- @return xai.Call? call
--- @return xai.Error? err
function Link:start(request, traits)
  local id, err = start(self, request)
  if not id and err.code == "full" and not self.crowded then
    self.crowded = true
    make_room(self)
    id, err = start(self, request)
  end
  if not id then return nil, errors.from_core(err) end
  local call = setmetatable({
    link = self,
    id = id,
    reply = request.reply,
    keep = traits.keep or false,       -- events are queued for somebody
    streamed = traits.streamed or false,
    chat = traits.chat or false,       -- output_index counts choices
    folded = traits.folded or false,   -- the answer gets a response's methods
    allow_truncated = traits.allow_truncated or false,
    book = traits.book,                -- prices
    us = traits.us,
    tools = traits.tools,              -- those that the request offered
    schema = traits.schema,            -- that the request wants the answer to satisfy
    on_end = traits.on_end,            -- fun(value, err) -> xai.Error?: before anybody is woken; may object
    queue = {}, first = 1, last = 0,   -- events not yet taken
    room = QUEUE_LIMIT,                -- with so many of them it is held
    held = false,
    ends_wanted = 0,                   -- how many wait for its end
    parts = {},                        -- string[]: text deltas
    waiters = nil,                     -- of the loop
    line = nil,                        -- carried: where its thread waits, with the next five
    room_line = nil,                   -- ... where bytes wait for room
    starter = nil,                     -- ... the coroutine that started it
    to_carry = nil,                    -- ... the request whose turn it is
    tended_at = nil,                   -- ... when its thread was looked after
    unseen = false,                    -- ... its thread was woken and has not run since
    holder = nil,                      -- the stream whose end is being waited for
    done = false,
    value = nil,
    err = nil,
    fault = nil,                       -- what on_end raised
    status = nil,                      -- of the last answer, with the next three
    headers = nil,
    request_id = nil,
    attempts = nil,
  }, call_mt)
  self.calls[id] = call
  if self.carried then
    local ok, fault = require("xai.carrier").start(loop.host(), call)
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

--- The program itself turns the crank: each turn takes all there is. It cannot say which stream it reads.
function Link:drive(seconds)
  self.driven = true
  for _, call in pairs(self.calls) do hold(call, false) end
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

--- Everything in flight ends as "cancelled"; the connections are closed.
function Link:close()
  if not self.handle then return end
  local handle, calls = self.handle, self.calls
  self.handle, self.calls = nil, {}
  loop.unwatch(self)
  handle:close()
  for _, call in pairs(calls) do
    call:discard()
    settle(call, {
      outcome = "cancelled", reason = "client closed", attempts = {},
      error = { kind = "cancelled", code = "cancelled", message = "the client was closed" },
    }, {})
  end
  if self.log then self:tell_log() end
end

--- @param config table  as the core takes it
--- @param sim table?    plays the network of a scripted client: pump(handle) -> seconds until its next step
--- @param log function?  gets each log line and its level; what it raises is its own affair
--- @return table? link
--- @return xai.Error? err
local function new(config, sim, log)
  local handle, err = core.client(config)
  if not handle then return nil, errors.from_core(err) end
  local self = setmetatable({
    handle = handle,
    virtual = config.clock == "manual",
    carried = config.transport == "host", -- the host has the sockets
    tend_at = 0,     -- when the threads of its calls are to be looked after
    sim = sim,
    sim_due = nil,   -- seconds until the simulator's next step, as it last said
    synced = 0,      -- how far the handle's clock has followed the loop's
    calls = {},      -- id -> xai.Call
    crowded = false, -- no place was free, and no call has ended since
    driven = false,  -- by the program's own loop: nothing is held
    inside = false,  -- the core is at work: no finaliser may call it
    dropped = {},    -- ids to cancel when it is left
    log = log,
    log_handle = handle, -- closed or not, it has the lines
    telling = false, -- the log is being told
  }, link_mt)
  loop.watch(self)
  if log then self:tell_log() end
  return self
end

return { new = new }
