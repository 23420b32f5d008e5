--- The /v1/chat/completions endpoint: its checks, the completion object, the chunks, deferred results.
-- SPDX-License-Identifier: MIT
local check  = require "xai.sim.check"
local errors = require "xai.sim.errors"
local json   = require "xai.sim.json"
local schema = require "xai.sim.schema"
local work   = require "xai.sim.work"

local field, object, encode, make = json.field, json.object, json.encode, errors.make

local FINGERPRINT = "fp_9c41e7d05a"
local MOST_CHOICES = 128

local FIELDS = {
  model = "string", messages = "array", stream = "boolean", stream_options = "object", deferred = "boolean",
  max_completion_tokens = "integer", max_tokens = "integer", temperature = "number", top_p = "number", n = "integer",
  seed = "long", stop = "array", presence_penalty = "number", frequency_penalty = "number", logit_bias = "object",
  logprobs = "boolean", top_logprobs = "integer", reasoning_effort = "string", response_format = "object",
  tools = "array", tool_choice = "string|object", parallel_tool_calls = "boolean", prompt_cache_key = "string",
  service_tier = "string", user = "string", safety_identifier = "string", guidelines = "array",
}

-- reading --------------------------------------------------------------------------------------------------------

local ROLES = { "system", "developer", "user", "assistant", "tool", "function" }
local IS_ROLE = {}
for _, name in ipairs(ROLES) do IS_ROLE[name] = true end

local function part_fault(part, at)
  if not json.is_object(part) then return check.wrong_type(at, part, "object") end
  if type(part.type) ~= "string" then return at .. ": missing field `type`" end
  if part.type == "text" and type(part.text) ~= "string" then return at .. ": missing field `text`" end
  if part.type == "image_url" and not (json.is_object(part.image_url) and type(part.image_url.url) == "string") then
    return at .. ": missing field `url`"
  end
end

local function call_fault(call, at)
  if not json.is_object(call) then return check.wrong_type(at, call, "object") end
  local fn = call["function"]
  if not json.is_object(fn) then return at .. ": missing field `function`" end
  if type(call.id) ~= "string" then return at .. ": missing field `id`" end
  if type(fn.name) ~= "string" or type(fn.arguments) ~= "string" then
    return at .. ".function: missing field `name` or `arguments`"
  end
end

local function each(list, at, fault)
  for i, item in ipairs(list) do
    local reason = fault(item, ("%s[%d]"):format(at, i - 1))
    if reason then return reason end
  end
end

local OPTIONAL = { tool_call_id = "string", tool_calls = "array", reasoning_content = "string", name = "string" }

local function message_fault(message, i)
  local at = ("messages[%d]"):format(i - 1)
  if not json.is_object(message) then return check.wrong_type(at, message, "object") end
  if message.role == nil then return at .. ": missing field `role`" end
  local reason = check.fields(message, OPTIONAL, at .. ".")
  if reason then return reason end
  if not IS_ROLE[message.role] then return at .. ".role: " .. check.unknown_variant(message.role, ROLES) end
  reason = each(field(message, "tool_calls") or {}, at .. ".tool_calls", call_fault)
  if reason then return reason end
  local content = field(message, "content")
  if content == nil then
    if message.role == "assistant" then return nil end
    return at .. ": missing field `content`"
  end
  if type(content) ~= "string" and not json.is_array(content) then
    return check.wrong_type(at .. ".content", content, "string|array")
  end
  return type(content) == "table" and each(content, at .. ".content", part_fault) or nil
end

local function format_fault(format)
  if format.type == "text" or format.type == "json_object" then return nil end
  if format.type ~= "json_schema" then
    return "response_format: " .. check.unknown_variant(format.type, { "text", "json_object", "json_schema" })
  end
  if not json.is_object(format.json_schema) then return "response_format: missing field `json_schema`" end
  if not json.is_object(format.json_schema.schema) then return "response_format: missing field `schema`" end
end

