local core = require "xai.core"
local helper = require "spec.helper"
local responses = require "xai.response"

local function wrap(response, meta)
  return responses.wrap(response, meta or { outcome = "complete" })
end

local function with_items(items, fields)
  local response = helper.response("", fields)
  response.output = core.array(items)
  return wrap(response)
end

local function call_item(fields)
  local item = { type = "function_call", id = "fc_1", call_id = "call-1", name = "tile_height",
    arguments = '{"x":3}', status = "completed" }
  for name, value in pairs(fields or {}) do item[name] = value end
  return item
end

local function chat_call(id, arguments)
  return { id = id, type = "function", ["function"] = { name = "weather", arguments = arguments } }
end

describe("xai.response", function()
  describe("text", function()
    it("joins the text parts of all messages, and nothing else", function()
      local refused = helper.message("x")
      refused.content[1] = { type = "refusal", refusal = "no" }
      local response = with_items { helper.message("Tides "), call_item(), helper.message("lag."), refused }
      assert.equal("Tides lag.", response:text())
    end)

    it("leaves the field of the same name where the API put it", function()
      local response = wrap(helper.response("hello"))
      assert.equal("hello", response:text())
      assert.equal("text", response.text.format.type)
      assert.same({ format = { type = "text" } }, core.decode(core.encode(response)).text)
    end)

    it("works when the API says null there, or nothing", function()
      assert.equal("a", wrap(helper.response("a", { text = core.null })):text())
      local response = helper.response("b")
      response.text = nil
      assert.equal("b", wrap(response):text())
    end)

    it("is the first choice's content in a chat completion, another one when asked for", function()
      local completion = helper.completion("one")
      completion.choices[2] = { index = 1, finish_reason = "stop", message = { content = "two" } }
      local response = wrap(completion)
      assert.equal("one", response:text())
      assert.equal("two", response:text(2))
      assert.equal("", response:text(3))
    end)

    it("is empty when there is none", function()
      assert.equal("", with_items({}):text())
      assert.equal("", wrap(helper.completion(core.null)):text())
    end)
  end)

  it("changes nothing that would be sent back", function()
    local plain = helper.response("hello")
    local before = core.encode(plain)
    assert.equal(before, core.encode(wrap(plain, { outcome = "complete", request_id = "r1" })))
  end)

  it("F91 keeps a refusal apart from text", function()
    local message = helper.message("")
    message.content = core.array { { type = "refusal", refusal = "I will not." } }
    local response = with_items { message }
    assert.equal("I will not.", response:refusal())
    assert.equal("", response:text())
    assert.is_nil(wrap(helper.response("yes")):refusal())
    assert.equal("No.", wrap(helper.completion(core.null,
      { message = { content = core.null, refusal = "No." } })):refusal())
  end)

  it("shows reasoning: its text where there is one, else the summary", function()
    local response = with_items {
      { type = "reasoning", summary = { { type = "summary_text", text = "short" } } },
      { type = "reasoning", summary = { { type = "summary_text", text = "no" } },
        content = { { type = "reasoning_text", text = "long" } } },
      helper.message("x"),
    }
    assert.equal("short\nlong", response:reasoning_text())
    assert.equal("Two words", wrap(helper.completion("x",
      { message = { content = "x", reasoning_content = "Two words" } })):reasoning_text())
  end)

  describe("tool_calls", function()
    it("decodes the arguments of each call", function()
      local calls = with_items({ call_item(), helper.message("x"), call_item { call_id = "call-2" } }):tool_calls()
      assert.equal(2, #calls)
      assert.equal("call-1", calls[1].id)
      assert.equal("call-1", calls[1].call_id)
      assert.equal("tile_height", calls[1].name)
      assert.equal(3, calls[1].arguments.x)
      assert.equal('{"x":3}', calls[1].arguments_text)
      assert.is_nil(calls[1].error)
    end)

    it("reads a chat completion's calls in the same shape", function()
      local response = wrap(helper.completion("", { finish_reason = "tool_calls",
        message = { content = "", tool_calls = { chat_call("c1", '{"city":"Oslo"}') } } }))
      local calls = response:tool_calls()
      assert.equal("c1", calls[1].id)
      assert.equal("weather", calls[1].name)
      assert.equal("Oslo", calls[1].arguments.city)
    end)

    it("takes no arguments at all for an empty object", function()
      assert.same({}, with_items({ call_item { arguments = "" } }):tool_calls()[1].arguments)
    end)

    local function unusable(what, item, code)
      it("gives an error and no arguments for " .. what, function()
        local call = with_items({ call_item(item) }):tool_calls()[1]
        assert.is_nil(call.arguments)
        assert.equal(code, call.error.code)
      end)
    end
    unusable("malformed arguments", { arguments = '{"x":' }, "arguments")
    unusable("a trailing comma (F82)", { arguments = '{"x":1,}' }, "arguments")
    unusable("a key twice (F82)", { arguments = '{"x":1,"x":2}' }, "arguments")
    unusable("arguments that are no object", { arguments = "[1]" }, "arguments")
    unusable("arguments that are null", { arguments = "null" }, "arguments")
    unusable("a call without a name (F83)", { name = "" }, "call")
    unusable("a call without an id (F83)", { call_id = "" }, "call")
    unusable("a call that was cut", { status = "incomplete" }, "truncated")

    describe("of functions whose schemas are known", function()
      local tools = core.array {
        { type = "web_search" },
        { type = "function", name = "tile_height", parameters = { type = "object", required = { "x" },
          properties = { x = { type = "integer", minimum = 0 }, on = { type = "string", format = "date" } } } },
        { type = "function", name = "broken", parameters = { type = "objekt" } },
        { type = "function", name = "anything" },
      }
      local function one(item, fields)
        fields = fields or { tools = tools }
        return with_items({ call_item(item) }, fields):tool_calls()[1]
      end

      it("lets pass what fits", function()
        assert.same({ x = 3, on = "2026-11-21" }, one({ arguments = '{"x":3,"on":"2026-11-21"}' }).arguments)
        assert.same({ y = 1 }, one({ name = "anything", arguments = '{"y":1}' }).arguments)
      end)

      local function misfit(what, text, sentence)
        it("F81 refuses " .. what .. " in words for the model", function()
          local call = one { arguments = text }
          assert.is_nil(call.arguments)
          assert.equal("schema", call.error.kind)
          assert.equal("arguments", call.error.code)
          assert.truthy(call.error.message:find(sentence, 1, true), call.error.message)
          assert.truthy(call.error.errors[1].keyword)
          assert.equal(text, call.arguments_text)
        end)
      end
      misfit("a wrong type", '{"x":"3"}', '"tile_height": /x must be an integer')
      misfit("a value out of range", '{"x":-1}', "/x must be at least 0, but is -1")
      misfit("a wrong format", '{"x":1,"on":"today"}', "/on")
      misfit("what is missing", "{}", '"x" is missing')
      misfit("no arguments where some are needed", "", '"x" is missing')

      it("names all that is wrong", function()
        assert.equal(2, #one({ arguments = '{"x":-1,"on":"today"}' }).error.errors)
      end)

      for _, name in ipairs { "Tile_height", "tile_heigh", "til\208\181_height", "tile_height\0" } do
        it("F84 refuses the name " .. ("%q"):format(name) .. ", which was not offered", function()
          local call = one { name = name }
          assert.is_nil(call.arguments)
          assert.equal("unknown_tool", call.error.code)
          assert.truthy(call.error.message:find('there are: "tile_height", "broken", "anything"', 1, true))
          assert.is_nil(call.error.message:find "[^\32-\126]")
        end)
      end

      it("F84 refuses what runs at the API, and all when nothing was offered", function()
        assert.equal("unknown_tool", one({ name = "web_search" }).error.code)
        assert.equal("unknown_tool", one({}, { tools = core.array {} }).error.code)
      end)

      it("refuses when the schema itself is not usable", function()
        assert.equal("tool_schema", one({ name = "broken" }).error.code)
      end)

      it("keeps to what the request offered, where that is known", function()
        local response = wrap(helper.response("", { output = core.array { call_item() }, tools = tools }),
          { outcome = "complete", tools = {} })
        assert.equal("unknown_tool", response:tool_calls()[1].error.code)
      end)

      it("holds for chat completions, whose answers do not repeat them", function()
        local chat_tools = { { type = "function", ["function"] = { name = "weather", parameters = {
          type = "object", properties = { city = { enum = { "Oslo" } } } } } } }
        local function chat(text)
          local grok = helper.client { { json = helper.completion("", { finish_reason = "tool_calls",
            message = { content = "", tool_calls = { chat_call("c1", text) } } }) } }
          return assert(grok:chat { messages = { { role = "user", content = "?" } }, tools = chat_tools })
            :tool_calls()[1]
        end
        assert.equal("Oslo", chat('{"city":"Oslo"}').arguments.city)
        assert.truthy(chat('{"city":"Rome"}').error.message:find("/city", 1, true))
      end)

      it("are those that a client sent", function()
        local function ask(fields)
          fields.input = "?"
          local item = call_item { arguments = '{"x":-1}' }
          local grok = helper.client { { json = helper.response("", { output = core.array { item } }) } }
          return assert(grok:respond(fields)):tool_calls()[1]
        end
        assert.equal("schema", ask({ tools = tools }).error.kind)
        assert.equal("unknown_tool", ask({}).error.code)
        assert.is_nil(ask({ previous_response_id = "id-1" }).error)
      end)
    end)

    it("F83 takes two calls with the same id for a conflict", function()
      local calls = with_items({ call_item(), call_item { arguments = '{"x":4}' } }):tool_calls()
      assert.is_nil(calls[1].error)
      assert.equal("call", calls[2].error.code)
    end)

    it("F80 executes nothing of an answer that was cut, whatever its finish reason claims", function()
      local cut = with_items({ call_item() }, { status = "incomplete" }):tool_calls()[1]
      assert.equal("truncated", cut.error.kind)
      local whole = { finish_reason = "tool_calls", message = { tool_calls = { chat_call("c1", "{}") } } }
      assert.is_nil(wrap(helper.completion("", whole)):tool_calls()[1].error)
      local early = wrap(helper.completion("", whole), { outcome = "incomplete", reason = "ended early" })
      assert.equal("truncated", early:tool_calls()[1].error.kind)
      whole.finish_reason = "length"
      assert.equal("truncated", wrap(helper.completion("", whole)):tool_calls()[1].error.kind)
      whole.finish_reason = core.null
      assert.equal("truncated", wrap(helper.completion("", whole)):tool_calls()[1].error.kind)
    end)

    it("is empty when the model called nothing", function()
      assert.same({}, wrap(helper.response("x")):tool_calls())
    end)
  end)

  it("lists the citations with their places in the text", function()
    local message = helper.message("See [[1]](https://example.org/a)")
    message.content[1].annotations = core.array {
      { type = "url_citation", url = "https://example.org/a", start_index = 4, end_index = 32, title = "1" },
      { type = "file_citation", file_id = "f" },
      { type = "url_citation", url = "https://example.org/b", start_index = core.null },
    }
    assert.same({
      { url = "https://example.org/a", start_index = 4, end_index = 32, title = "1" },
      { url = "https://example.org/b" },
    }, with_items({ message }):citations())
  end)

  it("lists the older search's citations of a chat completion, too", function()
    local response = wrap(helper.completion("x", nil, { citations = core.array { "https://example.org" } }))
    assert.same({ { url = "https://example.org" } }, response:citations())
    assert.equal("https://example.org", response.citations[1])
    assert.same({}, wrap(helper.completion("x", nil, { citations = core.array {} })):citations())
  end)

  describe("cost", function()
    it("is what the API says, when it says so", function()
      local response = wrap(helper.response("x"))
      response.usage.cost_in_usd_ticks = 77
      assert.equal(77, response:cost())
      assert.equal(15540000, response:computed_cost())
    end)

    it("is computed otherwise, for both endpoints, tier and host included", function()
      assert.equal(15540000, wrap(helper.response("x")):cost())
      assert.equal(7800000, wrap(helper.completion("x")):cost())
      assert.equal(31080000, wrap(helper.response("x", { service_tier = "priority" })):cost())
      assert.equal(17094000, wrap(helper.response("x"), { us = true }):cost())
    end)

    it("is nil with a reason when it is not known", function()
      local ticks, reason = wrap(helper.response("x", { model = "grok-99" })):cost()
      assert.is_nil(ticks)
      assert.truthy(reason:find "grok%-99")
      assert.is_nil((wrap(helper.response("x", { usage = core.null })):cost()))
    end)
  end)

  it("counts tokens in one shape for both endpoints", function()
    assert.same({ input = 642, cached = 512, output = 173, reasoning = 41, total = 815 },
      wrap(helper.response("x")):tokens())
    assert.same({ input = 642, cached = 512, output = 44, reasoning = 41, total = 686 },
      wrap(helper.completion("x")):tokens())
    assert.is_nil(wrap(helper.response("x", { usage = core.null })):tokens())
  end)

  it("keeps what is ours beside the table", function()
    local response = wrap(helper.response("x"), { request_id = "r1", outcome = "complete" })
    assert.equal("r1", response:meta().request_id)
    assert.equal("r1", responses.meta(response).request_id)
    assert.is_true(responses.is(response))
    assert.is_false(responses.is {})
  end)

  it("reads an answer with odd pieces as far as it is one", function()
    local odd = assert(core.decode [[{"id":"r","object":"response","status":"completed","output":[null,5,"str",
      {"type":"message","content":[null,5,{"type":"output_text","text":7,"annotations":[null]}]},
      {"type":"function_call","name":5,"call_id":null,"arguments":{}},{"type":"reasoning","summary":5,"content":null}],
      "usage":{"input_tokens":"5","cost_in_usd_ticks":"7"},"citations":5}]])
    local response = responses.wrap(odd)
    assert.equal("", response:text())
    assert.is_nil(response:refusal())
    assert.equal("", response:reasoning_text())
    assert.same({}, response:citations())
    assert.is_nil(response:tokens())
    assert.is_nil((response:cost()))
    assert.truthy(response:tool_calls()[1].error)
  end)

  it("says at the caller's line that a method was called with a dot", function()
    local response = wrap(helper.response("Tides", { text = { format = { type = "text" } } }))
    for _, name in ipairs { "text", "refusal", "tool_calls", "citations", "tokens", "cost", "meta" } do
      local ok, fault = pcall(function() local _ = response[name]() end)
      assert.is_false(ok, name)
      assert.truthy(fault:find("response_spec.lua:%d+: this is a method of a response: call it with a colon"), fault)
    end
  end)
end)
