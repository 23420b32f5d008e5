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

  it("R9 takes finalisers that cancel a stream and close the client in the middle of the core's work", function()
    local client = helper.client { otherwise = { sse = helper.stream { "a", 1, "b" } } }
    local kept, other = assert(client:stream "kept"), assert(client:stream "other")
    local handle, meddle = client.link.handle, true
    client.link.handle = setmetatable({}, { __index = function(_, name)
      return function(_, ...)
        if meddle and name == "next" then
          meddle = false
          other:cancel()
          client:close()
          return nil
        end
        return handle[name](handle, ...)
      end
    end })
    assert.is_nil(kept:events()())
    for _, stream in ipairs { kept, other } do assert.equal("cancelled", select(2, stream:result()).kind) end
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

  -- As over a real network: not simulated, although the bytes come from here.
  local link, handle, call, stream, wire

  local function open(limits)
    link = assert(links.new { api_key = "xai-k", base_url = "http://wire/v1", transport = "scripted", seed = 7 })
    handle = link.handle
    call = assert(link:start({ path = "/responses", body = "{}", reply = "responses", stream = true, limits = limits },
      { keep = true, folded = true, streamed = true }))
    stream = streams.new(call)
  end

  local function answer()
    wire = handle:wire_next().id
    handle:wire_status(wire, 200)
    handle:wire_header(wire, "content-type", "text/event-stream")
  end

  local function delta(text, output, content)
    return ('data: {"type":"response.output_text.delta","output_index":%d,"content_index":%d,"delta":"%s"}\n\n'):format(
      output or 0, content or 0, text)
  end

  local COMPLETED = 'data: {"type":"response.completed","response":{"id":"r","object":"response","status":"completed",'
    .. '"output":[{"type":"message","content":[{"type":"output_text","text":"abc"}]}]}}\n\n'

  describe("with a stream that is read", function()
    before_each(function()
      open()
      answer()
    end)
    after_each(function() link:close() end)

    it("gives every event once and in order, however many come at once", function()
      local events, sent, seen = stream:events(), 0, 0
      for burst = 1, 150 do
        local bytes = {}
        for i = 1, burst do bytes[i] = delta("<" .. sent + i .. ">") end
        sent = sent + burst
        assert.is_true(handle:wire_body(wire, table.concat(bytes)))
        while seen < sent do
          seen = seen + 1
          assert.equal("<" .. seen .. ">", events().text)
        end
      end
      assert.equal(0, call.last - call.first + 1)
    end)

    it("tells each event's kind, name and place, and decodes it when looked at", function()
      handle:wire_body(wire, 'data: {"type":"response.queued","n":1}\n\n' .. delta("a") .. delta("b", 3, 2)
        .. delta("c", 3, 2))
      local events, list = stream:events(), {}
      for i = 1, 4 do list[i] = events() end
      assert.equal("api", list[1].type)
      assert.is_nil(list[1].text)
      assert.equal("response.queued", list[1].name)
      assert.equal(1, list[1].data.n)
      assert.equal(list[1].data, list[1].data)
      assert.is_nil(list[1].no_such_field)
      local said = {}
      for i = 2, 4 do
        local event = list[i]
        assert.equal("response.output_text.delta", event.name)
        assert.equal(event.text, event.data.delta)
        said[#said + 1] = ("%s %s %d %d"):format(event.type, event.text, event.output_index, event.content_index)
      end
      assert.same({ "text a 0 0", "text b 3 2", "text c 3 2" }, said)
    end)

    -- Some at a time and far more; neighbours of one kind and of several, among them large ones.
    local function mixed(n)
      if n % 97 == 0 then return delta(("%d"):format(n):rep(3000)) end
      if n % 50 < 9 then return delta(tostring(n), n % 3, n % 2) end
      if n % 71 == 0 then return ('data: {"type":"response.in_progress","n":%d}\n\n'):format(n) end
      return delta(tostring(n))
    end

    it("lets events that are kept say all of themselves as long as they are kept", function()
      local events, kept, sent = stream:events(), {}, {}
      for burst = 1, 40 do
        local bytes = {}
        for _ = 1, burst do
          sent[#sent + 1] = mixed(#sent + 1)
          bytes[#bytes + 1] = sent[#sent]
        end
        assert.is_true(handle:wire_body(wire, table.concat(bytes)))
        for _ = 1, burst do kept[#kept + 1] = events() end
      end
      collectgarbage()
      for i, event in ipairs(kept) do
        local raw = sent[i]:match "^data: (.*)\n\n$"
        assert.equal(raw, event.raw)
        assert.same(core.decode(raw), event.data)
        assert.equal(raw, event.raw)
        assert.equal(event.data, event.data)
        assert.equal(event.data.output_index or 0, event.output_index)
        assert.equal(event.data.content_index or 0, event.content_index)
        assert.equal(event.data.delta, event.text)
      end
    end)

    it("has a call of so few fields that its table need not grow: 32, and some of them nil", function()
      local read = assert(xai.new { simulate = true }:stream "Tides?")
      for _ in read:events() do end -- luacheck: ignore 542
      assert(read:result())
      local fields = 0
      for _ in pairs(read.call) do fields = fields + 1 end
      assert.is_true(fields <= 29, fields)
    end)

    it("bounds what a kept event keeps of its neighbours", function()
      local events, kept = stream:events(), {}
      local all, filler = {}, ("x"):rep(1000)
      for i = 1, 64 do all[i] = delta(i .. filler) end
      local function pass()
        assert.is_true(handle:wire_body(wire, table.concat(all)))
        for i = 1, 64 do
          local event = events()
          if i == 40 then kept[#kept + 1] = event end
        end
        collectgarbage()
      end
      for _ = 1, 10 do pass() end
      local before = collectgarbage "count"
      for _ = 1, 20 do pass() end
      assert.is_true(collectgarbage "count" - before < 20 * 20, collectgarbage "count" - before)
    end)

    it("F57 leaves in the core what its reader does not take", function()
      assert.is_true(handle:wire_body(wire, delta "0"))
      local events, sent = stream:events(), 0
      assert.equal("0", events().text)
      while sent < 5000 and handle:wire_body(wire, delta(tostring(sent + 1))) do
        sent = sent + 1
        while link:take() do end -- luacheck: ignore 542
      end
      assert.is_true(sent > 100 and sent < 2000, sent)
      assert.equal(0, call.last - call.first + 1)
      for i = 1, sent do assert.equal(tostring(i), events().text) end
      assert.is_true(handle:wire_body(wire, delta "on"))
      assert.equal("on", events().text)
    end)

    it("loses nothing to who waits for the end in between, or looks how far it is", function()
      local all = {}
      for i = 1, 200 do all[i] = delta("<" .. i .. ">") end
      handle:wire_body(wire, table.concat(all))
      local events, seen = stream:events(), 0
      local function read(n)
        for _ = 1, n do
          seen = seen + 1
          assert.equal("<" .. seen .. ">", events().text)
        end
      end
      read(3)
      assert.is_false(stream:is_done())
      assert.truthy(stream:text():find("<200>", 1, true))
      read(70)
      handle:wire_body(wire, delta "<201>" .. delta "<202>")
      local _, err = stream:result(0.001)
      assert.equal("waiting", err.code)
      read(128)
      handle:wire_body(wire, delta "<203>")
      read(2)
    end)

    it("ends when its end came together with its last events", function()
      handle:wire_body(wire, delta "a" .. delta "b" .. delta "c" .. COMPLETED)
      local seen = {}
      for event in stream:events() do seen[#seen + 1] = event.text or event.name end
      assert.same({ "a", "b", "c", "response.completed" }, seen)
      assert.equal("abc", stream:result():text())
      assert.equal("abc", stream:text())
    end)

    it("stops at once when it is cancelled or the client closed in the loop, and keeps the text", function()
      for _, stop in ipairs { function() stream:cancel() end, function() link:close() end } do
        handle:wire_body(wire, delta "a" .. delta "b" .. delta "c")
        local seen = 0
        for _ in stream:events() do
          seen = seen + 1
          if seen == 2 then stop() end
        end
        assert.equal(2, seen)
        local _, err = stream:result()
        assert.equal("cancelled", err.kind)
        assert.equal("abc", stream:text())
        open()
        answer()
      end
    end)

    it("has room for another reader, whose loop takes its share", function()
      handle:wire_body(wire, delta "a" .. delta "b" .. delta "c")
      local one, two = stream:events(), stream:events()
      assert.same({ "a", "b", "c" }, { one().text, two().text, one().text })
    end)

    it("takes all there is for a program that turns the crank itself", function()
      local events = stream:events()
      for i = 1, 3000 do
        assert.is_true(handle:wire_body(wire, delta(tostring(i))))
        link:drive(0)
      end
      for i = 1, 3000 do assert.equal(tostring(i), events().text) end
    end)

    it("lets tasks that read take turns", function()
      local other = assert(link:start({ path = "/responses", body = "{}", reply = "responses", stream = true },
        { keep = true, folded = true, streamed = true }))
      local first = wire
      answer()
      local order = {}
      xai.run(function()
        for i, reader in ipairs { stream, streams.new(other) } do
          xai.spawn(function() for event in reader:events() do order[#order + 1] = i .. (event.text or "!") end end)
        end
        for round = 1, 2 do
          for _, id in ipairs { first, wire } do handle:wire_body(id, delta("x" .. round) .. delta("y" .. round)) end
          while #order < 4 * round do xai.sleep(0) end
        end
        handle:wire_body(first, COMPLETED)
        handle:wire_body(wire, COMPLETED)
      end)
      assert.same({ "1x1", "1y1", "2x1", "2y1", "1x2", "1y2", "2x2", "2y2", "1!", "2!" }, order)
      assert.equal(0, call.last - call.first + 1)
    end)
  end)

  it("tells a retry in its place among the events of a stream that is read", function()
    open { backoff_base = 0.001, backoff_max = 0.001 }
    local events = stream:events()
    local id = handle:wire_next().id
    handle:wire_status(id, 503)
    handle:wire_finish(id, "done")
    assert.equal("retry", events().type)
    repeat
      link:crank(0.01)
      local request = handle:wire_next()
      if request then wire = request.id end
    until request
    handle:wire_status(wire, 200)
    handle:wire_header(wire, "content-type", "text/event-stream")
    handle:wire_body(wire, delta "abc" .. COMPLETED)
    assert.equal("abc", events().text)
    assert.equal("response.completed", events().name)
    assert.is_nil(events())
    link:close()
  end)

  describe("with a stream that nobody reads", function()
    local PIECE = delta "x"

    before_each(function()
      open()
      answer()
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
      local before = #stream:text()
      assert.is_false(stream:is_done())
      while link:take() do end -- luacheck: ignore 542
      assert.is_true(#stream:text() > before)
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
