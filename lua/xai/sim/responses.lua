--- The /v1/responses endpoint: the response object and the events that build it.
-- SPDX-License-Identifier: MIT
local errors = require "xai.sim.errors"
local hosted = require "xai.sim.hosted"
local json   = require "xai.sim.json"
local reader = require "xai.sim.responses_read"
local seal   = require "xai.sim.seal"
local work   = require "xai.sim.work"

local field, object, encode = json.field, json.object, json.encode

local FINGERPRINT = "fp_5b1c0d9a27e4f638"

-- the response object --------------------------------------------------------------------------------------------

local function reasoning_echo(ask)
  local asked = ask.model.effort
  return object("effort", asked and (ask.effort or "none") or json.null,
    "summary", (asked or ask.effort) and "detailed" or json.null)
end

local function format_echo(format)
  if format.type ~= "json_schema" then return object("type", format.type) end
  return object("type", "json_schema", "schema", format.schema, "name", format.name or json.null,
    "description", format.description or json.null, "strict", true)
end

local function orr(value, default)
  if value == nil then return default end
  return value
end

--- @param state { status: string, output: table, usage: table?, done: integer?, error: table?, incomplete: table? }
local function response_object(reply, state)
  local body, ask = reply.body, reply.ask
  return object(
    "created_at", reply.created, "completed_at", state.done or json.null, "id", reply.id,
    "max_output_tokens", field(body, "max_output_tokens") or json.null, "model", ask.model.id, "object", "response",
    "output", state.output, "parallel_tool_calls", ask.parallel,
    "previous_response_id", field(body, "previous_response_id") or json.null, "reasoning", reasoning_echo(ask),
    "temperature", field(body, "temperature") or 1, "text", object("format", format_echo(ask.format)),
    "tool_choice", field(body, "tool_choice") or "auto", "tools", field(body, "tools") or json.array {},
    "top_p", field(body, "top_p") or 1, "usage", state.usage or json.null, "user", field(body, "user") or json.null,
    "incomplete_details", state.incomplete or json.null, "status", state.status,
    "store", orr(field(body, "store"), true), "metadata", object("system_fingerprint", FINGERPRINT),
    "background", false, "service_tier", ask.tier or "default", "truncation", "disabled", "top_logprobs", 0,
    "presence_penalty", 0, "frequency_penalty", 0, "prompt_cache_key", field(body, "prompt_cache_key") or json.null,
    "max_tool_calls", json.null, "safety_identifier", field(body, "safety_identifier") or json.null,
    "error", state.error or json.null, "instructions", field(body, "instructions") or json.null)
end

-- items ----------------------------------------------------------------------------------------------------------

local function wants_seal(reply)
  return reply.ask.model.sealed or reader.includes(reply.body, "reasoning.encrypted_content")
end

local function reasoning_item(reply)
  local sealed
  if wants_seal(reply) then sealed = seal.close(reply.ask.model.id, reply.chance:hex(48)) end
  return object("id", "rs_" .. reply.id,
    "summary", json.array { object("text", reply.work.utterance.reasoning, "type", "summary_text") },
    "type", "reasoning", "status", "completed", "encrypted_content", sealed)
end

local function text_part(text, annotations)
  return object("type", "output_text", "text", text, "logprobs", json.array {},
    "annotations", annotations or json.array {})
end

local function refusal_part(text)
  return object("type", "refusal", "refusal", text)
end

local function message_item(reply, status)
  local done = reply.work
  local part = done.utterance.refusal and refusal_part(done.text)
    or text_part(done.text, hosted.annotations(done.hosted, done.text))
  return object("content", json.array { part }, "id", "msg_" .. reply.id, "role", "assistant", "type", "message",
    "status", status)
end

local function call_item(reply, call, arguments, status)
  return object("arguments", arguments, "call_id", call.id, "name", call.name, "type", "function_call",
    "id", "fc_" .. reply.id .. "_" .. call.id, "status", status)
end

