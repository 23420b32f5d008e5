local prices = require "xai.prices"
local cjson = require "cjson"

local function usage(input, cached, output, more)
  local u = {
    input_tokens = input, input_tokens_details = { cached_tokens = cached },
    output_tokens = output, output_tokens_details = { reasoning_tokens = 0 }, total_tokens = input + output,
  }
  for name, value in pairs(more or {}) do u[name] = value end
  return u
end

local RECORDINGS = "../shared/recordings/"

local function recorded(name)
  local file = io.open(RECORDINGS .. name)
  if not file then return nil end
  local last
  if name:find "%.jsonl$" then
    for line in file:lines() do last = line:find "%S" and line or last end
  else
    last = file:read "*a"
  end
  file:close()
  local value = cjson.decode(last)
  return type(value.response) == "table" and value.response or value
end

describe("xai.prices", function()
  it("counts to the tick as the API does: worked checks of captured answers", function()
    assert.equal(15540000, prices.ticks("grok-4.6", usage(642, 512, 173)))
    assert.equal(318319000, prices.ticks("grok-4.3", usage(9212, 3072, 3417,
      { num_server_side_tools_used = 3, server_side_tool_usage_details = { x_search_calls = 3 } })))
  end)

  it("takes what a stated cost of a chat completion counts: reasoning is not in completion_tokens", function()
    assert.equal(1176500, prices.ticks("grok-3-mini", {
      prompt_tokens = 12, completion_tokens = 1, total_tokens = 241,
      prompt_tokens_details = { cached_tokens = 2 }, completion_tokens_details = { reasoning_tokens = 228 },
    }))
  end)

  it("agrees with itself when a chat usage has no total", function()
    local u = { prompt_tokens = 12, completion_tokens = 1, prompt_tokens_details = { cached_tokens = 2 },
      completion_tokens_details = { reasoning_tokens = 228 } }
    assert.equal(1176500, prices.ticks("grok-3-mini", u, "chat"))
  end)

  for _, name in ipairs { "chat-text.json", "chat-text.jsonl", "chat-tool-call.json", "chat-tool-call.jsonl",
    "responses-file-search-tool.json", "responses-text-streaming.jsonl",
    "responses-text-with-reasoning-streaming-store-false.jsonl", "responses-text-with-reasoning-streaming.jsonl",
    "responses-web-search-tool.json", "responses-web-search-tool.jsonl" } do
    local answer = recorded(name)
    local stated = answer and type(answer.usage) == "table" and answer.usage.cost_in_usd_ticks
    if stated then
      it("reproduces the cost that " .. name .. " states", function()
        assert.equal(stated, prices.ticks(answer.model, answer.usage))
      end)
    end
  end

  it("gives whole numbers that print as such", function()
    assert.equal("15540000", ("%s"):format(tostring(prices.ticks("grok-4.6", usage(642, 512, 173)))))
  end)

  it("understands aliases, and retired names as the models that answer for them", function()
    local u = usage(1000, 0, 1000)
    assert.equal(prices.ticks("grok-4.6", u), prices.ticks("grok-4.6-latest", u))
    assert.equal(prices.ticks("grok-build-0.1", u), prices.ticks("grok-code-fast-1", u))
    assert.equal(prices.ticks("grok-4.3", u), prices.ticks("grok-3", u))
  end)

  it("prices a whole prompt as long context from the threshold on", function()
    assert.equal(199999 * 20000, prices.ticks("grok-4.6", usage(199999, 0, 0)))
    assert.equal(200000 * 40000, prices.ticks("grok-4.6", usage(200000, 0, 0)))
    assert.equal(100000 * 40000 + 100000 * 10000 + 120000, prices.ticks("grok-4.6", usage(200000, 100000, 1)))
  end)

  it("looks at the last prompt's size when several were summed, and says so when that does not decide", function()
    local summed = { num_server_side_tools_used = 4, server_side_tool_usage_details = { web_search_calls = 0 } }
    summed.context_details = { input_tokens = 90000 }
    assert.equal(250000 * 20000, prices.ticks("grok-4.6", usage(250000, 0, 0, summed)))
    summed.context_details = { input_tokens = 210000 }
    local ticks, reason = prices.ticks("grok-4.6", usage(250000, 0, 0, summed))
    assert.is_nil(ticks)
    assert.truthy(reason:find("long%-context"))
  end)

  it("doubles every kind of token, but not tools, for the priority tier", function()
    local u = usage(1000, 500, 100, { server_side_tool_usage_details = { web_search_calls = 1 } })
    local tokens = 500 * 20000 + 500 * 5000 + 100 * 60000
    assert.equal(tokens + 50000000, prices.ticks("grok-4.6", u))
    assert.equal(2 * tokens + 50000000, prices.ticks("grok-4.6", u, "responses", { tier = "priority" }))
    assert.equal(2 * tokens + 50000000, prices.ticks("grok-4.6", u, "responses", { tier = "fast" }))
    assert.equal(tokens + 50000000, prices.ticks("grok-4.6", u, "responses", { tier = "default" }))
  end)

  it("discounts batches by a fifth where the model has the discount", function()
    local u = usage(1000, 0, 1000)
    assert.equal(30000000, prices.ticks("grok-4.3", u, nil, { batch = true }))
    assert.equal(80000000, prices.ticks("grok-4.6", u, nil, { batch = true }))
  end)

  it("adds ten percent on the US host", function()
    assert.equal(1000 * 22000 + 1000 * 66000, prices.ticks("grok-4.7", usage(1000, 0, 1000), nil, { us = true }))
  end)

  local function charges(details, expected)
    local u = usage(0, 0, 0, { server_side_tool_usage_details = details })
    assert.equal(expected, prices.ticks("grok-4.6", u))
  end

  it("charges server-side tools by the call, and X search by what it fetched", function()
    charges({ web_search_calls = 2 }, 100000000)
    charges({ code_interpreter_calls = 1 }, 50000000)
    charges({ file_search_calls = 3 }, 75000000)
    charges({ document_search_calls = 1 }, 50000000)
    charges({ mcp_calls = 9 }, 0)
    charges({ x_search_calls = 3, x_posts_fetched = 10, x_users_fetched = 2 }, 700000000)
    charges({ x_search_calls = 1, x_posts_fetched = 0, x_users_fetched = 0 }, 0)
  end)

  local function unknown(why, model, u, options)
    local ticks, reason = prices.ticks(model, u, nil, options)
    assert.is_nil(ticks)
    assert.truthy(reason:find(why, 1, true), reason)
  end

  it("says nil and why, never zero, when something is not known", function()
    unknown("no price known for model grok-99", "grok-99", usage(1, 0, 1))
    unknown("no price known for model nil", nil, usage(1, 0, 1))
    unknown("no usage", "grok-4.6", nil)
    unknown("no usage", "grok-4.6", cjson.null)
    unknown("does not state its tokens", "grok-4.6", {})
    unknown("cached tokens", "grok-4.6", { input_tokens = 1, output_tokens = 1 })
    unknown("which server-side tools", "grok-4.6", usage(1, 0, 1, { num_server_side_tools_used = 1 }))
    unknown("image_generation_calls", "grok-4.6",
      usage(1, 0, 1, { server_side_tool_usage_details = { image_generation_calls = 1 } }))
  end)

  it("writes ticks as dollars without rounding", function()
    assert.equal("$0.00123", prices.format(12300000))
    assert.equal("$0.00", prices.format(0))
    assert.equal("$0.0000000001", prices.format(1))
    assert.equal("$2.00", prices.format(20000000000))
    assert.equal("$12345.6789012345", prices.format(123456789012345))
    assert.equal("-$0.05", prices.format(-500000000))
    assert.equal("unknown", prices.format(nil))
  end)

  describe("refresh", function()
    local reply = { models = { {
      id = "grok-5", aliases = { "grok-5-latest" }, prompt_text_token_price = 30000,
      cached_prompt_text_token_price = 6000, completion_text_token_price = 90000, long_context_threshold = 128000,
      prompt_text_token_price_long_context = 60000, cached_prompt_text_token_price_long_context = 0,
      completion_text_token_price_long_context = 180000,
    } } }

    it("learns new models from the API's list, a long price of 0 meaning the usual one", function()
      local book = prices.refresh(reply)
      local short, long = usage(1000, 0, 10), usage(128000, 100000, 0)
      assert.equal(1000 * 30000 + 10 * 90000, prices.ticks("grok-5-latest", short, nil, { book = book }))
      assert.equal(28000 * 60000 + 100000 * 6000, prices.ticks("grok-5", long, nil, { book = book }))
    end)

    it("keeps what the list does not have, and leaves the book it was given alone", function()
      local old = prices.new()
      local book = prices.refresh(reply, old)
      assert.equal(15540000, prices.ticks("grok-4.6", usage(642, 512, 173), nil, { book = book }))
      assert.is_nil(old.models["grok-5"])
      assert.is_nil((prices.ticks("grok-5", usage(1, 0, 1))))
    end)

    it("skips entries without token prices", function()
      local book = prices.refresh { data = { { id = "grok-imagine-image", image_price = 200000000 } } }
      assert.is_nil(book.models["grok-imagine-image"])
    end)
  end)

  it("hands out copies: changing one changes no price", function()
    prices.new().models["grok-4.6"].input = 1
    prices.models["grok-4.6"].input = 1
    assert.equal(15540000, prices.ticks("grok-4.6", usage(642, 512, 173)))
  end)

  it("raises for ticks that are no number, at the caller's line", function()
    assert.error_matches(function() prices.format(0 / 0) end, "prices.format: ticks must be a number, not NaN")
    local ok, fault = pcall(function() prices.format "x" end)
    assert.is_false(ok)
    assert.truthy(fault:find("prices_spec.lua:%d+: prices.format: ticks must be a number, not a string"), fault)
  end)

  it("takes an odd list for nothing new", function()
    for _, odd in ipairs { 5, {}, { data = 5 }, { models = { 5, {}, { id = "m" } } } } do
      assert.same(prices.new().models, prices.refresh(odd).models)
    end
  end)
end)
