--- xai.schema: compiling, checking values and texts, and the builders.
local core = require "xai.core"
local dying = require "spec.dying"
local helper = require "spec.helper"
local xai = require "xai"

local s = xai.schema
local json = xai.json

local MONSTER = s.object {
  { "name", s.string { min = 1 } },
  { "hp", s.integer { minimum = 1, max = 99 } },
  { "tags", s.array(s.string()) },
  optional = { "tags" },
}

describe("xai.schema.compile", function()
  it("takes tables, texts and what is compiled already", function()
    for _, schema in ipairs { { type = "integer" }, '{"type":"integer"}', assert(s.compile { type = "integer" }) } do
      local compiled = assert(s.compile(schema))
      assert.is_true(s.is(compiled))
      assert.is_true(compiled:check(3))
      assert.is_nil(compiled:check "3")
    end
    assert.is_true(assert(s.compile(true)):check(3))
    assert.is_nil(assert(s.compile(false)):check(3))
  end)

  it("keeps the order of a text and of the builders", function()
    local text = '{"properties":{"z":true,"a":true},"type":"object"}'
    assert.equal(text, s.compile(text):json())
    assert.equal(text, json.encode(s.compile(text):table()))
    assert.truthy(s.compile(MONSTER):json():find('"name".-"hp".-"tags"'))
  end)

  it("F87 reads an empty table as its keyword wants it", function()
    local schema = { type = "object", required = {}, properties = { required = {} }, examples = {} }
    assert.equal('{"examples":[],"properties":{"required":{}},"required":[],"type":"object"}',
      assert(s.compile(schema)):json())
    assert.is_nil(getmetatable(schema.required))
  end)

  it("says at the caller's line that a method was called with a dot", function()
    local schema = assert(s.compile { type = "string" })
    local checker = schema:stream()
    local function says(what, fn)
      local ok, fault = pcall(fn)
      assert.is_false(ok, what)
      assert.truthy(fault:find("schema_spec.lua:%d+: this is a method of a .*: call it with a colon"), fault)
    end
    says("check", function() local _ = schema.check "x" end)
    says("check_text", function() local _ = schema.check_text '"x"' end)
    for _, name in ipairs { "stream", "json", "table" } do says(name, function() local _ = schema[name]() end) end
    says("feed", function() local _ = checker.feed '"x"' end)
    for _, name in ipairs { "finish", "value" } do says(name, function() local _ = checker[name]() end) end
  end)

  it("says where a schema is wrong", function()
    local compiled, err = s.compile { properties = { a = { type = "integre" } } }
    assert.is_nil(compiled)
    assert.equal("schema", err.code)
    assert.equal("usage", err.kind)
    assert.truthy(err.message:find("/properties/a/type", 1, true))
    local _, malformed = s.compile '{"type":'
    assert.equal("json", malformed.code)
    assert.equal("usage", malformed.kind)
    assert.equal(8, malformed.offset)
    assert.truthy(malformed.hint:find("the schema's text", 1, true), malformed.hint)
    assert.same(malformed, select(2, s.lint '{"type":'))
    local loop = {}
    loop.properties = { a = loop, b = loop }
    assert.equal("depth", select(2, s.compile(loop)).code)
    assert.truthy(select(2, s.compile { items = print }).message:find("items", 1, true))
  end)

  it("F85 bounds the steps of a check and of a pattern, and lets both be set", function()
    local text = '"' .. ("a"):rep(100000) .. '!"'
    local _, found = assert(s.compile { pattern = "a+$" }):check_text(text)
    assert.equal("invalid", found.code)
    if helper.has_pcre2() then
      _, found = assert(s.compile { pattern = "a+(?<!x)$" }):check_text(text)
      assert.equal("steps", found.code)
      assert.truthy(found[1].message:find("a+(?<!x)$", 1, true))
    end
    _, found = assert(s.compile({ pattern = "[a-z]+[!]" }, { match_limit = 1, max_steps = 100 })):check_text(text)
    assert.equal("steps", found.code)
    assert.is_true(assert(s.compile { pattern = "[a-z]+[!]" }):check_text(text))
    local list = "[" .. ("1,"):rep(1000) .. "1]"
    _, found = assert(s.compile({ items = { minimum = 0 } }, { max_steps = 1000 })):check_text(list)
    assert.equal("steps", found.code)
    assert.is_true(assert(s.compile({ items = { minimum = 0 } }, { max_steps = 5000 })):check_text(list))
  end)

  it("F85 refuses what refers to itself without end", function()
    local _, err = s.compile { ["$ref"] = "#" }
    assert.equal("schema", err.code)
  end)

  it("takes the schemas that others refer to", function()
    local compiled = assert(s.compile({ ["$ref"] = "urn:a" }, { remotes = {
      ["urn:a"] = { items = { ["$ref"] = "urn:b" } }, ["urn:b"] = '{"minimum":2}' } }))
    assert.is_true(compiled:check { 2 })
    assert.is_nil(compiled:check { 1 })
    assert.is_nil((s.compile({ ["$ref"] = "urn:a" }, { remotes = {} })))
    assert.equal("json", select(2, s.compile({ ["$ref"] = "urn:a" }, { remotes = { ["urn:a"] = "{" } })).code)
  end)

  it("obeys its options", function()
    local email = { format = "email" }
    assert.is_true(s.compile(email):check "nobody")
    assert.is_true(s.compile(email, { format = "annotate" }):check "nobody")
    assert.is_nil(s.compile(email, { format = "assert" }):check "nobody")
    local content = { contentMediaType = "application/json" }
    assert.is_true(s.compile(content):check "{")
    assert.is_nil(s.compile(content, { content = "assert" }):check "{")
    local exclusive = '{"minimum":3,"exclusiveMinimum":true}'
    assert.is_nil(s.compile(exclusive, { draft = "4" }):check(3))
    assert.is_nil((s.compile(exclusive, { draft = "2020-12" })))
    assert.equal("depth", select(2, s.compile({}, { max_depth = 3 }):check_text "[[[[[]]]]]").code)
  end)

  it("raises for the program's mistakes", function()
    assert.error_matches(function() s.compile(nil) end, "a table or JSON text is needed")
    assert.error_matches(function() s.compile({}, { formt = "assert" }) end, 'did you mean "format"')
    assert.error_matches(function() s.compile({}, { format = "yes" }) end, '"format" cannot be "yes"')
    assert.error_matches(function() s.compile({}, { draft = "3" }) end, '"draft" cannot be "3"')
    assert.error_matches(function() s.compile({}):check_text(3) end, "a text is needed")
    assert.error_matches(function() s.compile({}):check(3, { al = true }) end, 'did you mean "all"')
  end)
end)

