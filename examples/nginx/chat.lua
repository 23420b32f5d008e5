--- What the page may ask, how often, and what is written down about it.
-- SPDX-License-Identifier: MIT
local xai = require "xai"

local LONGEST = 8000 -- bytes of a question

-- One client for each worker, made when the first request needs it. (Never in init_by_lua: the process that runs
-- it is not the one that serves, and a client stays in its process.)
local grok

local limit = xai.ngx.limit.new { dict = "chat_limits", requests = 20, per = 60, concurrent = 4 }

-- The browser sends a question; which model answers, and within what bounds, is decided here.
local function prepare(body)
  local question = body.question
  if type(question) ~= "string" or question == "" then return nil, "there is no question" end
  if #question > LONGEST then return nil, "the question is too long" end
  return {
    instructions = "You are a friendly guide. Answer in a few sentences of plain text.",
    input = question,
    max_output_tokens = 1000,
    store = false,
  }
end

-- One line for each answer, however it ended: this is where a ledger would be kept.
local function book(report)
  ngx.log(ngx.WARN, ("chat: %s%s, %s tokens, %s ticks, %d events in %.1f s"):format(report.outcome,
    report.client_gone and " (the browser left)" or "", report.usage and report.usage.total_tokens or "unknown",
    report.cost and ("%d"):format(report.cost) or "unknown", report.events, report.seconds))
end

local function answer()
  local place, busy = limit:enter(ngx.var.binary_remote_addr, 2)
  if not place then
    ngx.status = busy.kind == "rate" and 429 or 503
    ngx.header.content_type = "application/json"
    if busy.retry_after then ngx.header.retry_after = math.ceil(busy.retry_after) end
    return ngx.say '{"error":{"message":"too many questions, try again later"}}'
  end
  grok = grok or assert(xai.new { timeout = 120 })
  local ok, fault = pcall(xai.ngx.relay, { client = grok, prepare = prepare, on_end = book })
  place:leave()
  if not ok then error(fault, 0) end
end

return { answer = answer }