local function output_of(reply)
  local out, done = json.array {}, reply.work
  if done.utterance.reasoning then out[#out + 1] = reasoning_item(reply) end
  for _, call in ipairs(done.hosted) do out[#out + 1] = hosted.item_of(reply, call, true) end
  if done.utterance.text or done.utterance.refusal then
    out[#out + 1] = message_item(reply, reply.reason and "incomplete" or "completed")
  end
  for _, call in ipairs(done.calls) do out[#out + 1] = call_item(reply, call, call.arguments, "completed") end
  return out
end

-- events ---------------------------------------------------------------------------------------------------------

local Stream = {}
local mt = { __index = Stream }

local function new_stream(reply)
  return setmetatable({ reply = reply, steps = {}, sequence = 0 }, mt)
end

--- Append an event; its fields come after sequence_number and type, in the order given.
function Stream:event(kind, ...)
  local event = object("sequence_number", self.sequence, "type", kind, ...)
  self.sequence = self.sequence + 1
  local step = { wait = 0, bytes = ("event: %s\ndata: %s\n\n"):format(kind, encode(event)) }
  self.steps[#self.steps + 1] = step
  return step
end

--- As event, for a piece that the model had to generate: it takes time and is paid for.
function Stream:piece(tokens, kind, ...)
  local step = self:event(kind, ...)
  step.wait = self.reply.latency
  step.visible, step.reasoning = tokens.visible, tokens.reasoning
end

function Stream:reasoning(item, index)
  local id, full = item.id, item.summary[1].text
  self:event("response.output_item.added", "item",
    object("id", id, "summary", json.array {}, "type", "reasoning", "status", "in_progress"), "output_index", index)
  self:event("response.reasoning_summary_part.added", "item_id", id, "output_index", index,
    "part", object("text", "", "type", "summary_text"), "summary_index", 0)
  for _, thought in ipairs(self.reply.work.thoughts) do
    self:piece(thought, "response.reasoning_summary_text.delta", "delta", thought.text, "item_id", id,
      "output_index", index, "summary_index", 0)
  end
  self:event("response.reasoning_summary_text.done", "item_id", id, "output_index", index, "summary_index", 0,
    "text", full)
  self:event("response.reasoning_summary_part.done", "item_id", id, "output_index", index,
    "part", object("text", full, "type", "summary_text"), "summary_index", 0)
  self:event("response.output_item.done", "item", item, "output_index", index)
end

function Stream:text(item, index)
  for _, piece in ipairs(self.reply.work.pieces) do
    self:piece({ visible = 1 }, "response.output_text.delta", "content_index", 0, "delta", piece, "item_id", item.id,
      "output_index", index, "logprobs", json.array {})
  end
  for i, annotation in ipairs(item.content[1].annotations) do
    self:event("response.output_text.annotation.added", "annotation", annotation, "annotation_index", i - 1,
      "content_index", 0, "item_id", item.id, "output_index", index)
  end
  self:event("response.output_text.done", "content_index", 0, "item_id", item.id, "output_index", index,
    "text", item.content[1].text, "logprobs", json.array {})
end

function Stream:refusal(item, index)
  for _, piece in ipairs(self.reply.work.pieces) do
    self:piece({ visible = 1 }, "response.refusal.delta", "content_index", 0, "delta", piece, "item_id", item.id,
      "output_index", index)
  end
  self:event("response.refusal.done", "content_index", 0, "item_id", item.id, "output_index", index,
    "refusal", item.content[1].refusal)
end

function Stream:message(item, index)
  local refused = item.content[1].type == "refusal"
  self:event("response.output_item.added", "item", object("content", json.array {}, "id", item.id,
    "role", "assistant", "type", "message", "status", "in_progress"), "output_index", index)
  self:event("response.content_part.added", "content_index", 0, "item_id", item.id, "output_index", index,
    "part", refused and refusal_part "" or text_part "")
  if refused then self:refusal(item, index) else self:text(item, index) end
  self:event("response.content_part.done", "content_index", 0, "item_id", item.id, "output_index", index,
    "part", item.content[1])
  self:event("response.output_item.done", "item", item, "output_index", index)
end

--- The arguments come in one delta, as the API sends them, unless the scenario wants them in pieces.
function Stream:arguments(call, id, index)
  local size = self.reply.entry.split_arguments or #call.arguments
  local left = call.visible
  for at = 1, #call.arguments, math.max(size, 1) do
    local last = at + size > #call.arguments
    local share = last and left or math.floor(call.visible * size / #call.arguments)
    left = left - share
    self:piece({ visible = share }, "response.function_call_arguments.delta",
      "delta", call.arguments:sub(at, at + size - 1), "item_id", id, "output_index", index)
  end
end

function Stream:call(call, item, index)
  self:event("response.output_item.added", "item", call_item(self.reply, call, "", "in_progress"),
    "output_index", index)
  self:arguments(call, item.id, index)
  self:event("response.function_call_arguments.done", "arguments", call.arguments, "item_id", item.id,
    "output_index", index)
  self:event("response.output_item.done", "item", item, "output_index", index)
end

function Stream:items(output)
  local call, run = 0, 0
  for i, item in ipairs(output) do
    if item.type == "reasoning" then
      self:reasoning(item, i - 1)
    elseif item.type == "message" then
      self:message(item, i - 1)
    elseif item.type == "function_call" then
      call = call + 1
      self:call(self.reply.work.calls[call], item, i - 1)
    else
      run = run + 1
      hosted.emit(self, self.reply.work.hosted[run], item, i - 1)
    end
  end
end

local function in_progress(reply)
  return response_object(reply, { status = "in_progress", output = json.array {} })
end

local function streamed(reply, final)
  local stream = new_stream(reply)
  stream:event("response.created", "response", in_progress(reply))
  stream:event("response.in_progress", "response", in_progress(reply))
  stream:items(final.output)
  stream:event("response." .. final.status, "response", final)
  if reply.sim.done_marker then stream.steps[#stream.steps + 1] = { wait = 0, bytes = "data: [DONE]\n\n" } end
  return stream.steps
end

--- The event for a failure in mid-stream, in one of its four shapes (faults ask for it).
local function failure(reply, sequence, wish)
  local code, message = wish.code or "server_error", wish.message or "The model failed to generate a response."
  if wish.shape == "failed" then
    local failed = response_object(reply, { status = "failed", output = json.array {},
      error = object("code", code, "message", message) })
    return "response.failed", object("sequence_number", sequence, "type", "response.failed", "response", failed)
  elseif wish.shape == "nested" then
    return "error", object("type", "error", "status", wish.status or 503,
      "error", object("type", "server_error", "code", code, "message", message, "param", json.null))
  elseif wish.shape == "frame" then
    return nil, object("code", "The service is currently unavailable",
      "error", "Service temporarily unavailable. The model did not respond to this request.")
  end
  return "error", object("sequence_number", sequence, "type", "error", "code", code, "message", message,
    "param", json.null)
end

-- requests -------------------------------------------------------------------------------------------------------

local function incomplete_reason(reply)
  if reply.entry.incomplete then return reply.entry.incomplete end
  if reply.work.cut then return "max_output_tokens" end
end

local function generation_time(reply)
  return (#reply.work.thoughts + #reply.work.pieces + #reply.work.calls) * reply.latency
end

local function finished(reply)
  return response_object(reply, {
    status = reply.reason and "incomplete" or "completed", output = output_of(reply), usage = reply.work.usage,
    done = reply.created + math.ceil(generation_time(reply)) + 1,
    incomplete = reply.reason and object("reason", reply.reason),
  })
end

local function keep(reply, final)
  local turns = {}
  for i, turn in ipairs(reply.ask.turns) do turns[i] = turn end
  if field(reply.body, "instructions") then table.remove(turns, 1) end   -- not inherited through a chain
  for _, item in ipairs(final.output) do turns[#turns + 1] = reader.turn_of(item) end
  reply.sim.stored:put(reply.id, {
    response = final, turns = turns, root = reply.ask.root or reply.id, input = reader.items_of(reply.body.input),
  }, reply.size)
end

--- @param sim xai.Sim
--- @param request table   with `decoded`, `chance` and `entry` filled in by the caller
--- @param ask xai.sim.Ask
local function create(sim, request, ask)
  local reply = {
    sim = sim, body = request.decoded, ask = ask, entry = request.script, chance = request.chance,
    id = request.chance:uuid(), created = sim:seconds(), latency = sim.latency, size = #request.body, reason = nil,
    work = nil,
  }
  ask.cache_key = ask.cache_key or reply.id   -- the first turn of a chain fills the cache for those after it
  reply.work = work.new(sim, ask, request.chance, request.script)
  reply.reason = incomplete_reason(reply)
  local final = finished(reply)
  if field(reply.body, "store") ~= false then keep(reply, final) end
  local streaming = field(reply.body, "stream") == true
  return {
    status = 200, work = reply.work, streaming = streaming,
    content_type = streaming and "text/event-stream" or "application/json",
    steps = streaming and streamed(reply, final) or { { wait = 0, bytes = encode(final) } },
    delay = not streaming and generation_time(reply) or 0,
    failure = function(sequence, wish)
      local kind, value = failure(reply, sequence, wish)
      return (kind and "event: " .. kind .. "\n" or "") .. "data: " .. encode(value) .. "\n\n"
    end,
  }
end

local function answer(value)
  return { status = 200, content_type = "application/json", steps = { { wait = 0, bytes = encode(value) } } }
end

local function get(sim, id)
  local stored = sim.stored:get(id)
  if not stored then return nil, errors.make.no_response(id) end
  return answer(json.put(json.copy(stored.response), "instructions", json.null))
end

local function delete(sim, id)
  if not sim.stored:take(id) then return nil, errors.make.no_response(id) end
  return answer(object("id", id, "object", "response", "deleted", true))
end

local function listed(items, query)
  local out, from, to, step = {}, #items, 1, -1
  if query.order == "asc" then from, to, step = 1, #items, 1 end
  local past = query.after == nil
  for i = from, to, step do
    local id = field(items[i], "id") or "item_" .. (i - 1)
    if past then out[#out + 1] = json.put(json.copy(items[i]), "id", id) end
    past = past or id == query.after
  end
  return out
end

local function input_items(sim, id, query)
  local stored = sim.stored:get(id)
  if not stored then return nil, errors.make.no_response(id) end
  local limit = tonumber(query.limit or 20)
  if not limit or limit < 1 or limit > 100 then return nil, errors.invalid "limit must be between 1 and 100." end
  local all, data = listed(stored.input, query), json.array {}
  for i = 1, math.min(limit, #all) do data[i] = all[i] end
  return answer(object("object", "list", "data", data, "first_id", data[1] and data[1].id or json.null,
    "last_id", data[1] and data[#data].id or json.null, "has_more", #all > limit))
end

return { shape_fault = reader.shape_fault, arguments = reader.arguments, create = create, get = get, delete = delete,
  input_items = input_items }
