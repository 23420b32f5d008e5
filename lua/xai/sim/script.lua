--- A scenario: which scripted entry goes with which request.
-- SPDX-License-Identifier: MIT
local faults  = require "xai.sim.faults"
local options = require "xai.options"

local Script = {}
local mt = { __name = "xai.sim.script", __index = Script }

--- @class xai.sim.Step: xai.sim.Fault  one entry of a scenario; every field is optional
--- @field text string?             say this
--- @field deltas string[]?         say this, cut into exactly these deltas
--- @field value any                answer with this document (structured answers)
--- @field calls table[]?           call these tools: { name = "f", arguments = table or text }
--- @field refusal string?          refuse in these words
--- @field reasoning string?        think this
--- @field reasoning_tokens integer?
--- @field incomplete string?       end as incomplete for this reason ("max_time_limit", ...)
--- @field finish_reason string?    chat completions: end with this finish reason
--- @field split_arguments integer? arguments in deltas of so many bytes
--- @field break_schema_at integer? a structured answer that goes wrong at this byte (from 1)
--- @field break_schema string?     a structured answer with a wrong value at this JSON Pointer
--- @field when fun(request: table): boolean  only for requests it says yes to; not used up
--- @field times integer?           used for so many requests (default: 1 without `when`, all with it)

local KNOWN = {
  text = "string", deltas = "table", value = "any", calls = "table", refusal = "string", reasoning = "string",
  reasoning_tokens = "number", incomplete = "string", finish_reason = "string", split_arguments = "count",
  break_schema_at = "count", break_schema = "string", when = "any", times = "count",
}
for name, kind in pairs(faults.KNOWN) do KNOWN[name] = kind end

local function check(entry, level)
  options.check("xai.sim scenario", entry, KNOWN, level + 1)
  for name in pairs(faults.KNOWN) do
    local reason = entry[name] ~= nil and faults.fault_in(name, entry[name])
    if reason then
      error(("xai.sim scenario: %s %s, not %q"):format(name, reason, tostring(entry[name])), level + 1)
    end
  end
  return entry
end

--- @param what string  the option it is
--- @param source table|fun(request: table): table?|nil  a list of entries, or a function that gives one
--- @param level integer
local function new(what, source, level)
  local self = setmetatable({ ask = nil, list = {}, used = {} }, mt)
  if type(source) == "function" then
    self.ask = source
    return self
  end
  if source and next(source) ~= nil and source[1] == nil then
    error(("xai.sim.new, %s: must be a list of tables, { { ... } }"):format(what), level + 1)
  end
  for i, entry in ipairs(source or {}) do
    self.list[i] = entry or {}
    if entry then check(entry, level + 1) end
    self.used[i] = 0
  end
  return self
end

--- The entry for this request; an empty one when there is none.
function Script:pick(request)
  if self.ask then
    local entry = self.ask(request)
    return entry and check(entry, 2) or {}
  end
  for i, entry in ipairs(self.list) do
    local most = entry.times or (entry.when and math.huge or 1)
    if self.used[i] < most and (not entry.when or entry.when(request)) then
      self.used[i] = self.used[i] + 1
      return entry
    end
  end
  return {}
end

--- What two entries ask for together; the second wins.
local function join(first, second)
  local out = {}
  for key, value in pairs(first) do out[key] = value end
  for key, value in pairs(second) do out[key] = value end
  return out
end

return { new = new, join = join }
