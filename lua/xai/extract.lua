--- Structured answers that can be trusted: asked for by a schema, checked, and asked for again when they do not fit.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local errors = require "xai.error"
local schemas = require "xai.schema"

--- @class xai.ExtractRequest  further fields are the API's own, for each turn
--- @field schema table|string|xai.Schema  as for xai.schema.compile; `format` must hold. A compiled one is used as
---   it was compiled
--- @field input any
--- @field name string?      of the schema, for the model; default "answer"
--- @field repairs integer?  turns in which the model may mend what does not fit; default 2, 0 switches them off
--- @field remotes table?    schemas that it refers to: for the check alone, the API does not see them
--- @field stream boolean?   default true: the answer is checked as it comes, and stopped when nothing can save it
--- @field on_partial fun(value: any, turn: integer)? called when text has come, with the value so far as
---   stream:partial() gives it: the same table, growing, from the first byte of it; a new one in each turn (1: the
---   first). What it raises ends the extraction; it may wait

--- @class xai.ExtractTurn
--- @field response xai.Response?
--- @field error xai.Error?  why this turn brought nothing usable
--- @field stopped boolean?  stopped by us half-way: whether the rest was billed is not known, so neither is the cost
--- @field cost integer?     ticks; nil: not known
--- @field tokens table?     input, cached, output, reasoning, total

--- @class xai.ExtractAccount
--- @field turns xai.ExtractTurn[]  the first question and each repair
--- @field cost integer?            ticks of all turns; nil when that of one is not known
--- @field known_cost integer       ticks of those whose cost is known
--- @field tokens table             sums over the turns that state them

local REPAIRS, GREATEST_REPAIRS = 2, 20
local SENTENCES = 20 -- of a repair turn; more would not help

-- ------------------------------------------------------------------ the account

local function new_account()
  return { turns = {}, cost = 0, known_cost = 0, tokens = { input = 0, cached = 0, output = 0, reasoning = 0,
    total = 0 } }
end

local function enter(account, response, err)
  local cost, tokens, stopped = nil, nil, err and err.stopped
  if response and not stopped then cost, tokens = response:cost(), response:tokens() end
  table.insert(account.turns, { response = response, error = err, cost = cost, tokens = tokens, stopped = stopped })
  account.cost = account.cost and cost and account.cost + cost or nil
  account.known_cost = account.known_cost + (cost or 0)
  for name, sum in pairs(account.tokens) do account.tokens[name] = sum + (tokens and tokens[name] or 0) end
end

-- ------------------------------------------------------------------ what an answer is

local function fault_of(response, fields)
  local err = errors.new(fields)
  err.response, err.request_id = response, response:meta().request_id
  err.attempts = response:meta().attempts or {}
  return err
end

local function refused(response)
  return fault_of(response, {
    kind = "refused", code = "refused", message = "the model refuses to answer",
    hint = "what it says is in err.refusal: change the request",
  })
end

local function cut(response)
  local reason = response:meta().reason or "incomplete"
  return fault_of(response, {
    kind = "truncated", code = "truncated", reason = reason, outcome = response:meta().outcome,
    message = "the answer was cut short: " .. reason, hint = "allow more output tokens, or ask for less",
  })
end

local function wants_tools(response)
  return fault_of(response, {
    kind = "protocol", code = "tool_calls", message = "the model asks for functions instead of answering",
    hint = "run err.response:tool_calls() and go on from there, or send no functions along",
  })
end

-- Where it is wrong, without the words of the answer: those are in the list.
local function misfit(response, violations)
  if violations.code == "nomem" then
    return fault_of(response, { kind = "memory", code = "nomem", message = "out of memory while checking the answer",
      hint = "free memory and try again" })
  end
  local first = violations[1]
  local place = first.instance == "" and "the whole" or first.instance
  local more = #violations > 1 and (", and in %d more places"):format(#violations - 1) or ""
  local why = violations.code == "invalid" and ("at %s (%s)"):format(place, first.keyword) or violations.code
  local err = fault_of(response, {
    kind = "schema", code = "schema", message = "the answer does not satisfy the schema: " .. why .. more,
    hint = "see err.errors and err.text",
  })
  err.errors = violations
  return err
end

-- A key given twice is no violation of a schema, but which value is meant nobody can tell.
local function decode_strictly(text)
  local value, err = core.decode(text, { unique = true })
  if err == nil then return value end
  return nil, setmetatable({
    { instance = "", schema = "", keyword = "", message = err.message, offset = err.offset },
    code = err.code, kind = err.kind,
  }, { __tostring = function(self) return self[1].message end })
end

local function read(schema, response)
  local text = response:text()
  if response:refusal() then return nil, refused(response) end
  if (response:meta().outcome or "complete") ~= "complete" then return nil, cut(response) end
  if text == "" and #response:tool_calls() > 0 then return nil, wants_tools(response) end
  local _, violations = schema:check_text(text)
  if violations then return nil, misfit(response, violations) end
  local value, twice = decode_strictly(text)
  if twice then return nil, misfit(response, twice) end
  return value
end

-- The raw words are kept whatever went wrong.
local function finish(err, account)
  local response = err.response
  if response then
    err.text, err.refusal = err.text or response:text(), response:refusal()
  end
  err.account = account
  return nil, err, account
end

-- ------------------------------------------------------------------ turns

