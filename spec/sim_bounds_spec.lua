--- What the simulator remembers, and how much work a request can make it do: both have bounds.
-- SPDX-License-Identifier: MIT
local json = require "xai.json"
local order = require "xai.sim.json"
local rules = require "xai.sim.schema_rules"
local shelf = require "xai.sim.shelf"
local sim = require "xai.sim"

local function ask(s, path, body, headers)
  local all = { authorization = "Bearer xai-spec-key", ["content-type"] = "application/json" }
  for name, value in pairs(headers or {}) do all[name] = value end
  if type(body) == "table" then body = assert(json.encode(body)) end
  local exchange = s:answer { method = body and "POST" or "GET", path = path, headers = all, body = body or "" }
  local parts = {}
  for i, step in ipairs(exchange.steps) do parts[i] = step.bytes end
  return table.concat(parts), exchange
end

local function respond(s, input, headers)
  return assert(json.decode((ask(s, "/v1/responses", { model = "grok-4.6", input = input }, headers))))
end

describe("xai.sim.shelf", function()
  it("holds the latest keys", function()
    local s = shelf.new(3)
    for i = 1, 5 do s:put("k" .. i, i) end
    assert.same({ nil, nil, 3, 4, 5 }, { s:get "k1", s:get "k2", s:get "k3", s:get "k4", s:get "k5" })
  end)

  it("holds a key that was put again, and gives one away once", function()
    local s = shelf.new(3)
    s:put("a", 1)
    s:put("b", 2)
    s:put("a", 3)
    s:put("c", 4)
    assert.same({ 3, 2, 4 }, { s:get "a", s:get "b", s:get "c" })
    assert.equal(3, s:take "a")
    assert.is_nil(s:take "a")
    assert.is_nil(s:get "a")
  end)

  it("stays as small with keys taken and put again for ever", function()
    local s = shelf.new(4)
    for i = 1, 1000 do
      s:put(i, i)
      s:take(i)
      s:put("same", i)
    end
    local spots = 0
    for _ in pairs(s.spots) do spots = spots + 1 end
    assert.equal(1, spots)
    assert.equal(1000, s:get "same")
    assert.equal(0, s.weight)
  end)

  it("bears so much and no more, but always the newest", function()
    local s = shelf.new(10, 100)
    s:put("a", 1, 60)
    s:put("b", 2, 40)
    assert.equal(1, s:get "a")
    s:put("c", 3, 1)
    assert.same({ nil, 2, 3, 41 }, { s:get "a", s:get "b", s:get "c", s.weight })
    s:put("d", 4, 1000)
    assert.same({ nil, nil, 4 }, { s:get "b", s:get "c", s:get "d" })
    s:put("e", 5, 1)
    assert.same({ nil, 5, 1 }, { s:get "d", s:get "e", s.weight })
  end)
end)

