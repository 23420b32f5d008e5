--- What each call came to: the option on_end of xai.new.
-- SPDX-License-Identifier: MIT
local helper = require "spec.helper"
local xai = require "xai"

-- A client whose calls are told to a list.
local function reporting(answers, options)
  local told = {}
  options = options or {}
  options.on_end = options.on_end or function(report) told[#told + 1] = report end
  local client, wire = helper.client(answers, options)
  return client, told, wire
end

local function collected()
  for _ = 1, 3 do collectgarbage() end
end

local whole = { json = helper.response("Tides", { id = "resp_1", usage = { input_tokens = 10, output_tokens = 5,
  total_tokens = 15, cost_in_usd_ticks = 400000 } }) }

describe("xai.report", function()
  it("tells of a call what it came to, before its program goes on", function()
    local seen
    local client, told = reporting { whole }
    xai.run(function()
      local response = assert(client:respond { model = "grok-4.6", input = "x" })
      seen = #told
      assert.equal(response:cost(), told[1].cost)
    end)
    assert.equal(1, seen)
    local report = told[1]
    assert.equal("complete", report.outcome)
    assert.equal("/responses", report.path)
    assert.equal("grok-4.6", report.model)
    assert.equal(15, report.usage.total_tokens)
    assert.equal(400000, report.cost)
    assert.equal(1, report.counts.answered)
    assert.is_nil(report.error)
    assert.is_true(report.seconds >= 0)
  end)

  it("tells of each call once: one that failed, one that was cancelled, one of a closed client", function()
    local client, told = reporting({ { status = 400, json = { error = "no", code = "invalid-argument" } },
      { sse = helper.stream { "a", 1, "b" } }, { wait = 3600, json = {} } }, { max_attempts = 1 })
    local _, err = client:respond "x"
    assert.equal("refused", told[1].outcome)
    assert.equal(err, told[1].error)
    local stream = assert(client:stream "y")
    stream:events()()
    stream:cancel()
    stream:result()
    assert.equal("cancelled", told[2].outcome)
    assert.is_nil(told[2].usage)
    local last = assert(client:stream "z")
    client:close()
    assert.equal("cancelled", told[3].outcome)
    assert.is_nil((last:result()))
    assert.equal(3, #told)
  end)

  it("tells of a stream that its program dropped", function()
    local client, told = reporting { { sse = helper.stream { "a", 3600, "b" } }, whole }
    do
      local stream = assert(client:stream "x")
      stream:events()()
    end
    collected()
    assert(client:respond "y")
    assert.equal(2, #told)
    assert.equal("cancelled", told[1].outcome)
  end)

  it("touches no call when it raises or yields, and says that it raised", function()
    local count, heard = 0, {}
    local real = io.stderr
    local client = reporting({ whole, whole }, { on_end = function()
      count = count + 1
      if count == 1 then error "the ledger is full" end
      coroutine.yield()
    end })
    io.stderr = { write = function(_, ...) heard[#heard + 1] = table.concat { ... } end } -- luacheck: ignore 122
    local first, second = client:respond "x", client:respond "y"
    io.stderr = real -- luacheck: ignore 122
    assert.equal("Tides", first:text())
    assert.equal("Tides", second:text())
    assert.equal(2, count)
    assert.truthy(table.concat(heard):find("xai: on_end: .*the ledger is full\n"))
  end)

  describe("may neither call nor wait", function()
    local function heard_by(on_end, answers)
      local heard, count = {}, 0
      local client, _, wire
      client, _, wire = reporting(answers, { on_end = function(report)
        count = count + 1
        on_end(client, report, count)
      end })
      local real = io.stderr
      io.stderr = { write = function(_, ...) heard[#heard + 1] = table.concat { ... } end } -- luacheck: ignore 122
      local ok, answer = pcall(client.respond, client, "x")
      io.stderr = real -- luacheck: ignore 122
      assert.is_true(ok, answer)
      assert.equal("Tides", answer:text())
      return table.concat(heard), wire, count
    end

    local function refuses(what, on_end)
      it(what, function()
        local heard, wire, count = heard_by(on_end, { whole, whole, whole })
        assert.truthy(heard:find("xai: on_end: .*on_end may neither call nor wait: "), heard)
        assert.equal(1, count)
        assert.equal(1, #wire.requests)
      end)
    end

    refuses("for a whole answer, which would end in there and be told of in turn", function(client)
      client:respond "y"
    end)
    refuses("by a stream", function(client) client:stream "y" end)
    refuses("by a request", function(client) client:request { path = "/models" } end)
    refuses("by sleeping", function() xai.sleep(1) end)

    it("for another call of the client", function()
      local second
      local client, _, wire = reporting({ whole, whole }, { on_end = function() second:result() end })
      second = client:stream "y"
      local heard, real = {}, io.stderr
      io.stderr = { write = function(_, ...) heard[#heard + 1] = table.concat { ... } end } -- luacheck: ignore 122
      local first = client:respond "x"
      io.stderr = real -- luacheck: ignore 122
      assert.equal("Tides", first:text())
      assert.truthy(table.concat(heard):find("may neither call nor wait", 1, true))
      assert.equal(2, #wire.requests)
    end)

    it("but may start a task that does", function()
      local follow_up
      local client
      client = reporting({ whole, whole }, { on_end = function()
        follow_up = follow_up or xai.spawn(function() return client:respond("y"):text() end)
      end })
      xai.run(function()
        assert.equal("Tides", client:respond("x"):text())
        assert.equal("Tides", follow_up:wait())
      end)
    end)
  end)

  it("must be a function", function()
    assert.has_error(function() xai.new { simulate = true, on_end = 1 } end)
  end)
end)
