--- Budgets: `budget`, client:budget(), and the most that a request can cost.
-- SPDX-License-Identifier: MIT
local budgets = require "xai.budget"
local helper = require "spec.helper"
local hostile_server = require "spec.hostile_server"
local json = require "xai.json"
local prices = require "xai.prices"
local xai = require "xai"

local DOLLAR = 1e10
local interpreter = rawget(_G, "jit") and "luajit" or _VERSION:lower():gsub(" ", "")

-- An answer that cost so many ticks; nil: it does not say.
local function costing(ticks, usage)
  local answer = helper.response "ok"
  answer.usage.cost_in_usd_ticks = ticks
  for name, value in pairs(usage or {}) do answer.usage[name] = value end
  return { json = answer }
end

local function near(expected, got) assert.is_true(math.abs(expected - got) < 1e-12, got .. " is not " .. expected) end

describe("a budget", function()
  it("F77 keeps calls back that do not fit into it, and says what is left", function()
    local client, wire = helper.client({ otherwise = costing(3e8) }, { budget = { usd = 0.1 } })
    assert(client:respond("x", { most_cost = 0.05 }))
    near(0.03, client:budget().spent)
    local response, err = client:respond("x", { most_cost = 0.0701 })
    assert.is_nil(response)
    assert.equal("budget", err.kind)
    assert.equal("spent", err.code)
    assert.equal("failed", err.outcome)
    assert.equal("budget", err.reason)
    assert.equal("over the budget: $0.07 left, and it may cost $0.0701", err.message)
    assert.truthy(err.hint:find("raise the budget", 1, true))
    assert.is_false(err.retryable)
    assert.same({ answered = 0, refused = 0, not_sent = 1, unknown = 0 }, err.counts)
    assert.equal(1, #wire.requests)
    assert(client:respond("x", { most_cost = 0.07 }))
    client:close()
  end)

  it("tells how it stands", function()
    local client = helper.client({ otherwise = { silent = true, sse = {} } },
      { budget = { usd = 5, every = "month", name = "bot" } })
    local stream = assert(client:stream("x", { most_cost = 1.5 }))
    local state = client:budget()
    assert.same({ 5, 1.5, 3.5, 1.5, "usd" }, { state.limit, state.spent, state.left, state.reserved, state.unit })
    assert.equal(1769904000, state.resets_at) -- 2026-02-01: simulated time begins with that year
    stream:cancel()
    assert.equal("cancelled", select(2, stream:result()).kind)
    state = client:budget()
    assert.same({ 1.5, 0 }, { state.spent, state.reserved }) -- it may have been billed
    client:close()
    local other = helper.client { otherwise = costing(1) }
    assert.is_nil(other:budget())
    other:close()
  end)

  it("counts what the price book says where the answer does not", function()
    local client = helper.client({ otherwise = costing(nil) }, { budget = { usd = 5 } })
    local response = assert(client:respond "x")
    near(response:cost() / DOLLAR, client:budget().spent)
    assert.is_true(client:budget().spent > 0)
    client:close()
    client = helper.client({ otherwise = { sse = helper.stream { "ok" } } }, { budget = { usd = 5 } })
    response = assert(assert(client:stream "x"):result())
    near(response:cost() / DOLLAR, client:budget().spent)
    client:close()
  end)

  it("counts the most it could be where nobody knows what it was", function()
    local answer = helper.response "ok"
    answer.model = "grok-of-tomorrow"
    local client = helper.client({ otherwise = { json = answer } }, { budget = { usd = 5 } })
    assert(client:respond("x", { most_cost = 0.25 }))
    near(0.25, client:budget().spent)
    client:close()
  end)

  it("in tokens counts tokens", function()
    local client = helper.client({ otherwise = costing(5) }, { budget = { tokens = 100000 } }) -- 815 each
    assert(client:respond { input = "x", max_output_tokens = 100 })
    local state = client:budget()
    assert.same({ 100000, 815, "tokens" }, { state.limit, state.spent, state.unit })
    local _, err = client:respond { input = "x", max_output_tokens = 90000 }
    assert.truthy(err.message:find("99185 tokens left", 1, true))
    client:close()
  end)

  it("leaves what has no body alone, and asks for the price of what it cannot reckon", function()
    local client, wire = helper.client({ otherwise = { json = { ok = true } } }, { budget = { usd = 1 } })
    assert(client:request { path = "/models", method = "GET" })
    local value, err = client:request { path = "/images/generations", body = { prompt = "x" } }
    assert.is_nil(value)
    assert.same({ "budget", "unbounded" }, { err.kind, err.code })
    assert.truthy(err.hint:find("most_cost", 1, true))
    assert(client:request { path = "/images/generations", body = { prompt = "x" }, most_cost = 0.07 })
    assert(client:request { path = "/tokenize-text", body = "{}", most_cost = 0 })
    near(0.0700000001, client:budget().spent)
    assert.equal(3, #wire.requests)
    client:close()
  end)

  it("lets a conversation go on that the vendor stores, for that one knows what it brings along", function()
    local client, wire = helper.client({ otherwise = costing(5) }, { budget = { usd = 5 } }) -- 815 tokens each
    local talk = client:conversation {}
    assert(talk:say "a")
    assert(talk:say "b")
    assert.equal(2, #wire.requests)
    assert.truthy(wire.requests[2].body:find("previous_response_id", 1, true))
    local _, err = client:respond { input = "c", previous_response_id = "resp_of_somebody" }
    assert.same({ "budget", "unbounded" }, { err.kind, err.code })
    client:close()
  end)

  it("says what is held back for calls under way", function()
    local client = helper.client({ otherwise = { silent = true, sse = {} } }, { budget = { usd = 5 } })
    local stream = assert(client:stream("x", { most_cost = 4 }))
    local _, err = client:respond("x", { most_cost = 2 })
    assert.equal("over the budget: $1.00 left beside $4.00 held back for calls under way, and it may cost $2.00",
      err.message)
    stream:cancel()
    client:close()
  end)

  it("takes amounts beyond all budgets for what they are", function()
    local client, wire = helper.client({ otherwise = costing(5) }, { budget = { usd = 5, extra = 1e12 } })
    for _, call in ipairs {
      { "x", { most_cost = 1e9 } }, { { input = "x", max_output_tokens = 1e300 } },
      { { input = "x", tools = { { type = "web_search" } } } },
    } do
      local _, err = client:respond(call[1], call[2])
      assert.same({ "budget", "spent" }, { err.kind, err.code })
    end
    assert.equal(0, #wire.requests)
    client:close()
  end)

  it("knows mistakes in its options", function()
    for words, budget in pairs {
      ["name either usd or tokens"] = {}, ["either usd"] = { usd = 1, tokens = 1 },
      ["usd must be above 0"] = { usd = 0 },
      ['every must be "day" or "month"'] = { usd = 1, every = "week" }, ["must be a path"] = { usd = 1, file = "" },
      ["50 characters"] = { usd = 1, name = ("x"):rep(51) }, ["NUL"] = { usd = 1, name = "\0" },
      ['did you mean "usd"'] = { usdd = 1 }, ['"extra" must be a number, 0 or more'] = { usd = 1, extra = -1 },
    } do
      local ok, message = pcall(function() return (xai.new { simulate = true, budget = budget }) end)
      assert.is_false(ok)
      assert.truthy(message:find(words, 1, true), message)
      assert.truthy(message:find("budget_spec.lua", 1, true), message)
    end
    local client, err = xai.new { simulate = true, budget = { usd = 1, file = "spec" } }
    assert.is_nil(client)
    assert.equal("file", err.kind)
  end)
end)

describe("the most that a request can cost", function()
  local client = { prices = prices.new(), us = false }

  before_each(function()
    client.prices.violation_fee, client.us = 0, false
  end)

  local function most(body, options, told, history)
    options = options or { usd = 1 }
    body.model = body.model or "grok-4.6"
    local request = { path = "/responses", body = json.encode(body) }
    local value, err = budgets.new(options, 1):most(request, { body = body, history = history }, told, client)
    return value, err, #request.body
  end

  it("is that of every byte as a token, what the vendor adds, and all the output there may be", function()
    local value, _, bytes = most { input = "How are you?", max_output_tokens = 100, reasoning = { effort = "none" } }
    assert.equal((bytes + 1024) * 20000 + 100 * 60000, value)
    value, _, bytes = most({ input = "x", max_output_tokens = 100 }, { usd = 1, reasoning = 500 })
    assert.equal((bytes + 1024) * 20000 + 600 * 60000, value)
    value, _, bytes = most { input = "x" }
    assert.equal((bytes + 1024) * 20000 + (16384 + 32768) * 60000, value)
    value, _, bytes = most { messages = {}, max_completion_tokens = 10, n = 3, reasoning_effort = "none",
      model = "grok-4.3" }
    assert.equal((bytes + 1024) * 12500 + 30 * 25000, value)
    value, _, bytes = most({ input = "x", previous_response_id = "r" }, { tokens = 1, history = 7000 })
    assert.equal(bytes + 1024 + 7000 + 16384 + 32768, value)
  end)

  it("is never less than the fee for a request that a filter stops", function()
    client.prices = prices.new()
    assert.equal(500000000, most { input = "x", max_output_tokens = 1, reasoning = { effort = "none" } })
  end)

  it("is dearer for long prompts, in haste, and in the US", function()
    local body = { input = ("x"):rep(250000), max_output_tokens = 100, reasoning = { effort = "none" } }
    local value, _, bytes = most(body)
    local long = (bytes + 1024) * 40000 + 100 * 120000
    assert.equal(long, value)
    body.service_tier = "priority"
    value, _, bytes = most(body)
    assert.equal(2 * ((bytes + 1024) * 40000 + 100 * 120000), value)
    body.service_tier = nil
    client.us = true
    assert.equal(long * 11 / 10, (most(body)))
  end)

  it("is refused where nothing bounds it, unless the budget has an assumption", function()
    for _, body in ipairs {
      { input = "x", previous_response_id = "r" }, { input = "x", tools = { { type = "web_search" } } },
      { input = { { role = "user", content = { { type = "input_image", image_url = "https://x.example/a.png" } } } } },
      { messages = { { role = "user", content = { { type = "image_url", image_url = { url = "data:" } } } } } },
    } do
      local value, err = most(body)
      assert.is_nil(value)
      assert.same({ "budget", "unbounded" }, { err.kind, err.code })
      assert.is_number(most(body, { usd = 1, extra = 0.1, history = 1000 }))
    end
    local before = { input = "x", previous_response_id = "r" }
    assert.equal(20000 * 300, most(before, nil, nil, 500) - most(before, nil, nil, 200)) -- who knows it says so
    local plain = most { input = "xx", tools = { { type = "function", name = "f" } } }
    local tools = most({ input = "xx", tools = { { type = "function", name = "f" } } }, { usd = 1, extra = 0.1 })
    assert.equal(plain, tools) -- those run here
    local searching = { input = "x", tools = { { type = "x_search" } } }
    assert.equal(1e9, most(searching, { usd = 1, extra = 0.2 }) - most(searching, { usd = 1, extra = 0.1 }))
  end)

  it("is refused for a model without a price, but not in tokens", function()
    local value, err = most { input = "x", model = "grok-of-tomorrow" }
    assert.is_nil(value)
    assert.same({ "budget", "unpriced" }, { err.kind, err.code })
    assert.truthy(err.message:find("grok-of-tomorrow", 1, true))
    assert.is_number(most({ input = "x", model = "grok-of-tomorrow" }, { tokens = 5 }))
    assert.equal(1230000000, most({ input = "x", model = "grok-of-tomorrow" }, nil, 0.123))
  end)

  it("covers reasoning, which max_output_tokens does not bound", function() -- 16 were asked for, and 923 came
    local usage = { input_tokens = 216, output_tokens = 923, total_tokens = 1139,
      input_tokens_details = { cached_tokens = 0 } }
    assert.is_true(most { input = "x", max_output_tokens = 16 } >= prices.ticks("grok-4.6", usage))
  end)
end)

describe("a budget in a file", function()
  local file, server, url

  setup(function()
    server = hostile_server.start()
    url = server and server.url
  end)

  teardown(function()
    if server then server:stop() end
  end)

  before_each(function()
    file = os.tmpname()
    os.remove(file)
  end)

  after_each(function() os.remove(file) end)

  local function spender(usd, options)
    options = options or {}
    options.usd, options.file = usd, file
    return helper.client({ otherwise = costing(3e8) }, { budget = options })
  end

  local function state_of(usd)
    local one = assert(xai.new { api_key = "x", simulate = false, budget = { usd = usd, file = file } })
    local state = one:budget()
    one:close()
    return state
  end

  local function start(task, ...)
    local line = ("echo $$; exec %s spec/sharer.lua %s %s %s %s"):format(interpreter, url, task, file,
      table.concat({ ... }, " "))
    local pipe = assert(io.popen(line))
    return pipe, pipe:read "*l"
  end

  local function on_server(run)
    return hostile_server.needing(function() return server end, run)
  end

  it("F77 is what all spend from, and outlives them", function()
    local a, b = spender(0.1), spender(0.1)
    assert(a:respond("x", { most_cost = 0.05 }))
    assert(b:respond("x", { most_cost = 0.05 }))
    near(0.06, a:budget().spent)
    a:close()
    b:close()
    local again = spender(0.1)
    near(0.06, again:budget().spent)
    local _, err = again:respond("x", { most_cost = 0.05 })
    assert.equal("budget", err.kind)
    again:close()
    local other = spender(0.1, { name = "other" })
    assert(other:respond("x", { most_cost = 0.05 }))
    other:close()
  end)

  it("F77 is not exceeded by several processes", on_server(function()
    local processes, answered = {}, 0
    for i = 1, 3 do processes[i] = start("spend", 0.0015) end -- 0.00005 each
    for _, pipe in ipairs(processes) do
      answered = answered + pipe:read "*n"
      assert.equal("budget", pipe:read("*l"):match "%a+")
      pipe:close()
    end
    local spent = state_of(0.0015).spent
    near(answered * 0.00005, spent)
    assert.is_true(spent <= 0.0015 and spent > 0.0015 - 3 * 0.0002)
  end))

  it("F77 keeps what a process had under way that was killed", on_server(function()
    local pipe, process = start("die", 5)
    assert.equal("in the middle", pipe:read "*l")
    os.execute("kill -9 " .. process)
    pipe:close()
    local state = state_of(5)
    assert.is_true(state.spent > 0.19 and state.spent < 0.21) -- 32,778 tokens of output, and some of input
    assert.equal(0, state.reserved)
  end))

  it("keeps what is simulated apart from what is billed", function()
    local client = spender(1)
    assert(client:respond("x", { most_cost = 0.05 }))
    near(0.03, client:budget().spent)
    client:close()
    assert.equal(0, state_of(1).spent)
  end)

  it("is an error when it goes away", function()
    local client = spender(1)
    assert(client:respond("x", { most_cost = 0.05 }))
    os.remove(file)
    local _, err = client:respond("x", { most_cost = 0.05 })
    assert.equal("file", err.kind)
    assert.truthy(err.message:find("the budget's was removed", 1, true), err.message)
    local state
    state, err = client:budget()
    assert.is_nil(state)
    assert.equal("file", err.kind)
    client:close()
  end)
end)
