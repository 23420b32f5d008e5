-- xai.heap: what is due first comes first, whatever is added and removed meanwhile.
-- SPDX-License-Identifier: MIT
local heap = require "xai.heap"

local function drain(h)
  local order = {}
  while h[1] do
    order[#order + 1] = h[1].what
    heap.remove(h, h[1])
  end
  return order
end

describe("xai.heap", function()
  it("gives the earliest first, and those of one moment in the order they came", function()
    local h = heap.new()
    for _, pair in ipairs { { 3, "d" }, { 1, "a" }, { 2, "b" }, { 3, "e" }, { 2, "c" }, { 3, "f" } } do
      heap.add(h, pair[1], pair[2])
    end
    assert.same({ "a", "b", "c", "d", "e", "f" }, drain(h))
    assert.equal(0, h.count)
  end)

  it("takes an entry out wherever it is, and once only", function()
    local h, entries = heap.new(), {}
    for i = 1, 9 do entries[i] = heap.add(h, i % 3, i) end
    heap.remove(h, entries[3]) -- the first
    heap.remove(h, entries[8]) -- one of the last
    heap.remove(h, entries[4])
    heap.remove(h, entries[4])
    assert.same({ 6, 9, 1, 7, 2, 5 }, drain(h))
  end)

  it("agrees with a sorted list", function()
    local h, list, state = heap.new(), {}, 1
    local function chance(n)
      state = state * 16807 % 2147483647
      return state % n + 1
    end
    for step = 1, 4000 do
      if #list == 0 or chance(5) > 2 then
        local due = chance(50)
        local at = #list + 1
        while at > 1 and list[at - 1].due > due do at = at - 1 end
        table.insert(list, at, heap.add(h, due, step))
      else
        heap.remove(h, table.remove(list, chance(2) == 1 and 1 or chance(#list)))
      end
      assert.equal(list[1], h[1])
      assert.equal(#list, h.count)
    end
    local rest = {}
    for i, entry in ipairs(list) do rest[i] = entry.what end
    assert.same(rest, drain(h))
  end)
end)
