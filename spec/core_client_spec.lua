--- The client of the C module over the scripted wire: calls, retries, errors, ends, and who may use it when.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"

local function config_of(extra)
  local config = { api_key = "xai-test-key", base_url = "http://wire/v1", transport = "scripted", clock = "manual",
    seed = 7 }
  for name, value in pairs(extra or {}) do config[name] = value end
  return config
end

local function client(extra)
  return assert(core.client(config_of(extra)))
end

local function sse(events)
  local list = {}
  for i, event in ipairs(events) do list[i] = "event: " .. event.type .. "\ndata: " .. core.encode(event) .. "\n\n" end
  return table.concat(list)
end

local function message(text)
  return { type = "message", id = "m1", role = "assistant", status = "completed",
    content = core.array { { type = "output_text", text = text } } }
end

local function answer(text)
  return { id = "r1", object = "response", status = "completed", output = core.array { message(text) } }
end

-- The events of a stream whose text comes in pieces.
local function stream_of(...)
  local pieces = { ... }
  local events = {
    { type = "response.created",
      response = { id = "r1", object = "response", status = "in_progress", output = core.array() } },
    { type = "response.output_item.added", output_index = 0,
      item = { type = "message", id = "m1", role = "assistant", status = "in_progress", content = core.array() } },
    { type = "response.content_part.added", output_index = 0, content_index = 0,
      part = { type = "output_text", text = "" } },
  }
  for _, piece in ipairs(pieces) do
    events[#events + 1] = { type = "response.output_text.delta", output_index = 0, content_index = 0, delta = piece }
  end
  events[#events + 1] = { type = "response.completed", response = answer(table.concat(pieces)) }
  return sse(events)
end

-- Every event that is there, as lists of the values next() gives.
local function pull(handle)
  local events = {}
  while true do
    local event = { handle:next() }
    if #event == 0 then return events end
    events[#events + 1] = event
  end
end

local function start(handle, extra)
  local request = { path = "/responses", body = "{}", stream = true }
  for name, value in pairs(extra or {}) do request[name] = value end
  return assert(handle:start(request))
end

local function head(handle, id, status, content_type, headers)
  handle:wire_status(id, status)
  handle:wire_header(id, "content-type", content_type)
  for name, value in pairs(headers or {}) do handle:wire_header(id, name, value) end
end

local function take(handle)
  assert(handle:step(0))
  return assert(handle:wire_next())
end

-- Plays one whole answer to the next request; its events.
local function play(handle, status, content_type, body, headers)
  local wire = take(handle)
  head(handle, wire.id, status, content_type, headers)
  assert.is_true(handle:wire_body(wire.id, body))
  handle:wire_finish(wire.id, "done")
  assert(handle:step(0))
  return pull(handle), wire
end

local function the_end(events)
  local last = events[#events]
  assert.equal("end", last[2])
  return last[3]
end

local EVENTS, JSON = "text/event-stream", "application/json"

describe("xai.core", function()
  it("names its kinds and codes", function()
    local hints = {}
    for _, kind in ipairs(core.kinds) do hints[kind.name] = kind.hint end
    assert.truthy(hints.rate:find("retry_after", 1, true))
    assert.equal("", hints.cancelled)
    assert.same({ number = -202, text = "could not connect" }, core.codes.connect)
    assert.equal(-901, core.codes.nomem.number)
  end)

  it("has a version and a clock that does not go back", function()
    assert.truthy(core.version:find("^%d+%.%d+%.%d+$"))
    local before = core.now()
    assert.is_true(core.now() >= before)
  end)

  it("is the same module when it is loaded again", function()
    local before = package.loaded["xai.core"]
    package.loaded["xai.core"] = nil
    local again = require "xai.core"
    package.loaded["xai.core"] = before
    assert.equal(before.array_mt, again.array_mt)
    assert.equal("[1e999]", again.encode { before.number "1e999" })
  end)
end)

describe("xai.core.client", function()
  it("puts key, path, body and headers on the wire", function()
    local handle = client { user_agent = "spec/1" }
    start(handle, { body = '{"a":1}', headers = { { "X-Trace", "t1" }, { "X-Second", "t2" } } })
    local wire = take(handle)
    assert.equal("POST", wire.method)
    assert.equal("http://wire/v1/responses", wire.url)
    assert.equal('{"a":1}', wire.body)
    local headers = {}
    for _, pair in ipairs(wire.headers) do headers[pair[1]:lower()] = pair[2] end
    assert.equal("Bearer xai-test-key", headers.authorization)
    assert.equal("t1", headers["x-trace"])
    assert.equal("t2", headers["x-second"])
    assert.equal(EVENTS, headers.accept)
    assert.equal("spec/1 ", headers["user-agent"]:sub(1, 7))
    assert.is_nil(handle:wire_next())
    assert.is_true(handle:wire_live(wire.id))
    handle:close()
  end)

  it("streams a response as values and ends with the API's own object", function()
    local handle = client()
    local id = start(handle)
    assert.equal(1, handle:pending())
    local events = play(handle, 200, EVENTS, stream_of("Hel", "lo"), { ["x-request-id"] = "req-1" })
    local text, names = {}, {}
    for _, e in ipairs(events) do
      assert.equal(id, e[1])
      if e[2] == "text" then
        text[#text + 1] = e[3]
        assert.equal("response.output_text.delta", e[4])
        assert.equal(e[3], core.decode(e[5]).delta)
        assert.equal(0, e[6])
        assert.equal(0, e[7])
      elseif e[2] == "api" then
        names[#names + 1] = e[4]
      end
    end
    assert.equal("Hello", table.concat(text))
    assert.equal("response.created", names[1])
    local result = the_end(events)
    assert.equal("complete", result.outcome)
    assert.is_nil(result.error)
    assert.equal("Hello", result.text)
    assert.same(answer "Hello", result.response)
    assert.equal(core.array_mt, getmetatable(result.response.output))
    assert.equal(200, result.status)
    assert.equal(EVENTS, result.content_type)
    assert.equal("req-1", result.request_id)
    assert.equal(1, #result.attempts)
    assert.equal("answered", result.attempts[1].outcome)
    assert.is_nil(result.attempts[1].code)
    assert.equal(200, result.attempts[1].status)
    assert.is_false(result.marker_missing)
    assert.equal(0, handle:pending())
    handle:close()
  end)

  it("tells of an end what it is asked for, also when the client has gone", function()
    local handle = client()
    start(handle, { stream = false })
    local result = the_end(play(handle, 200, JSON, core.encode(answer "x"),
      { ["X-Request-Id"] = "req-1", ["cf-ray"] = "8a", ["x-other"] = "?" }))
    handle:close()
    collectgarbage()
    assert.is_nil(rawget(result, "attempts"))
    assert.is_nil(result.no_such_thing)
    assert.equal("answered", rawget(result, "attempts")[1].outcome)
    assert.same({ ["x-request-id"] = "req-1", ["cf-ray"] = "8a" }, result.headers)
    assert.same({ answered = 1, refused = 0, not_sent = 0, unknown = 0 }, result.counts)
    assert.is_nil(result.reason)
    assert.is_nil(getmetatable(result))
    assert.is_nil(rawget(result, "told"))
  end)

  it("posts a body without further ado", function()
    local handle = client()
    assert.error_matches(function() handle:post("/a", "none", false, "{}", "m") end, "'reply' cannot be 'none'")
    assert.error_matches(function() handle:post("/a", "json", false) end, "string expected")
    for _, model in ipairs { "m", "m\0", 1 } do
      local id = assert(handle:post("/responses", "responses", true, '{"a":1}', model))
      local wire = take(handle)
      assert.same({ id, "POST", '{"a":1}' }, { wire.call, wire.method, wire.body })
      handle:cancel(id)
      pull(handle)
    end
    local id, err = handle:post("no path", "responses", false, "{}", "m")
    assert.is_nil(id)
    assert.equal("usage", err.kind)
    handle:close()
  end)

  it("knows the answer's headers until the next event is asked for", function()
    local handle = client()
    start(handle, { stream = false })
    local wire = take(handle)
    head(handle, wire.id, 200, JSON, { ["x-request-id"] = "req-1" })
    handle:wire_body(wire.id, core.encode(answer "x"))
    handle:wire_finish(wire.id, "done")
    assert(handle:step(0))
    assert.is_nil(handle:header "x-request-id")
    local word
    repeat word = select(2, handle:next()) until word == "end"
    assert.equal("req-1", handle:header "X-Request-ID")
    assert.is_nil(handle:header "x-none")
    assert.is_nil(handle:next())
    assert.is_nil(handle:header "x-request-id")
    handle:close()
  end)

  it("shows the response so far", function()
    local handle = client()
    local id = start(handle)
    assert.is_nil(handle:response(id))
    local wire = take(handle)
    head(handle, wire.id, 200, EVENTS)
    local body = stream_of("Hel", "lo")
    handle:wire_body(wire.id, body:sub(1, (body:find("event: response.completed", 1, true)) - 1))
    local seen = {}
    for event in function() local e = { handle:next() } return e[1] and e end do
      if event[2] == "text" then
        seen[#seen + 1] = handle:response(id).output[1].content[1].text
      end
    end
    assert.equal("Hello", seen[#seen])
    handle:close()
  end)

  it("gives a large event whole", function()
    local handle = client()
    start(handle)
    local large = ("x"):rep(20000)
    local events = play(handle, 200, EVENTS, stream_of("a", large))
    local text = {}
    for _, e in ipairs(events) do
      if e[2] == "text" then text[#text + 1] = e[3] end
    end
    assert.equal("a" .. large, table.concat(text))
    assert.equal("a" .. large, the_end(events).text)
    handle:close()
  end)

  it("reads a whole JSON answer, and bytes", function()
    local handle = client()
    start(handle, { path = "/models", body = false or nil, stream = false, method = "GET" })
    local result = the_end((play(handle, 200, JSON, '{"data":[{"id":"grok-4.6"}]}')))
    assert.equal("grok-4.6", result.response.data[1].id)
    start(handle, { path = "/files/1/content", stream = false, reply = "bytes" })
    result = the_end((play(handle, 200, "application/octet-stream", "a\0b")))
    assert.equal("complete", result.outcome)
    assert.equal("a\0b", result.body)
    assert.is_nil(result.response)
    handle:close()
  end)

  it("shapes an API error", function()
    local handle = client()
    start(handle, { stream = false })
    local result = the_end((play(handle, 400, JSON, '{"code":"invalid-argument","error":"model is unknown"}',
      { ["x-request-id"] = "req-9" })))
    assert.equal("refused", result.outcome)
    local err = result.error
    assert.equal("api", err.code)
    assert.equal(core.codes.api.number, err.number)
    assert.equal("invalid-argument", err.api_code)
    assert.equal(400, err.status)
    assert.equal("req-9", err.request_id)
    assert.is_false(err.retryable)
    assert.is_nil(err.retry_after)
    assert.is_nil(err.offset)
    assert.truthy(err.message:find("model is unknown", 1, true))
    assert.is_string(err.hint)
    assert.truthy(result.body:find("model is unknown", 1, true))
    handle:close()
  end)

  it("retries a 503 once the clock allows it and reports both attempts", function()
    local handle = client()
    local id = start(handle)
    local events = play(handle, 503, JSON, '{"error":"busy"}')
    assert.equal(1, #events)
    local got, word, wait, attempt, err = (table.unpack or unpack)(events[1]) -- luacheck: ignore
    assert.equal(id, got)
    assert.equal("retry", word)
    assert.is_true(wait > 0 and wait <= 8)
    assert.equal("refused", attempt.outcome)
    assert.equal("api", attempt.code)
    assert.equal(503, attempt.status)
    assert.equal("overloaded", err.kind)
    assert.is_true(err.retryable)
    assert.is_nil(handle:wire_next())
    assert.is_true(math.abs(handle:timeout() - wait) < 1e-6)
    handle:advance(wait)
    events = play(handle, 200, EVENTS, stream_of("ok"))
    local result = the_end(events)
    assert.equal("complete", result.outcome)
    assert.equal(2, #result.attempts)
    assert.is_true(math.abs(result.attempts[2].waited - wait) < 1e-6)
    assert.is_true(result.attempts[2].started >= wait - 1e-6)
    handle:close()
  end)

  it("waits as long as Retry-After says", function()
    local handle = client()
    start(handle)
    local events = play(handle, 429, JSON, '{"error":"slow down"}', { ["retry-after"] = "7" })
    assert.equal(7, events[1][3])
    assert.equal(7, events[1][5].retry_after)
    handle:close()
  end)

  it("does not repeat what may have been billed", function()
    local handle = client()
    start(handle)
    local wire = take(handle)
    handle:wire_finish(wire.id, "reset")
    assert(handle:step(0))
    local result = the_end(pull(handle))
    assert.equal("failed", result.outcome)
    assert.equal("reset", result.error.code)
    assert.equal("network", result.error.kind)
    assert.is_nil(result.error.status)
    assert.equal(1, #result.attempts)
    assert.equal("unknown", result.attempts[1].outcome)
    assert.is_nil(result.status)
    handle:close()
  end)

  it("gives every way a wire can end its code", function()
    local codes = { refused = "connect", resolve = "resolve", tls = "tls", timeout = "connect", reset = "reset" }
    for how, code in pairs(codes) do
      local handle = client { limits = { max_attempts = 1 } }
      start(handle)
      handle:wire_finish(take(handle).id, how)
      assert(handle:step(0))
      assert.equal(code, the_end(pull(handle)).error.code, how)
      handle:close()
    end
  end)

  it("calls a cut stream incomplete and keeps what came", function()
    local handle = client()
    start(handle)
    local wire = take(handle)
    head(handle, wire.id, 200, EVENTS)
    local body = stream_of("Hel", "lo")
    handle:wire_body(wire.id, body:sub(1, (body:find("event: response.completed", 1, true)) - 1))
    handle:wire_finish(wire.id, "done")
    assert(handle:step(0))
    local events = pull(handle)
    assert(handle:step(0))
    for _, event in ipairs(pull(handle)) do events[#events + 1] = event end
    local result = the_end(events)
    assert.equal("incomplete", result.outcome)
    assert.equal("early", result.error.code)
    assert.equal("Hello", result.text)
    assert.equal("Hello", result.response.output[1].content[1].text)
    handle:close()
  end)

  it("says the text of an answer that came whole once, in its response", function()
    local handle = client()
    start(handle, { stream = false })
    local wire = take(handle)
    head(handle, wire.id, 200, JSON)
    handle:wire_body(wire.id, core.encode(answer "Hello"))
    handle:wire_finish(wire.id, "done")
    assert(handle:step(0))
    local result = the_end(pull(handle))
    assert.equal("complete", result.outcome)
    assert.equal("Hello", result.response.output[1].content[1].text)
    assert.is_nil(result.text)
    handle:close()
  end)

  it("ends a call at its deadline", function()
    local handle = client { limits = { deadline = 3 } }
    start(handle)
    local wire = take(handle)
    assert.equal(3, handle:timeout())
    handle:advance(3)
    assert(handle:step(60))
    local result = the_end(pull(handle))
    assert.equal("deadline", result.error.code)
    assert.equal("timeout", result.error.kind)
    assert.is_false(handle:wire_live(wire.id))
    handle:close()
  end)

  it("holds bytes back until events are pulled", function()
    local handle = client()
    start(handle)
    local wire = take(handle)
    head(handle, wire.id, 200, EVENTS)
    local delta = sse { { type = "response.output_text.delta", output_index = 0, content_index = 0, delta = "x" } }
    local full = false
    for _ = 1, 100000 do
      if not handle:wire_body(wire.id, delta) then
        full = true
        break
      end
    end
    assert.is_true(full)
    assert.is_true(#pull(handle) > 0)
    assert.is_true(handle:wire_body(wire.id, delta))
    handle:close()
  end)

  it("cancels with an END, and a stale id is harmless", function()
    local handle = client()
    local id = start(handle)
    local wire = take(handle)
    handle:cancel(id)
    local events = pull(handle)
    assert.equal(1, #events)
    local result = the_end(events)
    assert.equal("cancelled", result.outcome)
    assert.equal("cancelled", result.error.code)
    assert.is_false(handle:wire_live(wire.id))
    for _, stale in ipairs { id, 0, -1, 1.5, 2 ^ 40, 12345 } do
      handle:cancel(stale)
      assert.is_nil(handle:response(stale))
      assert.is_false(handle:wire_live(stale))
    end
    handle:wire_status(wire.id, 200)
    handle:wire_header(wire.id, "a", "b")
    assert.is_true(handle:wire_body(wire.id, "x"))
    handle:wire_finish(wire.id, "done")
    assert.is_nil(handle:next())
    assert.equal(0, handle:pending())
    local again = start(handle)
    assert.are_not.equal(id, again)
    handle:cancel(id)
    assert.is_nil(handle:next())
    assert.equal(1, handle:pending())
    handle:close()
  end)

  it("fails as data for what the world may hand in", function()
    local function fails(code, extra)
      local none, err = core.client(config_of(extra))
      assert.is_nil(none)
      assert.equal(code, err.code)
      assert.is_nil(err.message:find("secret", 1, true))
    end
    fails("key", { api_key = "secret\r\nX: y" })
    fails("key", { api_key = "" })
    fails("url", { base_url = "ftp://wire" })
    fails("arg", { user_agent = "a\nb" })
    local handle = client { max_calls = 1 }
    local function refuses(code, request)
      local none, err = handle:start(request)
      assert.is_nil(none)
      assert.equal(code, err.code)
    end
    refuses("arg", { path = "responses" })
    refuses("arg", { path = "/a\0b" })
    refuses("arg", { path = "/a", headers = { { "X-A", "b\r\nc" } } })
    refuses("arg", { path = "/a", headers = { { "X-A", "b\0c" } } })
    refuses("arg", { path = "/a", headers = { { "Host", "elsewhere" } } })
    start(handle)
    refuses("full", { path = "/a" })
    handle:close()
  end)

  it("raises for the programmer's mistakes", function()
    local handle = client()
    local function raises(pattern, fn, ...)
      local ok, raised = pcall(fn, ...)
      assert.is_false(ok)
      assert.truthy(tostring(raised):find(pattern), tostring(raised))
    end
    raises("table expected", core.client)
    raises("'api_key' must be a string", core.client, { api_key = 12 })
    raises("'api_key' holds a NUL", core.client, { api_key = "a\0b" })
    raises("'transport' cannot be 'pigeon'", core.client, { transport = "pigeon" })
    raises("'limits' must be a table", core.client, { limits = 3 })
    raises("'deadline' must be a number of seconds", core.client, { limits = { deadline = -1 } })
    raises("'deadline' must be a number of seconds", core.client, { limits = { deadline = 0 / 0 } })
    raises("'max_attempts' must be a whole number", core.client, { limits = { max_attempts = 0 } })
    raises("'path' is missing", handle.start, handle, {})
    raises("'body' must be a string", handle.start, handle, { path = "/a", body = {} })
    raises("'stream' must be a boolean", handle.start, handle, { path = "/a", stream = 1 })
    raises("'reply' cannot be 'xml'", handle.start, handle, { path = "/a", reply = "xml" })
    raises("list of {name, value}", handle.start, handle, { path = "/a", headers = { "a: b" } })
    raises("list of {name, value}", handle.start, handle, { path = "/a", headers = { { "a" } } })
    raises("not a client", handle.step, {})
    raises("not a client", handle.next, io.stdout)
    raises("not a client", handle.close, core.sse())
    raises("seconds", handle.step, handle, -1)
    raises("seconds", handle.advance, handle, -1)
    raises("'how' cannot be 'oops'", handle.wire_finish, handle, 1, "oops")
    raises("not a list of open clients", core.wait, { {} }, 0)
    raises("nothing would ever end it", core.wait, {})
    local real = assert(core.client { transport = "scripted" })
    raises("clock", real.advance, real, 1)
    real:close()
    handle:close()
  end)

  it("fills a lot with what events are made of, each JSON in a string or a block", function()
    local handle = client()
    local id = start(handle)
    local wire = take(handle)
    head(handle, wire.id, 200, EVENTS)
    handle:announce(id, true)
    local texts = {}
    for i = 1, 30 do texts[i] = "<" .. i .. ">" end
    assert.is_true(handle:wire_body(wire.id, stream_of((table.unpack or unpack)(texts))))
    assert.has_error(function() handle:take(id, {}, 64) end, "take: a lot needs a table 'list'")
    local lot, seen = { list = {}, runs = {}, raws = {} }, 0
    repeat
      local count, word = handle:take(id, lot, 12)
      local runs = lot.runs
      for run = 1, runs[1] do
        local at = 5 * run - 3
        local first, block, base = runs[at], runs[at + 3], runs[at + 4]
        local last = run < runs[1] and runs[at + 5] - 1 or count
        for i = first, last do
          local raw = block and block:text(i - base) or lot.raws[i - base]
          if seen < 30 and core.decode(raw).delta == texts[seen + 1] then
            seen = seen + 1
            assert.equal(texts[seen], lot.list[i])
            if block then assert.same(core.decode(raw), block:decode(i - base)) end
          end
        end
        if block then
          assert.has_error(function() block:text(last - base + 64) end)
          assert.has_error(function() block:text(-1) end)
          assert.has_error(function() block:decode(0.5) end)
          assert.has_error(function() block:text("0") end)
          assert.has_error(function() block.text({}, 0) end, "not a block: call its methods with ':'")
        end
      end
    until word ~= "more"
    assert.equal(30, seen)
    handle:close()
  end)

  it("fills a lot sparingly: the JSON into one block, which is used again unless somebody took it away", function()
    local handle = client()
    local id = start(handle)
    local wire = take(handle)
    head(handle, wire.id, 200, EVENTS)
    handle:announce(id, true)
    local function delta(text)
      return sse { { type = "response.output_text.delta", output_index = 0, content_index = 0, delta = text } }
    end
    local lot, ends = { list = {}, runs = {}, raws = {} }, {}
    -- Takes them, holds each against its JSON, and gives their texts.
    local function taken()
      local count, word = handle:take(id, lot, 64, true)
      local runs, texts = lot.runs, {}
      for run = 1, runs[1] do
        local at = 5 * run - 3
        for i = runs[at], run < runs[1] and runs[at + 5] - 1 or count do
          local block = runs[at + 3]
          assert.equal(block or nil, block and lot.block or nil)
          local raw = block and block:text(i - runs[at + 4]) or lot.raws[i - runs[at + 4]]
          assert.equal(not block, #raw >= 4096)
          assert.equal(core.decode(raw).delta, lot.list[i])
          texts[i] = lot.list[i]
        end
      end
      ends[#ends + 1] = word
      return texts
    end
    local function sent(...)
      for _, text in ipairs { ... } do assert.is_true(handle:wire_body(wire.id, delta(text))) end
    end
    sent("a", "b", ("c"):rep(5000), "d")
    assert.same({ "a", "b", ("c"):rep(5000), "d" }, taken())
    local first = lot.block
    sent("e", "f")
    assert.same({ "e", "f" }, taken())
    assert.equal(first, lot.block)
    lot.block = nil
    sent "g"
    assert.same({ "g" }, taken())
    assert.is_true(first ~= lot.block and first:text(0) ~= lot.block:text(0))
    local longs, got = {}, {}
    for i = 1, 20 do longs[i] = i .. ("x"):rep(3000) end
    sent((table.unpack or unpack)(longs))
    local from = #ends + 1
    repeat for _, text in ipairs(taken()) do got[#got + 1] = text end until ends[#ends] ~= "more"
    assert.same(longs, got)
    assert.is_true(#ends - from >= 3, "a block of 64 usual events holds 16 KiB, and a lot has one")
    handle:close()
  end)

  it("takes math.huge as no limit and rounds short times up", function()
    local handle = client { limits = { deadline = math.huge, max_response = math.huge, max_attempts = 1,
      connect = 1e-9, handshake = 0, first_event = 0.0005 } }
    start(handle)
    take(handle)
    assert.is_true(math.abs(handle:timeout() - 0.003) < 1e-9) -- to connect, to shake hands, to answer
    handle:advance(0.003)
    assert(handle:step(0))
    assert.equal("silence", the_end(pull(handle)).error.code)
    handle:close()
  end)

  it("keeps two clients apart", function()
    local a, b = client(), client()
    start(a)
    assert(b:step(0))
    assert.is_nil(b:wire_next())
    assert.equal(0, b:pending())
    a:advance(5)
    assert.equal(5, a:now())
    assert.equal(0, b:now())
    a:close()
    assert(b:step(0))
    b:close()
  end)

  it("closes with calls in flight, twice if need be, and is closed from then on", function()
    local handle = client()
    local id = start(handle)
    local wire = take(handle)
    head(handle, wire.id, 200, EVENTS)
    handle:wire_body(wire.id, stream_of("half"):sub(1, 600))
    start(handle)
    handle:close()
    handle:close()
    handle:cancel(id) -- every id is stale now
    for _, name in ipairs { "step", "next", "pending", "fd", "timeout", "now", "wire_next" } do
      assert.error_matches(function() handle[name](handle) end, "the client is closed")
    end
    assert.error_matches(function() handle:start { path = "/a" } end, "the client is closed")
    assert.error_matches(function() handle:response(id) end, "the client is closed")
  end)

  it("is freed by the collector with calls in flight", function()
    local weak = setmetatable({}, { __mode = "k" })
    for _ = 1, 20 do
      local handle = client()
      start(handle)
      take(handle)
      weak[handle] = true
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)

  if _VERSION == "Lua 5.4" then
    it("is closed at the end of its block", function()
      local handle = client()
      assert(load("local handle <close> = ...; assert(handle:pending() == 0)"))(handle)
      assert.error_matches(function() handle:pending() end, "the client is closed")
    end)
  end
end)

describe("xai.core.wait", function()
  it("returns at once when a client has something to do", function()
    local handle = assert(core.client { transport = "scripted", base_url = "http://wire/v1" })
    start(handle)
    assert(handle:step(0))
    assert.is_true(core.wait({ handle }, 30))
    handle:close()
  end)

  it("does not wait for a manual clock", function()
    local handle = client()
    assert.is_true(core.wait({ handle }, 30))
    handle:close()
  end)

  it("returns false when the time has passed", function()
    local handle = assert(core.client { transport = "scripted" })
    assert.is_false(core.wait({ handle }, 0))
    assert.is_false(core.wait({}, 0))
    handle:close()
  end)

  it("gives no events of a held call until it is released, F57", function()
    local handle = client()
    local held = start(handle)
    local wire = take(handle)
    head(handle, wire.id, 200, EVENTS)
    assert.is_true(handle:wire_body(wire.id, stream_of("a", "b")))
    handle:hold(held, true)
    assert.same({}, pull(handle))
    handle:wire_finish(wire.id, "done")
    assert(handle:step(0))
    assert.same({}, pull(handle))
    handle:hold(held, false)
    assert.equal("complete", the_end(pull(handle)).outcome)
    handle:hold(held, true) -- stale
    handle:close()
    handle:hold(held, true) -- and closed: no matter
  end)
end)