local function copy(t)
  local c = {}
  for k, v in pairs(t or {}) do c[k] = v end
  return c
end

local own = { schema = true, name = true, repairs = true, remotes = true, stream = true, on_partial = true }

local function body_of(request, schema)
  local body = {}
  for name, value in pairs(request) do
    if not own[name] then body[name] = value end
  end
  body.text = copy(body.text)
  body.text.format = {
    type = "json_schema", name = request.name or "answer", strict = true, schema = schema:table(),
  }
  return body
end

local function complaint(violations)
  local lines = { "This answer does not satisfy the JSON Schema:" }
  for i = 1, math.min(#violations, SENTENCES) do lines[#lines + 1] = "- " .. violations[i].message end
  if #violations > SENTENCES then lines[#lines + 1] = ("- and %d more"):format(#violations - SENTENCES) end
  lines[#lines + 1] = "Answer again with the whole JSON document, corrected."
  return table.concat(lines, "\n")
end

local function items_of(input)
  if type(input) ~= "table" then return { { role = "user", content = input } } end
  if input.role or input.type then return { input } end
  local items = {}
  for i, item in ipairs(input) do items[i] = item end
  return items
end

-- The API has the answer if it stores them, and instructions are not allowed beside a reference to it.
local function can_refer(body, response)
  return body.store ~= false and body.instructions == nil and type(response.id) == "string" and response.id ~= ""
    and response:meta().outcome == "complete"
end

local function repair_of(body, err)
  local response, next_body = err.response, copy(body)
  local words = complaint(err.errors)
  if can_refer(body, response) then
    next_body.previous_response_id, next_body.input = response.id, words
    return next_body
  end
  local items = items_of(body.input)
  items[#items + 1] = { role = "assistant", content = err.text or response:text() }
  items[#items + 1] = { role = "user", content = words }
  next_body.input = items
  return next_body
end

local function can_mend(err)
  return err.kind == "schema" and err.errors ~= nil and err.errors.code ~= "nomem"
end

-- What the program's function raises is its own affair, but nobody else can stop the stream then.
local function show(stream, checker, on_partial, turn)
  local value = checker:value()
  if value == nil then return end
  local ok, fault = pcall(on_partial, value, turn)
  if ok then return end
  stream:cancel()
  error(fault, 0)
end

-- The stream up to the byte after which nothing can make its text valid; nil when there was none.
local function verdict_of(stream, schema, on_partial, turn)
  local checker = schema:stream()
  for event in stream:events() do
    if event.type == "text" then
      local state, reason = checker:feed(event.text)
      if state == "dead" then return reason end
      if on_partial then show(stream, checker, on_partial, turn) end
    end
  end
end

local function watch(client, schema, body, options, on_partial, turn)
  local stream, err = client:stream(body, options)
  if not stream then return nil, err end
  local violations = verdict_of(stream, schema, on_partial, turn)
  local text = stream:text()
  if violations then stream:cancel() end
  local response, fault = stream:result()
  if not violations or response or not fault.response then return response, fault end
  err = misfit(fault.response, violations)
  err.text, err.stopped = text, true
  return nil, err
end

local function run(client, schema, request, repairs, options)
  local account, body = new_account(), body_of(request, schema)
  for left = repairs, 0, -1 do
    local response, fault
    if request.stream == false then
      response, fault = client:respond(body, options)
    else
      response, fault = watch(client, schema, body, options, request.on_partial, repairs - left + 1)
    end
    enter(account, response or fault.response, fault)
    local value
    if response then value, fault = read(schema, response) end
    if not fault then return value, response, account end
    account.turns[#account.turns].error = fault
    if left == 0 or not can_mend(fault) then return finish(fault, account) end
    body = repair_of(body, fault)
  end
end

-- ------------------------------------------------------------------ the function

local function check(request, level)
  local function fail(message) error("client:extract: " .. message, level + 2) end
  if type(request) ~= "table" then fail("a table is needed, with schema and input") end
  if request.schema == nil then fail "a schema is needed" end
  if request.name ~= nil and type(request.name) ~= "string" then fail "name must be a string" end
  if request.stream ~= nil and type(request.stream) ~= "boolean" then fail "stream must be true or false" end
  if request.on_partial ~= nil and type(request.on_partial) ~= "function" then fail "on_partial must be a function" end
  if request.on_partial and request.stream == false then fail "on_partial needs the stream" end
  if type(request.text) == "table" and request.text.format ~= nil then fail "text.format is made from the schema" end
  local repairs = request.repairs or REPAIRS
  if type(repairs) ~= "number" or repairs % 1 ~= 0 or repairs < 0 or repairs > GREATEST_REPAIRS then
    fail(("repairs must be a whole number from 0 to %d"):format(GREATEST_REPAIRS))
  end
  return repairs
end

--- @param client xai.Client
--- @param request xai.ExtractRequest
--- @param options xai.CallOptions?  for each turn
--- @param level integer             as for error()
--- @return any value                nil only with an error
--- @return xai.Response|xai.Error response
--- @return xai.ExtractAccount? account
return function(client, request, options, level)
  local repairs = check(request, level)
  local schema, err = request.schema, nil
  if not schemas.is(schema) then
    schema, err = schemas.compile(schema, { format = "assert", remotes = request.remotes })
  end
  if not schema then return nil, err end
  return run(client, schema, request, repairs, options)
end
