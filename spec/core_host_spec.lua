--- The host transport of the C module: requests out as bytes, answers in as bytes, and its arguments.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"

local function open()
  return assert(core.client { api_key = "xai-test-key", base_url = "https://[::1]:8443/v1", transport = "host",
    clock = "manual", seed = 7 })
end

local function start(handle, body)
  return assert(handle:start { path = "/x", body = body or "{}", reply = "bytes" })
end

local answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

describe("the host transport", function()
  local handle
  before_each(function() handle = open() end)
  after_each(function() handle:close() end)

  it("hands out each request once, with where it goes", function()
    local call = start(handle)
    local id, call_id, host, port, secure, connect, handshake = handle:host_next()
    assert.same({ call, "::1", 8443, true, 5, 10 }, { call_id, host, port, secure, connect, handshake })
    assert.is_true(handle:host_live(id))
    assert.is_nil(handle:host_next())
  end)

  it("gives the bytes to write in pieces of the size that was asked for", function()
    start(handle, ("x"):rep(100000))
    local id = handle:host_next()
    local parts = {}
    for piece in function() return handle:host_pull(id, 4096) end do
      if piece == "" then break end
      assert.is_true(#piece <= 4096)
      parts[#parts + 1] = piece
    end
    assert.is_truthy(table.concat(parts):find "^POST /v1/x HTTP/1.1\r\n.*\r\n\r\nx+$")
  end)

  it("takes an answer from any place in a text, and says how far it came", function()
    start(handle)
    local id = handle:host_next()
    handle:host_pull(id, 100000)
    assert.same({ "read", 11, false }, { handle:host_feed(id, "xxxxx" .. answer:sub(1, 5), 6) })
    assert.same({ "close", #answer - 4, true }, { handle:host_feed(id, answer:sub(6) .. "more") })
    local _, word, result = handle:next()
    assert.same({ "end", "complete", "hello" }, { word, result.outcome, result.body })
  end)

  it("keeps a connection whose answer ended where its bytes did", function()
    start(handle)
    local id = handle:host_next()
    while handle:host_pull(id, 10) ~= "" do end -- luacheck: ignore 542
    assert.equal("keep", (handle:host_feed(id, answer)))
    assert.is_false(handle:host_live(id))
  end)

  it("takes the end of a connection with a word for how", function()
    start(handle)
    handle:host_end(handle:host_next(), "tls", "certificate has expired")
    local _, word, result = handle:next()
    assert.equal("end", word)
    assert.equal("tls", result.error.code)
    assert.is_truthy(result.error.message:find "::1: certificate has expired")
  end)

  it("raises for what makes no sense, and ignores ids that are over", function()
    start(handle)
    local id = handle:host_next()
    assert.has_error(function() handle:host_feed(id, "x", 3) end)
    assert.has_error(function() handle:host_feed(id, "x", 0) end)
    assert.has_error(function() handle:host_feed(id, 7) end)
    assert.has_error(function() handle:host_pull(id, 0) end)
    assert.has_error(function() handle:host_end(id, "tired") end)
    handle:host_end(99, "reset")
    assert.equal("", handle:host_pull(99, 10))
    assert.same({ "close", 1, false }, { handle:host_feed(99, "x") })
    assert.is_true(handle:host_live(id))
    handle:close()
    assert.has_error(function() handle:host_live(id) end, "the client is closed")
  end)

  -- What is taken in all, until a word other than "more" follows; each list holds nothing but what it was filled with.
  local function all_lines(call, named)
    local parts, total, list = {}, 0, { "left", "over", 7 }
    while true do
      local bytes, count, word = handle:take_lines(call, list, named)
      local text = table.concat(list)
      assert.equal(bytes, #text)
      parts[#parts + 1], total = text, total + count
      if word ~= "more" then return table.concat(parts), total, word, #parts end
    end
  end

  local function stream(events)
    local call = assert(handle:start { path = "/x", body = "{}", reply = "responses", stream = true })
    handle:announce(call, true)
    local id = handle:host_next()
    while handle:host_pull(id, 1000) ~= "" do end -- luacheck: ignore 542
    local head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    local wish, _, is_due = handle:host_feed(id, head .. events)
    assert.same({ "read", true }, { wish, is_due })
    return call, id
  end

  local function delta(text, break_at)
    return ('event: response.output_text.delta\ndata: {"type":"response.output_text.delta",%s"item_id":"m",'
      .. '"output_index":0,"content_index":0,"delta":"%s"}\n\n'):format(break_at or "", text)
  end

  it("gives the events of a stream as the lines in which they came, with their names or without", function()
    for _, named in ipairs { true, false } do
      local events = delta "one" .. delta("two", "\ndata: \ndata: ") .. delta(("x"):rep(700)) .. delta ""
      local call, id = stream(events)
      local text, count, word = all_lines(call, named)
      if not named then events = events:gsub("event: [^\n]*\n", "") end
      assert.same({ events, 4, "rest" }, { text, count, word })
      assert.same({ "", 0, "rest", 1 }, { all_lines(call, named) }) -- nothing twice
      handle:host_end(id, "closed")
      local bytes, none, last, result = handle:take_lines(call, {}, named)
      assert.same({ 0, 0, "end", "incomplete" }, { bytes, none, last, result.outcome })
    end
  end)

  it("takes more lines than fit at once in turns, and a large event whole", function()
    local events = {}
    for i = 1, 300 do events[i] = delta(("word %d "):format(i)) end
    events[301] = delta(("y"):rep(100000))
    events[302] = delta "after"
    local text = table.concat(events)
    local lines, count, word, turns = all_lines(stream(text), true)
    assert.is_true(lines == text)
    assert.same({ 302, "rest" }, { count, word })
    assert.is_true(turns > 3)
  end)

  it("feeds and gives lines at one crossing, and says what is to be done beside", function()
    local zero, one = delta "zero", delta "one"
    local call, id = stream(zero)
    local list = {}
    assert.same({ "read", 7, false, #zero, 1, "rest" }, { handle:host_pass(id, one:sub(1, 6), 1, call, list, true) })
    assert.equal(zero, table.concat(list))
    assert.same({ "read", 21, false }, { handle:host_pass(id, one:sub(1, 20), 7, call, list, true) })
    local unnamed = one:gsub("^[^\n]*\n", "")
    assert.same({ "read", #one - 19, false, #unnamed, 1, "rest" },
      { handle:host_pass(id, one:sub(21), 1, call, list, false) })
    assert.equal(unnamed, table.concat(list))
    local other = assert(handle:start { path = "/x", body = "{}", reply = "bytes" })
    assert.same({ "read", 2, true }, { handle:host_pass(id, ":", 1, call, list, true) }) -- the other one's request
    assert.equal(other, select(2, handle:host_next()))
    assert.has_error(function() handle:host_pass(id, "x", 3, call, list, true) end)
    assert.has_error(function() handle:host_pass(id, "x", 1, call, nil, true) end)
  end)

  it("says whether what was fed made something to do", function()
    local event = delta "one"
    local _, id = stream(delta "zero")
    handle:next()
    local call = handle:next() -- told once, though nobody takes it
    assert.is_nil(call)
    local wish, _, is_due = handle:host_feed(id, event:sub(1, 20))
    assert.same({ "read", false }, { wish, is_due })
  end)

  it("refuses what is the host's business", function()
    local none, err = core.client { transport = "host", ca_file = "/ca.pem" }
    assert.is_nil(none)
    assert.equal("arg", err.code)
  end)
end)
