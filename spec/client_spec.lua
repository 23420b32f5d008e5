local errors = require "xai.error"
local helper = require "spec.helper"
local loop = require "xai.loop"
local xai = require "xai"

local function raised(fn, ...)
  local ok, fault = pcall(fn, ...)
  assert.is_false(ok)
  return tostring(fault)
end

describe("xai.new", function()
  local environment
  local real_getenv = os.getenv
  before_each(function()
    environment = {}
    os.getenv = function(name) -- luacheck: ignore 122
      if name:find "^XAI_" then return environment[name] end
      return real_getenv(name)
    end
  end)
  after_each(function()
    os.getenv = real_getenv -- luacheck: ignore 122
  end)

  it("without a key says both ways out, as a fault of the world", function()
    local client, err = xai.new()
    assert.is_nil(client)
    assert.is_true(errors.is(err))
    assert.equal("auth", err.kind)
    for _, words in ipairs { "XAI_API_KEY", "api_key", "simulate = true", "XAI_SIMULATE=1" } do
      assert.truthy(tostring(err):find(words, 1, true), words)
    end
    assert.truthy(raised(function() assert(xai.new()) end):find("XAI_API_KEY", 1, true))
  end)

  it("takes an empty key for none", function()
    environment.XAI_API_KEY = ""
    assert.is_nil((xai.new()))
    assert.is_nil((xai.new { api_key = "" }))
  end)

  it("takes key and address from the environment, and what is passed before that", function()
    environment.XAI_API_KEY = "xai-from-environment"
    environment.XAI_BASE_URL = "http://127.0.0.1:9/v1"
    local client = assert(xai.new())
    assert.equal("http://127.0.0.1:9/v1", client.base_url)
    assert.is_false(client.simulated)
    client:close()
    client = assert(xai.new { base_url = "http://127.0.0.1:8/v1" })
    assert.equal("http://127.0.0.1:8/v1", client.base_url)
    client:close()
  end)

  it("F129 refuses a key with characters that do not belong, and shows none of it", function()
    for _, key in ipairs { "xai-se cret", "xai-secret\r\n", '"xai-secret"', "xai-s\195\169cret" } do
      environment.XAI_API_KEY = key
      for _, options in ipairs { {}, { api_key = key } } do
        local client, err = xai.new(options)
        assert.is_nil(client)
        assert.equal("auth", err.kind)
        assert.is_nil(tostring(err):find "cret")
      end
    end
  end)

  it("keeps the key out of the client's own tables", function()
    local client = helper.client({}, { api_key = "xai-very-secret" })
    local seen = {}
    local function search(value)
      if value == "xai-very-secret" then error "the key is there" end
      if type(value) ~= "table" or seen[value] then return end
      seen[value] = true
      for k, v in pairs(value) do
        search(k)
        search(v)
      end
    end
    search(client)
    client:close()
  end)

  it("simulates when asked to, by option or environment, and never by itself", function()
    local wire = helper.wire {}
    local client = assert(xai.new { simulate = wire })
    assert.is_true(client.simulated)
    client:close()
    environment.XAI_SIMULATE = "1"
    client = assert(xai.new())
    assert.is_true(client.simulated)
    client:close()
    assert.is_nil((xai.new { simulate = false }))
    environment.XAI_SIMULATE = "0"
    assert.is_nil((xai.new()))
  end)

  it("does not show a real key to the simulator", function()
    environment.XAI_API_KEY = "xai-real"
    local client, wire = helper.client { { json = helper.response "x" } }
    assert.truthy(client:respond "x")
    assert.equal("Bearer xai-simulated", wire:header(1, "authorization"))
    client:close()
  end)

  it("names the nearest option for a misspelt one, at the caller's line", function()
    local fault = raised(function() xai.new { tiemout = 3 } end)
    assert.truthy(fault:find('did you mean "timeout"', 1, true))
    assert.truthy(fault:find("client_spec.lua:", 1, true))
    assert.truthy(raised(xai.new, { simulate = true, limits = { conect = 1 } }):find('"connect"', 1, true))
  end)

  it("says what is wrong with an address", function()
    for _, address in ipairs { "api.x.ai", "ftp://api.x.ai/v1", "https://", "https://api.x.ai/v1?a=b" } do
      local fault = raised(function() xai.new { api_key = "xai-k", base_url = address } end)
      assert.truthy(fault:find("client_spec.lua:", 1, true), fault)
      assert.truthy(fault:find("base_url", 1, true), fault)
    end
    environment.XAI_BASE_URL = "api.x.ai"
    local client, err = xai.new { api_key = "xai-k" }
    assert.is_nil(client)
    assert.is_true(errors.is(err))
    assert.equal("url", err.code)
  end)

  it("raises for options that can be nothing, at the caller's line", function()
    for name, value in pairs { base_url = "https://a\0b", proxy = "\0", user_agent = "a\nb", seed = -1.5,
      max_calls = 0 / 0, headers = { "x-a: b" }, http = "3" } do
      local fault = raised(function() xai.new { api_key = "xai-k", [name] = value } end)
      assert.truthy(fault:find("client_spec.lua:", 1, true), fault)
      assert.truthy(fault:find(name, 1, true), fault)
    end
  end)

  it("shows what it is, and not its key", function()
    local client = assert(xai.new { api_key = "xai-very-secret", base_url = "http://127.0.0.1:9/v1" })
    assert.equal("xai.client (http://127.0.0.1:9/v1)", tostring(client))
    client:close()
    client = helper.client {}
    assert.equal("xai.client (simulated)", tostring(client))
    client:close()
  end)
end)