describe("a compiled schema", function()
  local monster = assert(s.compile(MONSTER))

  it("is silent about what fits", function()
    assert.is_true(monster:check { name = "x", hp = 3 })
    assert.is_true(monster:check_text '{"name":"x","hp":3,"tags":[]}')
  end)

  it("tells every violation by place, keyword and sentence", function()
    local ok, found = monster:check_text '{"name":"","hp":100,"tags":[1]}'
    assert.is_nil(ok)
    assert.equal("invalid", found.code)
    assert.equal("schema", found.kind)
    local by = {}
    for _, violation in ipairs(found) do by[violation.instance] = violation end
    assert.equal("maximum", by["/hp"].keyword)
    assert.equal("/properties/hp/maximum", by["/hp"].schema)
    assert.equal(16, by["/hp"].offset)
    assert.equal("minLength", by["/name"].keyword)
    assert.equal("type", by["/tags/0"].keyword)
    assert.equal(3, #found)
    local lines = tostring(found)
    assert.truthy(lines:find("/hp must be at most 99, but is 100", 1, true))
    assert.equal(2, select(2, lines:gsub("\n", "")))
  end)

  it("stops at the first when asked", function()
    local _, found = monster:check({ name = "", hp = 100 }, { all = false })
    assert.equal(1, #found)
    _, found = monster:check_text('{"name":"","hp":100}', { all = false })
    assert.equal(1, #found)
  end)

  it("takes a malformed text for a violation with a place", function()
    local _, found = monster:check_text '{"name":'
    assert.equal("json", found.code)
    assert.equal(8, found[1].offset)
    assert.truthy(tostring(found):find("malformed JSON", 1, true))
  end)

  it("refuses values that have no form in JSON", function()
    local _, found = monster:check { name = print, hp = 3 }
    assert.truthy(tostring(found):find("$.name", 1, true))
    assert.equal("arg", found.code)
  end)

  it("F87 lets the schema decide what an unmarked empty table is", function()
    local both = assert(s.compile(s.object {
      list = s.array(s.array(s.string())), map = { type = "object" }, maybe = s.nullable(s.array(s.null())),
    }))
    local value = { list = { {}, { "x" } }, map = {}, maybe = {} }
    assert.is_true(both:check(value))
    assert.is_nil(getmetatable(value.list[1]))
    assert.is_nil(both:check { list = {}, map = json.array(), maybe = {} })
    assert.is_nil(both:check { list = setmetatable({}, { __jsonorder = {} }), map = {}, maybe = {} })
    assert.is_true(assert(s.compile { type = "array" }):check {})
    assert.is_true(assert(s.compile { type = "object" }):check {})
    assert.is_nil(assert(s.compile { type = "string" }):check {})
  end)

  it("F82 holds integers of any size exactly", function()
    local exact = assert(s.compile '{"maximum":9223372036854775807}')
    assert.is_true(exact:check_text "9223372036854775807")
    assert.is_nil(exact:check_text "9223372036854775808")
    assert.is_nil(exact:check(json.number "9223372036854775808"))
  end)

  it("F85 gives up on a pattern that explodes, and names it", function()
    local compiled, err = s.compile { pattern = "^(a|a|aa)+(?<!x)$" }
    if not helper.has_pcre2() then -- what is left in such a build cannot explode
      assert.is_nil(compiled)
      assert.equal("library", err.kind)
      assert.truthy(err.message:find("/pattern cannot be matched by this build", 1, true))
      return
    end
    local _, found = assert(compiled, err):check(("a"):rep(200) .. "!")
    assert.equal("steps", found.code)
    assert.truthy(tostring(found):find("(a|a|aa)+", 1, true))
  end)

  it("lets finalizers check while errors are being told", function()
    local ran, raised = 0, 0
    local function meddle()
      ran = ran + 1
      if not pcall(monster.check_text, monster, '{"name":"","hp":0}') then raised = raised + 1 end
    end
    for _ = 1, 300 do
      dying(meddle)
      local _, found = monster:check_text '{"name":"","hp":100,"tags":[1]}'
      assert.equal(3, #found)
      collectgarbage("step", 10)
    end
    collectgarbage()
    assert.is_true(ran > 100)
    assert.is_true(raised < ran)
  end)

  it("does not stand for another type", function()
    assert.error_matches(function() monster.core.check({}, "1") end, "not a schema")
    assert.error_matches(function() monster.core.check(core.sse(), "1") end, "not a schema")
    assert.error_matches(function() core.schema("{}", { remotes = { "x" } }) end, "pair of texts")
    assert.error_matches(function() core.schema("{}", { remotes = { { "x", 3 } } }) end, "pair of texts")
  end)
end)

describe("a streaming check", function()
  local monster = assert(s.compile(MONSTER))

  -- Feeds in pieces of n bytes; gives the verdict, what was fed when it fell, and why.
  local function feed(schema, text, n)
    local checker = schema:stream()
    for at = 1, #text, n do
      local state, reason = checker:feed(text:sub(at, at + n - 1))
      if state == "dead" then return "dead", at, reason end
      assert.equal("open", state)
    end
    local ok, found = checker:finish()
    return ok and "valid" or "invalid", #text, found
  end

  local function agrees(text, verdict)
    it(("says %s of %s, however it is cut"):format(verdict, text), function()
      local whole = monster:check_text(text)
      for n = 1, #text do
        local state = feed(monster, text, n)
        assert.equal(verdict, state)
        assert.equal(whole == true, state == "valid")
      end
    end)
  end
  agrees('{"name":"x","hp":3,"tags":["a","b"]}', "valid")
  agrees('  {"hp":99, "name":"\\u00e4"}  ', "valid")
  agrees('{"name":"x","hp":3,"tags":["a",1]}', "dead")
  agrees('{"name":"x","hp":3,"nmae":"y"}', "dead")
  agrees('{"name":"x"}', "dead")
  agrees('{"name":"x","hp":3', "invalid")
  agrees('{"name":"x","hp":3,}', "dead")

  it("is dead at the byte that decides it, and stays so with its reason", function()
    local text = '{"name":"x","hp":100,"tags":[]}'
    local state, at, reason = feed(monster, text, 1)
    assert.equal("dead", state)
    assert.equal(",", text:sub(at, at)) -- until then it may be 100e-2
    assert.equal("/hp", reason[1].instance)
    assert.equal("invalid", reason.code)
    local checker = monster:stream()
    checker:feed(text)
    local _, again = checker:feed "more"
    local ok, found = checker:finish()
    assert.equal(again, found)
    assert.is_nil(ok)
    assert.equal("/hp", again[1].instance)
  end)

  it("shows the value so far, open strings included", function()
    local checker = monster:stream()
    assert.is_nil(checker:value())
    checker:feed '{"tags":["a","b'
    assert.same({ tags = { "a", "b" } }, checker:value())
    assert.equal('{"tags":["a","b"]}', json.encode(checker:value()))
    checker:feed '"],"name":"x","hp":1'
    assert.is_nil(checker:value().hp)
    checker:feed "2}"
    assert.equal(12, checker:value().hp)
    assert.is_true(checker:finish())
    assert.equal(12, checker:value().hp)
  end)

  it("outlives the schema's own table", function()
    local checkers = {}
    for i = 1, 50 do checkers[i] = s.compile(MONSTER):stream() end
    collectgarbage()
    collectgarbage()
    for _, checker in ipairs(checkers) do
      assert.equal("open", (checker:feed '{"hp":1,'))
      assert.equal("dead", (checker:feed '"hp":"'))
    end
  end)

  it("raises for the program's mistakes", function()
    local checker = monster:stream()
    assert.error_matches(function() checker:feed(3) end, "a string is needed")
    checker:feed '{"name":"x","hp":3}'
    assert.is_true(checker:finish())
    assert.is_true(checker:finish())
    assert.error_matches(function() checker:feed " " end, "has been finished")
    assert.error_matches(function() monster:stream().core.feed({}, "1") end, "not a streaming check")
    assert.error_matches(function() monster:stream().core.feed(monster.core, "1") end, "not a streaming check")
  end)
end)

describe("the builders of xai.schema", function()
  local function builds(name, text, schema)
    it("make " .. name, function() assert.equal(text, json.encode(schema)) end)
  end
  builds("strings", '{"type":"string","maxLength":3,"minLength":1,"pattern":"^a"}',
    s.string { min = 1, max = 3, pattern = "^a" })
  builds("numbers", '{"type":"number","exclusiveMaximum":2,"exclusiveMinimum":0}', s.number { above = 0, below = 2 })
  builds("integers", '{"type":"integer","description":"x","minimum":1}', s.integer { min = 1, description = "x" })
  builds("booleans and null", '[{"type":"boolean"},{"type":"null"}]', { s.boolean(), s.null() })
  builds("arrays", '{"type":"array","items":{"type":"string"},"maxItems":2}', s.array(s.string(), { max = 2 }))
  builds("choices", '{"type":"string","enum":["a","b"]}', s.enum { "a", "b" })
  builds("choices of any kind", '{"enum":["a",1]}', s.enum { "a", 1 })
  builds("constants", '{"const":null}', s.const(xai.null))
  builds("alternatives", '{"anyOf":[{"type":"null"},{"const":1}]}', s.any_of { s.null(), s.const(1) })
  builds("what may be null", '{"description":"x","anyOf":[{"type":"string"},{"type":"null"}]}',
    s.nullable(s.string(), { description = "x" }))
  builds("objects from a list, in its order",
    '{"type":"object","properties":{"z":{"type":"null"},"a":{"type":"null"}},"required":["z"],'
      .. '"additionalProperties":false}',
    s.object { { "z", s.null() }, { "a", s.null() }, optional = { "a" } })
  builds("objects from a map, sorted",
    '{"type":"object","description":"d","properties":{"a":{"type":"null"},"z":{"type":"null"}},"required":["z"],'
      .. '"additionalProperties":false}',
    s.object({ z = s.null(), a = s.optional(s.null()) }, { description = "d" }))
  builds("the empty object", '{"type":"object","properties":{},"required":[],"additionalProperties":false}',
    s.object {})
  builds("open objects", '{"type":"object","properties":{},"required":[],"additionalProperties":{"type":"null"}}',
    s.object({}, { additionalProperties = s.null() }))

  it("make definitions that can refer to themselves and have any name", function()
    local tree = assert(s.compile(s.def(s.ref "a/b~c%", { ["a/b~c%"] = s.object {
      { "leaf", s.string() }, { "below", s.array(s.ref "a/b~c%") },
    } })))
    assert.is_true(tree:check { leaf = "x", below = { { leaf = "y", below = {} } } })
    assert.is_nil(tree:check { leaf = "x", below = { { leaf = 1, below = {} } } })
  end)

  local function raises(what, message, fn)
    it("raise for " .. what, function() assert.error_matches(fn, message) end)
  end
  raises("an unknown option", 'did you mean "minLength"', function() s.string { minLenght = 3 } end)
  raises("an option that is no table", "options must be a table", function() s.string "x" end)
  raises("a property that is no schema", "options go into a second table",
    function() s.object { a = s.null(), description = "x" } end)
  raises("an unknown name among the optional", 'did you mean "hp"',
    function() s.object { { "hp", s.null() }, optional = { "hq" } } end)
  raises("a property given twice", "stands there twice",
    function() s.object { { "a", s.null() }, { "a", s.null() } } end)
  raises("what cannot be optional", "only a property of an object", function() s.array(s.optional(s.null())) end)
  raises("an empty choice", "a list of values", function() s.enum {} end)
  raises("no alternatives", "a list of schemas", function() s.any_of {} end)
  raises("no constant", "a value is needed", function() s.const() end)

  it("point at the line of the program", function()
    for _, fn in ipairs {
      function() s.string { mix = 3 } end, function() s.array(3) end, function() s.object { a = 3 } end,
      function() s.object { { "a", s.null(), }, optinal = {} } end, function() s.enum {} end,
      function() s.nullable(s.optional(s.null())) end, function() s.def(s.null(), { a = 3 }) end,
      function() s.any_of { 3 } end, function() s.compile({}, { draft = "3" }) end, function() s.compile(3) end,
      function() s.compile({}, { formt = "assert" }) end, function() s.compile({}):check(1, { al = true }) end,
    } do
      local _, message = pcall(fn)
      assert.truthy(message:find "schema_spec", message)
    end
  end)
end)
