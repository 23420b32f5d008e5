--- The client against the simulator: what the client says of an answer and its cost, held against the ledger.
-- SPDX-License-Identifier: MIT
local sim = require "xai.sim"
local xai = require "xai"

local WEATHER = {
  type = "function", name = "weather_now", description = "Current weather of a city.",
  parameters = { type = "object", properties = { city = { type = "string" } }, required = xai.array { "city" } },
}

local function client(options)
  local simulator = sim.new(options)
  return assert(xai.new { simulate = simulator, model = "grok-4.6", seed = 5 }), simulator
end

--- How often the work of a simulator's requests was billed.
local function times_billed(simulator)
  local n = 0
  for _, entry in ipairs(simulator.ledger) do n = n + (entry.billed and 1 or 0) end
  return n
end

describe("a client of xai.sim", function()
  it("computes the cost that the ledger has", function()
    local grok, simulator = client {}
    local total = 0
    for _, model in ipairs { "grok-4.7", "grok-4.3", "grok-build-0.1" } do
      total = total + assert(grok:respond { model = model, input = "Tell me a story" }):cost()
      local stream = assert(grok:stream { model = model, input = "Tell me a story" })
      total = total + assert(stream:result()):cost()
      local messages = xai.array { { role = "user", content = "hi" } }
      total = total + assert(grok:chat { model = model, messages = messages }):cost()
    end
    assert.equal(simulator:billed(), total)
  end)

  it("gets the same answer streamed as whole, tool call and all", function()
    local body = { input = "Umbrella in Oslo?", tools = xai.array { WEATHER } }
    local whole = assert((client {}):respond(body))
    local streamed = assert(assert((client {}):stream(body)):result())
    assert.equal("weather_now", whole:tool_calls()[1].name)
    assert.same(whole.output, streamed.output)
    assert.same(whole.usage, streamed.usage)
  end)

  -- Each fault, at another place each time: whatever happens, a call ends, what is complete costs what the ledger
  -- says, and nothing is billed twice.
  local FAULTS = {
    function(n) return { cut = n } end, function(n) return { reset = n } end, function(n) return { stall = n } end,
    function(n) return { clean_cut = n } end, function(n) return { error_after = n % 30, shape = "failed" } end,
    function(n) return { error_after = n % 30, shape = "flat" } end, function() return { status = 503 } end,
    function() return { status = 429, retry_after = 1 } end, function() return { drop = true } end,
    function() return { refused = true } end, function() return { html = 502, billed = true } end,
    function(n) return { garbage = n % 30 } end, function(n) return { chunk = 1 + n % 50 } end,
    function(n) return { delay = n / 100 } end, function() return { length = 5 } end, function() return {} end,
  }

  local function outcome_of(grok, streaming, i)
    local body = { input = "What do tides follow, in case " .. i .. "?" }
    if not streaming then return grok:respond(body) end
    local stream = assert(grok:stream(body))
    local response, err = stream:result()
    return response, err, stream
  end

  it("takes no body for whole whose length is not the announced one", function()
    for length, code in pairs { [0] = "not_json", [1] = "not_json", [700] = "not_json", [1000000] = "short" } do
      local response, err = outcome_of((client { faults = { { length = length } } }), false, 1)
      assert.is_nil(response, length)
      assert.equal(code, err.code)
    end
    for _, length in ipairs { 0, 1, 700 } do
      local response, err = outcome_of((client { faults = { { length = length } } }), true, 1)
      assert.is_nil(response, length)
      assert.equal("early", err.code)
    end
  end)

  for _, streaming in ipairs { true, false } do
    it("is never billed twice for a call, " .. (streaming and "streamed" or "whole"), function()
      for i = 1, 160 do
        local fault = FAULTS[i % #FAULTS + 1]((i * 1237) % 20000)
        local grok, simulator = client { latency = 0.01, faults = { fault } }
        local response, err = outcome_of(grok, streaming, i)
        assert.is_true(times_billed(simulator) <= 1)
        if response then
          assert.equal(simulator:billed(), response:cost())
        else
          assert.is_truthy(err.outcome)
        end
        grok:close()
      end
    end)
  end
end)