describe("xai.client", function()
  it("asks with a plain string", function()
    local client, wire = helper.client { { json = helper.response "Tides lag." }, { json = helper.completion "Hi." } }
    local answer = assert(client:respond "Why do tides lag?")
    assert.equal("Tides lag.", answer:text())
    assert.equal(815, answer.usage.total_tokens)
    assert.equal(15540000, answer:cost())
    assert.equal("POST", wire.requests[1].method)
    assert.truthy(wire.requests[1].url:find "/v1/responses$")
    assert.same({ model = "grok-4.6", input = "Why do tides lag?" }, wire:body(1))
    assert.equal("Hi.", client:chat("Hello"):text())
    assert.truthy(wire.requests[2].url:find "/v1/chat/completions$")
    assert.same({ model = "grok-4.6", messages = { { role = "user", content = "Hello" } } }, wire:body(2))
    client:close()
  end)

  it("passes the API's own body through, and leaves the caller's table alone", function()
    local client, wire = helper.client({ { json = helper.response "x" }, { sse = helper.stream { "x" } } },
      { model = "grok-4.3" })
    local body = { input = "q", brand_new_field = { 1, 2 }, metadata = xai.null }
    assert.truthy(client:respond(body))
    local sent = wire:body(1)
    assert.equal("grok-4.3", sent.model)
    assert.same({ 1, 2 }, sent.brand_new_field)
    assert.equal(xai.null, sent.metadata)
    assert.is_nil(sent.stream)
    assert.truthy(client:stream(body):result())
    assert.is_true(wire:body(2).stream)
    assert.is_nil(body.model)
    assert.is_nil(body.stream)
    client:close()
  end)

  it("writes request bodies with their keys in one order", function()
    local client, wire = helper.client { otherwise = { json = helper.response "x" } }
    client:respond { input = "q", temperature = 1, model = "grok-4.3" }
    assert.equal('{"input":"q","model":"grok-4.3","temperature":1}', wire.requests[1].body)
    client:close()
  end)

  it("says who answered and how", function()
    local client = helper.client { { json = helper.response "x",
      headers = { ["x-request-id"] = "req-1", ["x-ratelimit-limit-requests"] = "7200" } } }
    local meta = assert(client:respond "x"):meta()
    assert.equal(200, meta.status)
    assert.equal("req-1", meta.request_id)
    assert.equal("complete", meta.outcome)
    assert.equal(1, #meta.attempts)
    assert.equal("7200", meta.headers["x-ratelimit-limit-requests"])
    client:close()
  end)

  describe("when something goes wrong", function()
    local function failing(answer, options)
      local client, wire = helper.client({ otherwise = answer }, options)
      local response, err = client:respond "secret question"
      client:close()
      assert.is_nil(response)
      assert.is_true(errors.is(err))
      assert.is_nil(tostring(err):find("secret", 1, true))
      return err, wire
    end

    it("names a refused key", function()
      local err = failing(helper.failure(400, "invalid-argument",
        "Incorrect API key provided: xa***Zq. You can obtain an API key from https://console.x.ai."))
      assert.equal("auth", err.kind)
      assert.equal(400, err.status)
      assert.equal("refused", err.outcome)
      assert.is_false(err.retryable)
    end)

    it("counts its attempts, and stops at three", function()
      local err, wire = failing(helper.failure(503, "unavailable", "busy", { ["x-request-id"] = "req-9" }))
      assert.equal("overloaded", err.kind)
      assert.equal(3, #err.attempts)
      assert.equal(3, #wire.requests)
      assert.equal("req-9", err.request_id)
      assert.is_true(err.retryable)
      assert.truthy(tostring(err):find("3 attempts", 1, true))
    end)

    it("retries no more than told", function()
      local _, wire = failing(helper.failure(503, "unavailable", "busy"), { max_attempts = 1 })
      assert.equal(1, #wire.requests)
    end)

    it("F67 hands on a wait that is too long instead of sleeping it", function()
      local before = loop.now()
      local err = failing(helper.failure(429, "resource-exhausted", "Too many requests", { ["retry-after"] = "86400" }))
      assert.equal("rate", err.kind)
      assert.equal(86400, err.retry_after)
      assert.is_true(loop.now() - before < 1)
    end)

    it("F72 does not repeat what may have been billed, unless told to", function()
      local err, wire = failing { refuse = "reset" }
      assert.equal("network", err.kind)
      assert.equal("unknown", err.attempts[1].outcome)
      assert.equal(1, #wire.requests)
      local _, again = failing({ refuse = "reset" }, { retry_unknown = true })
      assert.equal(3, #again.requests)
    end)

    it("F06 repeats what was never sent", function()
      local err, wire = failing { refuse = "refused" }
      assert.equal("network", err.kind)
      assert.equal("not_sent", err.attempts[1].outcome)
      assert.equal(3, #wire.requests)
    end)

    it("F29 takes a page for no answer, and says what came instead", function()
      local err = failing { text = "<html><body>Welcome to the hotel</body></html>",
        headers = { ["content-type"] = "text/html" } }
      assert.equal("protocol", err.kind)
      assert.equal("not_json", err.code)
      assert.equal("failed", err.outcome)
      assert.truthy(err.message:find("HTTP 200, text/html", 1, true))
    end)

    it("ends a call at its timeout", function()
      local before = loop.now()
      local client = helper.client { { json = helper.response "late", wait = 500 } }
      local _, err = client:respond("x", { timeout = 20 })
      assert.equal("timeout", err.kind)
      assert.equal("deadline", err.code)
      assert.is_true(loop.now() - before < 21)
      client:close()
    end)

    it("can wait without end when the caller wrote so", function()
      local client = helper.client { { json = helper.response "late", wait = 1e6 } }
      local limits = { first_event = math.huge, silence = math.huge, data_silence = math.huge }
      assert.equal("late", client:respond("x", { timeout = math.huge, limits = limits }):text())
      client:close()
    end)
  end)

  describe("an answer cut at a token limit", function()
    local cut
    before_each(function()
      cut = helper.response("half an ans", { status = "incomplete",
        incomplete_details = { reason = "max_output_tokens" } })
    end)

    it("is an error that has what arrived", function()
      local client = helper.client { { json = cut } }
      local response, err = client:respond "x"
      assert.is_nil(response)
      assert.equal("truncated", err.kind)
      assert.equal("incomplete", err.outcome)
      assert.equal("max_output_tokens", err.reason)
      assert.equal("half an ans", err.response:text())
      assert.equal(15540000, err.response:cost())
      client:close()
    end)

    it("is a response for those who allow it, by call or by client", function()
      local client = helper.client { otherwise = { json = cut } }
      local response = assert(client:respond("x", { allow_truncated = true }))
      assert.equal("half an ans", response:text())
      assert.equal("incomplete", response:meta().outcome)
      client:close()
      client = helper.client({ otherwise = { json = cut } }, { allow_truncated = true })
      assert.truthy(client:respond "x")
      local refused, err = client:respond("x", { allow_truncated = false })
      assert.is_nil(refused)
      assert.equal("truncated", err.kind)
      client:close()
    end)

    it("is cut in chat completions, too", function()
      local client = helper.client { otherwise = { json = helper.completion("half", { finish_reason = "length" }) } }
      local _, err = client:chat "x"
      assert.equal("truncated", err.kind)
      assert.equal("half", err.response:text())
      assert.equal("half", client:chat("x", { allow_truncated = true }):text())
      client:close()
    end)
  end)

  it("sends headers of client and call, the call's first, and refuses broken ones", function()
    local client, wire = helper.client({ otherwise = { json = helper.response "x" } },
      { headers = { ["x-a"] = "client", ["x-b"] = "client" } })
    assert.truthy(client:respond("x", { headers = { ["x-b"] = "call" } }))
    assert.equal("client", wire:header(1, "x-a"))
    assert.equal("call", wire:header(1, "x-b"))
    assert.truthy(client:respond("x", { headers = { ["X-B"] = 7 } }))
    assert.equal("7", wire:header(2, "x-b"))
    local function refused(headers, words)
      local fault = raised(function() client:respond("x", { headers = headers }) end)
      assert.truthy(fault:find("client_spec.lua:", 1, true), fault)
      assert.truthy(fault:find(words, 1, true), fault)
      assert.is_nil(fault:find("s3cret", 1, true))
    end
    refused({ ["x-c"] = "s3cret\r\nx-d: b" }, '"x-c"')
    refused({ ["x-c"] = "a\0b" }, '"x-c"')
    refused({ ["x-c"] = "s3cr\195\169t" }, '"x-c"')
    refused({ "x-c: s3cret" }, "a name must be a string, not a number")
    refused({ ["x-c"] = {} }, 'the value of "x-c" must be a string or a number, not a table')
    refused({ ["x c"] = "1" }, '"x?c" is no header\'s name')
    refused({ [""] = "1" }, "no header's name")
    refused({ ["content-length"] = "1" }, "content-length")
    assert.equal(2, #wire.requests)
    client:close()
  end)

  it("sends an empty list as one", function()
    local client, wire = helper.client { otherwise = { json = helper.response "x" } }
    local body = { input = {}, tools = {}, include = {}, metadata = {} }
    client:respond(body)
    assert.equal('{"include":[],"input":[],"metadata":{},"model":"grok-4.6","tools":[]}', wire.requests[1].body)
    assert.is_nil(getmetatable(body.input))
    client:chat { messages = {}, stop = {} }
    assert.equal('{"messages":[],"model":"grok-4.6","stop":[]}', wire.requests[2].body)
    client:request { path = "/responses", body = { input = {} } }
    assert.equal('{"input":[]}', wire.requests[3].body)
    client:request { path = "/files", body = { input = {} } }
    assert.equal('{"input":{}}', wire.requests[4].body)
    client:close()
  end)

  it("says that a method wants a colon", function()
    local client = helper.client {}
    for _, fault in ipairs {
      raised(function() client.respond("x") end), raised(function() client.stream { input = "x" } end),
      raised(function() client.request { path = "/x" } end), raised(function() client.models() end),
      raised(function() client.conversation() end), raised(function() client.step() end),
    } do
      assert.truthy(fault:find("client_spec.lua:", 1, true), fault)
      assert.truthy(fault:find("with a colon", 1, true), fault)
    end
    client:close()
  end)

  it("raises for the programmer's mistakes, at the line that made them", function()
    local client = helper.client {}
    for _, fault in ipairs {
      raised(function() client:respond(42) end),
      raised(function() client:respond { stream = true, input = "x" } end),
      raised(function() client:respond("x", { timeuot = 1 }) end),
      raised(function() client:stream("x", { limits = { silense = 1 } }) end),
      raised(function() client:request { path = "models" } end),
      raised(function() client:request { path = "/models", reply = "xml" } end),
      raised(function() client:request() end),
      raised(function() client:request { path = "/a b" } end),
      raised(function() client:request { path = "/a\0b" } end),
      raised(function() client:request { path = "/a#b" } end),
      raised(function() client:request { path = "/a\r\nHost: b" } end),
      raised(function() client:request { path = "/a", method = "get" } end),
      raised(function() client:request { path = "/a", headers = { "x" } } end),
      raised(function() client:step(-1) end),
      raised(function() client:conversation():say("x", { headers = { "x" } }) end),
    } do
      assert.truthy(fault:find("client_spec.lua:", 1, true), fault)
    end
    client:close()
  end)

  it("says where a body cannot be written as JSON", function()
    local client = helper.client {}
    local cyclic = {}
    cyclic.input = { cyclic }
    for _, body in ipairs { { input = { print } }, { input = "x", temperature = 0 / 0 }, cyclic } do
      local response, err = client:respond(body)
      assert.is_nil(response)
      assert.is_true(errors.is(err))
      assert.equal("usage", err.kind)
    end
    client:close()
  end)

  describe("request", function()
    it("serves any path", function()
      local client, wire = helper.client { { json = { id = "file-1" } }, { json = { deleted = true } } }
      assert.equal("file-1", client:request({ path = "/files", body = { name = "a" } }).id)
      assert.equal("POST", wire.requests[1].method)
      assert.is_true(client:request({ method = "DELETE", path = "/files/file-1" }).deleted)
      assert.equal("DELETE", wire.requests[2].method)
      client:close()
    end)

    it("gives an answer's methods to what is one", function()
      local client = helper.client { { json = helper.response "stored" } }
      assert.equal("stored", client:request({ path = "/responses/3f0c9a52" }):text())
      client:close()
    end)

    it("gives bytes as they are, and null for an empty body", function()
      local client = helper.client { { text = "raw \0 bytes" }, { status = 202 } }
      assert.equal("raw \0 bytes", client:request { path = "/files/1/content", reply = "bytes" })
      local value, err, meta = client:request { path = "/x", reply = "json" }
      assert.equal(xai.null, value)
      assert.is_nil(err)
      assert.equal(202, meta.status)
      client:close()
    end)

    it("gives the API's error otherwise", function()
      local client = helper.client { helper.failure(404, "not-found", "No such file") }
      local value, err = client:request { path = "/files/none" }
      assert.is_nil(value)
      assert.equal("not_found", err.kind)
      client:close()
    end)
  end)

  it("lists the models", function()
    local client, wire = helper.client { { json = { object = "list", data = { { id = "grok-4.6" } } } } }
    assert.equal("grok-4.6", client:models()[1].id)
    assert.equal("GET", wire.requests[1].method)
    client:close()
  end)

  it("takes odd answers for no list of models", function()
    for _, odd in ipairs { "[1,2,3]", "5", "null", "{}", '{"data":5}', '{"data":{"a":1}}', '{"data":[null]}',
      '{"models":[{"id":5}]}', '"data"' } do
      local client = helper.client { otherwise = { body = odd } }
      for _, method in ipairs { "models", "refresh_prices" } do
        local list, err = client[method](client)
        assert.is_nil(list)
        assert.is_true(errors.is(err))
        assert.equal("protocol", err.kind, method .. odd)
      end
      client:close()
    end
    local client = helper.client { { body = '{"data":[]}' } }
    assert.same({}, client:models())
    client:close()
  end)

  it("refreshes its own price book and nobody else's", function()
    local entry = { id = "grok-9", aliases = {}, prompt_text_token_price = 100, cached_prompt_text_token_price = 100,
      completion_text_token_price = 100, long_context_threshold = 0 }
    local answers = { { json = { models = { entry } } }, { json = helper.response("x", { model = "grok-9" }) } }
    local client = helper.client(answers)
    assert.truthy(client:refresh_prices())
    assert.equal(81500, client:respond("x"):cost())
    client:close()
    local other = helper.client { { json = helper.response("x", { model = "grok-9" }) } }
    assert.is_nil((other:respond("x"):cost()))
    other:close()
  end)

  it("F84 holds the calls of a request's answer against the functions of its body", function()
    local answer = helper.completion("", { finish_reason = "tool_calls", message = { role = "assistant", tool_calls = {
      { id = "c-1", type = "function", ["function"] = { name = "whether", arguments = "{}" } } } } })
    local weather = { { type = "function", ["function"] = { name = "weather", parameters = {} } } }
    for _, tools in ipairs { weather, false } do
      local client = helper.client { { json = answer } }
      local response = assert(client:request { path = "/chat/completions", body = { messages = {},
        tools = tools or nil } })
      assert.equal("unknown_tool", response:tool_calls()[1].error.code)
      client:close()
    end
    local client = helper.client { { json = answer } }
    local response = assert(client:request { path = "/chat/completions", body = '{"messages":[]}' })
    assert.is_nil(response:tool_calls()[1].error) -- of a body that is text nothing is known
    client:close()
  end)

  describe("chat_deferred", function()
    it("polls until the answer is there", function()
      local client, wire = helper.client {
        { json = { request_id = "d-1" } }, { status = 202 }, { status = 202 }, { json = helper.completion "at last" },
      }
      local before = loop.now()
      local response = assert(client:chat_deferred("x", { every = 5 }))
      assert.equal("at last", response:text())
      assert.is_true(wire:body(1).deferred)
      assert.truthy(wire.requests[4].url:find "/chat/deferred%-completion/d%-1$")
      assert.equal(200, response:meta().status)
      assert.equal(1, #response:meta().attempts)
      assert.is_true(loop.now() - before >= 10)
      client:close()
    end)

    it("leaves the program's own body as it was", function()
      local client = helper.client { { json = { request_id = "d-1" } }, { json = helper.completion "at last" } }
      local body = { model = "grok-4.6", messages = { { role = "user", content = "x" } } }
      assert(client:chat_deferred(body))
      assert.same({ model = "grok-4.6", messages = { { role = "user", content = "x" } } }, body)
      client:close()
    end)

    it("F81 holds its calls against the functions it offered", function()
      local offered = { { type = "function", ["function"] = { name = "weather", parameters = {
        type = "object", required = { "city" } } } } }
      local function called(name)
        return helper.completion("", { finish_reason = "tool_calls", message = { role = "assistant", tool_calls = {
          { id = "c-1", type = "function", ["function"] = { name = name, arguments = "{}" } } } } })
      end
      local function first_fault(name)
        local client = helper.client { { json = { request_id = "d-1" } }, { json = called(name) } }
        local response = assert(client:chat_deferred { messages = {}, tools = offered })
        client:close()
        return response:tool_calls()[1].error.code
      end
      assert.equal("arguments", first_fault "weather")
      assert.equal("unknown_tool", first_fault "whether")
    end)

    it("takes odd tickets and odd answers for what they are", function()
      for _, odd in ipairs { "5", "null", "[1]", "{}", '{"request_id":null}', '{"request_id":"a b"}' } do
        local client, wire = helper.client { { body = odd } }
        local response, err = client:chat_deferred "x"
        assert.is_nil(response)
        assert.equal("protocol", err.kind)
        assert.equal(1, #wire.requests)
        client:close()
      end
      for _, odd in ipairs { "5", "[1]", "{}", '{"choices":null}' } do
        local client = helper.client { { json = { request_id = "d-1" } }, { body = odd } }
        local response, err = client:chat_deferred "x"
        assert.is_nil(response)
        assert.equal("protocol", err.kind)
        client:close()
      end
      local client = helper.client { { json = { request_id = "d-1" } },
        { body = '{"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}]}' } }
      assert.equal("yes", client:chat_deferred("x"):text())
      client:close()
    end)

    it("gives up when its patience is over, with the id to ask again", function()
      local client = helper.client { { json = { request_id = "d-1" } }, otherwise = { status = 202 } }
      local response, err = client:chat_deferred("x", { patience = 30 })
      assert.is_nil(response)
      assert.equal("timeout", err.kind)
      assert.equal("d-1", err.request_id)
      client:close()
    end)
  end)

  describe("close", function()
    it("ends everything in flight, wakes who waits, and makes further use an error", function()
      local client = helper.client { otherwise = { json = helper.response "x", wait = 100 } }
      local err
      xai.run(function()
        local task = xai.spawn(function() return client:respond "x" end)
        xai.sleep(1)
        client:close()
        local _
        _, err = task:wait()
      end)
      assert.equal("cancelled", err.kind)
      assert.truthy(raised(function() client:respond "x" end):find("closed", 1, true))
      assert.truthy(raised(function() client:step() end):find("closed", 1, true))
      local fault = raised(function() client:models() end)
      assert.truthy(fault:find("client_spec.lua:%d+: this client has been closed"), fault)
      client:close()
      assert.truthy(raised(function() client.close() end):find("client_spec.lua:%d+: this is a method of a client"))
    end)
  end)

  it("can be driven from a frame loop", function()
    local client = helper.client { { sse = helper.stream { "a", "b" } } }
    local stream = assert(client:stream "x")
    stream:events()
    local frames = 0
    while not stream:is_done() and frames < 100 do
      client:step()
      frames = frames + 1
    end
    assert.equal("ab", stream:text())
    assert.equal(0, client:pending())
    client:close()
  end)
end)