describe("the memory of xai.sim", function()
  it("keeps the latest responses", function()
    local s, ids = sim.new { keep = 3 }, {}
    for i = 1, 5 do ids[i] = respond(s, "question " .. i).id end
    local statuses = {}
    for i, id in ipairs(ids) do statuses[i] = select(2, ask(s, "/v1/responses/" .. id)).status end
    assert.same({ 404, 404, 200, 200, 200 }, statuses)
    local chained = { model = "grok-4.6", input = "and?", previous_response_id = ids[1] }
    assert.equal(404, select(2, ask(s, "/v1/responses", chained)).status)
    chained.previous_response_id = ids[5]
    assert.equal(200, select(2, ask(s, "/v1/responses", chained)).status)
  end)

  it("keeps the latest deferred completions", function()
    local s, ids = sim.new { keep = 2, deferred_polls = 0 }, {}
    for i = 1, 3 do
      ids[i] = assert(json.decode((ask(s, "/v1/chat/completions", { model = "grok-4.6", deferred = true,
        messages = json.array { { role = "user", content = "hi" } } })))).request_id
    end
    local statuses = {}
    for i, id in ipairs(ids) do statuses[i] = select(2, ask(s, "/v1/chat/deferred-completion/" .. id)).status end
    assert.same({ 404, 200, 200 }, statuses)
  end)

  it("shows the latest entries of the ledger, and adds up all of them", function()
    local s, sum = sim.new { keep_entries = 8 }, 0
    for i = 1, 50 do
      sum = sum + respond(s, "question " .. i).usage.cost_in_usd_ticks
      assert.equal(sum, s:billed())
      assert.is_true(#s.ledger <= 9)
      assert.equal(i, s.ledger[#s.ledger].id)
      for k = 2, #s.ledger do assert.equal(s.ledger[k - 1].id + 1, s.ledger[k].id) end
    end
    assert.is_true(#s.ledger >= 8)
  end)

  it("bills a cut stream right although its entry is forgotten", function()
    local function cut_late(keep)
      local s = sim.new { keep_entries = keep, latency = 1 }
      local _, exchange = ask(s, "/v1/responses", '{"model":"grok-4.6","stream":true,"input":"What do tides follow?"}')
      local full = s:billed()
      for _ = 1, 20 do ask(s, "/v1/models") end
      require("xai.sim.ledger").settle(exchange, 3)
      assert.is_true(s:billed() < full)
      return s:billed()
    end
    assert.equal(cut_late(1000), cut_late(2))
  end)

  it("counts attempts by what is asked where no call is named", function()
    local s = sim.new()
    local function attempt(body)
      ask(s, "/v1/responses", body)
      return s.ledger[#s.ledger].attempt
    end
    local long = '{"model":"grok-4.6","input":"' .. ("x"):rep(10000)
    assert.same({ 1, 2, 1, 1, 3 }, { attempt(long .. '"}'), attempt(long .. '"}'), attempt(long .. 'y"}'),
      attempt(long .. 'z"}'), attempt(long .. '"}') })
    for key in pairs(s.attempts.spot_of) do assert.is_true(#key < 200) end
  end)

  it("does not grow for ever", function()
    local s = sim.new { keep = 20, keep_entries = 20 }
    local function size_after(calls)
      for i = 1, calls do
        ask(s, "/v1/responses", { model = "grok-4.6", input = ("question %d "):format(i):rep(20) },
          { ["x-client-request-id"] = "call" .. i % 50 })
      end
      collectgarbage()
      collectgarbage()
      return collectgarbage "count"
    end
    local jit = rawget(_G, "jit")
    if jit then jit.off() jit.flush() end   -- compiled code counts as memory, and is none of the simulator's
    -- kB; without bounds it is 2000 more each time. Once the rest of this process may grow.
    local sizes = { size_after(100), size_after(400), size_after(400) }
    if jit then jit.on() end
    local grown = math.min(sizes[2] - sizes[1], sizes[3] - sizes[2])
    assert.is_true(grown < 100, ("grown by %.0f kB"):format(grown))
  end)
end)

-- Runs a function under a bound on the instructions of the Lua machine, which are the same on every computer.
local function within(instructions, run)
  local jit = rawget(_G, "jit")
  if jit then jit.off() end   -- compiled code is not counted
  debug.sethook(function() error("too much work", 2) end, "", instructions)
  local ok, err = pcall(run)
  debug.sethook()
  if jit then jit.on() end
  if not ok then error(err, 0) end
end

local WORK = 40000000

local function nested(times, text, inner)
  local out = inner
  for _ = 1, times do
    local replacement = out:gsub("%%", "%%%%")
    out = text:gsub("@", replacement)
  end
  return out
end

--- Definitions a1, a2, ... of which each refers to the next, where the text says @.
local function chain(count, text)
  local out = {}
  for i = 1, count do out[i] = ('"a%d":%s'):format(i, (text:gsub("@", "#/$defs/a" .. i + 1))) end
  return ('{"$ref":"#/$defs/a1","$defs":{%s,"a%d":{"type":"integer"}}}'):format(table.concat(out, ","), count + 1)
end

local function chat(members, prompt)
  return ('{"model":"grok-4.6","messages":[{"role":"user","content":"%s"}],%s}'):format(prompt or "hi", members)
end

local function structured(schema, members, prompt)
  return chat(('"response_format":{"type":"json_schema","json_schema":{"schema":%s}}%s'):format(schema, members or ""),
    prompt)
end

local function with_tool(schema)
  return chat('"tool_choice":"required","tools":[{"type":"function","function":{"name":"f","parameters":' .. schema
    .. "}}]")
end

local CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"

local LETTERS = ("abcdefghij"):rep(30000)
local EACH_REPEATS = '{"type":"object","properties":{"x":{"$ref":"@"},"y":{"$ref":"@"}},"required":["x","y"]}'

-- What is asked, where, in which body; how the answer ends; the instructions that it may take at most.
local DEMANDS = {
  { "as many choices as there may be of a long text", CHAT,
    structured('{"const":"' .. LETTERS .. '"}', ',"n":128,"stream":true'), "length" },
  { "arrays of arrays of arrays", CHAT,
    structured(nested(6, '{"type":"array","minItems":256,"items":@}', '{"type":"integer"}')), "length" },
  { "objects that double at each level", CHAT, structured(chain(40, EACH_REPEATS)), "length" },
  { "arguments that require themselves twice", CHAT,
    with_tool '{"type":"object","properties":{"x":{"$ref":"#"},"y":{"$ref":"#"}},"required":["x","y"]}', "length" },
  { "arguments that are all of themselves", CHAT, with_tool '{"allOf":[{"$ref":"#"}]}', "tool_calls" },
  { "allOf that doubles at each level", CHAT, structured(chain(40, '{"allOf":[{"$ref":"@"},{"$ref":"@"}]}')), "stop" },
  { "a chain of a thousand references", CHAT, structured(chain(1000, '{"$ref":"@"}')), "stop" },
  { "a long constant in every item", CHAT,
    structured('{"type":"array","minItems":256,"items":{"const":"' .. LETTERS .. '"}}'), "length" },
  { "a long name in every item", CHAT,
    structured('{"type":"array","minItems":256,"items":{"properties":{"' .. LETTERS .. '":{"type":"null"}}}}'),
    "length" },
  { "names nobody listed, at each level", CHAT,
    structured(nested(30, '{"type":"object","minProperties":64,"additionalProperties":@}', '{"type":"null"}')),
    "length" },
  { "repetitions of repetitions of nothing", CHAT,
    structured('{"pattern":"' .. nested(8, "(@){9999}", "") .. '"}'), "stop" },
  { "repetitions of repetitions with a least length", CHAT,
    structured('{"minLength":2000,"pattern":"' .. nested(38, "(@a?){9999}", "a") .. '"}'), "stop" },
  { "a pattern without end", CHAT, structured('{"pattern":"[' .. ("!-~"):rep(100000) .. ']{4000}"}'), "stop", 5000000 },
  { "different items where there are few", CHAT, structured('{"type":"array","minItems":256,"uniqueItems":true,'
    .. '"items":{"type":"integer","minimum":1,"maximum":260}}'), "stop", 3000000 },
  { "a choice of many in every item", CHAT, structured('{"type":"array","minItems":256,"items":{"enum":["'
    .. ('a","'):rep(10000) .. 'b"]}}', "", LETTERS), "stop" },
  { "one word of a million bytes, 128 times", CHAT, chat('"n":128,"stream":true', ("x"):rep(1000000)), "stop" },
  { "a prompt to be repeated 128 times", CHAT,
    structured('{"type":"object","properties":{"query":{"type":"string"}},"required":["query"]}',
      ',"n":128,"stream":true', ("word "):rep(50000)), "stop" },
  { "places and sums in a prompt full of them", CHAT, structured('{"type":"array","minItems":256,"items":{"type":'
    .. '"object","properties":{"city":{"type":"string"},"sum":{"type":"string"},"n":{"type":"integer"}}}}', "",
    ("Abc (1 (2 (( "):rep(20000)), "stop" },
  { "a long result of a tool, 16 times", CHAT, '{"model":"grok-4.6","n":16,"stream":true,"messages":['
    .. '{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id":"1","type":"function",'
    .. '"function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"1","content":"'
    .. ("word "):rep(100000) .. '"}]}', "stop" },
  { "a sum among very many digits", RESPONSES, '{"model":"grok-4.6","input":"' .. ("1"):rep(100000)
    .. '","tools":[{"type":"code_interpreter"}]}', "completed" },
  { "a search for very many words", RESPONSES, '{"model":"grok-4.6","input":"' .. ("ab cd ef "):rep(30000)
    .. '","tools":[{"type":"web_search"}]}', "completed", 5000000 },
  { "many results of many calls", RESPONSES, '{"model":"grok-4.6","input":['
    .. ('{"type":"function_call","call_id":"a","name":"f","arguments":"{}"},'):rep(3000)
    .. ('{"type":"function_call_output","call_id":"a","output":"x"},'):rep(3000)
    .. '{"role":"user","content":"hi"}]}', "completed" },
}

describe("the work of xai.sim", function()
  for _, demand in ipairs(DEMANDS) do
    it("is bounded for " .. demand[1], function()
      local text, exchange
      within(demand[5] or WORK, function() text, exchange = ask(sim.new(), demand[2], demand[3]) end)
      assert.equal(200, exchange.status, text:sub(1, 300))
      assert.is_true(#exchange.steps < 2 ^ 16 + 5000)
      assert.is_true(#text < 5000000 + 300 * #exchange.steps)
      local kind = demand[2] == CHAT and '"finish_reason":"' or '"status":"'
      assert.truthy(text:find(kind .. demand[4], 1, true), text:sub(-300))
    end)
  end

  it("refuses a circle of a thousand references", function()
    local circle = chain(1000, '{"$ref":"@"}'):gsub('"a1001":{"type":"integer"}', '"a1001":{"$ref":"#/$defs/a1"}')
    local text, exchange = ask(sim.new(), CHAT, structured(circle))
    assert.equal(400, exchange.status)
    assert.truthy(text:find("circular", 1, true))
  end)

  it("follows references however long their chain is", function()
    local schema, definitions = order.object("$ref", "#/$defs/a1"), {}
    for i = 1, 120000 do definitions["a" .. i] = order.object("$ref", "#/$defs/a" .. i + 1) end
    definitions.a120001 = order.object("type", "integer")
    order.put(schema, "$defs", definitions)
    assert.is_nil(rules.refuse(schema))
    definitions.a120001 = order.object("$ref", "#/$defs/a1")
    assert.equal("circular $ref", rules.refuse(schema))
  end)

  it("refuses bodies of too many values, and too long ones", function()
    for _, body in ipairs { "[" .. ("1,"):rep(2000000) .. "1]", '"' .. ("x"):rep(32 * 2 ^ 20) .. '"' } do
      local text, exchange = ask(sim.new(), RESPONSES, body)
      assert.same({ 413, "The request body is too large." }, { exchange.status, json.decode(text).error })
    end
  end)

  it("breaks off what is too large as a token limit does", function()
    local schema = nested(6, '{"type":"array","minItems":256,"items":@}', '{"type":"integer"}')
    local body = '{"model":"grok-4.6","input":"hi","text":{"format":{"type":"json_schema","name":"x","schema":'
      .. schema .. "}}}"
    local s = sim.new()
    local response = assert(json.decode((ask(s, RESPONSES, body))))
    assert.same({ "incomplete", "max_output_tokens" }, { response.status, response.incomplete_details.reason })
    assert.is_nil((json.decode(response.output[#response.output].content[1].text)))
    assert.equal(s:billed(), response.usage.cost_in_usd_ticks)
  end)

  it("says what the scenario says, however long", function()
    local deltas = {}
    for i = 1, 70000 do deltas[i] = "a" end
    local s = sim.new { scenario = { { deltas = deltas } } }
    local completion = assert(json.decode((ask(s, CHAT, chat '"n":1'))))
    assert.equal(70000, #completion.choices[1].message.content)
  end)

  it("leaves room for what is merely large", function()
    local schema = assert(json.decode('{"type":"array","minItems":256,"maxItems":256,"items":{"$ref":"#/$defs/row"},'
      .. '"$defs":{"row":{"allOf":[{"properties":{"a":{"type":"string","minLength":300}}},{"properties":{"b":{"enum":['
      .. ('"v",'):rep(500) .. '"w"]},"c":{"pattern":"^[a-z]{8,}$"}}}],"type":"object","required":["a","b","c"]}}}',
      { order = true }))
    local completion = assert(json.decode((ask(sim.new(), CHAT, structured(assert(json.encode(schema)))))))
    local rows = assert(json.decode(completion.choices[1].message.content))
    assert.equal("stop", completion.choices[1].finish_reason)
    assert.equal(256, #rows)
    for _, row in ipairs(rows) do
      assert.is_true(#row.a >= 300 and (row.b == "v" or row.b == "w") and row.c:match "^%l%l%l%l%l%l%l%l+$" ~= nil)
    end
  end)
end)
