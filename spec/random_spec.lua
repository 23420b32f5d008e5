local random = require "xai.random"

describe("xai.random", function()
  it("repeats itself from the same seed", function()
    local a, b = random.new(42), random.new(42)
    assert.equal(a:hex(32), b:hex(32))
    assert.equal(a:below(1000), b:below(1000))
  end)

  it("differs for other seeds, near ones too", function()
    assert.are_not.equal(random.new(1):hex(16), random.new(2):hex(16))
    assert.are_not.equal(random.new():hex(16), random.new():hex(16))
  end)

  it("gives digits that vary, also from a seed of zero", function()
    local text = random.new(0):hex(64)
    assert.truthy(text:match("^%x+$"))
    assert.equal(64, #text)
    local seen, kinds = {}, 0
    for digit in text:gmatch "." do
      if not seen[digit] then kinds = kinds + 1 end
      seen[digit] = true
    end
    assert.is_true(kinds > 8)
  end)

  it("stays below its bound", function()
    local r = random.new(5)
    for _ = 1, 200 do
      local n = r:below(7)
      assert.is_true(n >= 0 and n < 7)
    end
  end)
end)