local function shape_fault(body)
  if not json.is_object(body) then return "invalid type: sequence, expected struct ChatRequest" end
  local reason = check.fields(body, FIELDS)
  if reason then return reason end
  local messages = field(body, "messages")
  if messages == nil then return "missing field `messages`" end
  for i, message in ipairs(messages) do
    reason = message_fault(message, i)
    if reason then return reason end
  end
  local options = field(body, "stream_options")
  if options and type(options.include_usage) ~= "boolean" then
    return "stream_options: missing field `include_usage`"
  end
  local format = field(body, "response_format")
  return format and format_fault(format) or check.tools(field(body, "tools"), true)
end

local PART_TEXT = { text = "text", input_text = "text" }
local PARTS = { text = true, image_url = true, file = true, text_file = true }
local TOOL_PARTS = { input_text = true, input_image = true }

local function parts_fault(message)
  if type(message.content) ~= "table" then return nil end
  if #message.content == 0 then return errors.invalid "Each message must have at least one content element" end
  for _, part in ipairs(message.content) do
    local known = PARTS[part.type] or message.role == "tool" and TOOL_PARTS[part.type]
    if not known then return errors.invalid "Empty content block" end
    local reason = part.type == "image_url" and check.image(part.image_url.url)
    if reason then return make.image(reason) end
  end
end

