--- An answer while it is still arriving: its events one by one, and the result at the end.
-- SPDX-License-Identifier: MIT
local responses = require "xai.response"
local late = require "xai.late"

--- @class xai.Stream
local Stream = {}
local mt = { __name = "xai.stream", __index = Stream }

local function check(self)
  if getmetatable(self) == mt then return end
  error("this is a method of a stream: call it with a colon, as in stream:events()", 3)
end

--- Iterate over the events as they arrive. Ends silently, however the call ends: :result() tells. What the
--- loop does not take is left on the network, so a slow reader slows the server and costs no memory: while the
--- program waits for something else some 256 events are kept, then the stream stands still. Only waiting for its own
--- :result() and a loop around client:step() take all there is.
--- @return fun(): xai.Event?
function Stream:events()
  check(self)
  self.iterated = true
  return self.call:events(self)
end

--- Iterate over the answer's text as it arrives: each delta as a string in whole characters, and nothing else; for
--- chat completions those of the first choice. Reasoning, refusals, arguments and retries are passed over. Together
--- they are what :text() says. Otherwise as :events(), with which it shares its place: each delta and each event comes
--- once, to whoever asks next, in whichever of the two ways; and so with several iterators.
--- @return fun(): string?
function Stream:deltas()
  check(self)
  self.iterated = true
  return self.call:deltas(self)
end

--- The text that has arrived so far. When the answer has ended it is the answer's, should that say something else than
--- its deltas.
--- @return string
function Stream:text()
  check(self)
  self.call:look()
  return self.call:text()
end

--- The value so far of an answer that is JSON, for a form that fills itself: ask whenever something is to be shown.
--- Strings, arrays and objects are there from their first byte on; numbers, true, false and null when they are
--- complete, and a member when its value is there. Where the body asked for a schema (text.format, or response_format
--- for chat completions), the text is held against it as it comes, `format` included.
---
--- An array or object is the same table at each asking and grows in place: read it, and copy it to keep a moment.
--- Asking takes time for what came since the last time; a string that is still open is made anew.
--- @return any value          nil before it begins; null is xai.null
--- @return xai.Error? reason  once it is certain that no good value will come: kind "schema" (reason.errors; its code
---   is "invalid", or "json" and the like when the text is not even JSON), or why the call broke off. The value stays
---   what it was when that became certain
function Stream:partial()
  check(self)
  local call = self.call
  call:look()
  self.reader = self.reader or late("xai.partial").new(call.schema, call:follow_text())
  return self.reader:read(call)
end

--- The response so far, as the API's own object; nil when nothing has arrived.
--- @return xai.Response?
function Stream:response()
  check(self)
  local call = self.call
  call:look()
  if call.done then return call.value or (call.err and call.err.response) end
  local plain = call.link:response(call.id)
  return plain and responses.wrap(plain, { outcome = "running", reason = "still streaming", book = call.book,
    us = call.us })
end

--- Wait for the end. Events nobody iterates over are let go.
--- @param timeout number?  seconds; nil: as long as the call's own deadline
--- @return xai.Response? response
--- @return xai.Error? err
function Stream:result(timeout)
  check(self)
  if timeout ~= nil and not (type(timeout) == "number" and timeout >= 0) then
    error("stream:result: timeout must be a number of seconds, 0 or more", 2)
  end
  local call = self.call
  if not self.iterated then call:discard() end
  call.holder = self -- grok:stream(body):result() is held by nobody else, and a tail call forgets its caller
  local value, err = call:wait(timeout)
  call.holder = nil
  return value, err
end

--- Stop the call: the connection is closed, the result is an error of kind "cancelled" with what arrived.
function Stream:cancel()
  check(self)
  self.call:cancel()
end

--- Its place in the line of those who wait for a rate limit: 1 is next; nil when it does not wait. While it waits
--- it is the client that waits: nothing has been sent.
--- @return integer?
function Stream:place()
  check(self)
  return self.call.link:place(self.call.id)
end

--- Has it ended?
--- @return boolean
function Stream:is_done()
  check(self)
  self.call:look()
  return self.call.done
end

mt.__close = Stream.cancel

-- A stream that nobody holds any more is cancelled by the collector. Tables have no finaliser on LuaJIT, so
-- there a proxy has it. It must not hold the call itself: a client that goes in the same cycle would come
-- back to life with its core already closed. While the client lives it holds the call. All guards share what they
-- can, for the collector goes over each table of each open stream.
local guarded = setmetatable({}, { __mode = "kv" }) -- guard -> call

local function cancel(guard)
  local call = guarded[guard]
  if call then pcall(call.cancel, call) end
end

local newproxy = rawget(_G, "newproxy")
local guard_mt = { __gc = cancel }
local template = newproxy and newproxy(true)
if template then getmetatable(template).__gc = cancel end

local function guard(call)
  local new_guard = template and newproxy(template) or setmetatable({}, guard_mt)
  guarded[new_guard] = call
  return new_guard
end

--- @param call xai.Call  owned: cancelled together with the stream
--- @return xai.Stream
local function new(call)
  return setmetatable({
    call = call,
    iterated = false,   -- somebody takes the events
    reader = nil,       -- xai.Partial, when somebody asked for the value so far
    guard = guard(call),
  }, mt)
end

return { new = new }
