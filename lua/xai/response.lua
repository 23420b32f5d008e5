--- An answer: the API's own table, with methods in its metatable. Reads both endpoints' shapes.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local errors = require "xai.error"
local late = require "xai.late"
local prices = require "xai.prices"

--- @class xai.Response
--- @field id string
--- @field usage table  the API's own
local Response = {}
local mt = { __name = "xai.response", __index = Response }

-- What is ours about an answer stays out of the API's table, which may be sent back. The values must not
-- refer to their keys: weak tables of Lua 5.1 would keep such a pair for ever.
local metas = setmetatable({}, { __mode = "k" })

-- ------------------------------------------------------------------ the two shapes

local function field(t, name)
  return type(t) == "table" and t[name] or nil
end

local function text_of(value)
  return type(value) == "string" and value or ""
end

local none = {}

local function each(list)
  return ipairs(type(list) == "table" and list or none)
end

local function is_chat(self)
  return rawget(self, "choices") ~= nil
end

local function message_of(self, choice)
  local entry = field(rawget(self, "choices"), choice or 1)
  return field(entry, "message") or {}, entry
end

-- All parts of one type in all messages, e.g. "output_text", read from the field that holds the text, joined; nil when
-- there are none. Mostly there is one.
local function joined(self, kind, name)
  local first, all
  for _, item in each(rawget(self, "output")) do
    local content = type(item) == "table" and item.type == "message" and item.content or nil
    for _, part in each(content) do
      if type(part) == "table" and part.type == kind then
        local text = text_of(part[name])
        if not first then first = text
        elseif all then all[#all + 1] = text
        else all = { first, text } end
      end
    end
  end
  return all and table.concat(all) or first
end

-- ------------------------------------------------------------------ methods

local function check(self)
  if type(self) == "table" then return end
  error("this is a method of a response: call it with a colon, as in answer:text()", 3)
end

--- The answer's text: all its text parts joined; empty when there are none.
--- @param choice integer?  chat completions with several choices: which, from 1
--- @return string
function Response:text(choice)
  check(self)
  if is_chat(self) then return text_of(message_of(self, choice).content) end
  return joined(self, "output_text", "text") or ""
end

--- What the model said in place of an answer; nil when it did not refuse.
--- @return string?
function Response:refusal()
  check(self)
  if is_chat(self) then
    local refusal = message_of(self).refusal
    return type(refusal) == "string" and refusal or nil
  end
  return joined(self, "refusal", "refusal")
end

local function reasoning_parts(item)
  local found = {}
  for _, part in each(item.content) do found[#found + 1] = text_of(field(part, "text")) end
  if #found > 0 then return found end
  for _, part in each(item.summary) do found[#found + 1] = text_of(field(part, "text")) end
  return found
end

--- The reasoning as far as the model shows it: its text, else its summary; empty when hidden. (The field
--- `reasoning` of the answer is the API's own: effort and summary mode.)
--- @return string
function Response:reasoning_text()
  check(self)
  if is_chat(self) then return text_of(message_of(self).reasoning_content) end
  local found = {}
  for _, item in each(rawget(self, "output")) do
    if field(item, "type") == "reasoning" then
      for _, text in ipairs(reasoning_parts(item)) do found[#found + 1] = text end
    end
  end
  return table.concat(found, "\n")
end

local function raw_calls(self)
  local found = {}
  if is_chat(self) then
    for _, call in each(message_of(self).tool_calls) do
      local fn = field(call, "function") or {}
      found[#found + 1] = { id = call.id, name = fn.name, text = fn.arguments }
    end
    return found
  end
  for _, item in each(rawget(self, "output")) do
    if field(item, "type") == "function_call" then
      found[#found + 1] = { id = item.call_id, name = item.name, text = item.arguments, status = item.status }
    end
  end
  return found
end

-- Why nothing in this answer may be executed; nil when it is whole. A claimed "tool_calls" is not believed
-- when the call ended otherwise.
local function cut_short(self)
  local meta = metas[self] or {}
  if meta.outcome and meta.outcome ~= "complete" then return meta.reason or meta.outcome end
  if not is_chat(self) then
    local status = rawget(self, "status")
    return status ~= nil and status ~= "completed" and tostring(status) or nil
  end
  local _, choice = message_of(self)
  local finish = field(choice, "finish_reason")
  if type(finish) ~= "string" then return "no finish reason" end
  return (finish == "length" or finish == "content_filter") and finish or nil
end

local function refuse(code, message)
  return errors.new {
    kind = code == "truncated" and "truncated" or "protocol", code = code, message = message,
    hint = "do not execute this call; tell the model, or ask again",
  }
end

local function decode_arguments(text)
  if type(text) ~= "string" then return nil, refuse("arguments", "the call has no arguments text") end
  if not text:find("%S") then return {} end -- no arguments at all
  local value, err = core.decode(text, { unique = true })
  if err then return nil, refuse("arguments", "the arguments are not usable JSON: " .. tostring(err.message)) end
  if type(value) ~= "table" or getmetatable(value) == core.array_mt then
    return nil, refuse("arguments", "the arguments are not a JSON object")
  end
  return value
end

local function usable(name)
  return type(name) == "string" and name ~= ""
end

-- What the request offered; nil when nobody knows. The API repeats it in its answers, chat completions do not.
local function offer_of(self)
  local meta = metas[self]
  if not meta then return nil end
  local tools = meta.tools or rawget(self, "tools")
  if not meta.offer and type(tools) == "table" then meta.offer = late("xai.offer").new(tools) end
  return meta.offer
end

local function fit_arguments(raw, offer)
  local fault = offer and offer:refuse(raw.name)
  if fault then return nil, refuse("unknown_tool", fault) end
  local arguments, err = decode_arguments(raw.text)
  if not offer or err then return arguments, err end
  local violations
  fault, violations = offer:misfit(raw.name, raw.text:find "%S" and raw.text or "{}")
  if not fault then return arguments end
  err = refuse(violations and "arguments" or "tool_schema", fault)
  err.kind, err.errors = "schema", violations
  return nil, err
end

local function check_call(raw, cut, seen, offer)
  if cut then return nil, refuse("truncated", "the answer was cut short (" .. cut .. ")") end
  if raw.status == "incomplete" then return nil, refuse("truncated", "the call was cut short") end
  if not usable(raw.name) then return nil, refuse("call", "the call has no name") end
  if not usable(raw.id) then return nil, refuse("call", "the call has no id") end
  if seen[raw.id] then return nil, refuse("call", "two calls have the same id") end
  seen[raw.id] = true
  return fit_arguments(raw, offer)
end

--- @class xai.ToolCall
--- @field id string              answer it with this id
--- @field call_id string         the same, under the Responses API's name
--- @field name string
--- @field arguments table?       decoded; nil when the call must not be executed
--- @field arguments_text string  as the model wrote them
--- @field error xai.Error?       why it must not be executed

--- The functions the model wants called. Calls of an answer that is not whole, calls of functions that were not
--- offered, and calls whose arguments are unusable or do not fit the function's schema have an `error`, whose
--- message can go back to the model, and no `arguments`.
--- @return xai.ToolCall[]
function Response:tool_calls()
  check(self)
  local calls, seen, cut = {}, {}, cut_short(self)
  local offer = offer_of(self)
  for i, raw in ipairs(raw_calls(self)) do
    local arguments, err = check_call(raw, cut, seen, offer)
    calls[i] = {
      id = raw.id, call_id = raw.id, name = raw.name, arguments = arguments,
      arguments_text = text_of(raw.text), error = err,
    }
  end
  return calls
end

local function number(value)
  return type(value) == "number" and value or nil
end

local function cite(list, annotation)
  if field(annotation, "type") ~= "url_citation" then return end
  list[#list + 1] = {
    url = annotation.url,
    title = type(annotation.title) == "string" and annotation.title or nil,
    start_index = number(annotation.start_index),
    end_index = number(annotation.end_index),
  }
end

--- @class xai.Citation
--- @field url string
--- @field title string?
--- @field start_index integer?  in characters of the part's text, from 0
--- @field end_index integer?    one past the last

--- The sources that the answer names, in its order.
--- @return xai.Citation[]
function Response:citations()
  check(self)
  local list = {}
  for _, item in each(rawget(self, "output")) do
    for _, part in each(field(item, "content")) do
      for _, annotation in each(field(part, "annotations")) do cite(list, annotation) end
    end
  end
  local meta = metas[self] or {}
  for _, url in each(rawget(self, "citations") or field(meta.parked, "citations")) do
    list[#list + 1] = { url = url }
  end
  return list
end

--- The tokens of both endpoints' usage in one shape: input, cached, output (reasoning included), reasoning,
--- total. nil when the answer states none.
--- @return xai.Tokens?
function Response:tokens()
  check(self)
  return (prices.tokens(rawget(self, "usage"), is_chat(self) and "chat" or "responses"))
end

--- What the answer cost, in ticks (10^10 a dollar): as the API says, else computed from the price book.
--- @return integer? ticks
--- @return string? reason  why it is not known
function Response:cost()
  check(self)
  local usage = rawget(self, "usage")
  local stated = number(field(usage, "cost_in_usd_ticks"))
  if stated then return stated end
  return Response.computed_cost(self)
end

--- The same from the price book alone, to hold against what the API says.
--- @return integer? ticks
--- @return string? reason
function Response:computed_cost()
  check(self)
  local meta = metas[self] or {}
  return prices.ticks(rawget(self, "model"), rawget(self, "usage"), is_chat(self) and "chat" or "responses",
    { tier = rawget(self, "service_tier"), book = meta.book, us = meta.us })
end

--- The same as response:meta(), also of what has a member of that name. What the core has not told yet of a call's
--- end it tells when something is asked for that is not there.
--- @param response xai.Response
--- @return table
local function told(response)
  local meta = metas[response] or {}
  if meta.told then local _ = meta.attempts end
  return meta
end

--- Ours about the call that brought this answer: status, request_id, attempts, counts, tokens, outcome, headers ...
--- @return table
function Response:meta()
  check(self)
  return told(self)
end

-- ------------------------------------------------------------------ making one

-- A field of the API may be called like a method: `text` is one (the format asked for). It stays where it is
-- and becomes callable, so that answer:text() and answer.text.format both work; what cannot be called (null,
-- and an empty array, whose mark would be lost) is parked out of the way.
local names, callables = {}, {}
for name, method in pairs(Response) do
  names[#names + 1] = name
  callables[name] = { __call = function(_, self, ...) return method(self, ...) end }
end

local function make_callable(response, meta, name)
  local value = response[name]
  if type(value) == "table" and (next(value) ~= nil or getmetatable(value) == nil) then
    setmetatable(value, callables[name])
  else
    meta.parked = meta.parked or {}
    meta.parked[name] = value
    response[name] = nil
  end
end

local function make_room(response, meta)
  local list = names
  setmetatable(response, nil) -- its fields alone are looked at
  for i = 1, #list do
    if response[list[i]] ~= nil then make_callable(response, meta, list[i]) end
  end
end

--- Give an answer its methods.
--- @param response table  the API's own object; changed in place
--- @param meta table?     ours: outcome, reason, status, request_id, attempts, headers, book, us
--- @return xai.Response
local function wrap(response, meta)
  meta = meta or {}
  make_room(response, meta)
  metas[response] = meta
  return setmetatable(response, mt)
end

--- Is this value an answer with methods?
--- @param value any
--- @return boolean
local function is(value)
  return getmetatable(value) == mt
end

--- @class xai.responses
local module = { wrap = wrap, is = is, meta = told }

return module
