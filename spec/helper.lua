--- A scripted wire for the specs: answers written as tables, played in virtual time, and the requests kept.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local xai = require "xai"

local helper = {}

local Wire = {}
local wire_mt = { __index = Wire }

-- An answer as a list of steps: { "status", 200 }, { "body", bytes }, { "wait", seconds }, { "end", how } ...
local function steps_of(answer)
  local steps = {}
  local function add(...) steps[#steps + 1] = { ... } end
  if answer.wait then add("wait", answer.wait) end
  if answer.refuse then add("end", answer.refuse) return steps end
  add("status", answer.status or 200)
  local kind = (answer.sse or answer.raw) and "text/event-stream" or answer.text and "text/plain" or "application/json"
  local headers = { ["content-type"] = kind }
  for name, value in pairs(answer.headers or {}) do headers[name] = value end
  for name, value in pairs(headers) do add("header", name, value) end
  if answer.json ~= nil then add("body", assert(core.encode(answer.json))) end
  for _, event in ipairs(answer.sse or {}) do
    if type(event) == "number" then
      add("wait", event)
    elseif type(event) == "string" then
      add("body", "data: " .. event .. "\n\n")
    else
      local name = event.type and "event: " .. event.type .. "\n" or ""
      add("body", name .. "data: " .. assert(core.encode(event)) .. "\n\n")
    end
  end
  for _, piece in ipairs(answer.raw or {}) do -- bytes of a stream as they are, and seconds to wait
    if type(piece) == "number" then add("wait", piece) else add("body", piece) end
  end
  if answer.text or answer.body then add("body", answer.text or answer.body) end
  if not answer.silent then add("end", answer.finish or "done") end
  return steps
end

function Wire:accept(handle, request)
  request.handle = handle
  self.requests[#self.requests + 1] = request
  local answer = self.answers[#self.requests] or self.otherwise
  if type(answer) == "function" then answer = answer(request) end
  assert(answer, "the script has no answer for request " .. #self.requests)
  table.insert(self.playing, { handle = handle, id = request.id, steps = steps_of(answer), at = 1, due = 0 })
end

local play = {
  status = function(p, step) p.handle:wire_status(p.id, step[2]) end,
  header = function(p, step) p.handle:wire_header(p.id, step[2], step[3]) end,
  ["end"] = function(p, step) p.handle:wire_finish(p.id, step[2]) end,
  wait = function(p, step) p.due = p.handle:now() + step[2] end,
}

-- Plays as far as the clock allows; gives the time of the next step, nil at the end or when the call is full.
local function advance(p)
  while p.steps[p.at] and p.handle:wire_live(p.id) do
    if p.due > p.handle:now() then return p.due end
    local step = p.steps[p.at]
    if step[1] == "body" then
      if not p.handle:wire_body(p.id, step[2]) then return p.handle:now() end
    else
      play[step[1]](p, step)
    end
    p.at = p.at + 1
  end
end

function Wire:pump(handle)
  for request in handle.wire_next, handle do self:accept(handle, request) end
  local soonest
  local left = {}
  for _, p in ipairs(self.playing) do
    local due = p.handle == handle and advance(p)
    if due then soonest = math.min(soonest or due, due) end
    if p.steps[p.at] and p.handle:wire_live(p.id) then left[#left + 1] = p end
  end
  self.playing = left
  return soonest and math.max(0, soonest - handle:now())
end

--- The decoded body of a request, by number.
function Wire:body(n)
  return assert(core.decode(self.requests[n].body))
end

--- A header of a request, by number; name in any case.
function Wire:header(n, name)
  for _, pair in ipairs(self.requests[n].headers) do
    if pair[1]:lower() == name:lower() then return pair[2] end
  end
end

--- @param answers table  one for each request, in order; `otherwise`: for all further ones
function helper.wire(answers)
  return setmetatable({ answers = answers, otherwise = answers.otherwise, requests = {}, playing = {} }, wire_mt)
end

--- A client over a scripted wire.
--- @return xai.Client client
--- @return table wire
function helper.client(answers, options)
  local wire = helper.wire(answers)
  local settings = { simulate = wire, seed = 7 }
  for name, value in pairs(options or {}) do settings[name] = value end
  return assert(xai.new(settings)), wire
end

-- ------------------------------------------------------------------ answers of the API

--- A whole answer of /responses. fields override or extend it; items replace its output.
function helper.response(text, fields)
  local response = {
    id = "3f0c9a52-7d41-4b8e-9a36-0b1f6de2c701", object = "response", created_at = 1790000000,
    model = "grok-4.6", status = "completed", incomplete_details = core.null, error = core.null,
    text = { format = { type = "text" } }, reasoning = { effort = core.null, summary = core.null },
    output = core.array { helper.message(text) },
    usage = {
      input_tokens = 642, input_tokens_details = { cached_tokens = 512 },
      output_tokens = 173, output_tokens_details = { reasoning_tokens = 41 }, total_tokens = 815,
      num_server_side_tools_used = 0,
    },
  }
  for name, value in pairs(fields or {}) do response[name] = value end
  return response
end

function helper.message(text)
  return {
    type = "message", id = "msg_1", role = "assistant", status = "completed",
    content = core.array {
      { type = "output_text", text = text, annotations = core.array {}, logprobs = core.array {} },
    },
  }
end

--- A chat completion.
function helper.completion(text, choice, fields)
  local entry = { index = 0, finish_reason = "stop", message = { role = "assistant", content = text } }
  for name, value in pairs(choice or {}) do entry[name] = value end
  local completion = {
    id = "6c1d9e40-3b72-4f85-a9d6-e05b7c8f2a11", object = "chat.completion", created = 1790002000,
    model = "grok-4.6", choices = core.array { entry },
    usage = {
      prompt_tokens = 642, completion_tokens = 3, total_tokens = 686,
      prompt_tokens_details = { cached_tokens = 512 }, completion_tokens_details = { reasoning_tokens = 41 },
    },
  }
  for name, value in pairs(fields or {}) do completion[name] = value end
  return completion
end

--- The events of a streamed answer whose text comes in the given pieces; a number waits that many seconds.
function helper.stream(pieces, fields)
  local texts = {}
  for _, piece in ipairs(pieces) do
    if type(piece) == "string" then texts[#texts + 1] = piece end
  end
  local whole = table.concat(texts)
  local opened = helper.response("", { status = "in_progress", output = core.array {}, usage = core.null })
  local item = helper.message("")
  item.content, item.status = core.array {}, "in_progress"
  local part = helper.message("").content[1]
  local list, number = {}, -1
  local function add(event)
    number = number + 1
    event.sequence_number = number
    list[#list + 1] = event
  end
  add { type = "response.created", response = opened }
  add { type = "response.output_item.added", output_index = 0, item = item }
  add { type = "response.content_part.added", output_index = 0, content_index = 0, item_id = item.id, part = part }
  for _, piece in ipairs(pieces) do
    if type(piece) == "number" then
      list[#list + 1] = piece
    else
      add { type = "response.output_text.delta", output_index = 0, content_index = 0, item_id = item.id,
        delta = piece }
    end
  end
  add { type = "response.output_text.done", output_index = 0, content_index = 0, item_id = item.id, text = whole }
  add { type = "response.content_part.done", output_index = 0, content_index = 0, item_id = item.id,
    part = helper.message(whole).content[1] }
  add { type = "response.output_item.done", output_index = 0, item = helper.message(whole) }
  add { type = "response.completed", response = helper.response(whole, fields) }
  return list
end

--- The chunks of a streamed chat completion.
function helper.chunks(pieces, finish)
  local list = {}
  local function add(choices, usage)
    list[#list + 1] = {
      id = "6c1d9e40-3b72-4f85-a9d6-e05b7c8f2a11", object = "chat.completion.chunk", created = 1790002000,
      model = "grok-4.6", choices = choices, usage = usage,
    }
  end
  for i, piece in ipairs(pieces) do
    add(core.array { { index = 0, delta = { content = piece, role = i == 1 and "assistant" or nil } } })
  end
  add(core.array { { index = 0, delta = {}, finish_reason = finish or "stop" } })
  add(core.array {}, helper.completion("").usage)
  list[#list + 1] = "[DONE]"
  return list
end

--- An error answer in the API's flat form.
function helper.failure(status, code, message, headers)
  return { status = status, json = { code = code, error = message }, headers = headers }
end

--- Was the library built with PCRE2? Without it there are patterns that it knows to be good and cannot match.
function helper.has_pcre2()
  local _, err = core.schema '{"pattern":"(?<!x)y"}'
  return not (err and err.kind == "library")
end

--- All values an iterator gives, by a function of each.
function helper.collect(iterator, pick)
  local list = {}
  for value in iterator do list[#list + 1] = pick(value) end
  return list
end

return helper
