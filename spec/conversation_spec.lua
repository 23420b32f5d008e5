local core = require "xai.core"
local helper = require "spec.helper"
local xai = require "xai"

local function raised(fn, ...)
  local ok, fault = pcall(fn, ...)
  assert.is_false(ok)
  return tostring(fault)
end

local function reasoning()
  return { type = "reasoning", id = "rs_1", status = "completed", summary = core.array {}, encrypted_content = "b3A=" }
end

local function reply(text, id, usage)
  local response = helper.response(text, { id = id })
  response.output = core.array { reasoning(), helper.message(text) }
  if usage then response.usage = usage end
  return { json = response }
end

local function usage(input, cached)
  return { input_tokens = input, input_tokens_details = { cached_tokens = cached }, output_tokens = 1,
    output_tokens_details = { reasoning_tokens = 0 }, total_tokens = input + 1 }
end

local function user(text) return { role = "user", content = text } end
local function system(text) return { role = "system", content = text } end

describe("xai.conversation", function()
  local client, wire

  local function start(answers, options)
    client, wire = helper.client(answers)
    return client:conversation(options)
  end

  after_each(function()
    if client then client:close() end
  end)

  describe("kept by the server", function()
    it("names the answer before, and sends only what is new", function()
      local talk = start { reply("one", "id-1"), reply("two", "id-2"), reply("three", "id-3") }
      assert.equal("one", talk:say("a"):text())
      assert.equal("two", talk:say("b"):text())
      assert.truthy(talk:say { { role = "user", content = "c" }, { role = "user", content = "d" } })
      assert.is_nil(wire:body(1).previous_response_id)
      assert.same({ user "a" }, wire:body(1).input)
      assert.equal("id-1", wire:body(2).previous_response_id)
      assert.same({ user "b" }, wire:body(2).input)
      assert.equal("id-2", wire:body(3).previous_response_id)
      assert.same({ user "c", user "d" }, wire:body(3).input)
      assert.is_nil(wire:body(3).store)
    end)

    it("puts instructions in front as a message, once; never into the field", function()
      local talk = start({ reply("one", "id-1"), reply("two", "id-2"), reply("three", "id-3") },
        { instructions = "Be brief." })
      talk:say "a"
      talk:say "b"
      talk.instructions = "Be long."
      talk:say "c"
      assert.same({ system "Be brief.", user "a" }, wire:body(1).input)
      assert.same({ user "b" }, wire:body(2).input)
      assert.same({ system "Be long.", user "c" }, wire:body(3).input)
      for i = 1, 3 do assert.is_nil(wire:body(i).instructions) end
    end)
  end)

  describe("kept by the client", function()
    it("sends the whole history again, reasoning included, and has nothing stored", function()
      local talk = start({ reply("one", "id-1"), reply("two", "id-2") },
        { mode = "client", instructions = "Be brief.", body = { include = { "web_search_call.action.sources" } } })
      talk:say "a"
      talk:say "b"
      local second = wire:body(2)
      assert.is_nil(second.previous_response_id)
      assert.is_false(second.store)
      assert.same({ "web_search_call.action.sources", "reasoning.encrypted_content" }, second.include)
      local sent_reasoning = reasoning()
      sent_reasoning.status = nil
      assert.same({ system "Be brief.", user "a", sent_reasoning, helper.message "one", user "b" }, second.input)
    end)

    it("sends an answered function call back as it came", function()
      local call = { type = "function_call", id = "fc_1", call_id = "call-1", name = "f", arguments = "{}",
        status = "completed" }
      local first = helper.response("", { id = "id-1" })
      first.output = core.array { call }
      local talk = start({ { json = first }, reply("done", "id-2") }, { mode = "client" })
      local calls = talk:say("a"):tool_calls()
      local output = { type = "function_call_output", call_id = calls[1].id, output = "42" }
      assert.equal("done", talk:say(output):text())
      assert.same({ user "a", call, output }, wire:body(2).input)
    end)
  end)

  describe("over chat completions", function()
    it("appends messages, reasoning and tool calls included", function()
      local called = { { id = "c1", type = "function", ["function"] = { name = "f", arguments = "{}" } } }
      local talk = start({
        { json = helper.completion("", { finish_reason = "tool_calls", message = { role = "assistant", content = "",
          reasoning_content = "hm", tool_calls = called, refusal = core.null } }) },
        { json = helper.completion "done" },
      }, { api = "chat", instructions = "Be brief." })
      talk:say "a"
      talk:say { role = "tool", tool_call_id = "c1", content = "42" }
      assert.same({
        system "Be brief.", user "a",
        { role = "assistant", content = "", reasoning_content = "hm", tool_calls = called },
        { role = "tool", tool_call_id = "c1", content = "42" },
      }, wire:body(2).messages)
      assert.truthy(wire.requests[2].url:find "/chat/completions$")
    end)

    it("has no mode of the server's", function()
      client = helper.client {}
      assert.truthy(raised(client.conversation, client, { api = "chat", mode = "server" }):find "not stored")
    end)
  end)

  it("stays as it was when an answer fails", function()
    local talk = start { reply("one", "id-1"), helper.failure(400, "invalid-argument", "no"), reply("two", "id-2") }
    talk:say "a"
    local before = talk:history()
    local response, err = talk:say "lost"
    assert.is_nil(response)
    assert.equal("invalid_request", err.kind)
    assert.same(before, talk:history())
    assert.equal(1, #talk:cache_report())
    assert.truthy(talk:say "b")
    assert.equal("id-1", wire:body(3).previous_response_id)
  end)

  it("keeps the history of both sides", function()
    local talk = start { reply("one", "id-1") }
    talk:say "a"
    local history = talk:history()
    assert.equal(3, #history)
    assert.same(user "a", history[1])
    assert.equal("reasoning", history[2].type)
    assert.equal("message", history[3].type)
    table.remove(history)
    assert.equal(3, #talk:history())
  end)

  describe("stream", function()
    it("becomes part of the conversation when it has ended well", function()
      local talk = start { { sse = helper.stream({ "o", "ne" }, { id = "id-1" }) }, reply("two", "id-2") }
      local stream = assert(talk:stream "a")
      assert.same({}, talk:history())
      local text = {}
      for event in stream:events() do text[#text + 1] = event.type == "text" and event.text or nil end
      assert.equal("one", table.concat(text))
      assert.equal(2, #talk:history())
      talk:say "b"
      assert.equal("id-1", wire:body(2).previous_response_id)
    end)

    it("lets nothing else be said until then", function()
      local talk = start { { sse = helper.stream({ "one" }, { id = "id-1" }) }, reply("two", "id-2") }
      local stream = assert(talk:stream "a")
      assert.truthy(raised(talk.say, talk, "b"):find("one turn at a time", 1, true))
      assert.truthy(stream:result())
      assert.truthy(talk:say "b")
    end)

    it("leaves the conversation as it was when cancelled, and free for the next turn", function()
      local talk = start { { sse = helper.stream { "one", 5, "more" } }, reply("two", "id-2") }
      local stream = assert(talk:stream "a")
      stream:events()()
      stream:cancel()
      assert.truthy(talk:say "b")
      assert.same({ user "b" }, wire:body(2).input)
      assert.is_nil(wire:body(2).previous_response_id)
      assert.equal(3, #talk:history())
    end)

    it("does the same when it is dropped", function()
      local talk = start { { sse = helper.stream { "one", 5, "more" } }, reply("two", "id-2") }
      talk:stream("a"):events()()
      for _ = 1, 3 do collectgarbage() end
      assert.truthy(talk:say "b")
    end)
  end)

  describe("prompt_cache_key", function()
    it("is one for all turns, another for another conversation, and repeatable from the seed", function()
      local talk = start { reply("one", "id-1"), reply("two", "id-2") }
      talk:say "a"
      talk:say "b"
      local key = wire:body(1).prompt_cache_key
      assert.is_string(key)
      assert.equal(key, wire:body(2).prompt_cache_key)
      assert.are_not.equal(key, client:conversation().prompt_cache_key)
      local again = helper.client {}
      assert.equal(key, again:conversation().prompt_cache_key)
      again:close()
    end)

    it("can be set", function()
      local talk = start({ reply("one", "id-1") }, { prompt_cache_key = "mine" })
      talk:say "a"
      assert.equal("mine", wire:body(1).prompt_cache_key)
    end)
  end)

  it("sends the same start byte for byte in every turn", function()
    local talk = start({ reply("one", "id-1"), reply("two", "id-2"), reply("three", "id-3") }, {
      mode = "client", instructions = "Be brief.",
      tools = { { type = "function", name = "f", parameters = { type = "object", properties = {} } } },
    })
    local starts = {}
    for i, text in ipairs { "a", "b", "c" } do
      talk:say(text)
      starts[i] = core.encode(wire:body(i).input)
    end
    assert.equal(starts[1]:sub(1, -2), starts[2]:sub(1, #starts[1] - 1))
    assert.equal(starts[2]:sub(1, -2), starts[3]:sub(1, #starts[2] - 1))
    assert.equal(core.encode(wire:body(1).tools), core.encode(wire:body(3).tools))
  end)

  it("says at the caller's line that a method was called with a dot", function()
    local talk = helper.client({}):conversation()
    for _, name in ipairs { "say", "stream", "history", "cache_report" } do
      local fault = raised(function() local _ = talk[name]("x") end)
      assert.truthy(fault:find("conversation_spec.lua:%d+: this is a method of a conversation: call it with a colon"),
        fault)
    end
  end)

  describe("cache_report", function()
    local tool = function(description)
      return { type = "function", name = "f", description = description, parameters = { type = "object" } }
    end

    it("tells the cached share of each turn, and nothing broken while turns are appended", function()
      local talk = start { reply("one", "id-1", usage(100, 0)), reply("two", "id-2", usage(200, 150)) }
      talk:say "a"
      talk:say "b"
      assert.same({
        { input_tokens = 100, cached_tokens = 0, share = 0 },
        { input_tokens = 200, cached_tokens = 150, share = 0.75 },
      }, talk:cache_report())
    end)

    local function names(what, change, mode)
      it("names it: " .. what, function()
        local talk = start({ reply("one", "id-1"), reply("two", "id-2") },
          { mode = mode or "client", instructions = "Be brief.", tools = { tool "a", tool "b" } })
        local item = user "first"
        talk:say(item)
        local options = change(talk, item)
        talk:say("next", options)
        assert.equal(what, talk:cache_report()[2].broken)
      end)
    end
    names("tools[2].description changed", function(talk) talk.tools[2].description = "other" end)
    names("the order of the tools changed", function(talk) talk.tools = { talk.tools[2], talk.tools[1] } end)
    names("instructions changed", function(talk) talk.instructions = "Be long." end)
    names("model changed", function(talk) talk.model = "grok-4.3" end)
    names("item 1 changed", function(_, item) item.content = "rewritten" end)
    names("the answer's format changed", function()
      return { body = { text = { format = { type = "json_object" } } } }
    end)

    it("does not blame new instructions of a stored conversation: its start stays", function()
      local talk = start({ reply("one", "id-1"), reply("two", "id-2") }, { instructions = "Be brief." })
      talk:say "a"
      talk.instructions = "Be long."
      talk:say "b"
      assert.is_nil(talk:cache_report()[2].broken)
    end)

    it("says unknown, not zero, when the API states no usage", function()
      local answer = reply("one", "id-1")
      answer.json.usage = core.null
      local talk = start { answer }
      talk:say "a"
      assert.same({ {} }, talk:cache_report())
    end)
  end)

  it("adds further fields for all turns or for one", function()
    local talk = start({ reply("one", "id-1"), reply("two", "id-2") }, { body = { reasoning = { effort = "low" } } })
    talk:say("a", { body = { max_output_tokens = 5 } })
    talk:say "b"
    assert.same({ effort = "low" }, wire:body(1).reasoning)
    assert.equal(5, wire:body(1).max_output_tokens)
    assert.same({ effort = "low" }, wire:body(2).reasoning)
    assert.is_nil(wire:body(2).max_output_tokens)
  end)

  it("raises for the programmer's mistakes", function()
    local talk = start({}, nil)
    assert.truthy(raised(function() talk:say(42) end):find("conversation_spec.lua:", 1, true))
    assert.truthy(raised(function() talk:say("x", { timeuot = 1 }) end):find('"timeout"', 1, true))
    assert.truthy(raised(function() client:conversation { instruction = "x" } end):find('"instructions"', 1, true))
    assert.truthy(raised(function() client:conversation { mode = "both" } end):find("mode must be", 1, true))
  end)

  it("is free for the next turn after a mistake was raised", function()
    local talk = start { reply("one", "id-1") }
    assert.truthy(raised(talk.say, talk, "x", { limits = { silense = 1 } }):find('"silence"', 1, true))
    assert.truthy(talk:say "a")
  end)

  it("can go on in tasks, several conversations at once", function()
    client, wire = helper.client { otherwise = function(request)
      local body = assert(core.decode(request.body))
      return reply("re: " .. body.input[#body.input].content, "id-" .. #wire.requests)
    end }
    local function chat(name)
      return function()
        local talk = client:conversation()
        local texts = {}
        for i = 1, 3 do texts[i] = talk:say(name .. i):text() end
        return texts
      end
    end
    local results = xai.all { chat "a", chat "b" }
    assert.same({ "re: a1", "re: a2", "re: a3" }, results[1])
    assert.same({ "re: b1", "re: b2", "re: b3" }, results[2])
  end)

  it("sends an empty turn as an empty list", function()
    local talk = start { reply("one", "id-1") }
    talk:say {}
    assert.truthy(wire.requests[1].body:find('"input":[]', 1, true), wire.requests[1].body)
  end)

  it("leaves the encrypted reasoning of another model behind, and takes it up again for its writer", function()
    local talk = start({ reply("one", "id-1"), reply("two", "id-2"), reply("three", "id-3"), reply("four", "id-4") },
      { mode = "client" })
    talk:say "a"
    talk.model = "grok-4.7"
    talk:say "b"
    talk:say "c"
    talk.model = client.model
    talk:say "d"
    local function reasons(n)
      local count = 0
      for _, item in ipairs(wire:body(n).input) do
        if item.type == "reasoning" then count = count + 1 end
      end
      return count
    end
    -- All answers name the model grok-4.6: the second one was asked of grok-4.7, by an alias it could be.
    assert.same({ 0, 0, 1, 2 + 1 }, { reasons(1), reasons(2), reasons(3), reasons(4) })
    assert.same({ role = "user", content = "b" }, wire:body(2).input[3])
  end)

  it("hands out its history as a copy", function()
    local talk = start({ reply("one", "id-1"), reply("two", "id-2") }, { mode = "client" })
    talk:say "a"
    local history = talk:history()
    history[3].content[1].text = "changed"
    history[1].content = "changed"
    history[3].content[1].annotations[1] = "changed"
    assert.equal("one", talk:history()[3].content[1].text)
    talk:say "b"
    assert.is_nil(wire.requests[2].body:find("changed", 1, true))
    assert.truthy(wire.requests[2].body:find('"annotations":[]', 1, true))
    assert.is_nil(talk:cache_report()[2].broken)
  end)

  describe("with an odd answer", function()
    local odd = { body = [[{"id":"r","object":"response","status":"completed","output":[null,5,"str",
      {"type":"message","content":[null,5]}],"usage":5}]] }

    it("goes on with what the API would take back", function()
      for _, mode in ipairs { "client", "server" } do
        local talk = start({ odd, reply("two", "id-2") }, { mode = mode })
        assert.truthy(talk:say "a")
        assert.equal(2, #talk:history())
        assert.equal("two", talk:say("b"):text())
      end
      local talk = start({ { body = '{"choices":[{"message":5,"finish_reason":"stop"}]}' } }, { api = "chat" })
      assert.truthy(talk:say "a")
      assert.equal("assistant", talk:history()[2].role)
    end)

    it("refuses one without an id to go on from, and stays as it was", function()
      local talk = start { { body = '{"id":null,"status":"completed","output":[]}' }, reply("two", "id-2") }
      local response, err = talk:say "a"
      assert.is_nil(response)
      assert.equal("protocol", err.kind)
      assert.truthy(err.response)
      assert.same({}, talk:history())
      assert.equal("two", talk:say("a"):text())
    end)
  end)
end)
