--- Faults, recordings and the in-process player of the simulator: what is spoiled, when it is sent, what it costs.
-- SPDX-License-Identifier: MIT
local json = require "xai.json"
local faults = require "xai.sim.faults"
local sim = require "xai.sim"

local BODY = '{"model":"grok-4.6","input":"What do tides follow?"}'
local STREAM = '{"model":"grok-4.6","stream":true,"input":"What do tides follow?"}'

local function request(body, headers)
  local all = { authorization = "Bearer xai-spec-key", ["content-type"] = "application/json" }
  for name, value in pairs(headers or {}) do all[name] = value end
  return { method = "POST", path = "/v1/responses", headers = all, body = body }
end

local function text_of(exchange)
  local parts = {}
  for i, step in ipairs(exchange.steps) do parts[i] = step.bytes end
  return table.concat(parts)
end

local function spoiled(fault, body)
  local s = sim.new { faults = { fault } }
  local exchange = s:answer(request(body or STREAM))
  return exchange, text_of(exchange), s
end

local function header(exchange, name)
  for _, pair in ipairs(exchange.headers) do
    if pair[1] == name then return pair[2] end
  end
end

local WHOLE = text_of(sim.new():answer(request(STREAM)))
local PRICE = (function()
  local s = sim.new()
  s:answer(request(STREAM))
  return s:billed()
end)()

