local options = require "xai.options"

local known = { timeout = "seconds", model = "string", simulate = "boolean|table", max_attempts = "count" }

local function fault(given)
  local ok, message = pcall(options.check, "xai.new", given, known)
  assert.is_false(ok)
  return message
end

describe("xai.options", function()
  it("hands back the table it was given, or an empty one for none", function()
    local given = { timeout = 3 }
    assert.equal(given, options.check("xai.new", given, known))
    assert.same({}, options.check("xai.new", nil, known))
  end)

  local function names_nearest(wrong, right)
    it(("names %s for %s"):format(right, wrong), function()
      assert.truthy(fault({ [wrong] = 1 }):find('did you mean "' .. right .. '"?', 1, true))
    end)
  end
  names_nearest("tiemout", "timeout")
  names_nearest("Model", "model")
  names_nearest("simualte", "simulate")
  names_nearest("max_attempt", "max_attempts")

  it("lists what is known when nothing is near", function()
    assert.truthy(fault({ zebra_crossing = 1 }):find("known are: max_attempts, model, simulate, timeout", 1, true))
  end)

  it("says what an option must be", function()
    local message = fault { timeout = "3" }
    assert.truthy(message:find('option "timeout" must be a number of seconds above 0, not a string', 1, true))
    assert.truthy(fault({ simulate = "yes" }):find("must be a boolean or a table, not a string", 1, true))
    assert.truthy(fault({ simulate = 1 }):find("must be a boolean or a table, not 1", 1, true))
  end)

  it("lists what an option may be in words", function()
    local ok, message = pcall(options.check, "xai.new", { log = 5 }, { log = "function|file|string|boolean" })
    assert.is_false(ok)
    assert.truthy(message:find('option "log" must be a function, an open file, a string or a boolean, not 5$'), message)
    assert.truthy(fault({ model = 5 }):find('"model" must be a string, not 5', 1, true))
  end)

  it("shows a number that does not fit by its value", function()
    assert.truthy(fault({ timeout = -5 }):find('"timeout" must be a number of seconds above 0, not -5', 1, true))
    assert.truthy(fault({ max_attempts = 1.5 }):find('"max_attempts" must be a whole number above 0, not 1.5', 1, true))
    assert.truthy(fault({ max_attempts = 0 / 0 }):find("not NaN", 1, true))
    assert.truthy(fault({ max_attempts = 1e300 }):find("not 1e+300", 1, true))
  end)

  it("refuses numbers that make no sense as a time or a count", function()
    for _, value in ipairs { 0, -1, 0 / 0 } do fault { timeout = value } end
    for _, value in ipairs { 0, 1.5, -2, math.huge } do fault { max_attempts = value } end
    assert.equal(math.huge, options.check("xai.new", { timeout = math.huge }, known).timeout)
  end)

  it("refuses options that are no table", function()
    assert.truthy(fault("fast"):find("options must be a table, not a string", 1, true))
    assert.truthy(fault({ 1 }):find("unknown option a number", 1, true))
  end)

  it("points at the line of the program, not at its own", function()
    local function api(given) options.check("api", given, known) end
    local ok, message = pcall(function() api { nope = 1 } end)
    assert.is_false(ok)
    assert.truthy(message:find("options_spec.lua:", 1, true))
  end)

  describe("key_fault", function()
    it("accepts a key of the API's form", function()
      assert.is_nil(options.key_fault("xai-AbC123_-.=~"))
    end)

    it("names what does not belong", function()
      assert.truthy(options.key_fault("xai-\0secret"):find("a NUL byte", 1, true))
      assert.truthy(options.key_fault("xai-\27secret"):find("a control character", 1, true))
      assert.truthy(options.key_fault("xai-secret\n"):find("a space or a line end", 1, true))
    end)

    it("F129 refuses characters that do not belong into a key, without showing it", function()
      local refused = { "xai-secret\n", "xai secret", '"xai-secret"', "xai-secr\195\169t", "xai-\0secret", "xai\tsecr" }
      for _, bad in ipairs(refused) do
        local message = options.key_fault(bad)
        assert.is_string(message)
        assert.is_nil(message:find("secr", 1, true))
      end
    end)
  end)
end)
