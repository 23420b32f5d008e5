--- Finalizers that meddle, in a Lua of its own: see finalizers.lua for why.
-- SPDX-License-Identifier: MIT

describe("finalizers", function()
  local first = 0
  while arg and arg[first - 1] do first = first - 1 end

  it("never come between us and our own", function()
    local pipe = assert(io.popen(("'%s' spec/finalizers.lua 2>&1"):format(arg and arg[first] or "lua")))
    local text = pipe:read "*a"
    pipe:close()
    local _, held = text:gsub("held: [^\n]+\n", "")
    assert.equal(3, held, text)
  end)
end)
