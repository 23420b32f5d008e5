--- grok:extract: the answer checked, mended in further turns, and each way to fail apart from the others.
local core = require "xai.core"
local helper = require "spec.helper"
local sim = require "xai.sim"
local xai = require "xai"

local s = xai.schema

local MONSTER = s.object { { "name", s.string { min = 1 } }, { "hp", s.integer { min = 1, max = 99 } } }
local GOOD, BAD = '{"name":"Bog","hp":7}', '{"name":"Bog","hp":700}'

local function answer(text, fields) return { json = helper.response(text, fields) } end

local function refusal(words)
  local message = helper.message ""
  message.content = core.array { { type = "refusal", refusal = words } }
  return { json = helper.response("", { output = core.array { message } }) }
end

describe("client:extract", function()
  it("gives the value, the response and the account", function()
    local grok, wire = helper.client { answer(GOOD) }
    local value, response, account = grok:extract { schema = MONSTER, input = "Invent one.", temperature = 0,
      stream = false }
    assert.same({ name = "Bog", hp = 7 }, value)
    assert.is_true(xai.response.is(response))
    assert.equal(1, #account.turns)
    assert.equal(response, account.turns[1].response)
    assert.equal(15540000, account.cost)
    assert.equal(815, account.tokens.total)
    local body = wire:body(1)
    assert.equal("Invent one.", body.input)
    assert.equal(0, body.temperature)
    assert.equal("grok-4.6", body.model)
    for _, name in ipairs { "schema", "name", "repairs", "remotes" } do assert.is_nil(body[name]) end
  end)

  it("sends the schema as it was written, in its order", function()
    local text = '{"type":"object","properties":{"z":{"const":1},"a":{"const":2}},"required":["z","a"],'
      .. '"additionalProperties":false}'
    local grok, wire = helper.client { otherwise = answer '{"z":1,"a":2}' }
    for i, schema in ipairs { text, assert(s.compile(text)) } do
      assert(grok:extract { schema = schema, input = "x", name = "pair", text = { verbosity = "low" } })
      assert.truthy(wire.requests[i].body:find(text, 1, true))
      assert.equal("pair", wire:body(i).text.format.name)
      assert.is_true(wire:body(i).text.format.strict)
      assert.equal("json_schema", wire:body(i).text.format.type)
      assert.equal("low", wire:body(i).text.verbosity)
    end
  end)

  it("F90 has what does not fit mended, and says how", function()
    local grok, wire = helper.client { answer(BAD, { id = "id-1" }), answer(GOOD, { id = "id-2" }) }
    local value, response, account = grok:extract { schema = MONSTER, input = "Invent one.", temperature = 0,
      stream = false }
    assert.equal(7, value.hp)
    assert.equal("id-2", response.id)
    local second = wire:body(2)
    assert.equal("id-1", second.previous_response_id)
    assert.truthy(second.input:find("/hp must be at most 99, but is 700", 1, true))
    assert.same(wire:body(1).text, second.text)
    assert.equal(0, second.temperature)
    assert.equal(2, #account.turns)
    assert.equal("schema", account.turns[1].error.kind)
    assert.is_nil(account.turns[2].error)
    assert.equal(2 * 15540000, account.cost)
    assert.equal(2 * 815, account.tokens.total)
  end)

  local function resends(what, fields)
    it("sends all of it again " .. what, function()
      local grok, wire = helper.client { answer(BAD), answer(BAD), answer(GOOD) }
      local request = { schema = MONSTER, input = "Invent one.", stream = false }
      for name, value in pairs(fields) do request[name] = value end
      assert(grok:extract(request))
      local third = wire:body(3)
      assert.equal(fields.previous_response_id, third.previous_response_id)
      assert.same({ role = "user", content = "Invent one." }, third.input[1])
      assert.same({ role = "assistant", content = BAD }, third.input[2])
      assert.equal("user", third.input[3].role)
      assert.same({ role = "assistant", content = BAD }, third.input[4])
      assert.truthy(third.input[5].content:find("/hp must be at most 99", 1, true))
      assert.equal(5, #third.input)
    end)
  end
  resends("when the API does not store it", { store = false, previous_response_id = "id-0" })
  resends("when there are instructions", { instructions = "Be brief." })

  it("does not change what it was given", function()
    local input = { { role = "user", content = "Invent one." } }
    local text = { verbosity = "low" }
    local grok = helper.client { answer(BAD), answer(GOOD) }
    assert(grok:extract { schema = MONSTER, input = input, text = text, store = false })
    assert.equal(1, #input)
    assert.is_nil(text.format)
  end)

  it("F90 gives up after the repairs, with everything that is wrong", function()
    local grok, wire = helper.client { otherwise = answer(BAD) }
    local value, err, account = grok:extract { schema = MONSTER, input = "x", stream = false }
    assert.is_nil(value)
    assert.equal("schema", err.kind)
    assert.equal("maximum", err.errors[1].keyword)
    assert.equal(BAD, err.text)
    assert.equal(BAD, err.response:text())
    assert.equal(account, err.account)
    assert.equal(3, #account.turns)
    assert.equal(3 * 15540000, account.cost)
    assert.equal(3, #wire.requests)
    assert.is_nil(tostring(err):find("700", 1, true))
    assert.truthy(tostring(err):find("/hp (maximum)", 1, true))
  end)

  it("asks as often as it is told", function()
    for _, repairs in ipairs { 0, 1, 4 } do
      local grok, wire = helper.client { otherwise = answer(BAD) }
      assert.is_nil((grok:extract { schema = MONSTER, input = "x", stream = false, repairs = repairs }))
      assert.equal(1 + repairs, #wire.requests)
    end
  end)

  local function mends(what, text, code)
    it("takes " .. what .. " for a violation", function()
      local grok = helper.client { answer(text), answer(GOOD) }
      local value, _, account = grok:extract { schema = MONSTER, input = "x", stream = false }
      assert.equal(7, value.hp)
      local err = account.turns[1].error
      assert.equal("schema", err.kind)
      assert.equal(code, err.errors.code)
      assert.truthy(#tostring(err.errors) > 0)
    end)
  end
  mends("a document that stops half-way (F90)", '{"name":"Bog","hp":', "json")
  mends("no document at all", "", "json")
  mends("a document in fences", "```json\n" .. GOOD .. "\n```", "json")
  mends("a key given twice (F82)", '{"name":"Bog","hp":7,"hp":8}', "json")

  it("asserts formats", function()
    local grok = helper.client { answer '{"on":"someday"}', answer '{"on":"2026-11-21"}' }
    local value, _, account = grok:extract { schema = s.object { on = s.string { format = "date" } }, input = "x",
      stream = false }
    assert.equal("2026-11-21", value.on)
    assert.equal("format", account.turns[1].error.errors[1].keyword)
  end)

  it("checks against schemas that the API does not see", function()
    local grok = helper.client { answer '{"a":3}' }
    local _, err = grok:extract { input = "x", repairs = 0, remotes = { ["urn:small"] = { maximum = 2 } },
      schema = { properties = { a = { ["$ref"] = "urn:small" } } } }
    assert.equal("/a", err.errors[1].instance)
  end)

  it("bounds the words of a repair turn", function()
    local list = {}
    for i = 1, 50 do list[i] = '"x"' end
    local grok, wire = helper.client { answer("[" .. table.concat(list, ",") .. "]"), answer "[]" }
    assert(grok:extract { schema = s.array(s.null()), input = "x", stream = false })
    local _, lines = wire:body(2).input:gsub("\n%- ", "")
    assert.equal(21, lines)
    assert.truthy(wire:body(2).input:find("and 30 more", 1, true))
  end)

  describe("fails without a repair", function()
    it("F91 when the model refuses", function()
      local grok, wire = helper.client { refusal "I will not." }
      local value, err, account = grok:extract { schema = MONSTER, input = "x", stream = false }
      assert.is_nil(value)
      assert.equal("refused", err.kind)
      assert.equal("I will not.", err.refusal)
      assert.equal("", err.text)
      assert.equal(1, #account.turns)
      assert.equal(1, #wire.requests)
    end)

    for _, options in ipairs { {}, { allow_truncated = true } } do
      it("F90 when the answer was cut at the token limit" .. (next(options) and ", allowed or not" or ""), function()
        local grok, wire = helper.client { answer('{"name":"Bo', { status = "incomplete",
          incomplete_details = { reason = "max_output_tokens" } }) }
        local _, err = grok:extract({ schema = MONSTER, input = "x", stream = false }, options)
        assert.equal("truncated", err.kind)
        assert.equal("max_output_tokens", err.reason)
        assert.equal('{"name":"Bo', err.text)
        assert.equal(15540000, err.account.cost)
        assert.equal(1, #wire.requests)
      end)
    end

    it("when the call fails, and the account says that its cost is not known", function()
      local grok = helper.client { answer(BAD), helper.failure(400, "invalid-argument", "no") }
      local _, err, account = grok:extract { schema = MONSTER, input = "x", stream = false }
      assert.equal("invalid_request", err.kind)
      assert.equal(2, #account.turns)
      assert.is_nil(account.cost)
      assert.equal(15540000, account.known_cost)
    end)

    it("when the model asks for functions instead", function()
      local grok = helper.client { answer("", { output = core.array { { type = "function_call", id = "fc_1",
        call_id = "c1", name = "f", arguments = "{}", status = "completed" } } }) }
      local _, err = grok:extract { schema = MONSTER, input = "x", stream = false }
      assert.equal("tool_calls", err.code)
      assert.equal("c1", err.response:tool_calls()[1].id)
    end)

    it("when the schema is none", function()
      local grok, wire = helper.client {}
      local _, err = grok:extract { schema = { type = "integre" }, input = "x" }
      assert.equal("schema", err.code)
      assert.equal(0, #wire.requests)
    end)
  end)

  describe("while the answer streams", function()
    local function pieces_of(text)
      local pieces = {}
      for piece in text:gmatch "..?.?" do pieces[#pieces + 1] = piece end
      return pieces
    end
    local function streamed(text, fields) return { sse = helper.stream(pieces_of(text), fields) } end

    it("gives the same as whole", function()
      for _, stream in ipairs { true, false } do
        local grok, wire = helper.client { stream and streamed(GOOD) or answer(GOOD) }
        local value, response, account = grok:extract { schema = MONSTER, input = "x", stream = stream }
        assert.same({ name = "Bog", hp = 7 }, value)
        assert.equal(GOOD, response:text())
        assert.equal(15540000, account.cost)
        assert.equal(stream or nil, wire:body(1).stream)
      end
    end)

    it("stops an answer that nothing can save, and asks again", function()
      local grok, wire = helper.client { streamed('{"name":"Bog","hp":700,"more":"' .. ("x"):rep(30000) .. '"}'),
        streamed(GOOD) }
      local value, _, account = grok:extract { schema = MONSTER, input = "x" }
      assert.equal(7, value.hp)
      local err = account.turns[1].error
      assert.is_true(err.stopped)
      assert.is_true(account.turns[1].stopped)
      assert.equal("schema", err.kind)
      assert.equal("/hp", err.errors[1].instance)
      assert.is_true(#account.turns[1].response:text() < 30000)
      assert.is_nil(account.turns[1].cost)
      assert.is_nil(account.cost)
      assert.equal(15540000, account.known_cost)
      local second = wire:body(2)
      assert.is_nil(second.previous_response_id)
      assert.equal("x", second.input[1].content)
      assert.truthy(second.input[2].content:find('^{"name":"Bog","hp":700'))
      assert.truthy(second.input[3].content:find("/hp must be at most 99", 1, true))
    end)

    it("F90 keeps what came when there is no repair left", function()
      local grok = helper.client { streamed('{"nom":"Bog","hp":7,"more":"' .. ("x"):rep(30000) .. '"}') }
      local _, err = grok:extract { schema = MONSTER, input = "x", repairs = 0 }
      assert.equal("schema", err.kind)
      assert.truthy(err.text:find('^{"no'))
      assert.is_true(err.stopped)
      assert.equal(0, grok:pending())
    end)

    it("F91 tells a refusal from an empty answer", function()
      local grok = helper.client { refusal "I will not." }
      local _, err = grok:extract { schema = MONSTER, input = "x" }
      assert.equal("refused", err.kind)
    end)

    it("passes on how the stream broke", function()
      local events = helper.stream(pieces_of(GOOD))
      events[#events] = nil
      local grok = helper.client { { sse = events } }
      local _, err, account = grok:extract { schema = MONSTER, input = "x" }
      assert.equal("early", err.code)
      assert.equal(GOOD, err.text)
      assert.equal(1, #account.turns)
    end)
  end)

  it("raises for the program's mistakes, at its line", function()
    local grok = helper.client {}
    local function raises(message, ...)
      local args = { ... }
      local _, raised = pcall(function()
        local value = grok:extract(args[1], args[2])
        return value
      end)
      assert.truthy(tostring(raised):find("extract_spec", 1, true), raised)
      assert.truthy(tostring(raised):find(message, 1, true), raised)
    end
    raises("a table is needed", "x")
    raises("a schema is needed", { input = "x" })
    raises("repairs must be", { schema = {}, repairs = -1 })
    raises("repairs must be", { schema = {}, repairs = 1.5 })
    raises("name must be a string", { schema = {}, name = 3 })
    raises("stream must be", { schema = {}, stream = "yes" })
    raises("text.format is made", { schema = {}, text = { format = {} } })
    raises('did you mean "timeout"', { schema = {} }, { timeuot = 3 })
    grok:close()
    raises("closed", { schema = {} })
  end)

  it("works against the simulator, whose ledger agrees", function()
    local simulator = sim.new { scenario = { { break_schema = "/hp" }, { break_schema_at = 3 }, {} } }
    local grok = xai.new { simulate = simulator, seed = 5 }
    local value, response, account = grok:extract { schema = MONSTER, stream = false,
      input = "Invent a swamp monster." }
    assert(value, response)
    assert.is_true(s.compile(MONSTER):check(value))
    assert.equal(3, #account.turns)
    assert.equal(simulator:billed(), account.cost)
  end)

  it("works against the simulator while the answer streams", function()
    local scenario = { { break_schema = "/hp" }, { break_schema_at = 3 }, {} }
    local grok = xai.new { simulate = { scenario = scenario }, seed = 5 }
    local value, response, account = grok:extract { schema = MONSTER, input = "Invent a swamp monster." }
    assert(value, response)
    assert.is_true(s.compile(MONSTER):check(value))
    assert.equal(3, #account.turns)
    assert.equal(response:cost(), account.turns[3].cost)
  end)
end)

describe("client:extract with on_partial", function()
  local function streamed(pieces) return { sse = helper.stream(pieces) } end

  it("shows the value so far when text has come, a new table in each turn", function()
    local grok, wire = helper.client {
      streamed { '{"na', 'me":"B', 'og","hp":7', "00}" }, streamed { '{"name":"Bog"', ',"hp":7}' },
    }
    local seen, tables = {}, {}
    local value = assert(grok:extract { schema = MONSTER, input = "x", on_partial = function(partial, turn)
      seen[#seen + 1] = turn .. " " .. xai.json.encode(partial)
      tables[turn] = tables[turn] or partial
      assert(tables[turn] == partial)
    end })
    assert.same({ name = "Bog", hp = 7 }, value)
    assert.same({ "1 {}", '1 {"name":"B"}', '1 {"name":"Bog"}', '2 {"name":"Bog"}', '2 {"hp":7,"name":"Bog"}' }, seen)
    assert.is_false(tables[1] == tables[2])
    assert.is_nil(wire:body(1).on_partial)
  end)

  it("stops the stream when the function raises, with what it raised", function()
    local grok = helper.client { streamed { '{"name":"B', 5, 'og","hp":7}' } }
    local thing = {}
    local ok, fault = pcall(grok.extract, grok, { schema = MONSTER, input = "x", on_partial = function()
      error(thing)
    end })
    assert.is_false(ok)
    assert.equal(thing, fault)
    while grok:pending() > 0 do grok:step(0) end
    assert.equal(0, grok:pending())
  end)

  it("may wait in the function", function()
    local grok = helper.client { streamed { '{"name":"B', 'og","hp":7}' } }
    local value
    xai.run(function()
      value = assert(grok:extract { schema = MONSTER, input = "x", on_partial = function() xai.sleep(1) end })
    end)
    assert.equal(7, value.hp)
  end)

  it("raises for what cannot be", function()
    local grok = helper.client {}
    assert.error_matches(function() grok:extract { schema = MONSTER, input = "x", on_partial = 3 } end, "a function")
    assert.error_matches(function()
      grok:extract { schema = MONSTER, input = "x", on_partial = print, stream = false }
    end, "needs the stream")
  end)
end)

describe("client:extract of a bare false", function()
  it("is an answer, which nil is not", function()
    local grok = helper.client { answer "false", answer "nope", otherwise = answer "nope" }
    local value, response = grok:extract { schema = s.boolean(), input = "Is the Moon a cheese?", stream = false }
    assert.is_false(value)
    assert.is_true(xai.response.is(response))
    local missing, err = grok:extract { schema = s.boolean(), input = "x", stream = false, repairs = 0 }
    assert.is_nil(missing)
    assert.equal("schema", err.kind)
  end)
end)
