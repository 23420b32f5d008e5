--- Values made from schemas satisfy them; scenarios can make them break at a place of their choosing.
-- SPDX-License-Identifier: MIT
local json = require "xai.json"
local order = require "xai.sim.json"
local hints = require "xai.sim.hints"
local pattern = require "xai.sim.pattern"
local rand = require "xai.sim.rand"
local schema = require "xai.sim.schema"
local sim = require "xai.sim"

-- A validator for the keywords of the subset, kept apart from what it judges ---------------------------------------

local FORMATS = {
  date = "^%d%d%d%d%-%d%d%-%d%d$", time = "^%d%d:%d%d:%d%dZ$", ["date-time"] = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$",
  email = "^[%w.]+@[%w.]+$", uuid = "^%x+%-%x+%-%x+%-%x+%-%x+$", ipv4 = "^%d+%.%d+%.%d+%.%d+$", ipv6 = "^[%x:]+$",
  uri = "^https?://",
}

local function kind_of(value)
  if value == json.null then return "null" end
  if type(value) == "table" then return order.is_array(value) and "array" or "object" end
  if type(value) == "number" then return value % 1 == 0 and "integer" or "number" end
  return type(value)
end

local function multiple(n, step)
  local k = n / step
  return math.abs(k - math.floor(k + 0.5)) < 1e-9
end

local valid

local function any_of(root, list, value)
  for _, member in ipairs(list) do
    if valid(root, member, value) then return true end
  end
  return false
end

local checks = {}

function checks.type(want, value)
  local kind = kind_of(value)
  for _, name in ipairs(type(want) == "table" and want or { want }) do
    if name == kind or (name == "number" and kind == "integer") then return true end
  end
  return false
end

function checks.enum(want, value)
  for _, item in ipairs(want) do
    if json.encode(item) == json.encode(value) then return true end
  end
  return false
end

function checks.const(want, value) return json.encode(want) == json.encode(value) end
function checks.anyOf(want, value, root) return any_of(root, want, value) end
function checks.oneOf(want, value, root) return any_of(root, want, value) end

function checks.allOf(want, value, root)
  for _, member in ipairs(want) do
    if not valid(root, member, value) then return false end
  end
  return true
end

checks["$ref"] = function(want, value, root)
  local at = root
  for part in want:gmatch "/([^/]+)" do at = at[part] end
  return valid(root, at, value)
end

local function number_check(test)
  return function(want, value) return type(value) ~= "number" or test(value, want) end
end
checks.minimum = number_check(function(n, b) return n >= b end)
checks.maximum = number_check(function(n, b) return n <= b end)
checks.exclusiveMinimum = number_check(function(n, b) return n > b end)
checks.exclusiveMaximum = number_check(function(n, b) return n < b end)
checks.multipleOf = number_check(multiple)

function checks.minLength(want, value) return type(value) ~= "string" or #value >= want end
function checks.maxLength(want, value) return type(value) ~= "string" or #value <= want end
function checks.format(want, value) return type(value) ~= "string" or value:match(FORMATS[want]) ~= nil end
function checks.minItems(want, value) return kind_of(value) ~= "array" or #value >= want end
function checks.maxItems(want, value) return kind_of(value) ~= "array" or #value <= want end

function checks.items(want, value, root, of)
  if kind_of(value) ~= "array" then return true end
  for i = #(of.prefixItems or {}) + 1, #value do
    if want == false or not valid(root, want, value[i]) then return false end
  end
  return true
end

function checks.prefixItems(want, value, root)
  for i, member in ipairs(want) do
    if value[i] ~= nil and not valid(root, member, value[i]) then return false end
  end
  return true
end

function checks.uniqueItems(_, value)
  local seen = {}
  for _, item in ipairs(value) do
    local text = json.encode(item)
    if seen[text] then return false end
    seen[text] = true
  end
  return true
end

local function is_object(value) return kind_of(value) == "object" end

function checks.required(want, value)
  if not is_object(value) then return true end
  for _, name in ipairs(want) do
    if value[name] == nil then return false end
  end
  return true
end

function checks.properties(want, value, root)
  if not is_object(value) then return true end
  for name, of in pairs(want) do
    if value[name] ~= nil and not valid(root, of, value[name]) then return false end
  end
  return true
end

local function count(value)
  local n = 0
  for _ in pairs(value) do n = n + 1 end
  return n
end

function checks.minProperties(want, value) return not is_object(value) or count(value) >= want end
function checks.maxProperties(want, value) return not is_object(value) or count(value) <= want end

function checks.additionalProperties(want, value, root, of)
  if not is_object(value) then return true end
  for name, item in pairs(value) do
    if not (of.properties or {})[name] and (want == false or (want ~= true and not valid(root, want, item))) then
      return false
    end
  end
  return true
end

function valid(root, of, value)
  if type(of) ~= "table" then return of ~= false end
  for keyword, want in pairs(of) do
    if checks[keyword] and not checks[keyword](want, value, root, of) then return false, keyword end
  end
  return true