describe("xai.sim.faults", function()
  local function test(name, fault, status, code, text)
    it("answers " .. name .. " as documented", function()
      local exchange, got, s = spoiled(fault)
      assert.equal(status, exchange.status)
      local body = assert(json.decode(got))
      assert.equal(code, body.code)
      assert.equal(text, body.error)
      assert.equal(0, s:billed())
    end)
  end
  local TEAM = "7e1f4c29-85d6-4b07-93ae-b2c6f0d8e514"
  test("no credits", { error = "no_credits" }, 403, "permission-denied",
    "Your newly created team doesn't have any credits or licenses yet.")
  test("a spending limit", { error = "spending_limit" }, 403, "personal-team-blocked:spending-limit",
    "Your team " .. TEAM .. " has either used all available credits or reached its monthly spending limit.")
  test("a spending limit under 402", { status = 402 }, 402, "personal-team-blocked:spending-limit",
    "Your team " .. TEAM .. " has either used all available credits or reached its monthly spending limit.")
  test("a rate limit", { status = 429, retry_after = 45 }, 429, "resource-exhausted",
    "Too many requests for team " .. TEAM .. " and model grok-4.6. Your team's rate limit is \226\128\148 Requests "
    .. "per Second (actual/limit): 151/150, Requests per Minute (actual/limit): 7204/7200. Resets in: 45s.")
  test("capacity", { error = "capacity" }, 429, "resource-exhausted",
    "The model is currently at capacity due to high demand. Please retry your request shortly.")
  test("503", { status = 503 }, 503, "The service is currently unavailable",
    "Service temporarily unavailable. The model did not respond to this request.")
  test("503 inside a 200", { unavailable = true }, 200, "The service is currently unavailable",
    "Service temporarily unavailable. The model did not respond to this request.")
  test("500", { status = 500 }, 500, "Internal error", "Internal error")
  test("a prompt that is too long", { error = "prompt_too_long" }, 400, "invalid-argument",
    "This model's maximum prompt length is 500000 but the request contains 637815 tokens.")
  test("the free quota", { error = "free_quota" }, 429, "subscription:free-usage-exhausted",
    "Free usage quota exceeded.")

  it("bills the fee for what the content filter stops", function()
    local exchange, text, s = spoiled { error = "content_policy", code = "DATA_LEAKAGE" }
    assert.equal(403, exchange.status)
    assert.equal("Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_DATA_LEAKAGE",
      json.decode(text).error)
    assert.equal(500000000, s:billed())
  end)

  it("bills work that a gateway lost on the way back, when told to", function()
    local exchange, text, s = spoiled { status = 504, billed = true }
    assert.equal(504, exchange.status)
    assert.truthy(text:find("<html>", 1, true))
    assert.equal(PRICE, s:billed())
  end)

  it("shows an HTML page and sends Retry-After and other headers", function()
    local exchange, text = spoiled { html = 502, retry_after = 7, headers = { ["X-Should-Retry"] = "false" } }
    assert.equal("text/html; charset=UTF-8", header(exchange, "content-type"))
    assert.truthy(text:match "^<!DOCTYPE html>")
    assert.same({ "7", "false" }, { header(exchange, "retry-after"), header(exchange, "x-should-retry") })
  end)

  it("cuts, stalls, resets and ends at any byte", function()
    local finish = { cut = "short", stall = "stall", reset = "reset", clean_cut = "done" }
    for name, how in pairs(finish) do
      for at = 0, #WHOLE, 997 do
        local exchange, text = spoiled { [name] = at }
        assert.equal(WHOLE:sub(1, at), text)
        assert.equal(how, exchange.finish)
      end
    end
  end)

  it("bills what was generated before the cut, never more, never less as more is sent", function()
    local last = 0
    for at = 0, #WHOLE, 211 do
      local _, _, s = spoiled { cut = at }
      local billed = s:billed()
      assert.is_true(billed >= last and billed <= PRICE)
      assert.is_true(billed > 0)
      assert.equal(billed, s.ledger[1].usage.cost_in_usd_ticks)
      last = billed
    end
    assert.equal(PRICE, last)
  end)

  it("bills a whole answer in full wherever it is cut", function()
    local _, _, whole = spoiled({}, BODY)
    local exchange, _, cut = spoiled({ cut = 10 }, BODY)
    assert.equal("short", exchange.finish)
    assert.equal(whole:billed(), cut:billed())
  end)

  it("announces a length that is not true", function()
    local exchange, text = spoiled({ length = 100000 }, BODY)
    assert.same({ "100000", "short" }, { header(exchange, "content-length"), exchange.finish })
    assert.is_true(#text < 100000)
    assert.same({ "10", "done" }, { header(spoiled({ length = 10 }, BODY), "content-length"),
      (spoiled({ length = 10 }, BODY)).finish })
  end)

  it("puts an error into a stream, in each shape", function()
    local function last(shape, after)
      local _, text = spoiled { error_after = after or 6, shape = shape }
      local frame
      for found in text:gmatch "(.-)\n\n" do frame = found end
      return frame:match "event: ([^\n]+)", assert(json.decode(frame:match "data: (.*)$"))
    end
    local name, flat = last "flat"
    assert.same({ "error", "error", 6 }, { name, flat.type, flat.sequence_number })
    local failed_name, failed = last "failed"
    assert.same({ "response.failed", "failed", "server_error" },
      { failed_name, failed.response.status, failed.response.error.code })
    local _, nested = last "nested"
    assert.same({ "error", "server_error" }, { nested.type, nested.error.type })
    local no_name, frame = last "frame"
    assert.is_nil(no_name)
    assert.equal("The service is currently unavailable", frame.code)
    local _, first = last("flat", 0)
    assert.equal(0, first.sequence_number)
  end)

  it("bills what came before the error", function()
    local _, _, early = spoiled { error_after = 2 }
    local _, _, late = spoiled { error_after = 12 }
    assert.is_true(early:billed() < late:billed() and late:billed() < PRICE)
    assert.equal(0, early.ledger[1].usage.output_tokens)
  end)

  it("sends the same bytes in pieces, with comments between, and with garbage", function()
    local exchange, text = spoiled { chunk = 7 }
    assert.equal(WHOLE, text)
    for i, step in ipairs(exchange.steps) do assert.is_true(i > 0 and #step.bytes <= 7) end
    local _, commented = spoiled { comments = 2 }
    assert.equal(WHOLE, (commented:gsub(": keepalive\n\n", "")))
    local _, garbled = spoiled { garbage = 3 }
    assert.truthy(garbled:find('data: {"half":\n\n', 1, true))
  end)

  it("bills chunks and cuts together as cuts alone", function()
    for at = 100, #WHOLE, 1999 do
      local _, _, plain = spoiled { cut = at }
      local _, _, chunked = spoiled { cut = at, chunk = 1000 }
      assert.equal(plain:billed(), chunked:billed())
    end
  end)

  it("fails connections without an entry in the bill, or with one when the work was done", function()
    for _, how in ipairs { "refused", "resolve", "tls", "timeout" } do
      local exchange, _, s = spoiled { [how] = true }
      assert.same({ how, 0 }, { exchange.finish, s:billed() })
      assert.is_nil(exchange.status)
    end
    local exchange, _, s = spoiled { drop = true }
    assert.same({ "reset", PRICE }, { exchange.finish, s:billed() })
    assert.is_nil(exchange.status)
  end)

  it("come one a request, or by a function", function()
    local s = sim.new { faults = { { status = 503, times = 2 }, false, { delay = 3 } } }
    local got = {}
    for i = 1, 5 do
      local exchange = s:answer(request(BODY))
      got[i] = exchange.status + exchange.delay
    end
    assert.same({ 503, 503, 200, 203, 200 }, got)
    local odd = sim.new { faults = function(r) return r.number % 2 == 1 and { status = 500 } or nil end }
    assert.same({ 500, 200, 500 }, { odd:answer(request(BODY)).status, odd:answer(request(BODY)).status,
      odd:answer(request(BODY)).status })
  end)

  it("are refused in a scenario where they make no sense", function()
    for _, fault in ipairs { { status = 99999 }, { delay = -1 }, { delay = 0 / 0 }, { cut = -1 }, { chunk = 0.5 },
      { shape = "round" }, { error = "nothing" } } do
      assert.has_error(function() sim.new { faults = { fault } } end)
      assert.has_error(function() sim.new { scenario = function() return fault end }:answer(request(BODY)) end)
    end
  end)

  describe("in the header x-sim-fault", function()
    it("are read as written", function()
      assert.same({ status = 503, retry_after = 2 }, (faults.parse "status=503, retry-after=2"))
      assert.same({ refused = true, cut = 12 }, (faults.parse "refused;cut = 12"))
      assert.same({ error = "rate_limit" }, (faults.parse "error=rate_limit"))
    end)

    it("are refused when unknown", function()
      for _, text in ipairs { "bogus=1", "status", "status=x", "error=nothing", "headers=1" } do
        assert.is_nil((faults.parse(text)), text)
      end
      local exchange = sim.new():answer(request(BODY, { ["x-sim-fault"] = "bogus" }))
      assert.equal(400, exchange.status)
    end)

    it("are refused with what is wrong about the value", function()
      local cases = {
        { "status=99999", "status must be a whole number from 200 to 599, not \"99999\"" }, { "status=100", "status" },
        { "status=nan", "status" }, { "status=503.5", "status" }, { "html=0", "html" }, { "delay=nan", "delay" },
        { "delay=-1", "delay must be a number of seconds" }, { "delay=1e308", "delay" }, { "delay=inf", "delay" },
        { "cut=-1", "cut must be a whole number from 0 on" }, { "cut=1.5", "cut" }, { "cut=1e300", "cut" },
        { "length=1e300", "length" }, { "chunk=0", "chunk must be a whole number from 1 on" },
        { "comments=1000000000", "comments must be a whole number from 0 to 1000" }, { "shape=round", "shape must be" },
        { "refused=no", "refused takes no value" }, { "status", "status must be a number" }, { "=", "is no fault" },
        { "stal=3", "unknown fault stal, did you mean stall?" }, { "error=nothing", "error is no error" },
      }
      for _, case in ipairs(cases) do
        local exchange = sim.new():answer(request(BODY, { ["x-sim-fault"] = case[1] }))
        assert.equal(400, exchange.status, case[1])
        local body = assert(json.decode(text_of(exchange)))
        assert.equal("invalid-argument", body.code)
        assert.truthy(body.error:find("x-sim-fault: ", 1, true), body.error)
        assert.truthy(body.error:find(case[2], 1, true), body.error)
      end
    end)

    it("may have any Retry-After", function()
      for _, value in ipairs { "nan", "-1", "1e300", "Sun, 06 Nov 1994 08:49:37 GMT", "soon" } do
        local exchange = sim.new { faults = { { status = 429, retry_after = value } } }:answer(request(BODY))
        assert.same({ 429, value }, { exchange.status, header(exchange, "retry-after") })
      end
    end)

    it("apply to that request alone", function()
      local s = sim.new()
      assert.equal(529, s:answer(request(BODY, { ["x-sim-fault"] = "status=529" })).status)
      assert.equal(200, s:answer(request(BODY)).status)
    end)
  end)
end)

-- A client's end of the scripted transport, with a clock of its own and room for so many bytes at a time.
local function fake_handle(requests, room)
  local handle = { time = 0, got = {}, queue = requests, live = {}, room = room or math.huge, taken = 0 }
  function handle:wire_next() return table.remove(self.queue, 1) end
  function handle:wire_live(id) return self.live[id] ~= false end
  function handle:wire_status(id, status) self.got[id] = { status = status, headers = {}, body = "" } end
  function handle:wire_header(id, name, value) self.got[id].headers[name] = value end
  function handle:wire_body(id, bytes)
    if self.taken + #bytes > self.room then return false end
    self.taken = self.taken + #bytes
    self.got[id].body = self.got[id].body .. bytes
    return true
  end
  function handle:wire_finish(id, how)
    self.got[id] = self.got[id] or {}
    self.got[id].finish = how
    self.live[id] = false
  end
  function handle:now() return self.time end
  return handle
end

local function wire_request(id, body, headers)
  local list = { { "Authorization", "Bearer xai-spec-key" }, { "Content-Type", "application/json" } }
  for _, pair in ipairs(headers or {}) do list[#list + 1] = pair end
  return { id = id, call = id, method = "POST", url = "https://api.x.ai/v1/responses", headers = list, body = body }
end

describe("xai.sim.wire", function()
  it("plays an exchange at once when nothing waits", function()
    local handle = fake_handle { wire_request(1, STREAM) }
    assert.is_nil(sim.new():pump(handle))
    assert.same({ 200, "done" }, { handle.got[1].status, handle.got[1].finish })
    assert.equal("text/event-stream", handle.got[1].headers["content-type"])
    assert.equal(WHOLE, handle.got[1].body)
  end)

  it("sends what is due and says when the next is", function()
    local s = sim.new { latency = 0.25, faults = { { delay = 2 } } }
    local handle = fake_handle { wire_request(1, STREAM) }
    assert.equal(2, s:pump(handle))
    assert.is_nil(handle.got[1])
    handle.time = 2
    local wait = s:pump(handle)
    assert.equal(0.25, wait)
    local turns, before = 0, #handle.got[1].body
    while wait do
      handle.time = handle.time + wait
      wait = s:pump(handle)
      turns = turns + 1
      assert.is_true(#handle.got[1].body > before)
      before = #handle.got[1].body
    end
    assert.is_true(turns > 20)
    assert.equal(#WHOLE, #handle.got[1].body)
  end)

  it("offers bytes again after the client was full", function()
    local s, handle = sim.new(), fake_handle({ wire_request(1, STREAM) }, 3000)
    assert.equal(0, s:pump(handle))
    assert.is_true(#handle.got[1].body <= 3000)
    handle.room = math.huge
    assert.is_nil(s:pump(handle))
    assert.equal(WHOLE, handle.got[1].body)
  end)

  it("bills what was sent before the client let go", function()
    local s = sim.new { latency = 1 }
    local handle = fake_handle { wire_request(1, STREAM) }
    s:pump(handle)
    handle.time = 10
    s:pump(handle)
    handle.live[1] = false
    assert.is_nil(s:pump(handle))
    assert.is_true(s:billed() > 0 and s:billed() < PRICE)
    assert.is_false(s.ledger[1].complete)
  end)

  it("keeps a stalled exchange open and never speaks of it again", function()
    local handle = fake_handle { wire_request(1, STREAM, { { "X-Sim-Fault", "stall=400" } }) }
    local s = sim.new()
    assert.is_nil(s:pump(handle))
    assert.equal(WHOLE:sub(1, 400), handle.got[1].body)
    assert.is_nil(handle.got[1].finish)
  end)

  it("shows what a client over HTTP would see of a length that is not true", function()
    local size = #text_of(sim.new():answer(request(BODY)))
    local function sent(fault, body)
      local handle = fake_handle { wire_request(1, body or BODY, { { "X-Sim-Fault", fault } }) }
      sim.new():pump(handle)
      return #handle.got[1].body, handle.got[1].finish
    end
    assert.same({ 5, "done" }, { sent "length=5" })
    assert.same({ 0, "done" }, { sent "length=0" })
    assert.same({ size, "done" }, { sent("length=" .. size) })
    assert.same({ size, "short" }, { sent("length=" .. size + 1) })
    assert.same({ 700, "done" }, { sent("length=700", STREAM) })
    assert.same({ 700, "done" }, { sent("length=700;chunk=9", STREAM) })
    assert.same({ 100, "short" }, { sent("length=700;cut=100", STREAM) })
    assert.same({ #WHOLE, "short" }, { sent("length=1000000", STREAM) })
  end)

  it("plays several at a time, each by its own clock", function()
    local s = sim.new { faults = { { delay = 5 }, { delay = 1 }, { refused = true } } }
    local handle = fake_handle { wire_request(1, BODY), wire_request(2, BODY), wire_request(3, BODY) }
    assert.equal(1, s:pump(handle))
    assert.equal("refused", handle.got[3].finish)
    handle.time = 1
    assert.equal(4, s:pump(handle))
    assert.equal("done", handle.got[2].finish)
    handle.time = 5
    assert.is_nil(s:pump(handle))
    assert.equal("done", handle.got[1].finish)
  end)
end)

describe("xai.sim.replay", function()
  local function recording(lines, ending)
    local path = os.tmpname() .. ending
    local file = assert(io.open(path, "wb"))
    file:write(lines)
    file:close()
    return path
  end

  local function played(path, lines)
    local s = sim.new { replay = path }
    local exchange = s:answer(request(STREAM))
    if lines then os.remove(path) end
    return exchange, text_of(exchange), s
  end

  it("frames events of responses by their type", function()
    local lines = '{"sequence_number":0,"type":"response.created"}\n{"type":"response.completed","response":{"usage":'
      .. '{"input_tokens":1,"output_tokens":2,"cost_in_usd_ticks":77}}}\n'
    local exchange, text, s = played(recording(lines, ".jsonl"), true)
    assert.equal("text/event-stream", header(exchange, "content-type"))
    assert.equal('event: response.created\ndata: {"sequence_number":0,"type":"response.created"}\n\n'
      .. 'event: response.completed\ndata: ' .. lines:match "\n(.-)\n$" .. "\n\n", text)
    assert.equal(77, s:billed())
  end)

  it("ends chunks of chat with [DONE]", function()
    local _, text = played(recording('{"object":"chat.completion.chunk","choices":[]}\n', ".jsonl"), true)
    assert.equal('data: {"object":"chat.completion.chunk","choices":[]}\n\ndata: [DONE]\n\n', text)
  end)

  it("gives a whole answer as it is", function()
    local exchange, text = played(recording('{"id": 1}', ".json"), true)
    assert.same({ "application/json", '{"id": 1}' }, { header(exchange, "content-type"), text })
  end)

  it("says which file and line cannot be played, before anybody asks", function()
    local function refused(path, want)
      local ok, err = pcall(sim.new, { replay = path })
      assert.is_false(ok)
      assert.truthy(err:find(want, 1, true), err)
    end
    local function bad(lines, ending, want)
      local path = recording(lines, ending)
      local ok, err = pcall(refused, path, "cannot read the recording " .. path .. want)
      os.remove(path)
      assert(ok, err)
    end
    refused("/no/such/recording.jsonl", "/no/such/recording.jsonl")
    refused("/", "cannot read the recording /: ")
    refused({}, "no recording")
    bad("", ".jsonl", ": holds no event")
    bad("\n \n", ".jsonl", ": holds no event")
    bad('{"type":"a"}\n\n{"type":\n', ".jsonl", ":3: EOF while parsing a value at column 8")
    bad('{"type":"a"}\r\n17\r\n', ".jsonl", ":2: an event must be a JSON object")
    bad("", ".json", ":1: EOF while parsing a value at column 0")
    bad('{"a":1,\n"b" 2}', ".json", ":2: expected `:` at column 5")
  end)

  local recordings = { "chat-text.jsonl", "responses-text-streaming.jsonl", "responses-web-search-tool.jsonl" }
  for _, name in ipairs(recordings) do
    it("plays the payloads of " .. name .. " byte for byte", function()
      local file = io.open("../shared/recordings/" .. name, "rb")
      if not file then return pending "the recordings are not beside the checkout" end
      local want = file:read "*a"
      file:close()
      local _, text, s = played("../shared/recordings/" .. name)
      local payloads = {}
      for payload in text:gmatch "data: ([^\n]*)\n" do
        if payload ~= "[DONE]" then payloads[#payloads + 1] = payload end
      end
      assert.equal(want:gsub("%s*$", ""), (table.concat(payloads, "\n")))
      assert.is_true(#s.ledger == 1)
    end)
  end
end)
