--- xai.schema.lint: what the API's subset of JSON Schema does not hold.
local helper = require "spec.helper"
local xai = require "xai"

local lint = xai.schema.lint

local function shown(findings)
  local lines = {}
  for i, finding in ipairs(findings) do
    lines[i] = ("%s %s %s"):format(finding.level, finding.schema, finding.keyword)
  end
  return table.concat(lines, "; ")
end

describe("xai.schema.lint", function()
  local function finds(what, expected, schema)
    it(("finds %s"):format(what), function() assert.equal(expected, shown(assert(lint(schema)))) end)
  end

  local s = xai.schema
  finds("nothing in what the builders make", "", s.def(s.object {
    { "name", s.string { min = 1, max = 2048 } }, { "mail", s.string { format = "email" } },
    { "hp", s.integer { min = 1, max = 1e12, description = "x" } }, { "kind", s.enum { "a", "b" } },
    { "tags", s.array(s.ref "tag", { max = 256 }) }, { "next", s.nullable(s.object {}) },
  }, { tag = s.string { pattern = "^[a-z]+$" } }))
  finds("nothing in an allOf of one", "", { allOf = { { type = "string" } } })

  finds("an empty enum", "refused /properties/a enum",
    '{"properties":{"a":{"enum":[]}},"additionalProperties":false}')
  finds("an empty anyOf", "refused  anyOf", { anyOf = {} })
  finds("a boolean for a property", "refused  properties",
    { properties = { a = { type = "null" }, b = true }, additionalProperties = false })
  finds("minContains and maxContains", "best_effort  contains; refused  minContains; refused  maxContains",
    '{"contains":{},"minContains":1,"maxContains":2}')
  finds("an array of items", "refused  items", '{"$schema":"http://json-schema.org/draft-07/schema#","items":[{}]}')
  finds("a circle of references", "refused /$defs/a/items $ref",
    '{"$ref":"#/$defs/a","$defs":{"a":{"items":{"$ref":"#/$defs/a"}}}}')
  finds("a circle through the root", "refused /items $ref", { items = { ["$ref"] = "#" } })
  finds("a circle entered from its middle", "refused /$defs/p/items $ref",
    '{"items":{"$ref":"#/$defs/p/items"},"$defs":{"p":{"items":{"$ref":"#/$defs/p"}}}}')
  finds("no circle where two refer to one", "",
    { prefixItems = { { ["$ref"] = "#/$defs/a" }, { ["$ref"] = "#/$defs/a" } }, ["$defs"] = { a = { type = "null" } } })
  finds("what is no schema at all", "refused  ", { type = "integre" })
  finds("a reference that leads nowhere", "refused  ", { ["$ref"] = "#/$defs/none" })

  finds("what is accepted and not guaranteed",
    "best_effort  not; best_effort  if; best_effort  then; best_effort  else; best_effort  allOf",
    '{"not":{},"if":{},"then":{},"else":{},"allOf":[{},{}]}')
  finds("oneOf", "best_effort  oneOf", { oneOf = { { type = "null" } } })
  finds("other formats", "best_effort  format", { format = "hostname" })
  finds("limits passed", "best_effort  minLength; best_effort  maxItems; best_effort  maxProperties",
    '{"minLength":2049,"maxLength":2048,"maxItems":257,"maxProperties":65}')
  finds("words that the documentation does not have", "best_effort  uniqueItems; best_effort  multipleOf",
    '{"uniqueItems":true,"multipleOf":3}')
  for _, pattern in ipairs { "^(?=a)b$", [[^\bfoo$]] } do
    finds("the pattern " .. pattern, "best_effort  pattern", { pattern = pattern })
  end
  for _, pattern in ipairs { "^a(?=b)b$", "^(?<!a)b$", [[^(a)\1$]], [[^\p{L}$]] } do
    local rest = helper.has_pcre2() and "" or "; unchecked  "
    finds("the pattern " .. pattern, "best_effort  pattern" .. rest, { pattern = pattern })
  end
  finds("inline flags, which JavaScript does not know either", "best_effort  pattern; refused  ",
    { pattern = "^(?i)x$" })
  finds("no fault in an escaped backslash", "", { pattern = [[^\\bx(?:a|b)$]] })

  finds("patterns that mean a part", "note  pattern", { pattern = "abc" })
  finds("what is left open", "note  additionalProperties", { properties = { a = { type = "null" } } })
  finds("misspelt words", "note  minLenght", { minLenght = 3 })

  it("says that a pattern is for PCRE2 where there is none", function()
    local last = {}
    for _, finding in ipairs(assert(lint { pattern = "^(?<!a)b$" })) do last = finding end
    local is_told = last.level == "unchecked" and last.message:find("for PCRE2 to match", 1, true) ~= nil
    assert.equal(not helper.has_pcre2(), is_told)
  end)

  it("names the word that was meant", function()
    assert.truthy(lint({ minLenght = 3 })[1].message:find("minLength?", 1, true))
  end)

  it("escapes the names in pointers", function()
    assert.equal("refused /properties/a~1b~0 enum",
      shown(lint { properties = { ["a/b~"] = { enum = {} } }, additionalProperties = false }))
  end)

  it("takes booleans and what is compiled", function()
    assert.same({}, lint(true))
    assert.same({}, lint(s.compile { type = "null" }))
  end)

  it("fails for what is not JSON", function()
    local findings, err = lint '{"type":'
    assert.is_nil(findings)
    assert.equal("json", err.code)
    assert.error_matches(function() lint(3) end, "a table or JSON text")
  end)
end)
