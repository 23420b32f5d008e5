local errors = require "xai.error"

describe("xai.error", function()
  it("reads as one sentence: what happened, the particulars, what to do", function()
    local err = errors.new {
      kind = "rate", code = "resource-exhausted", status = 429, message = "Too many requests.",
      hint = "wait as told in retry_after", attempts = { {}, {}, {} }, request_id = "7f3a",
    }
    assert.equal("Too many requests (status 429, resource-exhausted, 3 attempts, request id 7f3a); "
      .. "wait as told in retry_after", tostring(err))
  end)

  it("leaves out what is not known", function()
    assert.equal("could not connect (connect)",
      tostring(errors.new { kind = "network", code = "connect", message = "could not connect" }))
  end)

  it("prefers the API's own code to ours", function()
    local err = errors.from_core { kind = "auth", code = "api", api_code = "invalid-argument", message = "m" }
    assert.equal("invalid-argument", err.code)
    assert.equal("connect", errors.from_core({ kind = "network", code = "connect", message = "m" }).code)
  end)

  it("takes over the facts of the call that it ended", function()
    local attempts = { { outcome = "unknown" } }
    local err = errors.from_core({ kind = "network", code = "reset", message = "the connection broke" },
      { attempts = attempts, outcome = "failed", reason = "reset", request_id = "r1", body = "<html>" })
    assert.equal(attempts, err.attempts)
    assert.equal("failed", err.outcome)
    assert.equal("reset", err.reason)
    assert.equal("r1", err.request_id)
    assert.equal("<html>", err.body)
    assert.is_false(err.retryable)
  end)

  it("always has attempts to count", function()
    assert.same({}, errors.new({ kind = "usage", message = "m" }).attempts)
  end)

  it("tells its own from other values", function()
    assert.is_true(errors.is(errors.new { kind = "usage", message = "m" }))
    assert.is_false(errors.is { kind = "usage" })
    assert.is_false(errors.is "text")
    assert.is_false(errors.is(nil))
  end)

  it("is shown by a plain assert", function()
    local ok, shown = pcall(function()
      assert(nil, errors.new { kind = "auth", code = "key", message = "no API key" })
    end)
    assert.is_false(ok)
    assert.truthy(tostring(shown):find("no API key", 1, true))
  end)

  it("can be joined to a text, from both sides", function()
    local err = errors.new { kind = "network", code = "connect", message = "could not connect" }
    assert.equal("error: could not connect (connect)", "error: " .. err)
    assert.equal("could not connect (connect)!", err .. "!")
    assert.equal(tostring(err) .. tostring(err), err .. err)
  end)

  it("has a hint that fits what is there", function()
    local function hint(plain, call) return errors.from_core(plain, call).hint end
    local cut = { kind = "truncated", code = "early", message = "m", hint = "of the kind" }
    assert.equal("ask again", hint(cut))
    assert.equal("what arrived is in err.response; ask again", hint(cut, { response = {} }))
    cut.code = "truncated"
    assert.equal("what arrived is in err.response; ask again, or allow more output tokens",
      hint(cut, { response = {} }))
    local slow = { kind = "timeout", code = "silence", message = "m", hint = "of the kind" }
    assert.equal("of the kind", hint(slow))
    assert.equal("allow more time", hint(slow, { streamed = true }))
    local down = { kind = "server", code = "api", message = "m", hint = "quote the request id" }
    assert.equal("the service failed: try again later", hint(down))
    assert.equal("quote the request id", hint(down, { request_id = "7f3a" }))
  end)
end)
