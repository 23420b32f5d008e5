local prefix = require "xai.prefix"

local function two_tools()
  return {
    { type = "function", name = "a", description = "first",
      parameters = { properties = { x = { type = "integer" } } } },
    { type = "function", name = "b", description = "second" },
  }
end

local function parts(changes)
  local p = {
    model = "grok-4.6", cache_key = "k", instructions = "Be brief.", tools = two_tools(),
    items = { { role = "user", content = "one" }, { role = "assistant", content = "two" } },
  }
  for name, value in pairs(changes or {}) do p[name] = value end
  return prefix.view(p)
end

local function tools(change)
  local list = two_tools()
  return { tools = change(list) or list }
end

describe("xai.prefix", function()
  it("finds nothing broken when only something new was appended", function()
    assert.is_nil(prefix.broken(parts(), parts()))
    assert.is_nil(prefix.broken(parts(), parts { items = {
      { role = "user", content = "one" }, { role = "assistant", content = "two" }, { role = "user", content = "three" },
    } }))
  end)

  local function names(what, changes)
    it("names it: " .. what, function()
      assert.equal(what, prefix.broken(parts(), parts(changes)))
    end)
  end
  names("model changed", { model = "grok-4.3" })
  names("instructions changed", { instructions = "Be long." })
  names("prompt_cache_key changed", { cache_key = "other" })
  names("the answer's format changed", { format = { type = "json_object" } })
  names("tools[2].description changed", tools(function(t) t[2].description = "other" end))
  names("tools[1].parameters.properties.x.type changed",
    tools(function(t) t[1].parameters.properties.x.type = "number" end))
  names("tools[2] removed", tools(function(t) t[2] = nil end))
  names("tools[3] added", tools(function(t) t[3] = { type = "function", name = "c" } end))
  names("the order of the tools changed", tools(function(t) return { t[2], t[1] } end))
  names("item 1 changed", { items = { { role = "user", content = "uno" }, { role = "assistant", content = "two" } } })
  names("item 2 removed", { items = { { role = "user", content = "one" } } })

  it("keeps its own copy: a table changed after the request shows in the next view", function()
    local list = { { type = "function", name = "a", description = "x" } }
    local before = prefix.view { model = "m", tools = list, items = {} }
    list[1].description = "y"
    assert.equal("tools[1].description changed",
      prefix.broken(before, prefix.view { model = "m", tools = list, items = {} }))
  end)
end)