end

local function make(text, seed, prompt, more)
  local options = { rand = rand.new(seed, "schema"), hints = hints.new(prompt or "") }
  for name, value in pairs(more or {}) do options[name] = value end
  local parsed = assert(order.decode(text))
  return schema.make(parsed, options), parsed
end

local CASES = {
  "{}",
  '{"type":"string"}',
  '{"type":"string","minLength":40,"maxLength":44}',
  '{"type":"string","maxLength":3}',
  '{"type":"integer"}', '{"type":"number"}', '{"type":"boolean"}', '{"type":"null"}',
  '{"type":"integer","minimum":5,"maximum":5}',
  '{"type":"integer","exclusiveMinimum":-3,"exclusiveMaximum":-1}',
  '{"type":"integer","multipleOf":7,"minimum":50}',
  '{"type":"integer","maximum":-100}',
  '{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":1}',
  '{"type":"number","multipleOf":0.25,"minimum":0.3,"maximum":0.6}',
  '{"enum":["red",3,null,{"a":[1]}]}',
  '{"type":"integer","enum":["red",3,4]}',
  '{"const":{"fixed":[true]}}',
  '{"anyOf":[{"type":"null"},{"type":"string","format":"date"}]}',
  '{"oneOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"type":"null"}]}',
  '{"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}],"required":["b"]}',
  '{"type":["string","null"],"format":"email"}',
  '{"type":"array","items":{"type":"integer"},"minItems":3,"maxItems":5}',
  '{"type":"array","prefixItems":[{"type":"string"},{"type":"boolean"}],"items":false}',
  '{"type":"array","prefixItems":[{"type":"string"}],"items":{"type":"number"},"minItems":4}',
  '{"type":"array","items":{"enum":["a","b","c"]},"minItems":3,"uniqueItems":true}',
  '{"type":"array","items":{"type":"string"},"maxItems":0}',
  '{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}},"required":["b"],'
    .. '"additionalProperties":false}',
  '{"type":"object","minProperties":2,"additionalProperties":{"type":"integer"}}',
  '{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"},"c":{"type":"null"}},"required":["c"],'
    .. '"maxProperties":2}',
  '{"type":"object","required":["undeclared"],"properties":{}}',
  '{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"id":{"type":"string","format":"uuid"},'
    .. '"at":{"$ref":"#/$defs/when"}},"required":["id","at"]},"when":{"type":"string","format":"date-time"}}}',
  '{"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"v":{"type":"integer"},'
    .. '"kids":{"type":"array","items":{"$ref":"#/$defs/tree"}}},"required":["v"]}}}',
}
for _, name in ipairs { "date", "time", "date-time", "email", "uuid", "ipv4", "ipv6", "uri" } do
  CASES[#CASES + 1] = ('{"type":"string","format":"%s"}'):format(name)
end

describe("xai.sim.schema", function()
  for _, text in ipairs(CASES) do
    it("satisfies " .. text:sub(1, 70), function()
      for seed = 1, 12 do
        local value, parsed = make(text, seed)
        local ok, keyword = valid(parsed, parsed, value)
        assert.is_true(ok, ("%s: %s breaks %s"):format(text, json.encode(value), tostring(keyword)))
      end
    end)
  end

  it("has a validator that says no", function()
    local cases = {
      { '{"type":"integer","minimum":5}', 4 }, { '{"enum":["a"]}', "b" }, { '{"required":["a"]}', {} },
      { '{"type":"string"}', 1 }, { '{"type":"string","format":"uuid"}', "x" }, { '{"maxItems":0}', json.array { 1 } },
      { '{"properties":{"a":{"type":"null"}}}', { a = 1 } }, { '{"additionalProperties":false}', { a = 1 } },
    }
    for _, case in ipairs(cases) do
      local parsed = assert(json.decode(case[1]))
      assert.is_false((valid(parsed, parsed, case[2])), case[1])
    end
  end)

  it("writes properties in the order of the schema", function()
    local value = make('{"properties":{"z":{"type":"null"},"a":{"type":"null"},"m":{"type":"null"}}}', 1)
    assert.equal('{"z":null,"a":null,"m":null}', json.encode(value))
  end)

  it("takes values from the question", function()
    local value = make('{"type":"object","properties":{"city":{"type":"string"},"nights":{"type":"integer"},'
      .. '"price":{"type":"number"},"mail":{"type":"string","format":"email"},"class":{"enum":["first","second"]},'
      .. '"day":{"type":"string","format":"date"}}}', 1,
      "Book 3 nights in Rio de Janeiro for price 99.5 on 2026-12-24, second class, and write to kim@example.com")
    assert.same({ city = "Rio de Janeiro", nights = 3, price = 99.5, mail = "kim@example.com", class = "second",
      day = "2026-12-24" }, setmetatable(value, nil))
  end)

  it("leaves optional arguments out unless the question speaks of them", function()
    local parameters = '{"type":"object","properties":{"city":{"type":"string"},"unit":{"enum":["celsius",'
      .. '"fahrenheit"]}},"required":["city"]}'
    assert.equal('{"city":"Oslo"}', json.encode((make(parameters, 1, "Weather in Oslo?", { sparse = true }))))
    assert.equal('{"city":"Oslo","unit":"celsius"}',
      json.encode((make(parameters, 1, "Weather in Oslo in Celsius?", { sparse = true }))))
  end)

  describe("patterns", function()
    local function test(expression, check)
      it("are matched by what is made: " .. expression, function()
        assert.truthy(pattern.make(pattern.read(expression), 0):match(check))
        assert.truthy(pattern.make(pattern.read(expression), 3):match(check))
      end)
    end
    test("^[A-Z]{3}-\\d{4}$", "^%u%u%u%-%d%d%d%d$")
    test("(?:ab|cd)+x?", "^[ab]+x?$")
    test("[^0-9a-z]+", "^[^%d%l]+$")
    test("\\w+@\\w+\\.(com|org)", "^[%w_]+@[%w_]+%.com$")
    test("\\(\\+[0-9]{1,3}\\) \\d{3,}", "^%(%+%d+%) %d%d%d+$")
    test(".*", "^.*$")
    test("\\u0041[\\x61-\\x63]?", "^A[abc]?$")

    it("stay small where repetitions are repeated", function()
      assert.is_true(#pattern.make(pattern.read "(((a{9999}){9999}){9999}){9999}", 0) <= 4096)
    end)

    it("grow to the least length asked for", function()
      for _, expression in ipairs { "^[a-z]+$", "^([a-z]*)*$", "^(x|y)?[a-z]*$" } do
        local value = make('{"pattern":"' .. expression .. '","minLength":12,"maxLength":14}', 1)
        assert.truthy(value:match "^%l+$")
        assert.is_true(#value >= 12 and #value <= 14)
      end
    end)
  end)

  describe("in an answer", function()
    local format = { type = "json_schema", name = "monster", schema = assert(json.decode(
      '{"type":"object","properties":{"hp":{"type":"integer","minimum":1,"maximum":99},"name":{"type":"string"}},'
      .. '"required":["hp","name"],"additionalProperties":false}')) }

    local function answer(entry, path, body)
      local s = sim.new { scenario = { entry } }
      body.model = "grok-4.3"
      local exchange = s:answer { method = "POST", path = path, body = json.encode(body),
        headers = { authorization = "Bearer xai-1", ["content-type"] = "application/json" } }
      assert.equal(200, exchange.status)
      return assert(json.decode(exchange.steps[1].bytes))
    end

    local function text_of(entry)
      local response = answer(entry, "/v1/responses", { input = "A monster with 12 hp", text = { format = format } })
      return response.output[#response.output].content[1].text, response
    end

    it("gives a document that satisfies the format, on both endpoints", function()
      local text, response = text_of {}
      local value = assert(json.decode(text))
      assert.is_true((valid(format.schema, format.schema, value)))
      assert.equal(12, value.hp)
      assert.same({ type = "json_schema", schema = format.schema, name = "monster", description = json.null,
        strict = true }, response.text.format)
      local completion = answer({}, "/v1/chat/completions", {
        messages = json.array { { role = "user", content = "A monster" } },
        response_format = { type = "json_schema", json_schema = { name = "monster", schema = format.schema } } })
      assert.is_true((valid(format.schema, format.schema, json.decode(completion.choices[1].message.content))))
    end)

    it("gives any object for json_object", function()
      local response = answer({}, "/v1/responses", { input = "x", text = { format = { type = "json_object" } } })
      assert.equal("table", type(json.decode(response.output[#response.output].content[1].text)))
    end)

    it("breaks at the byte the scenario names, and is whole before it", function()
      local whole = text_of {}
      for at = 1, #whole do
        local broken = text_of { break_schema_at = at }
        assert.equal(whole:sub(1, at - 1), broken:sub(1, at - 1))
        assert.is_nil((json.decode(broken)), broken)
      end
    end)

    it("breaks the value at the pointer the scenario names", function()
      for _, pointer in ipairs { "/hp", "/name", "" } do
        local value = assert(json.decode((text_of { break_schema = pointer })))
        assert.is_false((valid(format.schema, format.schema, value)))
      end
    end)

    it("is the document of the scenario if it has one", function()
      assert.equal('{"hp":100}', (text_of { value = { hp = 100 } }))
    end)
  end)

  it("says what the API refuses, and passes what it takes", function()
    for _, text in ipairs(CASES) do
      local reason = schema.refuse(assert(order.decode(text)))
      if text:find('"tree"', 1, true) then assert.equal("circular $ref", reason) else assert.is_nil(reason) end
    end
  end)
end)
