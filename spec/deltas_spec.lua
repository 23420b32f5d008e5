--- stream:deltas(), the text alone: over simulated clients, whose events come one by one, and as over a network.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local helper = require "spec.helper"
local links = require "xai.link"
local streams = require "xai.stream"
local xai = require "xai"

local function all_of(iterator)
  return helper.collect(iterator, function(text) return text end)
end

local function collected()
  for _ = 1, 3 do collectgarbage() end
end

-- A small generator of our own: the same numbers on each Lua.
local function dice(seed)
  local state = seed
  return function(sides)
    state = (state * 16807) % 2147483647
    return state % sides + 1
  end
end

describe("stream:deltas of a simulated client", function()
  local function streaming(pieces, options)
    local client, wire = helper.client { { sse = helper.stream(pieces) } }
    return assert(client:stream("x", options)), wire, client
  end

  it("gives each delta's text and nothing else, and ends silently, once and for all", function()
    local stream = streaming { "Ti", "des", " lag." }
    local deltas = stream:deltas()
    assert.same({ "Ti", "des", " lag." }, all_of(deltas))
    assert.is_nil(deltas())
    assert.same({}, all_of(stream:deltas()))
    assert.equal("Tides lag.", stream:result():text())
  end)

  it("comes one by one in virtual time, beside what is there already", function()
    local stream = streaming { "one ", 60, "two" }
    local texts = {}
    for _ in stream:deltas() do texts[#texts + 1] = stream:text() end
    assert.same({ "one ", "one two" }, texts)
  end)

  it("passes over reasoning, refusals and arguments", function()
    local at = { output_index = 0, content_index = 0, summary_index = 0, item_id = "i" }
    local function event(type, delta, output_index)
      local one = { type = type, delta = delta }
      for name, value in pairs(at) do one[name] = value end
      one.output_index = output_index
      return one
    end
    local client = helper.client { { sse = {
      { type = "response.created", response = helper.response("", { status = "in_progress" }) },
      event("response.reasoning_summary_text.delta", "Hm. ", 0), event("response.output_text.delta", "Ti", 1),
      event("response.function_call_arguments.delta", "{}", 2), event("response.refusal.delta", "No", 3),
      event("response.output_text.delta", "des", 1), event("response.output_text.delta", "!", 4),
      { type = "response.completed", response = helper.response "Tides!" },
    } } }
    assert.same({ "Ti", "des", "!" }, all_of(client:stream("x"):deltas()))
  end)

  it("gives a chat completion's first choice alone", function()
    local chunks = helper.chunks { "x", "y" }
    local other = { id = chunks[1].id, object = chunks[1].object, created = 1, model = "grok-4.6",
      choices = core.array { { index = 1, delta = { content = "other", role = "assistant" } } } }
    table.insert(chunks, 2, other)
    local client = helper.client { { sse = chunks } }
    local stream = assert(client:chat_stream "x")
    local texts = {}
    for text in stream:deltas() do
      texts[#texts + 1] = text
      assert.equal(table.concat(texts), stream:text())
    end
    assert.same({ "x", "y" }, texts)
  end)

  it("gives the text of an answer that was not streamed", function()
    local client = helper.client { { json = helper.response "whole" } }
    assert.equal("whole", table.concat(all_of(client:stream("x"):deltas())))
  end)

  it("F55 gives whole characters, however they were cut", function()
    local function raw(delta)
      return 'data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"' .. delta
        .. '"}\n\n'
    end
    local client = helper.client { { raw = { raw "a\\ud83d", raw "\\ude00b", "data: [DONE]\n\n" } } }
    local stream = assert(client:stream "x")
    assert.same({ "a", "\240\159\152\128b" }, all_of(stream:deltas()))
    assert.equal("a\240\159\152\128b", stream:text())
  end)

  it("does not show a retry", function()
    local client, wire = helper.client { helper.failure(503, "unavailable", "busy"), { sse = helper.stream { "ok" } } }
    local stream = assert(client:stream "x")
    assert.same({ "ok" }, all_of(stream:deltas()))
    assert.equal(2, #stream:result():meta().attempts)
    assert.equal(2, #wire.requests)
  end)

  it("ends silently where the call fails, whose result tells why", function()
    local client = helper.client { helper.failure(400, "invalid-argument", "Model not found: grok-9") }
    local stream = assert(client:stream "x")
    assert.same({}, all_of(stream:deltas()))
    assert.equal("refused", select(2, stream:result()).outcome)
  end)

  it("F44 gives what there is of a stream that ended early", function()
    local events = helper.stream { "half", " of it" }
    for _ = 1, 4 do events[#events] = nil end
    local stream = assert(helper.client({ { sse = events } }):stream "x")
    assert.same({ "half", " of it" }, all_of(stream:deltas()))
    assert.equal("truncated", select(2, stream:result()).kind)
  end)

  it("F63 stops when the stream is cancelled", function()
    local stream = streaming { "a", 5, "b", 5, "c" }
    local texts = {}
    for text in stream:deltas() do
      texts[#texts + 1] = text
      stream:cancel()
    end
    assert.same({ "a" }, texts)
    assert.equal("cancelled", select(2, stream:result()).kind)
  end)

  it("wakes a task that waits for the next one when the stream is cancelled", function()
    local stream, ended = streaming { "a", 500, "b" }, false
    xai.run(function()
      xai.spawn(function()
        all_of(stream:deltas())
        ended = true
      end)
      xai.sleep(1)
      stream:cancel()
    end)
    assert.is_true(ended)
  end)

  it("F64 leaves a stream that nobody holds any more to the collector, and no other", function()
    local client = helper.client { otherwise = { sse = helper.stream { "a", 5, "b" } } }
    for _ = 1, 50 do assert.equal("a", client:stream("x"):deltas()()) end
    local texts = {}
    for text in client:stream("x"):deltas() do
      collected()
      texts[#texts + 1] = text
    end
    assert.same({ "a", "b" }, texts)
    client:step()
    assert.equal(0, client:pending())
    client:close()
  end)

  it("leaves what is not taken on the network", function()
    local pieces = {}
    for i = 1, 500 do pieces[i] = ("x"):rep(10000) end
    local stream, wire = streaming(pieces)
    stream:deltas()()
    assert.is_true(wire.playing[1].at < 300)
    assert.equal(5000000, #stream:result():text())
  end)

  it("shares its place with events(), and with another of its kind", function()
    local stream = streaming { "a", "b", "c", "d" }
    local events, one, two = stream:events(), stream:deltas(), stream:deltas()
    assert.equal("response.created", events().name)
    assert.equal("a", one())
    assert.equal("b", two())
    assert.equal("c", events().text)
    assert.equal("d", one())
    assert.equal("response.output_text.done", events().name)
    assert.is_nil(two())
    assert.is_nil(events())
  end)

  it("is there for the turns of a conversation", function()
    local client = helper.client { { sse = helper.stream({ "o", "ne" }, { id = "id-1" }) } }
    local talk = client:conversation()
    assert.same({ "o", "ne" }, all_of(talk:stream("a"):deltas()))
    assert.equal(2, #talk:history())
  end)

  it("must be called with a colon", function()
    local stream = streaming { "a" }
    local ok, fault = pcall(function() stream.deltas() end)
    assert.is_false(ok)
    assert.truthy(fault:find("deltas_spec.lua:%d+: this is a method of a stream"), fault)
  end)
end)

describe("stream:deltas as over a network", function()
  local link, handle, call, stream, wire

  -- A further call of the same client's.
  local function open_beside(traits)
    traits = traits or { keep = true, folded = true, streamed = true }
    local path = traits.chat and "/chat/completions" or "/responses"
    call = assert(link:start({ path = path, body = "{}", reply = traits.chat and "chat" or "responses", stream = true },
      traits))
    stream = streams.new(call)
    wire = handle:wire_next().id
    handle:wire_status(wire, 200)
    handle:wire_header(wire, "content-type", "text/event-stream")
  end

  local function open(traits)
    link = assert(links.new { api_key = "xai-k", base_url = "http://wire/v1", transport = "scripted", seed = 7 })
    handle = link.handle
    open_beside(traits)
  end

  before_each(function() open() end)
  after_each(function() link:close() end)

  local function delta(text, kind)
    return ('data: {"type":"response.%s.delta","output_index":0,"content_index":0,"delta":"%s"}\n\n'):format(
      kind or "output_text", text)
  end

  local COMPLETED = 'data: {"type":"response.completed","response":{"id":"r","object":"response","status":"completed",'
    .. '"output":[{"type":"message","content":[{"type":"output_text","text":"abc"}]}]}}\n\n'

  local function send(bytes) assert.is_true(handle:wire_body(wire, bytes)) end

  it("gives every delta once and in order, however many come at once", function()
    local deltas, sent, seen = stream:deltas(), 0, 0
    for burst = 1, 150 do
      local bytes = {}
      for i = 1, burst do bytes[i] = delta("<" .. sent + i .. ">") end
      sent = sent + burst
      send(table.concat(bytes))
      while seen < sent do
        seen = seen + 1
        assert.equal("<" .. seen .. ">", deltas())
      end
    end
    assert.equal(0, call.last - call.first + 1)
  end)

  it("ends when its end came together with its last deltas", function()
    send(delta "a" .. delta "b" .. delta "c" .. COMPLETED)
    assert.same({ "a", "b", "c" }, all_of(stream:deltas()))
    assert.equal("abc", stream:result():text())
  end)

  it("makes nothing but the texts", function()
    local LOTS, IN_A_LOT = 40, 64
    local bytes, deltas = delta("x"):rep(IN_A_LOT), stream:deltas()
    local function pass()
      send(bytes)
      for _ = 1, IN_A_LOT do assert(deltas() == "x") end
    end
    for _ = 1, 20 do pass() end
    collected()
    collectgarbage "stop"
    local before = collectgarbage "count"
    for _ = 1, LOTS do pass() end
    local made = (collectgarbage "count" - before) * 1024 / (LOTS * IN_A_LOT)
    collectgarbage "restart"
    assert.is_true(made < 48, made .. " bytes a delta; a table alone has 56") -- the text so far grows in the core
  end)

  it("keeps no large event's JSON behind", function()
    local deltas, large = stream:deltas(), ("y"):rep(2000000)
    local function pass()
      send(delta "x" .. delta(large, "reasoning_summary_text") .. delta "z")
      assert.equal("x", deltas())
      assert.equal("z", deltas())
      handle:cancel(call.id)
      assert.is_nil(deltas())
      link:close()
      open()
      deltas = stream:deltas()
    end
    pass()
    collected()
    local before = collectgarbage "count"
    for _ = 1, 5 do pass() end
    collected()
    assert.is_true(collectgarbage "count" - before < 1000, collectgarbage "count" - before)
  end)

  it("F57 leaves in the core what its reader does not take", function()
    send(delta "0")
    local deltas, sent = stream:deltas(), 0
    assert.equal("0", deltas())
    while sent < 5000 and handle:wire_body(wire, delta(tostring(sent + 1))) do
      sent = sent + 1
      while link:take() do end -- luacheck: ignore 542
    end
    assert.is_true(sent > 100 and sent < 2000, sent)
    assert.equal(0, call.last - call.first + 1)
    for i = 1, sent do assert.equal(tostring(i), deltas()) end
    send(delta "on")
    assert.equal("on", deltas())
  end)

  it("stops at once when it is cancelled or the client closed in the loop, and keeps the text", function()
    for _, stop in ipairs { function() stream:cancel() end, function() link:close() end } do
      send(delta "a" .. delta "b" .. delta "c")
      local seen = 0
      for _ in stream:deltas() do
        seen = seen + 1
        if seen == 2 then stop() end
      end
      assert.equal(2, seen)
      assert.equal("cancelled", select(2, stream:result()).kind)
      assert.equal("abc", stream:text())
      open()
    end
  end)

  it("gives a chat completion's first choice alone", function()
    link:close()
    open { keep = true, folded = true, streamed = true, chat = true }
    local function chunk(choice, text)
      return ('data: {"object":"chat.completion.chunk","choices":[{"index":%d,"delta":{"content":"%s"}}]}\n\n'):format(
        choice, text)
    end
    send(chunk(0, "a") .. chunk(0, "b") .. chunk(1, "other") .. chunk(1, "one") .. chunk(0, "c") .. chunk(2, "third"))
    local deltas = stream:deltas()
    assert.same({ "a", "b", "c" }, { deltas(), deltas(), deltas() })
    assert.equal("abc", stream:text())
  end)

  it("lets tasks that read take turns", function()
    local order, rounds = {}, 3
    xai.run(function()
      local ended = false
      xai.spawn(function()
        for text in stream:deltas() do order[#order + 1] = text end
        ended = true
      end)
      for round = 1, rounds do
        send(delta("a" .. round) .. delta("b" .. round))
        while #order < 3 * round - 1 do xai.sleep(0) end
        order[#order + 1] = "-"
      end
      send(COMPLETED)
      while not ended do xai.sleep(0) end
    end)
    assert.same({ "a1", "b1", "-", "a2", "b2", "-", "a3", "b3", "-" }, order)
  end)

  it("gives what is told of a retry to nobody, and the deltas after it", function()
    link:close()
    link = assert(links.new { api_key = "xai-k", base_url = "http://wire/v1", transport = "scripted", seed = 7 })
    handle = link.handle
    call = assert(link:start({ path = "/responses", body = "{}", reply = "responses", stream = true,
      limits = { backoff_base = 0.001, backoff_max = 0.001 } }, { keep = true, folded = true, streamed = true }))
    stream = streams.new(call)
    local crank, status = link.crank, 503
    function link:crank(seconds)
      local request = handle:wire_next()
      if request and status == 503 then
        handle:wire_status(request.id, status)
        handle:wire_finish(request.id, "done")
        status = 200
      elseif request then
        handle:wire_status(request.id, status)
        handle:wire_header(request.id, "content-type", "text/event-stream")
        handle:wire_body(request.id, delta "abc" .. COMPLETED)
      end
      return crank(self, request and 0 or seconds)
    end
    assert.same({ "abc" }, all_of(stream:deltas()))
    assert.equal(2, #stream:result():meta().attempts)
  end)

  describe("beside events()", function()
    local kinds = { "output_text", "output_text", "output_text", "reasoning_summary_text", "refusal", "queued" }

    -- Events in runs, among them large ones.
    local function play(roll)
      local list = {}
      while #list < 700 do
        local kind = kinds[roll(#kinds)]
        for _ = 1, roll(90) do
          local number = #list + 1
          local text = roll(60) == 1 and ("%d "):format(number):rep(1500) or "<" .. number .. ">"
          local raw = kind == "queued" and ('{"type":"response.queued","n":%d}'):format(number)
            or delta(text, kind):match "^data: (.*)\n\n$"
          list[number] = { raw = raw, text = kind ~= "queued" and text or nil, is_text = kind == "output_text" }
        end
      end
      return list
    end

    -- What may be done between two looks, and must not matter.
    local meanwhile = {
      function() stream:text() end,
      function() stream:is_done() end,
      function() stream:result(0.0001) end,
      function() link:drive(0) end,
      function() stream:partial() end,
      function() collectgarbage() end,
    }

    local function read_as_told(seed, disturbances)
      local roll = dice(seed)
      local list, sent, at = play(roll), 0, 0
      local events, deltas = stream:events(), stream:deltas()
      local function more()
        local bytes = {}
        for i = sent + 1, math.min(sent + roll(100), #list) do
          bytes[#bytes + 1] = "data: " .. list[i].raw .. "\n\n"
          sent = i
        end
        send(table.concat(bytes))
      end
      local function next_text()
        for i = at + 1, sent do if list[i].is_text then return i end end
      end
      local kept = {}
      while at < #list do
        if at == sent then more() end
        for _ = 1, roll(40) do
          if disturbances > 0 and roll(25) == 1 then meanwhile[roll(disturbances)]() end
          local text_at = next_text()
          if roll(3) > 1 and text_at then
            at = text_at
            assert.equal(list[at].text, deltas())
          elseif at < sent then
            at = at + 1
            local event = events()
            assert.equal(list[at].raw, event.raw)
            assert.equal(list[at].text, event.text)
            kept[#kept + 1] = { event = event, raw = list[at].raw }
          end
        end
      end
      for _, one in ipairs(kept) do
        assert.equal(one.raw, one.event.raw)
        assert.same(core.decode(one.raw), one.event.data)
      end
    end

    for seed = 1, 8 do
      it("gives each once, to whoever asks next, and all of it (" .. seed .. ")", function()
        read_as_told(seed * 7919, 0)
      end)
      it("loses nothing to who looks, waits or drives in between (" .. seed .. ")", function()
        read_as_told(seed * 104729, #meanwhile)
      end)
    end
  end)

  -- What one of them has put by, and could not give yet, comes before anything of another.
  it("gives each of several streams its own, in order, however they take turns", function()
    local all = {}
    for i = 1, 4 do
      if i > 1 then open_beside() end
      all[i] = { stream = stream, wire = wire, events = stream:events(), deltas = stream:deltas(), sent = 0, at = 0 }
    end
    local roll, sizes = dice(4711), { 20, 3500, 3500, 6000 } -- more than a lot's block holds at once
    local function more(one)
      local text = (one.sent + 1) .. ":" .. ("x"):rep(roll(sizes[roll(4)]))
      if handle:wire_body(one.wire, delta(text)) then one.sent = one.sent + 1 end
    end
    for turn = 1, 600 do
      local one = all[roll(4)]
      for _ = 1, roll(50) do more(one) end
      if turn % 7 == 0 then link:take() end
      for _ = 1, math.min(roll(50), one.sent - one.at) do
        one.at = one.at + 1
        local text = roll(4) > 1 and one.deltas() or one.events().text
        assert.equal(one.at, tonumber(text:match "^(%d+):"))
      end
    end
    for _, one in ipairs(all) do
      assert.is_true(one.at > 1000)
      one.stream:cancel()
    end
  end)
end)