local function text_of(content)
  if type(content) ~= "table" then return type(content) == "string" and content or "", 0 end
  local out, images = {}, 0
  for _, part in ipairs(content) do
    out[#out + 1] = PART_TEXT[part.type] and part.text or nil
    if part.type == "image_url" or part.type == "input_image" then
      local detail = json.is_object(part.image_url) and part.image_url.detail
      images = images + (detail == "low" and 258 or 1026)
    end
  end
  return table.concat(out, "\n"), images
end

local function add_message(turns, message)
  local text, images = text_of(message.content)
  if message.role == "tool" or message.role == "function" then
    turns[#turns + 1] = { kind = "result", id = field(message, "tool_call_id"), text = text }
    return
  end
  local thoughts = field(message, "reasoning_content")
  if type(thoughts) == "string" and thoughts ~= "" then
    turns[#turns + 1] = { kind = "reasoning", text = thoughts }
  end
  if text ~= "" or images > 0 or message.role ~= "assistant" then
    turns[#turns + 1] = { kind = "message", role = message.role, text = text, images = images }
  end
  for _, call in ipairs(field(message, "tool_calls") or {}) do
    local fn = call["function"]
    turns[#turns + 1] = { kind = "call", id = call.id, name = fn.name, text = fn.arguments }
  end
end

local function turns_of(messages)
  local turns = {}
  for _, message in ipairs(messages) do add_message(turns, message) end
  return turns
end

local function functions_of(body)
  local out = {}
  for _, tool in ipairs(field(body, "tools") or {}) do
    local fn = tool["function"]
    out[#out + 1] = fn and { name = fn.name, description = field(fn, "description"),
      parameters = field(fn, "parameters") }
  end
  return out
end

local function live_search(body)
  if field(body, "search_parameters") or field(body, "web_search_options") then return true end
  for _, tool in ipairs(field(body, "tools") or {}) do
    if tool.type == "live_search" then return true end
  end
  return false
end

local function limit_fault(body, model)
  if field(body, "stream") and field(body, "deferred") then return make.stream_and_deferred() end
  if model.multi_agent then
    return errors.invalid(("Model %s is not supported on this endpoint."):format(model.id))
  end
  if field(body, "presence_penalty") then return make.argument "presencePenalty" end
  if field(body, "frequency_penalty") then return make.argument "frequencyPenalty" end
  local stop = field(body, "stop")
  if stop and model.strict_stop then return make.argument "stop" end
  if stop and #stop > 4 then return errors.invalid "At most 4 stop sequences are allowed." end
  local count = field(body, "n") or 1
  if count < 1 then return errors.invalid "n must be at least 1." end
  if count > MOST_CHOICES then return errors.invalid(("n must be at most %d."):format(MOST_CHOICES)) end
  local limit = field(body, "max_completion_tokens") or field(body, "max_tokens")
  if limit and limit < 1 then return errors.invalid "max_completion_tokens must be greater than 0." end
  local reason = check.sampling(body) or check.tool_conflict(functions_of(body), #(field(body, "tools") or {}))
  if reason then return errors.invalid(reason) end
  for _, message in ipairs(body.messages) do
    local refusal = parts_fault(message)
    if refusal then return refusal end
  end
end

local function format_of(body)
  local format = field(body, "response_format")
  if not format then return { type = "text" } end
  return { type = format.type, schema = format.type == "json_schema" and format.json_schema.schema or nil }
end

local function choice_of(body, functions)
  local choice = field(body, "tool_choice")
  if type(choice) == "table" then
    local name = json.is_object(choice["function"]) and choice["function"].name
    for _, tool in ipairs(functions) do
      if tool.name == name then return "=" .. name end
    end
    return nil, errors.invalid(("Tool choice names an unknown function: %s."):format(tostring(name)))
  end
  if choice == "required" or choice == "none" then return choice end
  return "auto"
end

--- @return xai.sim.Ask? ask
--- @return table? refusal
local function arguments(_, request, body, model, preset)
  if live_search(body) then return nil, make.live_search() end
  local refusal = limit_fault(body, model)
  if refusal then return nil, refusal end
  local format = format_of(body)
  local reason = format.schema and schema.refuse(format.schema)
  if reason then return nil, errors.invalid("Invalid schema for response format: " .. reason .. ".") end
  local effort, refused = check.effort(model, field(body, "reasoning_effort"), preset)
  if refused then return nil, errors.invalid(refused) end
  local functions = functions_of(body)
  local choice, unknown = choice_of(body, functions)
  if not choice then return nil, unknown end
  local tier = field(body, "service_tier")
  return {
    endpoint = "chat", model = model, turns = turns_of(body.messages), tools = functions, choice = choice,
    parallel = field(body, "parallel_tool_calls") ~= false, format = format, effort = effort,
    limit = field(body, "max_completion_tokens") or field(body, "max_tokens"),
    tier = (tier == "priority" or tier == "fast") and "priority" or nil,
    cache_key = field(body, "prompt_cache_key") or request.headers["x-grok-conv-id"], count = field(body, "n") or 1,
  }
end

-- answering ------------------------------------------------------------------------------------------------------

local function finish_reason(reply)
  if reply.entry.finish_reason then return reply.entry.finish_reason end
  if reply.work.cut then return "length" end
  return #reply.work.calls > 0 and "tool_calls" or "stop"
end

local function call_object(call, index)
  return object("id", call.id, "function", object("name", call.name, "arguments", call.arguments), "index", index,
    "type", "function")
end

local function message_of(reply)
  local done, calls = reply.work, nil
  if #done.calls > 0 then
    calls = json.array {}
    for i, call in ipairs(done.calls) do calls[i] = call_object(call) end
  end
  local refusal = done.utterance.refusal
  return object("role", "assistant", "content", refusal and "" or done.text,
    "reasoning_content", done.utterance.reasoning, "tool_calls", calls, "refusal", refusal and done.text or json.null)
end

local function completion(reply)
  local choices = json.array {}
  for i = 1, reply.ask.count do
    choices[i] = object("index", i - 1, "message", message_of(reply), "finish_reason", finish_reason(reply))
  end
  return object("id", reply.id, "object", "chat.completion", "created", reply.created, "model", reply.ask.model.id,
    "choices", choices, "usage", reply.work.usage, "system_fingerprint", FINGERPRINT,
    "service_tier", reply.ask.tier or "default")
end

local Stream = {}
local mt = { __index = Stream }

function Stream:chunk(choices, usage)
  local reply = self.reply
  local chunk = object("id", reply.id, "object", "chat.completion.chunk", "created", reply.created,
    "model", reply.ask.model.id, "choices", choices, "usage", usage, "system_fingerprint", FINGERPRINT,
    "service_tier", reply.ask.tier or "default")
  local step = { wait = 0, bytes = "data: " .. encode(chunk) .. "\n\n" }
  self.steps[#self.steps + 1] = step
  return step
end

function Stream:delta(index, tokens, name, value)
  local delta = object(name, value)
  if not self.begun[index] then json.put(delta, "role", "assistant") end
  self.begun[index] = true
  local step = self:chunk(json.array { object("index", index, "delta", delta) })
  step.wait, step.visible, step.reasoning = self.reply.latency, tokens.visible, tokens.reasoning
end

function Stream:choice(index)
  local done = self.reply.work
  for _, thought in ipairs(done.thoughts) do self:delta(index, thought, "reasoning_content", thought.text) end
  local name = done.utterance.refusal and "refusal" or "content"
  for _, piece in ipairs(done.pieces) do self:delta(index, { visible = 1 }, name, piece) end
  for i, call in ipairs(done.calls) do
    self:delta(index, call, "tool_calls", json.array { call_object(call, i - 1) })
  end
  if not self.begun[index] then self:delta(index, {}, "content", "") end
  self:chunk(json.array { object("index", index, "delta", object(), "finish_reason", finish_reason(self.reply)) })
end

local function streamed(reply)
  local stream = setmetatable({ reply = reply, steps = {}, begun = {} }, mt)
  for i = 1, reply.ask.count do stream:choice(i - 1) end
  local options = field(reply.body, "stream_options")
  if options and options.include_usage then stream:chunk(json.array {}, reply.work.usage) end
  stream.steps[#stream.steps + 1] = { wait = 0, bytes = "data: [DONE]\n\n" }
  return stream.steps
end

local function failure(_, wish)
  if wish.shape == "nested" then
    local message = wish.message or "The model failed to generate a response."
    return "data: " .. encode(object("error", object("message", message, "type", "server_error",
      "code", wish.code or "server_error"))) .. "\n\n"
  end
  return "data: " .. encode(object("code", wish.code or "The service is currently unavailable", "error", wish.message
    or "Service temporarily unavailable. The model did not respond to this request.")) .. "\n\n"
end

local function whole(text, delay)
  return { status = 200, content_type = "application/json", delay = delay, steps = { { wait = 0, bytes = text } } }
end

--- Accept a deferred request: the work is done (and paid) at once, and lies ready after some polls.
local function defer(sim, reply)
  local text = encode(completion(reply))
  sim.deferred:put(reply.id, { polls = sim.deferred_polls, text = text }, #text)
  local exchange = whole(encode(object("request_id", reply.id)))
  exchange.work = reply.work
  return exchange
end

--- @param sim xai.Sim
--- @param ask xai.sim.Ask
local function create(sim, request, ask)
  local reply = {
    sim = sim, body = request.decoded, ask = ask, entry = request.script, id = request.chance:uuid(),
    created = sim:seconds(), latency = sim.latency, work = work.new(sim, ask, request.chance, request.script),
  }
  if field(reply.body, "deferred") then return defer(sim, reply) end
  local pieces = #reply.work.thoughts + #reply.work.pieces + #reply.work.calls
  local streaming = field(reply.body, "stream") == true
  local exchange
  if streaming then
    exchange = { status = 200, content_type = "text/event-stream", delay = 0, steps = streamed(reply) }
  else
    exchange = whole(encode(completion(reply)), pieces * sim.latency)
  end
  exchange.streaming, exchange.work, exchange.failure = streaming, reply.work, failure
  return exchange
end

--- A poll for a deferred completion: 202 until it is ready, then the completion, once.
local function fetch(sim, id)
  local job = sim.deferred:get(id)
  if not job then return nil, make.not_found("Deferred completion " .. id) end
  if job.polls > 0 then
    job.polls = job.polls - 1
    return { status = 202, steps = {} }
  end
  sim.deferred:take(id)
  return whole(job.text)
end

return { shape_fault = shape_fault, arguments = arguments, create = create, fetch = fetch }
