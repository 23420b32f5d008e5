--- A text held against a schema while it comes: still open, or dead, and what it holds so far.
-- SPDX-License-Identifier: MIT
local errors = require "xai.error"

--- @class xai.Checker
local Checker = {}
local mt = { __name = "xai.checker", __index = Checker }

local function check(self)
  if getmetatable(self) == mt then return end
  error("this is a method of a checker: call it with a colon, as in checker:feed(...)", 3)
end

local function note(self, ok, list, err)
  if not ok then self.dead = self.violations(list, err) end
  return self.dead
end

--- Bytes of the text, cut anywhere.
--- @param bytes string
--- @return "open"|"dead" state     dead: whatever follows, the text cannot become valid
--- @return xai.Violations? reason  of the dead; its one violation names the byte that decided it
function Checker:feed(bytes)
  check(self)
  if type(bytes) ~= "string" then error("checker:feed: a string is needed, not a " .. type(bytes), 2) end
  if self.finished then error("checker:feed: the text has been finished", 2) end
  if self.dead or note(self, self.core:feed(bytes)) then return "dead", self.dead end
  return "open"
end

--- The text has ended.
--- @return true? valid
--- @return xai.Violations? violations
function Checker:finish()
  check(self)
  if not self.finished and not self.dead then note(self, self.core:finish()) end
  self.finished = true
  if self.dead then return nil, self.dead end
  return true
end

--- The value so far. Strings, arrays and objects are there from their first byte on; numbers, true, false and null
--- when they are complete, and a member when its value is there. Of equal keys the last one wins.
---
--- An array or object is the same table at each asking and grows in place: read it, and copy it to keep a moment.
--- So asking takes time for what came since the last time and not for the whole, except that a string which is
--- still open is made anew, as long as it is by then. What is closed is never looked at again.
--- @return any value        nil before it begins; null is xai.null
--- @return xai.Error? err   code "nomem" alone
function Checker:value()
  check(self)
  local value, err = self.core:value()
  if err then return nil, errors.from_core(err) end
  return value
end

--- @param core userdata      the streaming check
--- @param violations function makes a list of them what users see
--- @return xai.Checker
local function new(core, violations)
  return setmetatable({
    core = core,
    violations = violations,
    dead = nil,        -- xai.Violations, when it is
    finished = false,
  }, mt)
end

return { new = new }
