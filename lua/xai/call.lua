--- One call: what came of it and was not taken yet, how it stands, and its one end.
-- SPDX-License-Identifier: MIT
--
-- Events come in two ways. Where somebody iterates over them the call is announced: the core says only that there are
-- some, and its reader fetches them, many in one crossing, as a lot (see xai.event); what is not fetched stays in the
-- core, which pauses the socket. Where nobody does, or time is simulated and must not run ahead of the reader, the core
-- gives them one by one, and they are queued here up to a limit; then the call is held. A lot is older than the queue.
local core = require "xai.core"
local errors = require "xai.error"
local events = require "xai.event"
local late = require "xai.late"
local loop = require "xai.loop"
local responses = require "xai.response"

-- How many events of a stream wait here while its reader is busy elsewhere; more stay on the network.
local QUEUE_LIMIT = 256
local none = {} -- the series before the first event, and the queue before the first that came by itself
local nothing = { form = "events", count = 0, at = 0, stop = 0, last = 0 } -- a lot where there is none, used up

--- @class xai.Call
--- @field done boolean
--- @field value any         what the call brought, when it ended well
--- @field err xai.Error?    why it did not
local Call = { -- with what each call is at first
  chat = false,            -- output_index counts choices
  folded = false,          -- the answer gets a response's methods
  streamed = false,
  is_bytes = false,        -- the answer is taken as it comes
  allow_truncated = false,
  keep = false,            -- events are queued for somebody; the next nine are of such a call alone
  reading = false,         -- somebody iterates over the events
  announced = false,       -- ... and fetches them
  ready = false,           -- the core has some to fetch
  packed = false,          -- a lot that was fetched and not yet taken over
  lot = nothing,           -- the one being read
  room = QUEUE_LIMIT,      -- with so many of them it is held
  held = false,
  ends_wanted = 0,         -- how many wait for its end
  queue = none, first = 1, last = 0, -- events that came by themselves, not yet taken
  series = none,           -- of the last event
  done = false,
  -- nil at first: book, the prices; us; tools, those that the request offered; schema, that the request wants the
  -- answer to satisfy; on_end, fun(value, err) -> xai.Error?, called before anybody is woken, which may object;
  -- waiters, of the loop; holder, the stream whose end is waited for; pieces, of the text, where somebody reads it
  -- along; asked, where the client's on_end wants to know; when it has ended: whole_text, value, err, fault (what
  -- on_end raised), and told, what the core said of its end; where a host carries it: see xai.carrier
}
local mt = { __name = "xai.call", __index = Call }

-- ------------------------------------------------------------------ the queue

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
  if self.queue == none then self.queue = {} end
  self.queue[self.last + 1] = event
  self.last = self.last + 1
  local may_hold = self.ends_wanted == 0 and not self.announced and self.link:may_hold()
  if may_hold and queued(self) >= self.room then hold(self, true) end
end

local function shift(self)
  local event = self.queue[self.first]
  if not event then return nil end
  self.queue[self.first] = nil
  self.first = self.first + 1
  if queued(self) <= self.room / 2 then hold(self, false) end
  return event
end

-- ------------------------------------------------------------------ lots

local spare, MOST_SPARE = {}, 8 -- lots that nobody uses
local LARGE = 65536             -- bytes: an event of so many ends its lot, and is not kept there

