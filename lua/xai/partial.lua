--- An answer's text read as JSON while it comes: the value so far, and why it will not become a good one.
-- SPDX-License-Identifier: MIT
local errors = require "xai.error"
local responses = require "xai.response"
local schemas = require "xai.schema"

--- @class xai.Partial
local Partial = {}
local mt = { __name = "xai.partial", __index = Partial }

-- Without the words of the answer: those are in the list.
local function fault_of(violations)
  local first = violations[1]
  local message = "the answer is not JSON: " .. first.message
  if violations.code == "invalid" then
    local place = first.instance == "" and "the whole" or first.instance
    local keyword = first.keyword ~= "" and (" (%s)"):format(first.keyword) or ""
    message = ("the answer cannot satisfy the schema any more: at %s%s"):format(place, keyword)
  end
  local err = errors.new { kind = violations.kind, code = violations.code, message = message,
    hint = "nothing that follows can mend it: stop the stream, and ask again", offset = first.offset }
  err.errors = violations
  return err
end

local function note(self, violations)
  if violations and not self.reason then self.reason = fault_of(violations) end
end

local function feed(self, text)
  local _, violations = self.checker:feed(text)
  note(self, violations)
end

-- Reads the pieces of text that were not read yet.
local function catch_up(self)
  for i = self.taken + 1, #self.pieces do feed(self, self.pieces[i]) end
  self.taken = #self.pieces
end

local function restart(self)
  self.checker, self.reason, self.taken = self.schema:stream(), self.unusable, 0
end

-- The whole answer has the last word, where it says something else than its deltas did. Why a call broke off is told
-- better by its own error than by what is missing of the text.
local function finish(self, call)
  self.ended = true
  local text = responses.is(call.value) and call.value:text()
  if text and text ~= table.concat(self.pieces) then
    restart(self)
    feed(self, text)
  end
  local _, violations = self.checker:finish()
  if call.err and not self.reason then self.reason = call.err end
  note(self, violations)
end

--- The value so far, of the text of a call.
--- @param call xai.Call
--- @return any value
--- @return xai.Error? reason
function Partial:read(call)
  if not self.ended then catch_up(self) end
  if call.done and not self.ended then finish(self, call) end
  local value, err = self.checker:value()
  if err then return nil, err end
  return value, self.reason
end

--- @param schema table?    as the request had it; nil: any JSON will do
--- @param pieces string[]  of the text; grows
--- @return xai.Partial
local function new(schema, pieces)
  local compiled, err
  if schema then compiled, err = schemas.compile(schema, { format = "assert" }) end
  local self = setmetatable({
    schema = compiled or assert(schemas.compile(true)),
    unusable = err,   -- xai.Error, when the schema cannot be compiled: then the text is read without it
    pieces = pieces,
    checker = nil,    -- xai.Checker
    reason = nil,     -- xai.Error, when the text cannot become what is wanted
    taken = 0,        -- pieces of the text that were read
    ended = false,    -- so has the call, and the whole text was read
  }, mt)
  restart(self)
  return self
end

return { new = new }
