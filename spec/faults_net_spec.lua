--- What Lua adds on real connections: kinds, hints, and messages without a key.
-- SPDX-License-Identifier: MIT
local hostile_server = require "spec.hostile_server"
local xai = require "xai"

local KEY = "xai-hostile-0123456789abcdef"

describe("faults on real connections", function()
  local server, port, tls_port, closed_port

  local function client(case, options)
    local all = { api_key = KEY, base_url = ("http://127.0.0.1:%d/%s"):format(port, case), proxy = "", simulate = false,
      timeout = 20, limits = { backoff_base = 0.001, backoff_max = 0.001 } }
    for name, value in pairs(options or {}) do all[name] = value end
    return assert(xai.new(all))
  end

  -- The error that a call ends with; it never shows the key.
  local function fault(case, options)
    local one = client(case, options)
    local answer, err = one:respond "x"
    one:close()
    assert.is_nil(answer)
    for _, text in ipairs { tostring(err), err.message, err.body or "", err.hint } do
      assert.is_nil(text:find(KEY, 1, true))
      assert.is_nil(text:find("0123456789", 1, true))
    end
    return err
  end

  local function seen(case)
    local one = client "seen"
    local count = assert(one:request { path = "/" .. case, method = "GET" })
    one:close()
    return count
  end

  setup(function()
    server = hostile_server.start()
    if server then port, tls_port, closed_port = server.port, server.tls_port, server.closed_port end
  end)

  teardown(function()
    if server then server:stop() end
  end)

  local function on_server(run)
    return hostile_server.needing(function() return server end, run)
  end

  it("F01 names the host that does not exist, and tried thrice", on_server(function()
    local err = fault("x", { base_url = "http://nonexistent.invalid/v1",
      limits = { connect = 1, backoff_base = 0.001, backoff_max = 0.001 } })
    assert.equal("network", err.kind)
    assert.equal("resolve", err.code)
    assert.equal("resolve", err.attempts[1].phase)
    assert.equal("not_sent", err.attempts[1].outcome)
    assert.equal(3, #err.attempts)
    assert.is_true(err.repeatable)
    assert.truthy(tostring(err):find("nonexistent.invalid", 1, true))
    assert.truthy(err.hint:find "host name")
  end))

  it("F06 says which address and port refuse", on_server(function()
    local err = fault("x", { base_url = ("http://127.0.0.1:%d/v1"):format(closed_port) })
    assert.equal("network", err.kind)
    assert.equal("connect", err.code)
    assert.same({ not_sent = 3 }, { not_sent = err.counts.not_sent })
    assert.truthy(err.message:find("127.0.0.1", 1, true))
    assert.truthy(err.message:find "[Rr]efused")
  end))

  it("F08 trusts no certificate that signed itself, at once, and says what to check", on_server(function()
    local err = fault("x", { base_url = ("https://127.0.0.1:%d/html"):format(tls_port) })
    assert.equal("tls", err.kind)
    assert.equal("failed", err.outcome)
    assert.is_false(err.retryable)
    assert.equal(1, #err.attempts)
    assert.equal("not_sent", err.attempts[1].outcome)
    assert.truthy(err.message:find "self%-signed")
    assert.truthy(err.hint:find "CA certificates")
    assert.equal(0, seen "html")
  end))

  it("F11 tells a proxy's refusal from the API's, without the proxy's password", on_server(function()
    local err = fault("x", { base_url = "https://127.0.0.1:1/v1", max_attempts = 1,
      proxy = ("http://user:pr0xy-s3cret@127.0.0.1:%d"):format(port) })
    assert.equal("network", err.kind)
    assert.equal("proxy", err.code)
    assert.is_nil(err.status)
    assert.equal("not_sent", err.attempts[1].outcome)
    assert.truthy(err.message:find("CONNECT with 407", 1, true))
    assert.truthy(err.hint:find "proxy")
    assert.is_nil(tostring(err):find("s3cret", 1, true))
  end))

  it("F13 F31 names the place of a redirect, follows none, and shows nothing of its secrets", on_server(function()
    local err = fault "redirect"
    assert.equal("protocol", err.kind)
    assert.equal("redirect", err.code)
    assert.equal(302, err.status)
    assert.equal(1, #err.attempts)
    assert.truthy(err.message:find("http://login.example/in", 1, true))
    assert.is_nil(tostring(err):find("s3cret", 1, true))
    assert.is_nil(tostring(err):find("pass", 1, true))
    assert.truthy(err.hint:find "base_url")
  end))

  it("F25 gives what came of a body that was cut, and no response", on_server(function()
    local err = fault "cut"
    assert.equal("incomplete", err.outcome)
    assert.equal("short", err.code)
    assert.equal('{"id":"r1"}', err.body)
    assert.is_nil(err.response)
    assert.equal(1, #err.attempts)
    assert.is_false(err.repeatable)
  end))

  it("F29 shows the beginning of a page that came instead, and not the key it quotes", on_server(function()
    local err = fault "html"
    assert.equal("protocol", err.kind)
    assert.equal("not_json", err.code)
    assert.equal(200, err.status)
    assert.truthy(err.message:find("text/html: <title>Maintenance</title>", 1, true))
    assert.truthy(err.hint:find "proxy")
  end))

  it("F32 does not show the key that a refusal quotes", on_server(function()
    local err = fault "denied"
    assert.equal("auth", err.kind)
    assert.equal(401, err.status)
    assert.equal(1, #err.attempts)
  end))

  it("F48 keeps the text of a stream that a reset ended, and does not ask again", on_server(function()
    local one, other = client "reset", client "go"
    local text = {}
    local stream = assert(one:stream { input = ("x"):rep(300000) }) -- more than the server reads
    for event in stream:events() do
      if event.type == "text" then
        text[#text + 1] = event.text
        assert(other:request { path = "/on", method = "GET" })
      end
    end
    local answer, err = stream:result()
    assert.is_nil(answer)
    assert.equal("Hel", table.concat(text))
    assert.equal("incomplete", err.outcome)
    assert.equal("truncated", err.kind)
    assert.equal("reset", err.reason)
    assert.equal("Hel", err.response:text())
    assert.equal(1, #err.attempts)
    one:close()
    other:close()
    assert.equal(1, seen "reset")
  end))

  it("F63 ends a stream that is cancelled at once, and lets go of the server", on_server(function()
    local one = client "stall"
    local stream = assert(one:stream "x")
    for event in stream:events() do
      if event.type == "text" then break end
    end
    stream:cancel()
    local answer, err = stream:result()
    assert.is_nil(answer)
    assert.equal("cancelled", err.kind)
    assert.equal("cancelled", err.outcome)
    assert.equal("Hel", err.response:text())
    for _ = 1, 1000 do -- events, not time: each is a round trip to the server
      if seen "left" == 1 then break end
    end
    assert.equal(1, seen "left")
    one:close()
  end))
end)
