local core = require "xai.core"
local helper = require "spec.helper"
local links = require "xai.link"
local streams = require "xai.stream"
local xai = require "xai"

local function collected()
  for _ = 1, 3 do collectgarbage() end
end

describe("xai.link", function()
  it("ends each call exactly once", function()
    local client = helper.client { otherwise = { sse = helper.stream { "a", 1, "b" } } }
    local ends = 0
    local calls = {}
    for i = 1, 20 do
      local stream = assert(client:stream "x")
      stream.call.on_end = function() ends = ends + 1 end
      if i % 3 == 0 then stream:cancel() end
      if i % 5 == 0 then stream:cancel() end
      calls[i] = stream
    end
    for _, stream in ipairs(calls) do stream:result() end
    for _, stream in ipairs(calls) do assert.is_true(stream:is_done()) end
    assert.equal(20, ends)
    assert.equal(0, client:pending())
    client:close()
  end)

  it("takes a finaliser in the middle of the core's work for a later errand", function()
    local client, wire = helper.client { otherwise = { sse = helper.stream { "a", 1, "b" } } }
    local kept = assert(client:stream "kept")
    -- Collecting while the core hands out an event runs the finalisers of the streams dropped here.
    local handle, meddle = client.link.handle, true
    local function meddling(name, ...)
      if meddle and name == "next" then
        for _ = 1, 5 do assert(client:stream "dropped") end
        client.link.inside = true
        collected()
      end
      return handle[name](handle, ...)
    end
    client.link.handle = setmetatable({}, { __index = function(_, name)
      return function(_, ...) return meddling(name, ...) end
    end })
    local event = kept:events()()
    meddle = false
    assert.equal("response.created", event.name)
    assert.equal("ab", kept:result():text())
    local live = 0
    for _, request in ipairs(wire.requests) do
      if handle:wire_live(request.id) then live = live + 1 end
    end
    assert.equal(0, live)
    assert.equal(0, client:pending())
    client:close()
  end)

  it("F64 leaves nothing behind after many dropped streams", function()
    local client = helper.client { otherwise = { sse = helper.stream { "a", 5, "b" } } }
    local function drop(n)
      for i = 1, n do
        client:stream("x"):events()()
        if i % 100 == 0 then
          collected()
          client:step()
        end
      end
      client.sim.requests = {}
      collected()
      return collectgarbage "count"
    end
    local before = drop(200)
    local after = drop(2000)
    assert.is_true(after < before + 500, ("%.0f KiB, then %.0f KiB"):format(before, after))
    assert.equal(0, client:pending())
    client:close()
  end)

  it("does not mind a client that goes away with its streams", function()
    for _ = 1, 50 do
      local client = helper.client { otherwise = { sse = helper.stream { "a", 5, "b" } } }
      client:stream("x"):events()()
    end
    collected()
    local client = helper.client { { json = helper.response "fine" } }
    assert.equal("fine", client:respond("x"):text())
    client:close()
  end)

  it("keeps working for a stream whose client nobody holds", function()
    local function stream_of()
      return (assert(helper.client({ { sse = helper.stream { "a", 5, "b" } } }):stream "x"))
    end
    local stream = stream_of()
    collected()
    assert.equal("ab", stream:result():text())
  end)

  it("has the core's null and arrays for plain answers", function()
    local client = helper.client { { json = { none = core.null, list = core.array {} } } }
    local value = assert(client:request { path = "/x" })
    assert.equal(xai.null, value.none)
    assert.equal('{"list":[],"none":null}', xai.json.encode(value))
    client:close()
  end)

  it("hands a fault at a call's end to who waits for it, and nobody else", function()
    local client = helper.client { { json = helper.response "x" }, { json = helper.response("y"), wait = 5 } }
    local caught, other
    xai.run(function()
      local talk = client:conversation()
      local first = xai.spawn(function()
        local stream = assert(talk:stream "a")
        stream.call.on_end = function() error "a fault at the end" end
        local _
        _, caught = pcall(stream.result, stream)
      end)
      local second = xai.spawn(function() other = client:respond "b" end)
      first:wait()
      second:wait()
    end)
    assert.truthy(tostring(caught):find("a fault at the end", 1, true))
    assert.equal("y", other:text())
    client:close()
  end)

  it("makes room for a call by collecting streams that were dropped", function()
    local client = helper.client({ otherwise = { sse = helper.stream { "a", 5, "b" } } }, { max_calls = 4 })
    for i = 1, 30 do
      local stream, err = client:stream "x"
      assert(stream, i .. ": " .. tostring(err))
    end
    client:close()
  end)

  it("says that it is full when no place can be made, and looks again when a call has ended", function()
    local client = helper.client({ otherwise = { sse = helper.stream { "a", 5, "b" } } }, { max_calls = 2 })
    local one, two = client:stream "x", client:stream "x"
    local stream, err
    for _ = 1, 3 do
      stream, err = client:stream "x"
      assert.is_nil(stream)
      assert.equal("limit", err.kind)
      assert.equal("full", err.code)
    end
    assert.equal("ab", one:result():text())
    assert.truthy(client:stream "x")
    assert.truthy(two)
    client:close()
  end)

  describe("with a stream that nobody reads", function()
    local PIECE = 'data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"x"}\n\n'
    local link, handle, call, stream, wire

    -- As over a real network: not simulated, although the bytes come from here.
    before_each(function()
      link = assert(links.new { api_key = "xai-k", base_url = "http://wire/v1", transport = "scripted", seed = 7 })
      handle = link.handle
      call = assert(link:start({ path = "/responses", body = "{}", reply = "responses", stream = true },
        { keep = true, folded = true, streamed = true }))
      stream = streams.new(call)
      wire = handle:wire_next().id
      handle:wire_status(wire, 200)
      handle:wire_header(wire, "content-type", "text/event-stream")
    end)
    after_each(function() link:close() end)

    -- How many pieces go through while the program waits for something else, at most n.
    local function flood(n)
      for sent = 0, n - 1 do
        if not handle:wire_body(wire, PIECE) then return sent end
        while link:take() do end -- luacheck: ignore 542
      end
      return n
    end

    it("F57 queues some of its events and leaves the rest on the network", function()
      local sent = flood(5000)
      assert.is_true(sent >= 256 and sent < 2000, sent)
      assert.equal(256, call.last - call.first + 1)
      assert.equal(256, #stream:text())
    end)

    it("lets the others pass meanwhile", function()
      flood(5000)
      local other = assert(link:start({ path = "/responses", body = "{}", reply = "responses" }, { folded = true }))
      local id = handle:wire_next().id
      handle:wire_status(id, 200)
      handle:wire_header(id, "content-type", "application/json")
      handle:wire_body(id, xai.json.encode(helper.response "through"))
      handle:wire_finish(id, "done")
      assert.equal("through", other:wait():text())
      assert.equal(256, call.last - call.first + 1)
    end)

    it("goes on when it is read, and loses nothing", function()
      local sent = flood(5000)
      local seen, events = 0, stream:events()
      for _ = 1, sent do
        assert.equal("x", events().text)
        seen = seen + 1
        assert.is_true(call.last - call.first + 1 <= 256)
      end
      assert.equal(sent, seen)
      assert.is_true(handle:wire_body(wire, PIECE))
      assert.equal("x", events().text)
    end)

    it("takes all for who waits for the end, cancels, or only looks how far it is", function()
      local sent = flood(5000)
      local response, err
      for _ = 1, 1000 do -- a slow machine takes several turns
        response, err = stream:result(0.01)
        if #stream:text() == sent then break end
      end
      assert.is_nil(response)
      assert.equal("waiting", err.code)
      assert.equal(sent, #stream:text())
      call.keep = true -- as if its events were wanted after all
      flood(5000)
      assert.is_true(call.held)
      local before = #call.parts
      assert.is_false(stream:is_done())
      while link:take() do end -- luacheck: ignore 542
      assert.is_true(#call.parts > before)
      flood(5000)
      stream:cancel()
      while link:take() do end -- luacheck: ignore 542
      assert.is_true(stream:is_done())
    end)

    it("takes all for a program that turns the crank itself", function()
      local sent = flood(5000)
      link:drive(0)
      assert.equal(sent, #stream:text())
      for _ = 1, 5000 do
        assert.is_true(handle:wire_body(wire, PIECE))
        link:drive(0)
      end
      assert.equal(sent + 5000, #stream:text())
    end)
  end)
end)
