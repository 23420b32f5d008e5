--- The simulator over real sockets, asked by lua-http's own client. Needs lua-http; pending without it.
-- SPDX-License-Identifier: MIT
local json = require "xai.json"
local sim = require "xai.sim"

local has_http = pcall(require, "http.server")

--- Serve, run `talk` with the base URL and the simulator inside the same controller, and stop.
local function with_server(options, talk)
  local cqueues = require "cqueues"
  local controller = cqueues.new()
  local failure, faults = nil, {}
  local settings = { on_error = function(message) faults[#faults + 1] = message end }
  for name, value in pairs(options) do settings[name] = value end
  function settings.on_listen(base, stop, simulator)
    controller:wrap(function()
      local ok, err = pcall(talk, base, simulator)
      if not ok then failure = err end
      stop()
    end)
  end
  controller:wrap(function() assert(sim.serve(settings)) end)
  local ok, err = controller:loop(20)
  assert.is_truthy(ok, tostring(err))
  if failure then error(failure, 0) end
  assert.same({}, faults)
end

local LIMIT = 5   -- seconds, so that a hang is a failure and not a wait

local function start(url, body, headers)
  local request = require("http.request").new_from_uri(url)
  request.headers:upsert(":method", body and "POST" or "GET")
  request.headers:upsert("authorization", "Bearer xai-spec")
  request.headers:upsert("content-type", "application/json")
  for name, value in pairs(headers or {}) do request.headers:upsert(name, value) end
  if body then request:set_body(body) end
  return request:go(LIMIT)
end

local function get(url, body, headers)
  local head, stream = start(url, body, headers)
  if not head then return nil, stream end
  local text, err = stream:get_body_as_string(LIMIT)
  return head:get ":status", text, err, head
end

local STREAM = '{"model":"grok-4.6","stream":true,"input":"What do tides follow?"}'

local function clock() return 1790000000 end

local function expected(body)
  local parts = {}
  local exchange = sim.new { clock = clock }:answer { method = "POST", path = "/v1/responses", body = body,
    headers = { authorization = "Bearer xai-1", ["content-type"] = "application/json" } }
  for i, step in ipairs(exchange.steps) do parts[i] = step.bytes end
  return table.concat(parts)
end

describe("xai.sim.serve", function()
  if not has_http then
    it("says which rock is missing", function()
      local ok, err = pcall(sim.serve, {})
      assert.is_false(ok)
      assert.truthy(tostring(err):find("rock `http`", 1, true))
    end)
    pending "speaks HTTP: lua-http cannot be loaded by this Lua"
    return
  end

  it("streams what the model says, in chunks", function()
    with_server({ clock = clock }, function(base)
      local status, text, _, head = get(base .. "/responses", STREAM)
      assert.same({ "200", "text/event-stream", "chunked" }, { status, head:get "content-type",
        head:get "transfer-encoding" })
      assert.equal(expected(STREAM), text)
    end)
  end)

  it("gives whole answers with their length, and refusals", function()
    with_server({}, function(base, simulator)
      local status, text, _, head = get(base .. "/responses", '{"model":"grok-4.6","input":"hello"}')
      assert.same({ "200", tostring(#text) }, { status, head:get "content-length" })
      assert.equal("completed", json.decode(text).status)
      assert.equal("404", (get(base .. "/nothing")))
      assert.equal("200", (get(base .. "/models")))
      assert.equal("422", (get(base .. "/responses", "{}")))
      assert.equal(4, #simulator.ledger)
    end)
  end)

  it("sends tokens as they come, not when all are there", function()
    with_server({ latency = 0.01 }, function(base)
      local _, stream = start(base .. "/responses", STREAM)
      local chunks = 0
      for _ in stream:each_chunk() do chunks = chunks + 1 end
      assert.is_true(chunks > 10)
    end)
  end)

  it("cuts and resets connections in mid-body", function()
    with_server({ clock = clock }, function(base, simulator)
      for _, fault in ipairs { "cut=700", "reset=700" } do
        local _, stream = start(base .. "/responses", STREAM, { ["x-sim-fault"] = fault })
        local got, ended = "", nil
        while not ended do
          local chunk, err = stream:get_next_chunk(LIMIT)
          if chunk then got = got .. chunk else ended = err or "clean end" end
        end
        assert.not_equal("clean end", ended)
        if fault == "cut=700" then assert.equal(expected(STREAM):sub(1, 700), got) end
      end
      assert.is_true(simulator.ledger[1].billed)
      assert.equal(0, simulator.ledger[1].usage.output_tokens)
    end)
  end)

  it("drops a connection without an answer", function()
    with_server({}, function(base)
      for _, fault in ipairs { "refused", "drop" } do
        assert.is_nil((start(base .. "/responses", STREAM, { ["x-sim-fault"] = fault })))
      end
    end)
  end)

  it("stalls until the client goes, and goes on answering others", function()
    with_server({ clock = clock }, function(base)
      local _, stream = start(base .. "/responses", STREAM, { ["x-sim-fault"] = "stall=300" })
      assert.equal(expected(STREAM):sub(1, 300), assert(stream:get_body_chars(300, LIMIT)))
      local chunk, _, errno = stream:get_next_chunk(0.05)
      assert.is_nil(chunk)
      assert.equal(require("cqueues.errno").ETIMEDOUT, errno)
      assert.equal("200", (get(base .. "/models")))
      stream:shutdown()
    end)
  end)

  it("announces lengths that are not true", function()
    with_server({}, function(base)
      local body = '{"model":"grok-4.6","input":"hello"}'
      local _, short, _, head = get(base .. "/responses", body, { ["x-sim-fault"] = "length=100000" })
      assert.equal("100000", head:get "content-length")
      assert.is_true(#(short or "") < 100000)
      local _, long = get(base .. "/responses", body, { ["x-sim-fault"] = "length=10" })
      assert.equal(10, #long)
    end)
  end)

  it("answers statuses, pages and headers of faults", function()
    with_server({}, function(base)
      local status, text, _, head = get(base .. "/responses", STREAM, { ["x-sim-fault"] = "status=503,retry-after=2" })
      assert.same({ "503", "2" }, { status, head:get "retry-after" })
      assert.equal("The service is currently unavailable", json.decode(text).code)
      local bad, page = get(base .. "/responses", STREAM, { ["x-sim-fault"] = "html=502" })
      assert.equal("502", bad)
      assert.truthy(page:find("<html>", 1, true))
    end)
  end)

  it("dates its answers by the real clock", function()
    with_server({}, function(base)
      for _, path in ipairs { "/models", "/nothing" } do
        local _, _, _, head = get(base .. path)
        local now = os.time()
        local near = {}
        for at = now - 60, now + 60 do near[os.date("!%a, %d %b %Y %H:%M:%S GMT", at)] = true end
        assert.is_true(near[head:get "date"], tostring(head:get "date"))
      end
    end)
  end)

  it("refuses a bad fault and stays", function()
    with_server({}, function(base)
      for _, fault in ipairs { "status=99999", "delay=nan", "cut=-1" } do
        local status, text = get(base .. "/responses", STREAM, { ["x-sim-fault"] = fault })
        assert.equal("400", status)
        assert.truthy(json.decode(text).error:find("x-sim-fault", 1, true))
      end
      assert.equal("200", (get(base .. "/models")))
    end)
  end)

  it("refuses a body that is too long, and takes its rest for no request", function()
    local text = '{"input":"' .. ("x"):rep(2 ^ 20) .. "\r\n\r\nGET /v1/models HTTP/1.1\r\n\r\n"
    for _, length in ipairs { tostring(40 * #text), false } do
      with_server({}, function(base, simulator)
        local request = require("http.request").new_from_uri(base .. "/responses")
        request.headers:upsert(":method", "POST")
        request.headers:upsert("authorization", "Bearer xai-spec")
        request.headers:upsert("content-type", "application/json")
        if length then request.headers:upsert("content-length", length) end
        local sent = 0
        request:set_body(function()
          sent = sent + 1
          return sent <= 40 and text or nil
        end)
        request.headers:delete "expect"   -- or it waits to be told to go on
        local head, stream = request:go(LIMIT)
        assert.equal("413", head:get ":status")
        assert.equal("The request body is too large.", json.decode(stream:get_body_as_string(LIMIT)).error)
        pcall(stream.connection.close, stream.connection)   -- it may have closed itself
        assert.equal("200", (get(base .. "/models")))
        assert.equal(2, #simulator.ledger)
      end)
    end
  end)

  it("bills a client that leaves in mid-stream for what it got", function()
    with_server({ latency = 0.02 }, function(base, simulator)
      local _, stream = start(base .. "/responses", STREAM)
      stream:get_next_chunk(LIMIT)
      stream:shutdown()
      local cqueues = require "cqueues"
      local deadline = cqueues.monotime() + LIMIT
      while simulator.ledger[1].complete and cqueues.monotime() < deadline do cqueues.poll(0.01) end
      assert.is_false(simulator.ledger[1].complete)
      assert.is_true(simulator:billed() > 0)
    end)
  end)

  it("refuses options that it does not know", function()
    assert.has_error(function() sim.serve { prot = 1 } end)
  end)
end)
