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
    assert.same({ "read", 11 }, { handle:host_feed(id, "xxxxx" .. answer:sub(1, 5), 6) })
    assert.same({ "close", #answer - 4 }, { handle:host_feed(id, answer:sub(6) .. "more") })
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
    assert.same({ "close", 1 }, { handle:host_feed(99, "x") })
    assert.is_true(handle:host_live(id))
    handle:close()
    assert.has_error(function() handle:host_live(id) end, "the client is closed")
  end)

  it("refuses what is the host's business", function()
    local none, err = core.client { transport = "host", ca_file = "/ca.pem" }
    assert.is_nil(none)
    assert.equal("arg", err.code)
  end)
end)