-- A finalizer may drop a lot of which events are just being made.
local function give_back(lot)
  if lot == nothing or lot.form == "mixed" or #spare == MOST_SPARE then return end
  if lot.count == 0 or events.last_size(lot) < LARGE then spare[#spare + 1] = lot end
end

local function new_lot()
  return {
    list = {}, runs = {}, raws = {}, block = false, -- what it is, see xai.event
    count = 0,
    form = "texts",    -- as the core filled it; "events"; "mixed": making those was begun
    at = 0,            -- how many were taken
    stop = 0,          -- ... and may be at once, as events
    last = 0, run = 2, -- ... and as texts, see events.seek_texts
    moved = 0,         -- events that went into the queue
  }
end

local function take_spare()
  local lot = spare[#spare]
  if not lot then return new_lot() end
  spare[#spare] = nil
  lot.count, lot.form, lot.at, lot.stop, lot.last, lot.run, lot.moved = 0, "texts", 0, 0, 0, 2, 0
  return lot
end

local function drop_lot(self)
  give_back(self.lot)
  self.lot = nothing
end

local function is_text(self, event)
  return event.type == "text" and not (self.chat and event.output_index ~= 0)
end

-- For who reads the text along.
local function note(self, event)
  if is_text(self, event) then self.pieces[#self.pieces + 1] = event.text end
end

-- Make events of what was not taken from a lot yet. What memory lacks for is made the next time.
local function make_events(self, lot)
  lot.form, lot.last = "mixed", 0
  self.series = events.unpack_lot(lot, self.series)
  lot.form, lot.stop = "events", lot.count
end

--- Take over what was fetched, the lot `packed`, as events. What memory lacks for comes the next time.
function Call:unpack()
  local lot = self.packed
  make_events(self, lot)
  if self.lot.at == self.lot.count and not self.queue[self.first] and not self.pieces then
    drop_lot(self)
    self.lot = lot
  else
    while lot.moved < lot.count do
      local event = lot.list[lot.moved + 1]
      enqueue(self, event)
      lot.moved = lot.moved + 1
      if self.pieces then note(self, event) end
    end
    give_back(lot)
  end
  self.packed = false
end

-- ... as texts, of which no events are made as long as nobody asks for them.
local function take_texts(self)
  if self.packed.form ~= "texts" or self.pieces then return self:unpack() end
  drop_lot(self)
  self.lot, self.packed = self.packed, false
end

local function fetch(self, sparing)
  if self.packed then return self:unpack() end
  local lot = take_spare()
  self.link:fetch(self, lot, sparing)
  if lot.count == 0 then give_back(lot) elseif self.packed and not sparing then self:unpack() end
  if self.room_line then loop.wake(self.room_line) end
end

--- Fetch all that is there.
function Call:gather()
  while self.ready or self.packed do fetch(self) end
end

local function choose_way(self)
  local on = self.reading and self.keep and self.ends_wanted == 0 and not self.done and not self.link.virtual
  if on == self.announced then return end
  self.announced, self.ready = on, false
  self.link:announce(self.id, on)
end

-- ------------------------------------------------------------------ taking events

--- An event that the core gave by itself.
function Call:take_event(kind, text, name, raw, output_index, content_index)
  if kind == "retry" then
    local event = { type = "retry", wait = text, attempt = name, error = errors.from_core(raw) }
    return self.keep and enqueue(self, event)
  end
  if not self.keep and not self.pieces then return end
  local event = events.single(self.series, kind, text, name, raw, output_index, content_index)
  self.series = getmetatable(event)
  if self.pieces then note(self, event) end
  if self.keep then enqueue(self, event) end
end

local function is_moving(self)
  return self.done or self.ready or self.packed or self.queue[self.first] ~= nil
end

-- More is wanted than there is here; false: it has ended, and there is nothing.
local function await(self, sparing)
  if self.ready then
    if not loop.rest() then fetch(self, sparing) end
    return true
  end
  drop_lot(self)
  if not self.done then return loop.wait(self, is_moving) end
  loop.rest() -- what the program does then has the next turn, when this one's time is up
  return false
end

-- The next event of those that are here and were made.
local function take_made(self)
  local lot = self.lot
  if lot.form == "mixed" then make_events(self, lot) end
  if lot.at >= lot.stop then return shift(self) end
  lot.at = lot.at + 1
  return lot.list[lot.at]
end

-- The next event, where the quick way to it ends.
local function next_event(self)
  while true do
    local lot = self.lot
    if lot.form == "texts" and lot.at < lot.count then make_events(self, lot) end
    local event = take_made(self)
    if event then return event end
    if self.packed then
      self:unpack()
    elseif not await(self, false) then
      return nil
    end
  end
end

-- The next piece of the text that is here.
local function take_text(self)
  local lot = self.lot
  if lot.form == "texts" and events.seek_texts(lot, self.chat) then
    lot.at = lot.at + 1
    return lot.list[lot.at]
  end
  for event in take_made, self do
    if is_text(self, event) then return event.text end
  end
end

-- The next one, where the quick way to it ends.
local function next_delta(self)
  while true do
    local text = take_text(self)
    if text then return text end
    if self.packed then
      take_texts(self)
    elseif not await(self, true) then
      return nil
    end
  end
end

local function begin_reading(self)
  self.reading = true
  hold(self, false)
  choose_way(self)
end

--- Iterate over the events, which are now left in the core until they are asked for.
--- @param owner table  its `call` is this one; held as long as the iterator is, and as long as that waits
--- @return fun(): xai.Event?
function Call:events(owner)
  begin_reading(self)
  return function()
    local lot = self.lot
    local at = lot.at + 1
    if at > lot.stop then return (next_event(owner.call)) end -- no tail call, which would forget us
    lot.at = at
    return lot.list[at]
  end
end

--- Iterate over the pieces of the answer's text, from the same place on.
--- @param owner table  as of events
--- @return fun(): string?
function Call:deltas(owner)
  begin_reading(self)
  return function()
    local lot = self.lot
    local at = lot.at + 1
    if at > lot.last then return (next_delta(owner.call)) end
    lot.at = at
    return lot.list[at]
  end
end

-- Out they go. One thread at a time: the other one looks when it is over.
function Call:write_lines(bytes, count)
  local passing, writers = self.passing, self.link.writers
  passing.writing, writers[self.id] = true, passing
  passing.write(passing.list, bytes, count)
  passing.writing, writers[self.id] = false, nil
  if self.done or self.ready then loop.wake(self) end
end

local function write_what_is_there(self)
  local bytes, count = self.link:fetch_lines(self, self.passing.list, self.passing.named)
  if self.room_line then loop.wake(self.room_line) end
  if count > 0 then self:write_lines(bytes, count) end
end

--- Pass the events on as the lines in which a server sends them, all that there are at once up to some KiB, until
--- the call is over. Only where the host carries the call, and before its first event; elsewhere nothing is done. The
--- thread that reads the socket mostly writes as well, so that none has to be woken for that: meanwhile nothing is
--- read. What memory lacks for raises, and is lost.
--- @param named boolean  with the names of the events
--- @param write fun(lines: string[], bytes: integer, count: integer)  in a thread of the host's, and may wait there:
---   the lines in parts, a list that is used again; how many bytes and events they are
--- @return boolean passed  the call is over
function Call:pass(named, write)
  if not self.link.carried or self.done or self.last > 0 then return false end
  self.reading = true
  hold(self, false)
  choose_way(self)
  local passing = {
    named = named, write = write,
    list = {},
    writing = false, -- some thread is in `write`
    over = false,    -- the answer is, and the thread that read it will end by itself
    id = nil,        -- the exchange at hand
    fault = nil,     -- what `write` raised in the thread that reads
  }
  self.passing = passing
  self.link:ring() -- what has come already is announced with the next turn
  local host = loop.host()
  while not passing.fault and (passing.writing or not self.done) do
    if self.ready and not passing.writing then write_what_is_there(self) else host.wait(self) end
  end
  if passing.fault then error(passing.fault, 0) end
  return true
end

--- The thread that reads for `pass` is gone.
function Call:stop_writing(fault)
  local passing = self.passing
  passing.writing, passing.fault = false, passing.fault or fault
  self.link.writers[self.id] = nil
  loop.wake(self)
end

--- Keep no events, now or later.
function Call:discard()
  self.keep = false
  self.queue, self.first, self.last = none, 1, 0
  self.packed = false
  drop_lot(self)
  choose_way(self)
  hold(self, false)
end

--- Somebody looks how far it is without taking events: whoever does so until the end gets there.
function Call:look()
  self:gather()
  if not self.held then return end
  self.room = 2 * self.room
  hold(self, false)
end

--- Let everything come, whoever takes it.
function Call:release()
  self:gather()
  hold(self, false)
end

--- The text so far.
--- @return string
function Call:text()
  if self.done then return self.whole_text or "" end
  return self.link:text(self.id)
end

--- The pieces of the text from now on, with all before them as the first one.
--- @return string[]
function Call:follow_text()
  self.pieces = self.pieces or { self:text() }
  return self.pieces
end

-- ------------------------------------------------------------------ its end

-- What the core tells of an end is, less the answer itself, what is told of the answer. Most of it only when somebody
-- asks: a field that is not there is asked for, so none is looked at without need.
local function meta_of(self, result)
  result.response, result.text = nil, nil
  if result.outcome ~= "complete" then result.body, result.error = nil, nil end
  result.book, result.us, result.tools = self.book, self.us, self.tools
  return result
end

local has_methods = { ["response"] = true, ["chat.completion"] = true, ["text_completion"] = true }

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

-- Why it is no answer that the program gets.
local function error_of(self, result, response)
  local plain = result.error or { kind = "network", code = result.outcome, message = "the call failed" }
  return errors.from_core(plain, {
    repeatable = result.repeatable, retry_after = result.retry_after,
    counts = result.counts, tokens = result.tokens,
    attempts = result.attempts, outcome = result.outcome, reason = result.reason,
    request_id = result.request_id, response = response, streamed = self.streamed,
    body = result.body ~= "" and result.body or nil,
  })
end

-- The answer did not tell its price. The book may know; else the most that it could be counts.
local function settle_budget(self, response)
  local ticks = response:cost()
  if ticks then self.link.handle:settle(self.id, ticks) end
end

--- It has ended.
--- @param result table  as the core tells it; the call's from then on
function Call:settle(result)
  self.told = result
  if self.streamed then self.whole_text = result.text end
  local response, accepted = result.response, is_accepted(self, result)
  local is_object = type(response) == "table" and (self.folded or has_methods[response.object])
  if not accepted then
    self.err = error_of(self, result, response)
  elseif self.is_bytes then
    self.value = result.body or ""
  else
    self.value = response == nil and core.null or response
  end
  if is_object then responses.wrap(response, meta_of(self, result)) end
  if is_object and self.link.budgeted and result.unsettled then settle_budget(self, response) end
  self.done, self.ready = true, false
  self.holder = nil
  if self.on_end then tell(self) end
  if self.asked then late("xai.report")(self, result) end
  loop.wake(self)
  if self.line then loop.wake(self.line) end
end

-- Made beforehand: when it is needed there may be no room for another.
local starved = errors.new {
  kind = "memory", code = "nomem", message = "out of memory while the answer was taken over", outcome = "failed",
  hint = "free memory and try again",
}

--- The same, whatever is raised meanwhile (memory, an interrupt): it has been the call's only end.
function Call:settle_or_end(result)
  local ok, fault = pcall(self.settle, self, result)
  if ok then return end
  self.done, self.ready = true, false
  self.holder, self.value, self.err = nil, nil, starved
  tell(self)
  loop.wake(self)
  error(fault, 0)
end

local function is_done(self) return self.done end

-- The end lies behind all events: while somebody waits for it they are all taken.
local function wait_for_end(self, timeout)
  if not self.keep then return loop.wait(self, is_done, timeout) end -- there are none
  self.ends_wanted = self.ends_wanted + 1
  choose_way(self)
  hold(self, false)
  local ended = loop.wait(self, is_done, timeout)
  self.ends_wanted = self.ends_wanted - 1
  choose_way(self)
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
  local told = self.told or {}
  return { status = told.status, headers = told.headers, request_id = told.request_id, attempts = told.attempts }
end

-- ------------------------------------------------------------------ making one

--- @param link table  the client's line to the core
--- @param id integer
--- @param call table   its traits: keep, chat, folded, streamed, is_bytes, allow_truncated, book, us, tools, schema,
---   on_end. It becomes the call
--- @return xai.Call
local function new(link, id, call)
  call.link, call.id = link, id
  if call.keep then -- what is looked at with each event
    call.queue, call.first, call.last, call.series = none, 1, 0, none
    call.lot, call.packed, call.ready, call.done = nothing, false, false, false
  end
  return setmetatable(call, mt)
end

return { new = new }
