--- The simulator against the rules of the API: bodies, events, checks, usage, the ledger.
-- SPDX-License-Identifier: MIT
local json = require "xai.json"
local prices = require "xai.prices"
local sim = require "xai.sim"

local UUID = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"

local function ask(s, path, body, headers)
  local all = { authorization = "Bearer xai-spec-key", ["content-type"] = "application/json" }
  for name, value in pairs(headers or {}) do all[name] = value or nil end
  if type(body) == "table" then body = assert(json.encode(body)) end
  local exchange = s:answer { method = body and "POST" or "GET", path = path, headers = all, body = body or "" }
  local parts = {}
  for i, step in ipairs(exchange.steps) do parts[i] = step.bytes end
  return exchange, table.concat(parts)
end

--- The decoded answer and the exchange.
local function call(s, path, body, headers)
  local exchange, text = ask(s, path, body, headers)
  return assert(json.decode(text)), exchange, text
end

local function respond(s, body, headers)
  body.model = body.model or "grok-4.6"
  return call(s, "/v1/responses", body, headers)
end

--- The events of a stream as { name, data, raw }.
local function stream(s, path, body)
  body.model, body.stream = body.model or "grok-4.6", true
  local exchange, text = ask(s, path, body)
  local events = {}
  for frame in text:gmatch "(.-)\n\n" do
    local name, raw = frame:match "^event: ([^\n]+)\ndata: (.*)$"
    raw = raw or frame:match "^data: (.*)$"
    events[#events + 1] = { name = name, raw = raw, data = raw ~= "[DONE]" and assert(json.decode(raw)) or nil }
  end
  return events, exchange
end

local function names_of(events)
  local out = {}
  for _, event in ipairs(events) do
    if out[#out] ~= event.name then out[#out + 1] = event.name end
  end
  return out
end

local function header(exchange, name)
  for _, pair in ipairs(exchange.headers) do
    if pair[1] == name then return pair[2] end
  end
end

--- The top-level keys of a JSON object in the order they were written.
local function keys_in(text)
  local out, depth, at = {}, 0, 1
  while at <= #text do
    local c = text:sub(at, at)
    if c == '"' then
      local stop = at + 1
      while text:sub(stop, stop) ~= '"' do stop = stop + (text:sub(stop, stop) == "\\" and 2 or 1) end
      if depth == 1 and text:sub(stop + 1, stop + 1) == ":" then out[#out + 1] = text:sub(at + 1, stop - 1) end
      at = stop
    elseif c == "{" or c == "[" then
      depth = depth + 1
    elseif c == "}" or c == "]" then
      depth = depth - 1
    end
    at = at + 1
  end
  return table.concat(out, " ")
end

local WEATHER = {
  type = "function", name = "weather_now", description = "Current weather of a city.",
  parameters = { type = "object", properties = { city = { type = "string" } }, required = json.array { "city" } },
}

local function item_of(response, kind)
  for _, item in ipairs(response.output) do
    if item.type == kind then return item end
  end
end

local function text_of(response)
  return item_of(response, "message").content[1].text
end

describe("xai.sim", function()
  describe("a response", function()
    it("has the API's fields in the API's order", function()
      local response, exchange, text = respond(sim.new(), { input = "What do tides follow?" })
      assert.equal("created_at completed_at id max_output_tokens model object output parallel_tool_calls "
        .. "previous_response_id reasoning temperature text tool_choice tools top_p usage user incomplete_details "
        .. "status store metadata background service_tier truncation top_logprobs presence_penalty frequency_penalty "
        .. "prompt_cache_key max_tool_calls safety_identifier error instructions", keys_in(text))
      assert.equal(200, exchange.status)
      assert.equal("application/json", header(exchange, "content-type"))
      assert.equal(tostring(#text), header(exchange, "content-length"))
      assert.truthy(header(exchange, "x-request-id"):match(UUID))
      assert.truthy(response.id:match(UUID))
      assert.equal("msg_" .. response.id, item_of(response, "message").id)
      assert.equal("rs_" .. response.id, item_of(response, "reasoning").id)
      assert.equal("completed", response.status)
      assert.truthy(text_of(response):find("Moon", 1, true))
    end)

    it("prices its usage to the tick", function()
      for _, model in ipairs { "grok-4.7", "grok-4.3", "grok-4.20-0309-non-reasoning", "grok-build-0.1" } do
        local usage = respond(sim.new(), { model = model, input = "hello" }).usage
        assert.equal(prices.ticks(model, usage, "responses"), usage.cost_in_usd_ticks)
        assert.equal(usage.input_tokens + usage.output_tokens, usage.total_tokens)
        assert.is_true(usage.output_tokens > usage.output_tokens_details.reasoning_tokens)
        assert.is_true(usage.input_tokens > 160)
      end
    end)

    it("bills priority at twice the price", function()
      local plain = respond(sim.new(), { input = "hello" })
      local fast = respond(sim.new(), { input = "hello", service_tier = "priority" })
      assert.equal("priority", fast.service_tier)
      assert.equal(2 * plain.usage.cost_in_usd_ticks, fast.usage.cost_in_usd_ticks)
    end)

    it("reasons more with more effort, and not at all without", function()
      local last = 0
      for _, effort in ipairs { "low", "medium", "high", "xhigh" } do
        local response = respond(sim.new(), { input = "hello", reasoning = { effort = effort } })
        local tokens = response.usage.output_tokens_details.reasoning_tokens
        assert.is_true(tokens > last)
        assert.equal(effort, response.reasoning.effort)
        last = tokens
      end
      local quiet = respond(sim.new(), { model = "grok-4.3", input = "hello", reasoning = { effort = "none" } })
      assert.equal(0, quiet.usage.output_tokens_details.reasoning_tokens)
      assert.is_nil(item_of(quiet, "reasoning"))
    end)

    it("seals its reasoning when asked, and on grok-4.7 always", function()
      local function sealed(body)
        return item_of(respond(sim.new(), body), "reasoning").encrypted_content
      end
      assert.is_nil(sealed { input = "hello" })
      assert.is_string(sealed { input = "hello", include = json.array { "reasoning.encrypted_content" } })
      assert.is_string(sealed { input = "hello", model = "grok-4.7" })
    end)

    it("takes back the reasoning of its own model family only", function()
      local s = sim.new()
      local item = item_of(respond(s, { model = "grok-4.7", input = "hello" }), "reasoning")
      local input = json.array { item, { role = "user", content = "and now?" } }
      assert.equal("completed", respond(s, { model = "grok-4.7", input = input }).status)
      local refusal, exchange = respond(s, { model = "grok-4.3", input = input })
      assert.equal(400, exchange.status)
      assert.truthy(refusal.error:find("encrypted_content", 1, true))
    end)

    it("stops at max_output_tokens and says so", function()
      local response = respond(sim.new(), { input = "Tell me a story", max_output_tokens = 5 })
      assert.equal("incomplete", response.status)
      assert.equal("max_output_tokens", response.incomplete_details.reason)
      assert.equal("incomplete", item_of(response, "message").status)
      local usage = response.usage
      assert.equal(5, usage.output_tokens - usage.output_tokens_details.reasoning_tokens)
    end)

    it("answers aliases and retired names as the model behind them", function()
      local function model(name)
        local response = respond(sim.new(), { model = name, input = "hello" })
        return response.model .. " " .. tostring(response.reasoning.effort)
      end
      assert.equal("grok-4.6 high", model "grok-4.6-latest")
      assert.equal("grok-4.3 none", model "grok-3")
      assert.equal("grok-4.3 low", model "grok-4-0709")
      assert.equal("grok-build-0.1", model("grok-code-fast-1"):match "%S+")
    end)
  end)

  describe("a stream of events", function()
    it("keeps the order and the numbers of the API", function()
      local events, exchange = stream(sim.new(), "/v1/responses", { input = "What do tides follow?" })
      assert.equal("text/event-stream", header(exchange, "content-type"))
      assert.is_nil(header(exchange, "content-length"))
      assert.same({
        "response.created", "response.in_progress", "response.output_item.added",
        "response.reasoning_summary_part.added", "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done", "response.reasoning_summary_part.done", "response.output_item.done",
        "response.output_item.added", "response.content_part.added", "response.output_text.delta",
        "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed",
      }, names_of(events))
      for i, event in ipairs(events) do
        assert.equal(i - 1, event.data.sequence_number)
        assert.equal(event.name, event.data.type)
      end
      local delta = events[#events - 5]
      assert.equal("sequence_number type content_index delta item_id output_index logprobs", keys_in(delta.raw))
    end)

    it("ends with what the same request answers in one piece", function()
      local body = { input = "What is the weather in Oslo?", tools = json.array { WEATHER } }
      local whole = respond(sim.new(), body)
      local events = stream(sim.new(), "/v1/responses", body)
      assert.same(whole, events[#events].data.response)
      local items = {}
      for _, event in ipairs(events) do
        if event.name == "response.output_item.done" then items[event.data.output_index + 1] = event.data.item end
      end
      assert.same(whole.output, json.array(items))
    end)

    it("says in deltas what it says in the end", function()
      local events = stream(sim.new(), "/v1/responses", { input = "Tell me a story about \195\160 lighthouse" })
      local text, count = "", 0
      for _, event in ipairs(events) do
        if event.name == "response.output_text.delta" then text, count = text .. event.data.delta, count + 1 end
        if event.name == "response.output_text.done" then assert.equal(text, event.data.text) end
      end
      local usage = events[#events].data.response.usage
      assert.equal(count, usage.output_tokens - usage.output_tokens_details.reasoning_tokens)
    end)

    it("has no [DONE] unless asked", function()
      local events = stream(sim.new(), "/responses", { input = "x" })
      assert.equal("response.completed", events[#events].name)
      events = stream(sim.new { done_marker = true }, "/responses", { input = "x" })
      assert.equal("[DONE]", events[#events].raw)
    end)

    it("waits between tokens when there is latency", function()
      local _, exchange = stream(sim.new { latency = 0.5 }, "/responses", { input = "x" })
      local waits = 0
      for _, step in ipairs(exchange.steps) do waits = waits + step.wait end
      assert.is_true(waits > 5)
    end)
  end)

  describe("a chat completion", function()
    local function chat(s, body, headers)
      body.model = body.model or "grok-4.6"
      body.messages = body.messages or json.array { { role = "user", content = "hello" } }
      return call(s, "/v1/chat/completions", body, headers)
    end

    it("has the API's fields in the API's order", function()
      local completion, _, text = chat(sim.new(), {})
      assert.equal("id object created model choices usage system_fingerprint service_tier", keys_in(text))
      assert.truthy(completion.id:match(UUID))
      assert.equal("chat.completion", completion.object)
      assert.equal("stop", completion.choices[1].finish_reason)
      assert.equal(json.null, completion.choices[1].message.refusal)
    end)

    it("leaves reasoning out of completion_tokens and puts it into the total", function()
      local usage = chat(sim.new(), {}).usage
      local reasoning = usage.completion_tokens_details.reasoning_tokens
      assert.is_true(reasoning > 0)
      assert.equal(usage.prompt_tokens + usage.completion_tokens + reasoning, usage.total_tokens)
      assert.equal(prices.ticks("grok-4.6", usage, "chat"), usage.cost_in_usd_ticks)
    end)

    it("streams chunks that add up to it", function()
      local body = { messages = json.array { { role = "user", content = "What is the weather in Oslo?" } },
        tools = json.array { { type = "function", ["function"] = WEATHER } } }
      local whole = chat(sim.new(), body)
      body.stream_options = { include_usage = true }
      local events = stream(sim.new(), "/v1/chat/completions", body)
      local thoughts, calls, roles, finish = "", nil, 0, nil
      for _, event in ipairs(events) do
        assert.is_nil(event.name)
        local choice = event.data and event.data.choices[1]
        local delta = choice and choice.delta or {}
        thoughts = thoughts .. (delta.reasoning_content or "")
        calls = calls or delta.tool_calls
        roles = roles + (delta.role and 1 or 0)
        finish = finish or (choice and choice.finish_reason)
      end
      local message = whole.choices[1].message
      assert.equal("[DONE]", events[#events].raw)
      assert.same(whole.usage, events[#events - 1].data.usage)
      assert.equal(message.reasoning_content, thoughts)
      assert.equal(message.tool_calls[1].id, calls[1].id)
      assert.equal('{"city":"Oslo"}', calls[1]["function"].arguments)
      assert.equal(1, roles)
      assert.equal("tool_calls", finish)
      assert.truthy(events[#events - 2].raw:find('"delta":{}', 1, true))
    end)

    it("bills every choice", function()
      local one, two = chat(sim.new(), {}), chat(sim.new(), { n = 2 })
      assert.equal(2, #two.choices)
      assert.equal(2 * one.usage.completion_tokens, two.usage.completion_tokens)
    end)

    it("has 1 to 128 choices, and no token limit beyond 32 bits", function()
      local function status(member)
        return ask(sim.new(), "/v1/chat/completions",
          '{"model":"grok-4.6","messages":[{"role":"user","content":"hi"}],' .. member .. "}").status
      end
      assert.equal(200, status '"n":128')
      for _, n in ipairs { "129", "100000000", "2147483647", "0", "-1" } do
        assert.equal(400, status('"n":' .. n), n)
        assert.equal(400, status('"stream":true,"n":' .. n), n)
      end
      for _, n in ipairs { "2147483648", "1e300", "1e400", "1.5", "99999999999999999999" } do
        for _, name in ipairs { "n", "max_tokens", "max_completion_tokens", "top_logprobs" } do
          assert.equal(422, status(('"%s":%s'):format(name, n)), name .. n)
        end
      end
      local _, text = ask(sim.new(), "/v1/chat/completions", '{"model":"x","messages":[],"n":2147483648}')
      assert.truthy(text:find("n: invalid value: integer `2147483648`, expected i32", 1, true), text)
    end)

    it("finishes with length at the token limit, under both names", function()
      for _, name in ipairs { "max_tokens", "max_completion_tokens" } do
        local completion = chat(sim.new(), { [name] = 3 })
        assert.equal("length", completion.choices[1].finish_reason)
        assert.equal(3, completion.usage.completion_tokens)
      end
    end)

    it("answers a deferred one once, after some polls", function()
      local s = sim.new { deferred_polls = 2 }
      local id = chat(s, { deferred = true }).request_id
      local path = "/v1/chat/deferred-completion/" .. id
      for _ = 1, 2 do
        local exchange, text = ask(s, path)
        assert.same({ 202, "" }, { exchange.status, text })
      end
      assert.equal("chat.completion", call(s, path).object)
      assert.equal(404, ask(s, path).status)
      assert.is_true(s:billed() > 0)
    end)

    it("will not stream and defer", function()
      local text, exchange = chat(sim.new(), { deferred = true, stream = true })
      assert.same({ 400, "A request may either be streaming or deferred, but not both." }, { exchange.status, text })
    end)
  end)

  describe("what the model says", function()
    it("depends on seed and question alone", function()
      local function said(seed) return text_of(respond(sim.new { seed = seed }, { input = "Why are boats slow?" })) end
      local other
      for seed = 2, 9 do other = other or said(seed) ~= said(1) end
      assert.equal(said(1), said(1))
      assert.is_true(other)
      assert.truthy(said(1):find("boats", 1, true))
    end)

    it("is the same to the byte for the same requests in the same order", function()
      local function run()
        local s, out = sim.new { seed = 3 }, {}
        for i = 1, 3 do
          out[i] = select(2, ask(s, "/v1/responses", { model = "grok-4.7", input = "n " .. i, stream = true }))
        end
        return table.concat(out)
      end
      assert.equal(run(), run())
    end)

    it("calls a function that fits the question, with arguments from it", function()
      local response = respond(sim.new(), { input = "Umbrella in San Francisco?", tools = json.array { WEATHER } })
      local item = item_of(response, "function_call")
      assert.equal('{"city":"San Francisco"}', item.arguments)
      assert.equal("fc_" .. response.id .. "_" .. item.call_id, item.id)
      assert.truthy(item.call_id:match "^call%-.*%-0$" and item.call_id:sub(6, -3):match(UUID))
      assert.is_nil(item_of(response, "message"))
    end)

    it("does not call a function that has nothing to do with it", function()
      local response = respond(sim.new(), { input = "Tell me a story", tools = json.array { WEATHER } })
      assert.is_nil(item_of(response, "function_call"))
    end)

    it("does as tool_choice says", function()
      local function calls(choice, input)
        local response = respond(sim.new(), { input = input, tools = json.array { WEATHER }, tool_choice = choice })
        return item_of(response, "function_call") ~= nil
      end
      assert.is_true(calls("required", "Tell me a story"))
      assert.is_true(calls({ type = "function", name = "weather_now" }, "Tell me a story"))
      assert.is_false(calls("none", "Weather in Oslo?"))
      assert.is_true(calls("no such word", "Weather in Oslo?"))
    end)

    it("answers from what the function returned", function()
      local s = sim.new()
      local first = respond(s, { input = "Weather in Oslo?", tools = json.array { WEATHER } })
      local second = respond(s, { previous_response_id = first.id, tools = json.array { WEATHER },
        input = json.array { { type = "function_call_output", call_id = item_of(first, "function_call").call_id,
          output = '{"city":"Oslo","celsius":-3,"sky":"light snow"}' } } })
      assert.is_nil(item_of(second, "function_call"))
      assert.equal("In Oslo: it is -3\194\176C, sky light snow.", text_of(second))
    end)

    it("follows a scenario, one entry a request", function()
      local s = sim.new { scenario = {
        { text = "first" },
        { calls = { { name = "a", arguments = { x = 1 } }, { name = "b", arguments = '{"y":' } } },
        { refusal = "I would rather not." },
        { text = "never", incomplete = "max_time_limit" },
      } }
      assert.equal("first", text_of(respond(s, { input = "x" })))
      local second = respond(s, { input = "x" })
      assert.equal("a", second.output[2].name)
      assert.equal('{"y":', second.output[3].arguments)
      assert.equal("refusal", item_of(respond(s, { input = "x" }), "message").content[1].type)
      assert.equal("max_time_limit", respond(s, { input = "x" }).incomplete_details.reason)
      assert.truthy(text_of(respond(s, { input = "hello" })):find "Hello")
    end)

    it("makes at most one call when parallel calls are not allowed", function()
      local s = sim.new { scenario = { { calls = { { name = "a" }, { name = "b" } } } } }
      local response = respond(s, { input = "x", parallel_tool_calls = false })
      assert.equal("a", response.output[#response.output].name)
    end)

    it("picks scenario entries by a predicate", function()
      local s = sim.new { scenario = { { text = "yes", when = function(r) return r.decoded.input == "b" end } } }
      assert.not_equal("yes", text_of(respond(s, { input = "a" })))
      assert.equal("yes", text_of(respond(s, { input = "b" })))
      assert.equal("yes", text_of(respond(s, { input = "b" })))
    end)

    it("refuses a scenario that is misspelt", function()
      assert.has_error(function() sim.new { scenario = { { txet = "x" } } } end)
      assert.has_error(function() sim.new { scenario = { { error = "no_such_error" } } } end)
      assert.has_error(function() sim.new { sede = 1 } end)
      assert.error_matches(function() sim.new { faults = { status = 503 } } end, "faults: must be a list of tables")
      assert.error_matches(function() sim.new { scenario = { text = "x" } } end, "scenario: must be a list of tables")
      local wrong = { { sede = 1 }, { seed = 0.5 }, { faults = { { staus = 1 } } }, { faults = { status = 1 } } }
      for _, options in ipairs(wrong) do
        local function at_this_line(make)
          local ok, fault = pcall(make)
          assert.is_false(ok)
          assert.truthy(fault:find "^[^:]*sim_spec%.lua:%d+: xai%.sim", fault)
        end
        at_this_line(function() local _ = sim.new(options) end)
        at_this_line(function() local _ = require("xai").new { simulate = options } end)
      end
    end)

    it("sends arguments in pieces when told to", function()
      local s = sim.new { scenario = {
        { calls = { { name = "a", arguments = '{"x":12345}' } }, split_arguments = 4 },
      } }
      local pieces = {}
      for _, event in ipairs(stream(s, "/v1/responses", { input = "x" })) do
        if event.name == "response.function_call_arguments.delta" then pieces[#pieces + 1] = event.data.delta end
      end
      assert.same({ '{"x"', ":123", "45}" }, pieces)
    end)
  end)

  describe("tools that the API runs", function()
    local tools = json.array { { type = "web_search" }, { type = "x_search" }, { type = "code_interpreter" } }
    local include = json.array { "web_search_call.action.sources", "code_interpreter_call.outputs" }

    it("leave their items, their citations and their price", function()
      local response = respond(sim.new(), { input = "6*7 in \195\182sterreich?", tools = tools, include = include })
      local kinds = {}
      for i, item in ipairs(response.output) do kinds[i] = item.type end
      assert.same({ "reasoning", "web_search_call", "custom_tool_call", "code_interpreter_call", "message" }, kinds)
      local search, run = response.output[2], response.output[4]
      assert.equal("42\n", run.outputs[1].logs)
      assert.equal("x_keyword_search", response.output[3].name)
      local part = item_of(response, "message").content[1]
      local cited = part.annotations[1]
      assert.equal(search.action.sources[1].url, cited.url)
      local characters = {}
      for character in part.text:gmatch "[%z\1-\127\194-\244][\128-\191]*" do
        characters[#characters + 1] = character
      end
      assert.equal("[[1]](" .. cited.url .. ")",
        table.concat(characters, "", cited.start_index + 1, cited.end_index))
      local usage = response.usage
      assert.equal(3, usage.num_server_side_tools_used)
      assert.equal(1, usage.server_side_tool_usage_details.web_search_calls)
      assert.equal(usage.input_tokens, 2 * usage.context_details.input_tokens)
      assert.equal(prices.ticks("grok-4.6", usage, "responses"), usage.cost_in_usd_ticks)
      assert.is_true(usage.cost_in_usd_ticks > 150000000)
    end)

    it("stream as they answer", function()
      local body = { input = "What is 6*7 about?", tools = tools, include = include }
      local whole = respond(sim.new(), body)
      local events = stream(sim.new(), "/v1/responses", body)
      assert.same(whole, events[#events].data.response)
      local seen = {}
      for i, event in ipairs(events) do
        seen[event.name] = (seen[event.name] or 0) + 1
        assert.equal(i - 1, event.data.sequence_number)
      end
      assert.equal(1, seen["response.web_search_call.searching"])
      assert.equal(1, seen["response.custom_tool_call_input.done"])
      assert.equal(1, seen["response.code_interpreter_call.interpreting"])
      assert.equal(2, seen["response.output_text.annotation.added"])
    end)

    it("cite without links when asked to", function()
      local response = respond(sim.new(), { input = "News?", tools = tools,
        include = json.array { "no_inline_citations" } })
      local part = item_of(response, "message").content[1]
      assert.is_nil(part.text:find("](", 1, true))
      assert.is_nil(part.annotations[1].start_index)
    end)
  end)

  describe("stored responses", function()
    it("chain, and keep earlier turns in the context", function()
      local s = sim.new()
      local first = respond(s, { input = "What do tides follow?" })
      local second = respond(s, { input = "And why?", previous_response_id = first.id })
      assert.equal(first.id, second.previous_response_id)
      assert.is_true(second.usage.input_tokens > first.usage.input_tokens)
      assert.equal(0, first.usage.input_tokens_details.cached_tokens)
      assert.equal(128, second.usage.input_tokens_details.cached_tokens)
    end)

    it("can be read, listed and deleted, once", function()
      local s = sim.new()
      local input = json.array { { role = "user", content = "a" }, { role = "user", content = "b" } }
      local first = respond(s, { input = input })
      local path = "/v1/responses/" .. first.id
      assert.same(first, (call(s, path)))
      local newest = call(s, path .. "/input_items?limit=1")
      assert.equal("b", newest.data[1].content)
      assert.is_true(newest.has_more)
      local oldest = call(s, path .. "/input_items?order=asc")
      assert.same({ "a", "b", false }, { oldest.data[1].content, oldest.data[2].content, oldest.has_more })
      assert.equal(oldest.data[2].id, oldest.last_id)
      local headers = { authorization = "Bearer xai-spec" }
      local function delete() return s:answer { method = "DELETE", path = path, headers = headers, body = "" } end
      assert.equal(200, delete().status)
      assert.equal(404, delete().status)
      assert.equal(404, (ask(s, path)).status)
    end)

    it("are not kept with store = false", function()
      local s = sim.new()
      local first = respond(s, { input = "hello", store = false })
      local refusal, exchange = respond(s, { input = "again", previous_response_id = first.id })
      assert.same({ 404, "Response with id=" .. first.id .. " not found" }, { exchange.status, refusal.error })
    end)
  end)

  describe("the prompt cache", function()
    local long = ("All work and no play makes a dull test. "):rep(40)

    it("hits from the second turn on under one key, in blocks of 128", function()
      local s = sim.new()
      local function cached(input, key)
        return respond(s, { input = input, prompt_cache_key = key }).usage.input_tokens_details.cached_tokens
      end
      assert.equal(0, cached(long .. "one", "a"))
      local hit = cached(long .. "two", "a")
      assert.is_true(hit > 400)
      assert.equal(0, hit % 128)
      assert.equal(0, cached(long .. "three", "b"))
      assert.equal(128, cached("else " .. long, "a"))
    end)

    it("takes the header for the key as well", function()
      local s = sim.new()
      local headers = { ["x-grok-conv-id"] = "c" }
      respond(s, { input = long }, headers)
      assert.is_true(respond(s, { input = long }, headers).usage.input_tokens_details.cached_tokens > 0)
    end)
  end)

  describe("refusals", function()
    local function refused(want_status, want, body, headers, path, options)
      local s = sim.new(options)
      local exchange, text = ask(s, path or "/v1/responses", body, headers)
      assert.equal(want_status, exchange.status)
      if type(want) == "table" then
        local got = assert(json.decode(text))
        assert.equal(want[1], got.code)
        assert.equal(want[2], got.error)
      else
        assert.truthy(text:find(want, 1, true), text)
      end
      assert.equal(0, s:billed())
      assert.is_false(s.ledger[1].billed)
    end

    local good = '{"model":"grok-4.6","input":"hi"}'

    it("come in the order syntax, types, model, key, arguments", function()
      local bad_key = { authorization = "Bearer nothing" }
      refused(400, "Failed to parse the request body as JSON", '{"model":1', bad_key)
      refused(422, "invalid type: integer `1`, expected a string", '{"model":1,"input":"x","temperature":9}', bad_key)
      refused(400, { "invalid-argument", "Model not found: grok-9" }, '{"model":"grok-9","input":"x"}', bad_key)
      refused(400, "Incorrect API key provided", '{"model":"grok-4.6","input":"x","background":true}', bad_key)
      refused(400, "ackground", '{"model":"grok-4.6","input":"x","background":true}')
    end)

    it("say where a body stops to be JSON, in the API's words", function()
      local cases = {
        { " ", "EOF while parsing a value at line 1 column 1" },
        { "{", "EOF while parsing an object at line 1 column 1" },
        { '{"model":"x"', "EOF while parsing an object at line 1 column 12" },
        { "[1,", "EOF while parsing a value at line 1 column 3" },
        { "[1", "EOF while parsing a list at line 1 column 2" },
        { '{"a', "EOF while parsing a string at line 1 column 3" },
        { "{1:2}", "key must be a string at line 1 column 2" },
        { '{\n"a":\n  x}', "expected value at line 3 column 3" },
        { '{"a" 1}', "expected `:` at line 1 column 6" },
        { '{"a":1 "b"}', "expected `,` or `}` at line 1 column 8" },
        { "[1 2]", "expected `,` or `]` at line 1 column 4" },
        { "{} {}", "trailing characters at line 1 column 4" },
        { "trip", "expected ident at line 1 column 3" },
        { '"\\q"', "invalid escape at line 1 column 3" },
        { "01", "invalid number at line 1 column 2" },
        { '"\1"', "control character (\\u0000-\\u001F) found while parsing a string at line 1 column 2" },
        { ("["):rep(200), "recursion limit exceeded at line 1 column 129" },
      }
      for _, case in ipairs(cases) do
        local exchange, text = ask(sim.new(), "/v1/responses", case[1])
        assert.same({ 400, "text/plain; charset=utf-8" }, { exchange.status, header(exchange, "content-type") })
        assert.equal("Failed to parse the request body as JSON: " .. case[2], text)
      end
    end)

    it("have the documented texts", function()
      refused(400, { "Client specified an invalid argument", "Incorrect API key provided: no***Zq. You can obtain an "
        .. "API key from https://console.x.ai." }, good, { authorization = "Bearer not-a-keyZq" })
      refused(401, { "unauthenticated:no-credentials", "No credentials provided." }, good, { authorization = false })
      refused(404, "The model grok-9 does not exist or your team", '{"model":"grok-9","input":"x"}', nil, nil,
        { unknown_model_status = 404 })
      refused(400, { "invalid-argument", "Model not found: latest" }, '{"input":"x"}')
      refused(422, { "invalid-argument", "Failed to deserialize the JSON body into the target type: missing field "
        .. "`input` at line 1 column 20" }, '{"model":"grok-4.6"}')
      refused(400, { "invalid-argument", "Model grok-4.20-0309-reasoning does not support parameter reasoningEffort." },
        '{"model":"grok-4.20","input":"x","reasoning":{"effort":"low"}}')
      refused(410, "Live search is deprecated. Please switch to the Agent Tools API",
        '{"model":"grok-4.6","input":"x","search_parameters":{}}')
      refused(415, "Content-Type", good, { ["content-type"] = "text/plain" })
      refused(404, "No handler found on route. Please double check your URL", good, nil, "/v1/respond")
      refused(405, "", nil, nil, "/v1/responses")
    end)

    it("name the tool types that are known", function()
      refused(422, "unknown variant `custom`, expected one of `function`, `web_search`, `x_search`, "
        .. "`image_generation`, `collections_search`, `file_search`, `code_execution`, `code_interpreter`, `mcp`, "
        .. "`shell`, `tool_search`", '{"model":"grok-4.6","input":"x","tools":[{"type":"custom"}]}')
      refused(422, "tool_choice", '{"model":"grok-4.6","input":"x","tool_choice":{"type":"web_search"}}')
    end)

    it("know which argument goes with which model", function()
      local function body(rest) return '{"model":' .. rest .. "}" end
      refused(400, "effort", body '"grok-4.6","input":"x","reasoning":{"effort":"none"}')
      refused(400, "max_output_tokens", body '"grok-4.6","input":"x","max_tokens":5')
      refused(400, "temperature", body '"grok-4.6","input":"x","temperature":3')
      refused(400, "nstructions", body '"grok-4.6","input":"x","instructions":"y","previous_response_id":"z"')
      refused(422, "untagged enum", body '"grok-4.6","input":[{"role":"nobody","content":"x"}]')
      refused(422, "call_id", body '"grok-4.6","input":[{"type":"function_call_output","call_id":"c","output":"x"}]')
      refused(400, "Duplicate tool name: f", body('"grok-4.6","input":"x","tools":[{"type":"function","name":"f",'
        .. '"parameters":{}},{"type":"function","name":"f","parameters":{}}]'))
      refused(400, "invalid_image", body('"grok-4.6","input":[{"role":"user","content":[{"type":"input_image",'
        .. '"image_url":"data:image/png;base64,aGVsbG8="}]}]'))
    end)

    it("of chat completions are plain text where types are wrong", function()
      local path = "/v1/chat/completions"
      local function body(rest)
        return '{"model":"grok-4.6","messages":[{"role":"user","content":"x"}]' .. rest .. "}"
      end
      refused(422, "Failed to deserialize the JSON body into the target type: missing field `messages` at line 1 "
        .. "column 20", '{"model":"grok-4.6"}', nil, path)
      refused(400, { "invalid-argument", "Argument not supported on this model: stop" },
        body ',"stop":["x"]', nil, path)
      refused(400, { "invalid-argument", "Argument not supported on this model: presencePenalty" },
        body ',"presence_penalty":0', nil, path)
      refused(410, "Live search", body ',"web_search_options":{}', nil, path)
      refused(400, "Each message must have at least one content element",
        '{"model":"grok-4.6","messages":[{"role":"user","content":[]}]}', nil, path)
      refused(400, "Empty content block",
        '{"model":"grok-4.6","messages":[{"role":"user","content":[{"type":"input_text","text":"x"}]}]}', nil, path)
    end)

    it("refuse schemas outside of the subset", function()
      local function with(schema)
        return '{"model":"grok-4.6","input":"x","text":{"format":{"type":"json_schema","name":"n","schema":'
          .. schema .. "}}}"
      end
      refused(400, "enum", with '{"type":"string","enum":[]}')
      refused(400, "anyOf", with '{"anyOf":[]}')
      refused(400, "property a", with '{"type":"object","properties":{"a":true}}')
      refused(400, "minContains", with '{"type":"array","items":{"type":"string"},"minContains":1}')
      refused(400, "prefixItems", with '{"type":"array","items":[{"type":"string"}]}')
      refused(400, "circular", with '{"$ref":"#/$defs/a","$defs":{"a":{"type":"array","items":{"$ref":"#/$defs/a"}}}}')
      refused(400, "resolve", with '{"$ref":"#/$defs/b"}')
    end)

    it("are what odd bodies get, of whatever shape", function()
      local head = '{"model":"grok-4.6",'
      local odd = {
        '[]', '"x"', 'null', '17', head .. '"input":[[]]}', head .. '"input":[null]}',
        head .. '"input":[{"role":"user","content":[null]}]}', head .. '"input":[{"type":{},"role":"user"}]}',
        head .. '"input":[{"type":"reasoning","summary":[1]}]}', head .. '"input":"x","include":[{}]}',
        head .. '"input":"x","reasoning":{"effort":1}}', head .. '"input":"x","text":{"format":[]}}',
        head .. '"input":"x","tools":[{"type":"function","name":"f","parameters":{"required":1}}]}',
        head .. '"input":"x","tools":[null]}', head .. '"input":"x","max_output_tokens":1e400}',
      }
      for _, body in ipairs(odd) do
        local status = ask(sim.new(), "/v1/responses", body).status
        assert.is_true(status == 422 or status == 400, body)
      end
      for _, message in ipairs { "[]", "{}", '{"role":"user","content":[{"type":"image_url","image_url":{"url":1}}]}',
        '{"role":"user","content":[null]}', '{"role":"assistant","tool_calls":[[]]}',
        '{"role":"tool","content":"x","tool_call_id":{}}' } do
        assert.equal(422, ask(sim.new(), "/v1/chat/completions", head .. '"messages":[' .. message .. "]}").status)
      end
    end)

    it("refuse a prompt that is longer than the model's context", function()
      refused(400, "This model's maximum prompt length is 256000 but the request contains 256",
        { model = "grok-build-0.1", input = ("x"):rep(4 * 256000) })
    end)
  end)

  describe("the ledger", function()
    it("adds up to what the answers said", function()
      local s, sum = sim.new(), 0
      for i = 1, 4 do sum = sum + respond(s, { input = "question " .. i }).usage.cost_in_usd_ticks end
      ask(s, "/v1/models")
      ask(s, "/v1/responses", "{")
      assert.equal(sum, s:billed())
      assert.equal(6, #s.ledger)
      assert.same({ 1, "/v1/responses", "grok-4.6", 200, true },
        { s.ledger[1].id, s.ledger[1].path, s.ledger[1].model, s.ledger[1].status, s.ledger[1].billed })
      assert.is_false(s.ledger[5].billed)
    end)

    it("counts the attempts of a call", function()
      local s = sim.new()
      local headers = { ["x-client-request-id"] = "7" }
      respond(s, { input = "x" }, headers)
      respond(s, { input = "x" }, headers)
      respond(s, { input = "y" })
      assert.same({ 1, 2, 1 }, { s.ledger[1].attempt, s.ledger[2].attempt, s.ledger[3].attempt })
    end)
  end)

  describe("the date", function()
    it("is that of the clock, on every answer", function()
      local s = sim.new { clock = function() return 784111777.5 end }
      for _, exchange in ipairs { (ask(s, "/v1/models")), (ask(s, "/v1/nothing")), (ask(s, "/v1/responses", "{")),
        (ask(s, "/v1/responses", '{"model":"grok-4.6","stream":true,"input":"x"}')) } do
        assert.equal("Sun, 06 Nov 1994 08:49:37 GMT", header(exchange, "date"))
      end
    end)

    it("moves with the simulator's own calendar", function()
      local s = sim.new()
      local response, first = respond(s, { input = "x" })
      assert.equal(os.date("!%d", response.created_at), header(first, "date"):match "^%a+, (%d+) ")
      local before, after = header(first, "date"), header((ask(s, "/v1/models")), "date")
      assert.equal("Mon, 21 Sep 2026 14:13:20 GMT", before)
      assert.equal("Mon, 21 Sep 2026 14:15:00 GMT", after)
    end)

    it("is another one when a fault says so", function()
      local s = sim.new { faults = { { headers = { Date = "yesterday" } } } }
      assert.equal("yesterday", header((ask(s, "/v1/models")), "date"))
    end)
  end)

  it("refuses options that make no sense", function()
    for _, options in ipairs { { seed = 1.5 }, { seed = 1 / 0 }, { seed = 2 ^ 41 }, { latency = -1 },
      { latency = 1 / 0 }, { deferred_polls = -1 }, { keep = 0 }, { keep_entries = 1.5 } } do
      assert.has_error(function() sim.new(options) end)
    end
    assert.equal(200, (ask(sim.new { seed = -2 ^ 40 }, "/v1/models")).status)
  end)

  describe("the account endpoints", function()
    it("list models with prices in ticks a token", function()
      local models, _, text = call(sim.new(), "/v1/models")
      assert.equal("list", models.object)
      local first = models.data[1]
      assert.equal(prices.models[first.id].input, first.prompt_text_token_price)
      assert.equal(200000, first.long_context_threshold)
      assert.truthy(text:find('{"id":"grok-4.7","aliases":["grok-4.7-latest"],"context_length":500000,', 1, true))
    end)

    it("show one model by alias, and 404 for none", function()
      assert.equal("grok-4.6", call(sim.new(), "/v1/models/grok-4.6-latest").id)
      assert.equal("grok-4.3", call(sim.new(), "/v1/language-models/grok-4.3").id)
      assert.equal(404, ask(sim.new(), "/v1/models/grok-9").status)
      assert.is_nil(call(sim.new(), "/v1/language-models").models[1].context_length)
    end)

    it("offer only the models that the options name", function()
      local s = sim.new { models = { "grok-4.6" } }
      assert.equal(1, #call(s, "/v1/models").data)
      assert.equal(400, (select(2, respond(s, { model = "grok-4.3", input = "x" }))).status)
    end)

    it("tell about the key without showing it", function()
      local s = sim.new { keys = { "special-key-k3Zq" } }
      local headers = { authorization = "Bearer special-key-k3Zq" }
      assert.equal("xai-...k3Zq", call(s, "/v1/api-key", nil, headers).redacted_api_key)
      assert.equal("no_zdr", call(s, "/v1/me", nil, headers).zdr_status)
      assert.equal(400, ask(s, "/v1/me").status)
      assert.equal(401, ask(s, "/v1/me", nil, { authorization = false }).status)
    end)
  end)
end)
