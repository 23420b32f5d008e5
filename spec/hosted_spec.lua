--- Waiting inside somebody else's event loop: a host made of coroutines, with sockets that are tables.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local helper = require "spec.helper"
local loop = require "xai.loop"
local xai = require "xai"

-- ------------------------------------------------------------------ a host

-- Threads run in turn; a network whose servers are functions: fun(request_text, connection) -> pieces of the answer.
local function new_host(serve)
  local self = { ready = {}, parked = {}, reports = {}, connections = 0, requests = {}, kept = {}, closed = 0 }
  local host = { transport = "host" }

  local function push(thread) self.ready[#self.ready + 1] = thread end

  function host.wait(line, seconds)
    local thread = coroutine.running()
    self.parked[thread] = { line = line, timed = seconds ~= nil }
    coroutine.yield()
  end

  function host.wake(line)
    for thread, parked in pairs(self.parked) do
      if parked.line == line then
        self.parked[thread] = nil
        push(thread)
      end
    end
  end

  function host.spawn(fn, ...)
    local arguments = { n = select("#", ...), ... }
    local thread = coroutine.create(function() fn((table.unpack or unpack)(arguments, 1, arguments.n)) end)
    push(thread)
    return thread
  end

  function host.kill(thread)
    self.parked[thread] = nil
    self.killed = (self.killed or 0) + 1
  end

  function host.is_over(thread) return coroutine.status(thread) == "dead" end
  function host.report(message) table.insert(self.reports, message) end
  function host.alarm() end -- the pump turns whenever nothing else does

  function host.connect(request)
    if serve == nil then return nil, "connect", "refused" end
    self.connections = self.connections + 1
    return { sent = "", request = request, number = self.connections }
  end

  function host.send(socket, bytes)
    socket.sent = socket.sent .. bytes
    return true
  end

  function host.receive(socket)
    if not socket.answer then
      table.insert(self.requests, socket.sent)
      socket.answer = serve(socket.sent, socket.number)
    end
    while socket.answer[1] == "pause" do host.wait(socket) end
    local piece = table.remove(socket.answer, 1)
    if piece then return piece end
    return nil, "closed"
  end

  function host.keep(socket) table.insert(self.kept, socket) end
  function host.close() self.closed = self.closed + 1 end

  -- Runs threads until none can; then the loop's own turn, and parked ones whose time is up.
  local function step()
    local thread = table.remove(self.ready, 1)
    if not thread then return false end
    if coroutine.status(thread) ~= "dead" then assert(coroutine.resume(thread)) end
    return true
  end

  -- The time of everybody who gave one is up.
  local function pass_time()
    local any = false
    for thread, parked in pairs(self.parked) do
      if parked.timed then
        self.parked[thread] = nil
        push(thread)
        any = true
      end
    end
    return any
  end

  function self.run(fn)
    local over, results
    host.spawn(function()
      results = { xpcall(fn, debug.traceback) }
      over = true
    end)
    for _ = 1, 100000 do
      if over then break end
      if not step() and not pass_time() and not loop.pump() and not step() then error "everything waits" end
    end
    assert(over, "not over")
    for _ = 1, 1000 do if not step() then break end end
    if not results[1] then error(results[2], 0) end
    return results[2]
  end

  self.host = host
  return self
end

local function chunked(text) return ("%x\r\n%s\r\n"):format(#text, text) end

local function json_answer(text)
  local body = assert(xai.json.encode(helper.response(text)))
  return { ("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"):format(#body), body }
end

local stream_head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

local function stream_answer(...)
  local pieces = { stream_head }
  for _, event in ipairs(helper.stream { ... }) do
    pieces[#pieces + 1] = chunked("event: " .. event.type .. "\ndata: " .. xai.json.encode(event) .. "\n\n")
  end
  pieces[#pieces + 1] = "0\r\n\r\n"
  return pieces
end

local client, world

local function open(serve, options)
  world = new_host(serve)
  loop.adopt(world.host)
  options = options or {}
  options.api_key, options.base_url = "xai-test-0000", "http://host:8080/v1"
  client = assert(xai.new(options))
end

describe("xai.hosted", function()
  after_each(function()
    client:close()
    loop.adopt(nil)
  end)

  it("answers over the host's sockets and keeps the connection", function()
    open(function() return json_answer "yes" end)
    assert.equal("yes", world.run(function() return assert(client:respond "x"):text() end))
    assert.is_truthy(world.requests[1]:find "^POST /v1/responses HTTP/1.1\r\nHost: host:8080\r\n")
    assert.equal(1, #world.kept)
    assert.equal(0, client:pending())
  end)

  it("streams, event by event", function()
    open(function() return stream_answer("a", "b", "c") end)
    local text = world.run(function()
      local stream, parts = assert(client:stream "x"), {}
      for event in stream:events() do if event.type == "text" then parts[#parts + 1] = event.text end end
      assert(stream:result())
      return table.concat(parts, ",")
    end)
    assert.equal("a,b,c", text)
  end)

  it("runs tasks at once, and gives out what they return", function()
    open(function(_, number) return json_answer(tostring(number)) end)
    local sum = world.run(function()
      return xai.run(function()
        local tasks, total = {}, 0
        for i = 1, 5 do tasks[i] = xai.spawn(function() return tonumber(assert(client:respond "x"):text()) end) end
        for i = 1, 5 do total = total + tasks[i]:wait() end
        return total
      end)
    end)
    assert.equal(15, sum)
    assert.equal(5, world.connections)
  end)

  it("reports what a task raised that belongs to no run, and raises it where it is waited for", function()
    open(function() return json_answer "x" end)
    world.run(function() xai.spawn(function() error "alone" end) end)
    assert.is_truthy(world.reports[1]:find "alone")
    world.run(function()
      local task = xai.spawn(function() error "heard" end)
      local ok, why = pcall(task.wait, task)
      assert.is_false(ok)
      assert.is_truthy(tostring(why):find "heard")
    end)
    assert.equal(1, #world.reports)
  end)

  it("ends the run with the first error, and the tasks that are left", function()
    open(function() return { "pause" } end)
    world.run(function()
      local task
      local ok, why = pcall(xai.run, function()
        task = xai.spawn(function() return client:respond "x" end)
        error "early"
      end)
      assert.is_false(ok)
      assert.is_truthy(tostring(why):find "early")
      assert.is_true(task.done)
    end)
  end)

  it("tells the phase when there is no connection", function()
    open(nil, { max_attempts = 1 })
    local err = world.run(function() return select(2, client:respond "x") end)
    assert.equal("network", err.kind)
    assert.equal("connect", err.attempts[1].phase)
    assert.equal("not_sent", err.attempts[1].outcome)
  end)

  it("F25 a body that ends early is no answer", function()
    open(function()
      local pieces = json_answer "x"
      pieces[2] = pieces[2]:sub(1, -2)
      return pieces
    end)
    local err = world.run(function() return select(2, client:respond "x") end)
    assert.equal("short", err.code)
    assert.equal(1, world.closed)
    assert.equal(0, #world.kept)
  end)

  it("F63 a cancel closes the connection, wherever its thread is parked", function()
    open(function() return { stream_head, "pause" } end)
    world.run(function()
      local stream = assert(client:stream "x")
      for _ = 1, 10 do xai.sleep(0) end
      stream:cancel()
      local _, err = stream:result()
      assert.equal("cancelled", err.kind)
    end)
    assert.equal(1, world.killed)
    assert.equal(0, client:pending())
  end)

  it("F57 a reader that is slow leaves the rest on the network", function()
    local deltas = {}
    for i = 1, 3000 do deltas[i] = ("x"):rep(100) end
    local pieces = stream_answer((table.unpack or unpack)(deltas))
    local all = #pieces
    open(function() return pieces end)
    local count = world.run(function()
      local stream = assert(client:stream "x")
      local next_event, n = stream:events(), 0
      next_event()
      for _ = 1, 2000 do xai.sleep(0) end
      assert.is_true(#pieces > all / 2, "read ahead: " .. all - #pieces .. " of " .. all)
      for event in next_event do n = n + (event.type == "text" and 1 or 0) end
      assert(stream:result())
      return n
    end)
    assert.equal(3000, count)
  end)

  -- What a reader of lines gets of a stream, and how many events; `before` and `between` run before it, and after its
  -- first lines.
  local function read_lines(before, between)
    return world.run(function()
      local stream, parts, events = assert(client:stream "x"), {}, 0
      before(stream)
      local passed = stream.call:pass(true, function(list, bytes, count)
        local text = table.concat(list)
        assert.equal(bytes, #text)
        parts[#parts + 1], events = text, events + count
        if #parts == 1 then between(stream) end
      end)
      if not passed then return nil end
      return { text = table.concat(parts), events = events, result = { stream:result() } }
    end)
  end

  local function nothing() end
  local function a_while() for _ = 1, 2000 do xai.sleep(0) end end

  local function lines_of(pieces)
    local parts = {}
    for i = 2, #pieces - 1 do parts[#parts + 1] = pieces[i]:match "^%x+\r\n(.*)\r\n$" end
    return table.concat(parts), #parts
  end

  it("gives a stream as the lines in which it came, to who asks before its first event", function()
    local pieces = stream_answer("a", ("b"):rep(5000), "c")
    local text, events = lines_of(pieces)
    open(function() return pieces end)
    local got = read_lines(nothing, nothing)
    assert.equal(events, got.events)
    assert.is_true(text == got.text)
    assert.equal("a" .. ("b"):rep(5000) .. "c", got.result[1]:text())
    pieces = stream_answer("a", "b")
    assert.is_nil(read_lines(a_while, nothing))
  end)

  it("F57 a slow reader of lines leaves the rest on the network", function()
    local deltas = {}
    for i = 1, 3000 do deltas[i] = ("x"):rep(100) end
    local pieces = stream_answer((table.unpack or unpack)(deltas))
    local text, events = lines_of(pieces)
    local all = #pieces
    open(function() return pieces end)
    local got = read_lines(nothing, function()
      a_while()
      assert.is_true(#pieces > all / 2, "read ahead: " .. all - #pieces .. " of " .. all)
    end)
    assert.equal(events, got.events)
    assert.is_true(text == got.text)
    assert.is_truthy(got.result[1])
  end)

  -- Lines are being written, and nothing is read meanwhile, while `seconds` of real time pass.
  local function write_for(seconds, pieces)
    open(function() return pieces end, { limits = { silence = 0.05 } })
    return read_lines(nothing, function()
      local limit = core.now() + seconds
      repeat loop.pump() until core.now() > limit
      xai.sleep(0)
    end)
  end

  it("F58 the time that lines take to be written is no silence of the server's", function()
    local got = write_for(0.2, stream_answer("a", "b"))
    assert.equal("ab", got.result[1] and got.result[1]:text() or tostring(got.result[2]))
    local pieces = stream_answer "a"
    got = write_for(0.2, { pieces[1], pieces[2], "pause" })
    assert.equal("silence", got.result[2].code)
  end)

  it("what the writer of lines raises comes out where the lines were asked for", function()
    open(function() return stream_answer("a", "b") end)
    local stream
    world.run(function()
      stream = assert(client:stream "x")
      local ok, why = pcall(stream.call.pass, stream.call, true, function() error("no paper", 0) end)
      assert.same({ false, "no paper" }, { ok, why })
      stream:cancel()
      stream:result()
    end)
    assert.equal(0, client:pending())
  end)

  it("F63 a cancel ends the wait for lines", function()
    local pieces = stream_answer "a"
    open(function() return { pieces[1], pieces[2], "pause" } end)
    local got = read_lines(nothing, function(stream) xai.spawn(function() stream:cancel() end) end)
    assert.same({ 1, "cancelled" }, { got.events, got.result[2].kind })
    assert.equal(1, world.killed)
    assert.equal(0, client:pending())
  end)

  it("F63 a cancel ends the thread that reads, though it is writing lines", function()
    local pieces, went_on = stream_answer "a", false
    open(function() return { pieces[1], pieces[2], "pause" } end)
    local got = read_lines(nothing, function(stream)
      xai.spawn(function() stream:cancel() end)
      world.host.wait {} -- for ever
      went_on = true
    end)
    assert.same({ "cancelled", 1, false }, { got.result[2].kind, world.killed, went_on })
    assert.equal(0, client:pending())
  end)

  it("wakes the thread of a call whose lines are passed on only when nothing was read since the last look", function()
    local pieces = stream_answer "a"
    open(function() return { pieces[1], pieces[2], "pause" } end)
    local carrier, woken = require "xai.carrier", {}
    read_lines(nothing, function(stream)
      local call, wake, count = stream.call, world.host.wake, 0
      world.host.wake = function(line)
        if line == call.line then count = count + 1 end
        return wake(line)
      end
      for look = 1, 2 do
        call.tended_at, client.link.tend_at = 0, 0
        carrier.tend(world.host, client.link)
        woken[look] = count
      end
      world.host.wake = wake
      xai.spawn(function() stream:cancel() end)
    end)
    assert.same({ 0, 1 }, woken)
  end)

  it("cancels the calls whose threads the host has ended", function()
    open(function() return { stream_head, "pause" } end)
    local stream
    world.run(function() stream = assert(client:stream "x") end)
    for _ = 1, 20 do loop.pump() end
    assert.is_false(stream:is_done())
    for thread in pairs(world.parked) do world.parked[thread] = nil end
    world.ready = {}
    stream.call.unseen, stream.call.tended_at, client.link.tend_at = true, 0, 0 -- as after two looks
    loop.pump()
    loop.pump()
    assert.is_true(stream:is_done())
    assert.equal(0, client:pending())
  end)

  it("has the descriptor watched while calls are in flight, and no longer", function()
    open(function() return json_answer "x" end)
    local log, link = {}, client.link
    function world.host.watch(watched) table.insert(log, watched == link and "watch" or "?") end
    function world.host.unwatch(watched) table.insert(log, watched == link and "unwatch" or "?") end
    world.run(function()
      assert(client:respond "x")
      assert.equal("watch unwatch", table.concat(log, " "))
      assert(client:respond "x")
      assert(client:stream "y")
      client:close()
    end)
    assert.equal("watch unwatch watch unwatch watch unwatch", table.concat(log, " "))
  end)

  it("leaves events for the next time when its budget is used up, and the network then waits", function()
    open(function() return json_answer "x" end)
    local cranked, left = 0, 3
    local busy = {
      handle = {}, busy = function() return true end, due = function() return 5 end, tend = function() end,
      crank = function() cranked = cranked + 1 end,
    }
    local function clients()
      local done = false
      return function()
        if done then return nil end
        done = true
        return busy
      end
    end
    local function take_events(most)
      assert.equal(1, most)
      left = left - 1
      return left >= 0
    end
    local hosted = require("xai.hosted").new({}, clients, take_events)
    assert.equal(0, hosted:pump(0))
    assert.same({ 1, 3 }, { cranked, left })
    assert.equal(0, hosted:pump(0))
    assert.same({ 1, 2 }, { cranked, left }) -- one at least
    assert.equal(5, hosted:pump(60))
    assert.same({ 1, -1 }, { cranked, left })
    hosted:pump(0)
    assert.equal(2, cranked)
  end)

  it("turns the network again while there is time, where a turn serves only some sockets", function()
    local cranked, events, ever = 0, 0, math.huge
    local busy = {
      handle = {}, busy = function() return true end, due = function() return 5 end, tend = function() end,
      crank = function()
        cranked = cranked + 1
        events = cranked <= 3 and 2 or 0
      end,
    }
    local function clients()
      local given = false
      return function()
        if given then return nil end
        given = true
        return busy
      end
    end
    local function take_events()
      events = events - 1
      return events >= 0
    end
    local function turns(host, budget)
      cranked = 0
      require("xai.hosted").new(host, clients, take_events):pump(budget)
      return cranked
    end
    assert.equal(4, turns({ most = 8 }, ever)) -- three that brought something, and the one that brought nothing
    assert.equal(1, turns({ most = 8 }, 0))
    assert.equal(1, turns({ most = 8 }))
    assert.equal(1, turns({}, ever))
    assert.equal(1, turns({ most = 8, watch = function() end }, ever)) -- the descriptor tells of what is left
  end)

  it("lets a simulated network run beside it", function()
    open(function() return json_answer "real" end)
    local simulated = assert(xai.new { simulate = true })
    local text = world.run(function()
      assert.is_true(#assert(simulated:respond "x"):text() > 0)
      return assert(client:respond "x"):text()
    end)
    assert.equal("real", text)
    simulated:close()
  end)
end)
