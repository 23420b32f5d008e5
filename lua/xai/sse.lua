--- Server-sent events: bytes in, cut anywhere, events out. The module is its own constructor.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local errors = require "xai.error"
local options = require "xai.options"

--- @class xai.sse.Event
--- @field event string    "message" where the stream named none
--- @field data string     the data lines joined by "\n", always valid UTF-8
--- @field id string       the last id seen, "" when none
--- @field retry integer?  the reconnection time in force, in milliseconds as the stream has it

--- @class xai.sse.End
--- @field last_event_id string
--- @field retry integer?
--- @field discarded boolean  an unfinished event was thrown away: the stream was cut

--- @class xai.sse.Parser
local Parser = {}
local mt = { __name = "xai.sse", __index = Parser }

local known = { max_event = "count" }

local function check(self)
  if getmetatable(self) == mt then return end
  error("this is a method of a parser: call it with a colon, as in parser:feed(bytes)", 3)
end

--- A parser of one stream; `xai.sse()` is the same.
--- @param opts {max_event: integer?}?  max_event bounds a line and an event, in bytes; default 16 MiB
--- @return xai.sse.Parser
local function new(opts)
  local checked = options.check("xai.sse", opts, known)
  return setmetatable({
    core = assert(core.sse(checked)), -- the parser proper; only memory can fail
  }, mt)
end

--- Bytes from the network, in pieces of any size.
--- @param bytes string
--- @return xai.sse.Event[]? events  those that are complete now, maybe none
--- @return xai.Error? err  a line or event is larger than max_event; nothing more comes until a reset
function Parser:feed(bytes)
  check(self)
  if type(bytes) ~= "string" then error("parser:feed: a string is needed, not a " .. type(bytes), 2) end
  local events, err = self.core:feed(bytes)
  if not events then return nil, errors.from_core(err) end
  return events
end

--- The input is over: what the parser ended with.
--- @return xai.sse.End
function Parser:finish()
  check(self)
  return self.core:finish()
end

--- As new.
function Parser:reset()
  check(self)
  self.core:reset()
end

--- @class xai.sse
--- @overload fun(opts: {max_event: integer?}?): xai.sse.Parser
local module = { new = new }

return setmetatable(module, { __call = function(_, opts) return new(opts) end })
