--- Errors as data: one object for everything the world can do wrong.
-- SPDX-License-Identifier: MIT

--- @class xai.Error
--- @field kind string           what it means: "auth", "rate", "network", "truncated" ... (README, table of kinds)
--- @field code string           the API's own code if it gave one, else ours: "connect", "deadline" ...
--- @field message string        one sentence, without key or message content
--- @field hint string?          what a person can do about it
--- @field status integer?       the HTTP status, nil when no answer arrived
--- @field retryable boolean     the same request may succeed later
--- @field retry_after number?   when it is retryable: seconds to wait before, by the server's word or the state of the
---   client's own limits, else a backoff with jitter
--- @field repeatable boolean    ... and no attempt may have been billed: made again, it cannot be billed twice
--- @field counts table?         of the attempts by class: answered, refused, not_sent, unknown
--- @field tokens integer?       of all attempts together, as far as the API told
--- @field request_id string?    quote it to support
--- @field attempts table[]      each exchange of the call: outcome, code, status, phase, started, took, waited,
---   queued (in line for a rate limit), tokens (as the API told)
--- @field outcome string?       "incomplete", "refused", "failed" or "cancelled" when a call ended so
--- @field reason string?        a few words on why the call ended: "ended early", "max_output_tokens"
--- @field key string?           when it was refused: which key it was, by its name or its last four characters
--- @field param string?         the parameter the API complains about
--- @field offset integer?       the byte in the input, for malformed JSON
--- @field response xai.Response? what had arrived of the answer
--- @field body string?          the first bytes of an error answer, as they came
--- @field errors xai.Violations? kind "schema": what does not fit, by place
--- @field text string?          of client:extract: the answer's raw text, as far as it came
--- @field refusal string?       of client:extract, kind "refused": what the model said instead
--- @field stopped boolean?      of client:extract: the answer was stopped half-way, for nothing could save it
--- @field account xai.ExtractAccount? of client:extract: each turn and its cost
local Error = {}
local mt = { __name = "xai.error", __index = Error }

local function details(self)
  local list = {}
  if self.status then list[#list + 1] = "status " .. self.status end
  if self.code and self.code ~= "api" then list[#list + 1] = tostring(self.code) end
  if #self.attempts > 1 then list[#list + 1] = #self.attempts .. " attempts" end
  if self.key then list[#list + 1] = "key " .. self.key end
  if self.request_id then list[#list + 1] = "request id " .. self.request_id end
  return #list > 0 and " (" .. table.concat(list, ", ") .. ")" or ""
end

--- One sentence: what happened, the particulars, what to do.
function mt:__tostring()
  local what = self.message:gsub("%s*%.?%s*$", "")
  local hint = self.hint
  if not hint or hint == "" then return what .. details(self) end
  return what .. details(self) .. "; " .. hint
end

-- An error is said to the user in longer sentences, too.
function mt.__concat(a, b)
  return tostring(a) .. tostring(b)
end

--- Is this value an error of this library?
--- @param value any
--- @return boolean
local function is(value)
  return getmetatable(value) == mt
end

--- An error of your own, of the same kind as the library's.
--- @param fields table  kind and message are needed, the rest as in xai.Error
--- @return xai.Error
local function new(fields)
  return setmetatable({
    kind = fields.kind or "usage",
    code = fields.code or fields.kind or "usage",
    message = fields.message or "something went wrong",
    hint = fields.hint,
    status = fields.status,
    retryable = fields.retryable or false,
    retry_after = fields.retry_after,
    repeatable = fields.repeatable or false,
    counts = fields.counts,
    tokens = fields.tokens,
    request_id = fields.request_id,
    attempts = fields.attempts or {},
    outcome = fields.outcome,
    reason = fields.reason,
    key = fields.key,
    param = fields.param,
    offset = fields.offset,
    response = fields.response,
    body = fields.body,
  }, mt)
end

-- The core's hint is one for each kind. Here the call is known, and what is there to look at.
local function hint_of(plain, call)
  if plain.kind == "truncated" then
    local again = plain.code == "truncated" and "ask again, or allow more output tokens" or "ask again"
    return call.response and "what arrived is in err.response; " .. again or again
  end
  if plain.kind == "server" and not (plain.request_id or call.request_id) then
    return "the service failed: try again later"
  end
  if plain.kind == "timeout" and call.streamed then return "allow more time" end
  return plain.hint
end

--- An error object from what the core reports (a plain table), with the facts of the call it ended.
--- @param plain table
--- @param call table?  attempts, counts, tokens, outcome, reason, response, body, request_id, retry_after, repeatable;
---   streamed
--- @return xai.Error
local function from_core(plain, call)
  if is(plain) then return plain end
  call = call or {}
  return new {
    kind = plain.kind,
    code = plain.api_code or plain.code,
    message = plain.message,
    hint = hint_of(plain, call),
    status = plain.status,
    retryable = plain.retryable,
    retry_after = call.retry_after or plain.retry_after,
    repeatable = call.repeatable,
    counts = call.counts,
    tokens = call.tokens,
    request_id = plain.request_id or call.request_id,
    attempts = call.attempts,
    outcome = call.outcome,
    reason = call.reason ~= "" and call.reason or nil,
    key = plain.key,
    param = plain.param,
    offset = plain.offset,
    response = call.response,
    body = call.body,
  }
end

--- @class xai.errors
local module = { new = new, is = is, from_core = from_core }

return module
