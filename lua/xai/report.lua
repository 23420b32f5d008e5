--- What each call came to, for the option on_end of xai.new: told once, whoever waits for the call or does so no more.
-- SPDX-License-Identifier: MIT
local loop = require "xai.loop"
local responses = require "xai.response"

--- For a ledger, a metric, a bill. A call whose program has gone (a stream that was dropped, a request that nginx
--- ended because its browser left) is cancelled, and told like all others.
--- @class xai.CallReport
--- @field outcome string      "complete", "incomplete", "refused", "failed" or "cancelled"
--- @field reason string?      a few words on why it ended so
--- @field path string         of the API: "/responses"
--- @field model string?       that the request named
--- @field usage table?        the API's own, as far as it was seen; nil: unknown, not zero
--- @field cost number?        in ticks; nil: unknown
--- @field tokens integer?     of all attempts together, as far as the API told
--- @field counts table?       of the attempts by class: answered, refused, not_sent, unknown
--- @field error xai.Error?
--- @field request_id string?  the API's
--- @field seconds number      in all

local function report_of(call, result)
  local answer = call.value
  if answer == nil then answer = call.err and call.err.response end
  if not responses.is(answer) then answer = nil end
  local usage = answer and type(answer.usage) == "table" and answer.usage or nil -- null while it is in progress
  return {
    outcome = result.outcome, reason = result.reason ~= "" and result.reason or nil,
    path = call.asked.path, model = call.asked.model,
    usage = usage, cost = usage and answer:cost() or nil,
    tokens = result.tokens, counts = result.counts, error = call.err, request_id = result.request_id,
    seconds = loop.now() - call.asked.at,
  }
end

local function complain(fault)
  local host = loop.host()
  local message = "on_end: " .. tostring(fault)
  if host and host.report then return host.report(message) end
  io.stderr:write("xai: ", message, "\n")
end

local BARRED = "on_end may neither call nor wait: let it note what is to be done, or xai.spawn a task that does it"

--- Tell the program. In a coroutine of its own, so that a function which raises or yields touches no call. Were it to
--- wait, calls would end in there and be told of in turn, one within the other, until no stack is left.
--- @param call xai.Call   that has ended
--- @param result table    as the core has it
return function(call, result)
  local thread = coroutine.create(call.link.on_end)
  loop.bar(thread, BARRED)
  local ok, fault = coroutine.resume(thread, report_of(call, result))
  if coroutine.status(thread) == "dead" then loop.bar(thread, nil) end
  if not ok then complain(fault) end
end
