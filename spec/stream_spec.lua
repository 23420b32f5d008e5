local errors = require "xai.error"
local helper = require "spec.helper"
local xai = require "xai"

local function streaming(pieces, options)
  local client, wire = helper.client { { sse = helper.stream(pieces) } }
  return assert(client:stream("x", options)), wire, client
end

local function collected()
  for _ = 1, 3 do collectgarbage() end
end

describe("xai.stream", function()
  it("gives each delta and every other event of the API, in order", function()
    local stream = streaming { "Ti", "des" }
    local seen = helper.collect(stream:events(), function(event) return event.text or event.name end)
    assert.same({
      "response.created", "response.output_item.added", "response.content_part.added", "Ti", "des",
      "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed",
    }, seen)
  end)

  it("ends with what the same request without stream returns", function()
    local stream = streaming { "Ti", "des" }
    local response = assert(stream:result())
    assert.same(xai.json.decode(xai.json.encode(helper.response "Tides")),
      xai.json.decode(xai.json.encode(response)))
    assert.equal("Tides", response:text())
    assert.equal("complete", response:meta().outcome)
  end)

  it("tells where a delta belongs, and decodes the API's own event when asked", function()
    local stream = streaming { "hi" }
    for event in stream:events() do
      if event.type == "text" then
        assert.equal(0, event.output_index)
        assert.equal(0, event.content_index)
        assert.equal("response.output_text.delta", event.name)
        assert.equal("hi", event.data.delta)
        assert.equal(event.data, event.data)
      end
    end
    assert.truthy(stream:result())
  end)

  it("shows the text and the response so far", function()
    local stream = streaming { "one ", "two" }
    local texts = {}
    for event in stream:events() do
      if event.type == "text" then
        texts[#texts + 1] = stream:text()
        assert.equal(stream:text(), stream:response():text())
        assert.equal("in_progress", stream:response().status)
      end
    end
    assert.same({ "one ", "one two" }, texts)
    assert.equal("one two", stream:text())
    assert.equal(stream:result(), stream:response())
  end)

  it("calls no function of an answer that is still arriving", function()
    local client = helper.client { { json = helper.response "x", wait = 3 } }
    local stream = assert(client:stream "x")
    assert.is_nil(stream:response())
    client:close()
  end)

  it("ends its iterator silently, once and for all, and tells how it ended in the result", function()
    local client = helper.client { helper.failure(400, "invalid-argument", "Model not found: grok-9") }
    local stream = assert(client:stream "x")
    local count = 0
    for _ in stream:events() do count = count + 1 end
    for _ in stream:events() do count = count + 1 end
    assert.equal(0, count)
    local response, err = stream:result()
    assert.is_nil(response)
    assert.is_true(errors.is(err))
    assert.equal(400, err.status)
    assert.equal("invalid-argument", err.code)
    assert.equal("refused", err.outcome)
  end)

  it("lets go of events that nobody iterates over", function()
    local stream = streaming { "a", "b", "c" }
    assert.equal("abc", stream:result():text())
    assert.same({}, helper.collect(stream:events(), function(event) return event end))
    assert.equal("abc", stream:text())
  end)

  it("can be asked for its result while it is iterated", function()
    local stream = streaming { "a", 5, "b" }
    local texts, result = {}, nil
    xai.run(function()
      local iterating = stream:events()
      xai.spawn(function() result = stream:result() end)
      for event in iterating do texts[#texts + 1] = event.type == "text" and event.text or nil end
    end)
    assert.same({ "a", "b" }, texts)
    assert.equal("ab", result:text())
  end)

  it("gives up waiting for the result when the time is over, and goes on", function()
    local stream = streaming { "a", 50, "b" }
    local response, err = stream:result(10)
    assert.is_nil(response)
    assert.equal("timeout", err.kind)
    assert.is_false(stream:is_done())
    assert.equal("ab", stream:result(100):text())
  end)

  it("F41 ends a silent stream at the silence limit, with the text so far", function()
    local client = helper.client { { sse = helper.stream { "half", 1000, "never" } } }
    local response, err = client:stream("x", { limits = { silence = 30 } }):result()
    assert.is_nil(response)
    assert.equal("incomplete", err.outcome)
    assert.equal("timeout", err.kind)
    assert.equal("half", err.response:text())
  end)

  it("F44 never passes off a stream that ended early as whole", function()
    local events = helper.stream { "half of it" }
    for _ = 1, 4 do events[#events] = nil end
    local client = helper.client { { sse = events } }
    local stream = assert(client:stream("x", { allow_truncated = true }))
    local response, err = stream:result()
    assert.is_nil(response)
    assert.equal("incomplete", err.outcome)
    assert.equal("truncated", err.kind)
    assert.equal("half of it", err.response:text())
  end)

  it("F48 keeps what arrived before a reset, and does not ask again", function()
    local events = helper.stream { "half" }
    for _ = 1, 4 do events[#events] = nil end
    local client, wire = helper.client { { sse = events, finish = "reset" } }
    local response, err = client:stream("x"):result()
    assert.is_nil(response)
    assert.equal("incomplete", err.outcome)
    assert.equal("reset", err.code)
    assert.equal("half", err.response:text())
    assert.equal(1, #err.attempts)
    assert.equal(1, #wire.requests)
  end)

  it("F50 shows an error inside the stream as the API's own", function()
    local events = helper.stream { "ab" }
    for _ = 1, 4 do events[#events] = nil end
    events[#events + 1] = { code = "The service is currently unavailable", error = "Service temporarily unavailable." }
    local client = helper.client { { sse = events } }
    local _, err = client:stream("x"):result()
    assert.equal("overloaded", err.kind)
    assert.equal("incomplete", err.outcome)
    assert.equal("ab", err.response:text())
  end)

  it("tells of a retry as an event", function()
    local client, wire = helper.client { helper.failure(503, "unavailable", "busy"), { sse = helper.stream { "ok" } } }
    local stream = assert(client:stream "x")
    local retry
    for event in stream:events() do
      if event.type == "retry" then retry = event end
    end
    assert.equal("overloaded", retry.error.kind)
    assert.equal(503, retry.attempt.status)
    assert.is_true(retry.wait > 0)
    assert.equal(2, #stream:result():meta().attempts)
    assert.equal(2, #wire.requests)
  end)

  describe("cancel", function()
    it("F63 ends the iteration and the result, with what had arrived", function()
      local stream, wire = streaming { "a", 5, "b", 5, "c" }
      for event in stream:events() do
        if event.type == "text" then stream:cancel() end
      end
      local response, err = stream:result()
      assert.is_nil(response)
      assert.equal("cancelled", err.kind)
      assert.equal("cancelled", err.outcome)
      assert.equal("a", err.response:text())
      assert.is_false(wire.requests[1].handle:wire_live(wire.requests[1].id))
    end)

    it("changes nothing about a stream that has ended", function()
      local stream = streaming { "a" }
      local response = stream:result()
      stream:cancel()
      assert.equal(response, stream:result())
    end)

    it("wakes a task that waits for the next event", function()
      local stream = streaming { "a", 500, "b" }
      local ended = false
      xai.run(function()
        xai.spawn(function()
          for _ in stream:events() do end -- luacheck: ignore 542
          ended = true
        end)
        xai.sleep(1)
        stream:cancel()
      end)
      assert.is_true(ended)
    end)
  end)

  describe("when nobody holds it any more", function()
    it("F64 is cancelled by the collector", function()
      local client, wire = helper.client { otherwise = { sse = helper.stream { "a", 5, "b" } } }
      for _ = 1, 200 do
        local stream = assert(client:stream "x")
        stream:events()()
      end
      collected()
      client:step()
      assert.equal(0, client:pending())
      for _, request in ipairs(wire.requests) do
        assert.is_false(request.handle:wire_live(request.id))
      end
      client:close()
    end)

    it("is not taken away from who waits for its result", function()
      local client = helper.client { function()
        collected()
        return { sse = helper.stream { "a", 5, "b" } }
      end }
      local function result() return client:stream("x"):result() end
      xai.run(function()
        local task = xai.spawn(result)
        xai.sleep(2)
        collected()
        assert.equal("ab", task:wait():text())
      end)
    end)

    it("is not taken away from a loop over its events", function()
      local client = helper.client { { sse = helper.stream { "a", "b", "c" } } }
      local texts = {}
      for event in client:stream("x"):events() do
        collected()
        texts[#texts + 1] = event.type == "text" and event.text or nil
      end
      assert.same({ "a", "b", "c" }, texts)
    end)
  end)

  it("keeps streams of one client apart", function()
    local client = helper.client {
      { sse = helper.stream { "a1", 2, "a2", 2, "a3" } }, { sse = helper.stream { "b1", 1, "b2", 4, "b3" } },
    }
    local a, b = assert(client:stream "a"), assert(client:stream "b")
    local function texts(stream)
      return function()
        local list = {}
        for event in stream:events() do list[#list + 1] = event.type == "text" and event.text or nil end
        return list
      end
    end
    local results = xai.all { texts(a), texts(b) }
    assert.same({ "a1", "a2", "a3" }, results[1])
    assert.same({ "b1", "b2", "b3" }, results[2])
  end)

  it("queues the other streams' events while the program waits for one of them", function()
    local client = helper.client {
      { sse = helper.stream { "a1", 1, "a2" } }, { sse = helper.stream { "b1", 1, "b2", 5, "b3" } },
    }
    local a, b = assert(client:stream "a"), assert(client:stream "b")
    b:events()
    assert.equal("a1a2", a:result():text())
    local list = {}
    for event in b:events() do list[#list + 1] = event.type == "text" and event.text or nil end
    assert.same({ "b1", "b2", "b3" }, list)
  end)

  it("leaves what is not taken on the network", function()
    local pieces = {}
    for i = 1, 500 do pieces[i] = ("x"):rep(10000) end
    local stream, wire = streaming(pieces)
    stream:events()()
    assert.is_true(wire.playing[1].at < 300) -- the wire was told "full" long before the end
    assert.equal(5000000, #stream:result():text())
  end)

  it("streams chat completions, and asks for their usage", function()
    local client, wire = helper.client { { sse = helper.chunks { "x", "y" } } }
    local stream = assert(client:chat_stream "hi")
    local list = {}
    for event in stream:events() do list[#list + 1] = event.type == "text" and event.text or nil end
    assert.same({ "x", "y" }, list)
    assert.same({ include_usage = true }, wire:body(1).stream_options)
    local response = stream:result()
    assert.equal("xy", response:text())
    assert.equal(686, response.usage.total_tokens)
  end)

  it("raises for wrong calls, at the caller's line", function()
    local stream, _, client = streaming { "a" }
    local function says(words, fn)
      local ok, fault = pcall(fn)
      assert.is_false(ok)
      assert.truthy(fault:find("stream_spec.lua:", 1, true), fault)
      assert.truthy(fault:find(words, 1, true), fault)
    end
    for _, name in ipairs { "events", "deltas", "text", "response", "result", "cancel", "is_done" } do
      says("call it with a colon", function() stream[name]() end)
    end
    says("timeout must be a number of seconds", function() stream:result "a" end)
    assert.equal("a", stream:result():text())
    client:close()
  end)

  it("does not point to a response that is not there, nor to a stream from one", function()
    local garbage = { body = ("\0\255garbage"):rep(50), headers = { ["content-type"] = "text/event-stream" } }
    local client = helper.client { garbage,
      { sse = helper.stream { "half", 1000, "never" } } }
    local response, err = client:stream("x"):result()
    assert.is_nil(response)
    assert.is_nil(err.response)
    assert.is_nil(tostring(err):find("err.response", 1, true))
    response, err = client:stream("x", { limits = { silence = 30 } }):result()
    assert.is_nil(response)
    assert.equal("timeout", err.kind)
    assert.is_nil(tostring(err):find("use a stream", 1, true))
    client:close()
  end)
end)

describe("stream:partial", function()
  local MONSTER = { type = "object", properties = { name = { type = "string" }, hp = { maximum = 99 } } }
  local asked = { input = "x", text = { format = { type = "json_schema", schema = MONSTER } } }
  local asked_in_chat = {
    messages = {}, response_format = { type = "json_schema", json_schema = { name = "m", schema = MONSTER } },
  }

  -- What partial gives after each delta, as JSON, and the reason when there is one.
  local function follow(stream)
    local seen = {}
    for event in stream:events() do
      if event.type == "text" then
        local value, reason = stream:partial()
        seen[#seen + 1] = (value == nil and "nil" or xai.json.encode(value)) .. (reason and " " .. reason.code or "")
      end
    end
    return seen
  end

  it("is the value so far, open strings included, as one table that grows", function()
    local stream = streaming { " ", '{"name":"B', 'og","hp":1', '2,"tags":["a', '"]}' }
    assert.is_nil(stream:partial())
    local first
    for event in stream:events() do
      local value, reason = stream:partial()
      first = first or value
      assert.is_true(value == first)
      assert.is_nil(reason, event.name)
    end
    assert.same({ name = "Bog", hp = 12, tags = { "a" } }, stream:partial())
    assert.equal(first, stream:partial())
    stream = streaming { " ", '{"name":"B', 'og","hp":1', '2,"tags":["a', '"]}' }
    assert.same({ "nil", '{"name":"B"}', '{"name":"Bog"}', '{"hp":12,"name":"Bog","tags":["a"]}',
      '{"hp":12,"name":"Bog","tags":["a"]}' }, follow(stream))
  end)

  it("may be asked seldom, beside the text, and first at the end", function()
    local pieces = { "[1", ",", '"a', 'b"', ",true]" }
    local stream = streaming(pieces)
    local count = 0
    for event in stream:events() do
      count = count + (event.type == "text" and 1 or 0)
      if count % 2 == 1 then stream:text() else stream:partial() end
    end
    assert.same({ 1, "ab", true }, (stream:partial()))
    stream = streaming(pieces)
    stream:result()
    assert.equal('[1,"ab",true]', stream:text())
    assert.same({ 1, "ab", true }, (stream:partial()))
  end)

  it("knows a number alone at the end, and says what is no JSON", function()
    local stream = streaming { "1", "2" }
    assert.same({ "nil", "nil" }, follow(stream))
    stream:result()
    assert.equal(12, (stream:partial()))
    stream = streaming { "Why, ", "tides" }
    assert.same({ "nil json", "nil json" }, follow(stream))
    local value, reason = stream:partial()
    assert.is_nil(value)
    assert.equal("schema", reason.kind)
    assert.is_true(errors.is(reason))
    assert.equal(0, reason.offset)
    assert.truthy(tostring(reason):find("not JSON", 1, true))
  end)

  local function with_schema(name, start)
    it("holds the text against the schema of " .. name, function()
      local stream = start { '{"name":"Bo', 'g","hp":1', "00", ',"x":1}' }
      assert.same({ '{"name":"Bo"}', '{"name":"Bog"}', '{"name":"Bog"}', '{"hp":100,"name":"Bog"} invalid' },
        follow(stream))
      local value, reason = stream:partial()
      assert.equal(100, value.hp)
      assert.equal("schema", reason.kind)
      assert.equal("/hp", reason.errors[1].instance)
      assert.is_nil(tostring(reason):find("100", 1, true))
      assert.truthy(stream:result())
      assert.equal(reason, select(2, stream:partial()))
    end)
  end
  with_schema("a response", function(pieces)
    return assert(helper.client({ { sse = helper.stream(pieces) } }):stream(asked))
  end)
  with_schema("a chat completion", function(pieces)
    return assert(helper.client({ { sse = helper.chunks(pieces) } }):chat_stream(asked_in_chat))
  end)

  it("tells when the schema of the body cannot be compiled, and reads the text without it", function()
    local client = helper.client { { sse = helper.stream { "[1]" } } }
    local stream = assert(client:stream { input = "x",
      text = { format = { type = "json_schema", schema = { ["$ref"] = "#/nowhere" } } } })
    stream:result()
    local value, reason = stream:partial()
    assert.same({ 1 }, value)
    assert.equal("schema", reason.code)
  end)

  it("F90 keeps the value of a text that stops half-way, and says why the call broke off", function()
    local client = helper.client { { sse = helper.stream({ '{"name":"Bo' }, {
      status = "incomplete", incomplete_details = { reason = "max_output_tokens" },
    }) } }
    local stream = assert(client:stream(asked))
    local _, err = stream:result()
    local value, reason = stream:partial()
    assert.same({ name = "Bo" }, value)
    assert.equal(err, reason)
    assert.equal("truncated", reason.kind)
  end)

  it("is that of the whole answer where this says something else than its deltas", function()
    local list = helper.stream { "[1", "," }
    list[#list].response = helper.response "[1,2]"
    local stream = assert(helper.client({ { sse = list } }):stream "x")
    assert.same({ "[]", "[1]" }, follow(stream))
    assert.equal("[1,2]", stream:result():text())
    assert.same({ 1, 2 }, (stream:partial()))
    assert.equal("[1,2]", stream:text())
    assert.same({ 1, 2 }, (stream:partial()))
  end)

  it("must be called with a colon", function()
    local stream = streaming { "1" }
    assert.error_matches(function() stream.partial() end, "call it with a colon")
  end)
end)
