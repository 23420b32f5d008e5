--- Rate limits on our side, the circuit breaker and what an error says of trying again, as the Lua face shows them.
-- SPDX-License-Identifier: MIT
local helper = require "spec.helper"
local loop = require "xai.loop"
local xai = require "xai"

local function raised(fn, ...)
  local ok, fault = pcall(fn, ...)
  assert.is_false(ok)
  return tostring(fault)
end

local function has(text, part)
  assert.truthy(text:find(part, 1, true), ("%q is not in %q"):format(part, text))
end

local function streams_of(client, count, body, options)
  local list = {}
  for i = 1, count do list[i] = assert(client:stream(body or "x", options)) end
  return list
end

local fine = { sse = helper.stream { "ok" } }
local busy = helper.failure(503, "unavailable", "busy")

describe("rates", function()
  it("let so many calls of a model through at once, and each other one knows its place", function()
    local client, wire = helper.client({ otherwise = fine }, { rates = { { model = "grok-4.6", concurrent = 2 } } })
    local list = streams_of(client, 5)
    local other = assert(client:stream { model = "grok-4.5", input = "x" })
    local places = {}
    for i, stream in ipairs(list) do places[i] = stream:place() or 0 end
    assert.same({ 0, 0, 1, 2, 3 }, places)
    assert.is_nil(other:place())
    for _, stream in ipairs(list) do assert.equal("ok", stream:result():text()) end
    assert.is_nil(list[5]:place())
    assert.truthy(other:result())
    assert.equal(6, #wire.requests)
    client:close()
  end)

  it("spread over time what is more than a second or a minute allows", function()
    local client, wire = helper.client({ otherwise = { json = helper.response "ok" } },
      { rates = { { requests_per_second = 5, requests_per_minute = 60 } } })
    local begin = loop.now()
    for _ = 1, 60 do assert(client:respond "x") end
    assert.is_true(loop.now() - begin >= 10.9)
    assert(client:respond "x")
    assert.is_true(loop.now() - begin >= 60)
    assert.equal(61, #wire.requests)
    client:close()
  end)

  it("count tokens, by a guess before and by the usage after", function()
    local client = helper.client({ otherwise = { json = helper.response "ok" } }, -- 815 tokens each
      { rates = { { model = "grok-4.6", tokens_per_minute = 2000 } } })
    local begin = loop.now()
    for _ = 1, 3 do assert(client:respond("x", { tokens = 100 })) end
    assert.is_true(loop.now() - begin < 1)
    assert(client:respond("x", { tokens = 100 }))
    assert.is_true(loop.now() - begin >= 60)
    client:close()
  end)

  it("let a call with priority pass the others", function()
    local client = helper.client({ otherwise = fine }, { rates = { { concurrent = 1 } } })
    local list = streams_of(client, 3)
    local urgent = assert(client:stream("x", { priority = 5 }))
    assert.equal(1, urgent:place())
    assert.equal(3, list[3]:place())
    list[2]:cancel()
    assert.equal(2, list[3]:place())
    client:close()
  end)

  it("F75 end a call at once that could not make it, and say when it could", function()
    local client, wire = helper.client({ otherwise = fine }, { rates = { { requests_per_minute = 1 } } })
    assert.truthy(client:stream("x"):result())
    local before = loop.now()
    local response, err = client:respond("x", { timeout = 30 })
    assert.is_nil(response)
    assert.equal("rate", err.kind)
    assert.equal("rate", err.code)
    assert.equal("failed", err.outcome)
    assert.is_true(err.retryable)
    assert.is_true(err.repeatable)
    assert.is_true(err.retry_after > 55 and err.retry_after <= 61)
    assert.same({ answered = 0, refused = 0, not_sent = 1, unknown = 0 }, err.counts)
    assert.equal("queue", err.attempts[1].phase)
    assert.truthy(err.message:find "^held back by a rate limit: come again in %d+%.%d s$")
    assert.is_true(loop.now() - before < 1)
    assert.equal(1, #wire.requests)
    client:close()
  end)

  it("F63 leave a call in line that is cancelled, or expires there", function()
    local client, wire = helper.client({ otherwise = { silent = true, sse = {} } }, { rates = { { concurrent = 1 } } })
    local first = assert(client:stream "x")
    local second, third = assert(client:stream "x"), assert(client:stream("x", { timeout = 5 }))
    second:cancel()
    local _, err = second:result()
    assert.equal("cancelled", err.kind)
    _, err = third:result()
    assert.equal("timeout", err.kind)
    has(err.message, "it stood in line")
    assert.equal("not_sent", err.attempts[1].outcome)
    assert.equal(1, #wire.requests)
    first:cancel()
    client:close()
  end)

  it("are learned from a 429, for all calls of the model", function()
    local refusal = helper.failure(429, "resource-exhausted",
      "Too many requests. Requests per Second (actual/limit): 3/2. Resets in: 45s.")
    local client, wire = helper.client({ refusal, otherwise = fine })
    local first = assert(client:stream "x")
    local begin = loop.now()
    for event in first:events() do
      if event.type == "retry" then
        assert.equal(45, event.wait)
        local second = assert(client:stream "x")
        assert.equal(1, second:place())
        assert.truthy(second:result())
        assert.is_true(loop.now() - begin >= 45)
      end
    end
    assert.truthy(first:result())
    assert.equal(3, #wire.requests)
    client:close()
  end)

  it("are not learned when told not to", function()
    local refusal = helper.failure(429, "resource-exhausted", "Too many requests. Resets in: 45s.")
    local client = helper.client({ refusal, otherwise = fine }, { learn_rates = false })
    local begin = loop.now()
    local _, err = client:respond("x", { max_attempts = 1 })
    assert.equal(45, err.retry_after)
    assert.truthy(client:respond "x")
    assert.is_true(loop.now() - begin < 1)
    client:close()
  end)

  it("are checked at the door", function()
    local function new(options)
      options.simulate = true
      return raised(xai.new, options)
    end
    has(new { rates = { { requests_per_secnd = 5 } } }, '"requests_per_second"')
    has(new { rates = { { requests_per_second = -5 } } }, "whole number above 0")
    has(new { rates = { requests_per_second = 5 } }, "a list of tables")
    has(new { rates = { 5 } }, "rates[1]")
    has(new { rates = { { model = "m" } } }, "names no limit")
    has(new { rates = { {} } }, "names no limit")
    has(new { rates = { { model = "", concurrent = 1 } } }, "1 to 63")
    has(new { rates = { { model = "m", concurrent = 1 }, { concurrent = 1 }, { model = "m", concurrent = 2 } } },
      "rates[3] is of the same model as rates[1]")
    has(new { breaker = { perecnt = 3 } }, '"percent"')
    has(new { breaker = { percent = 101 } }, "at most 100")
    has(new { breaker = { window = 0.01 } }, "at least 0.1")
    has(new { breaker = "off" }, "a boolean or a table")
    local client = helper.client { otherwise = fine }
    has(raised(client.respond, client, "x", { priority = 10 }), "from -9 to 9")
    has(raised(client.respond, client, "x", { priority = 0.5 }), "from -9 to 9")
    has(raised(client.respond, client, "x", { tokens = 0 }), "whole number above 0")
    client:close()
  end)

  it("hold for the turns of a conversation, which take the same options", function()
    local client, wire = helper.client({ otherwise = { json = helper.response "ok" } },
      { rates = { { model = "grok-4.6", requests_per_minute = 1 } } })
    local conversation = client:conversation()
    assert(conversation:say("one", { priority = 3, tokens = 50, idempotency_key = "k" }))
    local _, err = conversation:say("two", { timeout = 5 })
    assert.equal("rate", err.code)
    assert.equal("k", wire:header(1, "idempotency-key"))
    assert.equal(1, #wire.requests)
    client:close()
  end)

  it("hold for a body whose model is no name, too", function()
    local client = helper.client { otherwise = { json = helper.response "ok" } }
    for _, model in ipairs { 5, true, "a\0b", ("x"):rep(500) } do
      assert.truthy(client:respond { model = model, input = "x" })
    end
    client:close()
  end)
end)

describe("the circuit breaker", function()
  local function broken(options)
    local client, wire = helper.client({ otherwise = busy }, options)
    local err
    local until_then = loop.now() + 20
    repeat
      local _
      _, err = client:respond("x", { max_attempts = 1 })
      loop.sleep(0.05)
    until err.code == "open" or loop.now() > until_then
    return client, wire, err
  end

  it("F69 answers for a service that keeps failing, and says when to come back", function()
    local client, wire, err = broken()
    assert.equal("open", err.code)
    assert.truthy(err.message:find "^not tried, because the service keeps failing: come again in %d%.%d s$")
    assert.equal("overloaded", err.kind)
    assert.equal("failed", err.outcome)
    assert.is_true(err.retryable and err.repeatable)
    assert.is_true(err.retry_after > 0 and err.retry_after < 5)
    local sent = #wire.requests
    local begin = os.clock()
    for _ = 1, 100 do client:respond "x" end
    assert.is_true(os.clock() - begin < 0.1) -- less than a millisecond each
    assert.equal(sent, #wire.requests)
    wire.otherwise = { json = helper.response "ok" }
    loop.sleep(1.3)
    assert.truthy(client:respond "x") -- the probe
    loop.sleep(2)
    for _ = 1, 20 do assert.truthy(client:respond "x") end
    client:close()
  end)

  it("can be switched off, or take other thresholds", function()
    local client, wire, err = broken { breaker = false }
    assert.equal("unavailable", err.code)
    assert.is_true(#wire.requests > 300)
    client:close()
    client, wire, err = broken { breaker = { attempts = 5, percent = 50, window = 1 } }
    assert.equal("open", err.code)
    assert.is_true(#wire.requests < 30)
    client:close()
  end)
end)

describe("an error", function()
  local function failing(answer, options)
    local client, wire = helper.client({ otherwise = answer })
    local _, err = client:respond("x", options)
    client:close()
    return err, wire
  end

  it("F73 says whether and when the request may be made again, and what became of the attempts", function()
    local err = failing(helper.failure(503, "unavailable", "busy", { ["retry-after"] = "3" }))
    assert.is_true(err.retryable)
    assert.is_true(err.repeatable)
    assert.equal(3, err.retry_after)
    assert.same({ answered = 0, refused = 3, not_sent = 0, unknown = 0 }, err.counts)

    err = failing { refuse = "reset" }
    assert.is_true(err.retryable)
    assert.is_false(err.repeatable) -- it may have been billed
    assert.is_true(err.retry_after > 0 and err.retry_after <= 8)
    assert.equal(1, err.counts.unknown)

    err = failing(helper.failure(400, "invalid-argument", "no"))
    assert.is_false(err.retryable)
    assert.is_false(err.repeatable)
    assert.is_nil(err.retry_after)
  end)

  it("and an answer tell the same of their attempts", function()
    local client = helper.client { busy, { json = helper.response "ok" } }
    local meta = assert(client:respond "x"):meta()
    assert.same({ answered = 1, refused = 1, not_sent = 0, unknown = 0 }, meta.counts)
    assert.equal(815, meta.tokens)
    assert.equal(815, meta.attempts[2].tokens)
    assert.equal(0, meta.attempts[2].queued)
    client:close()
  end)

  it("F68 for want of money is final", function()
    local err, wire = failing(helper.failure(429, "personal-team-blocked:spending-limit",
      "Your team has reached its monthly spending limit."))
    assert.equal("spending_limit", err.kind)
    assert.is_false(err.retryable)
    assert.equal(1, #wire.requests)
  end)

  it("tells the tokens that were used all the same", function()
    local err = failing({ json = helper.response("cut", { status = "incomplete",
      incomplete_details = { reason = "max_output_tokens" } }) })
    assert.equal("truncated", err.kind)
    assert.equal(815, err.tokens)
    assert.is_false(err.repeatable)
  end)
end)

describe("idempotency_key", function()
  it("F74 goes with each attempt of its call, and with no other", function()
    local client, wire = helper.client { { refuse = "refused" }, { refuse = "refused" },
      otherwise = { json = helper.response "ok" } }
    assert(client:respond("x", { idempotency_key = "order-4711" }))
    assert(client:respond "x")
    assert(client:request { path = "/responses", body = { model = "m", input = "x" }, idempotency_key = "order-2" })
    local keys = {}
    for i = 1, #wire.requests do keys[i] = wire:header(i, "idempotency-key") or "-" end
    assert.same({ "order-4711", "order-4711", "order-4711", "-", "order-2" }, keys)
    client:close()
  end)

  it("is for one call: neither a client's header nor for what makes several", function()
    has(raised(xai.new, { simulate = true, headers = { ["Idempotency-Key"] = "a" } }), "idempotency_key")
    local client = helper.client { otherwise = fine }
    has(raised(client.extract, client, { schema = { type = "object" }, input = "x" }, { idempotency_key = "a" }),
      "unknown option")
    has(raised(client.respond, client, "x", { idempotency_key = "a\nb" }), "idempotency_key")
    has(raised(client.respond, client, "x", { idempotency_key = "" }), "idempotency_key")
    has(raised(client.respond, client, "x", { idempotency_key = "a", headers = { ["idempotency-key"] = "b" } }),
      "twice")
    client:close()
  end)

  it("is not sent with the polls for a deferred answer", function()
    local client, wire = helper.client { { json = { request_id = "r-1" } }, { json = helper.completion "ok" } }
    assert(client:chat_deferred("x", { idempotency_key = "k" }))
    assert.equal("k", wire:header(1, "idempotency-key"))
    assert.is_nil(wire:header(2, "idempotency-key"))
    client:close()
  end)
end)

describe("hedging", function()
  it("F79 is not offered: no option asks for a second request while the first is under way", function()
    for _, name in ipairs { "hedge", "hedging", "hedge_after", "duplicate" } do
      has(raised(xai.new, { simulate = true, [name] = true }), "unknown option")
      local client = helper.client { otherwise = fine }
      has(raised(client.respond, client, "x", { [name] = true }), "unknown option")
      client:close()
    end
    local client, wire = helper.client { { wait = 500, json = helper.response "late" } }
    assert.equal("late", client:respond("x"):text())
    assert.equal(1, #wire.requests)
    client:close()
  end)
end)
