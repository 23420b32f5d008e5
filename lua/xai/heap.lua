--- What is to happen at some time, the earliest first; what is due at the same moment, in the order it was added.
-- SPDX-License-Identifier: MIT
--
-- A heap is a list whose first entry is the next one due: `heap[1]` shows it. To add or to remove one of n entries
-- takes log n steps.

--- @class xai.heap.Entry
--- @field due number
--- @field what any
--- @field order integer  counts up with each entry that is added
--- @field place integer? where it is in the heap; nil: no longer in it

local function is_before(a, b)
  return a.due < b.due or a.due == b.due and a.order < b.order
end

local function put(heap, place, entry)
  heap[place] = entry
  entry.place = place
end

-- The entry goes to `place` or, past those that come later, nearer to the first.
local function rise(heap, place, entry)
  while place > 1 do
    local above = math.floor(place / 2)
    if not is_before(entry, heap[above]) then break end
    put(heap, place, heap[above])
    place = above
  end
  put(heap, place, entry)
end

-- The entry goes to `place` or, past those that come earlier, further from the first.
local function sink(heap, place, entry)
  local last = heap.count
  while 2 * place <= last do
    local below = 2 * place
    if below < last and is_before(heap[below + 1], heap[below]) then below = below + 1 end
    if not is_before(heap[below], entry) then break end
    put(heap, place, heap[below])
    place = below
  end
  put(heap, place, entry)
end

--- @return table heap
local function new()
  return { count = 0, added = 0 }
end

--- @param heap table
--- @param due number  any moment, of a clock that all entries share
--- @param what any
--- @return xai.heap.Entry entry  to remove it by
local function add(heap, due, what)
  local entry = { due = due, what = what, order = heap.added + 1, place = nil }
  put(heap, heap.count + 1, entry) -- this may want memory: only then does it count
  heap.count, heap.added = heap.count + 1, entry.order
  rise(heap, heap.count, entry)
  return entry
end

--- @param heap table
--- @param entry xai.heap.Entry  one that is no longer in the heap may be removed again
local function remove(heap, entry)
  local place, last = entry.place, heap[heap.count]
  if not place then return end
  heap[heap.count] = nil
  heap.count = heap.count - 1
  entry.place = nil
  if last == entry then return end
  if place > 1 and is_before(last, heap[math.floor(place / 2)]) then
    rise(heap, place, last)
  else
    sink(heap, place, last)
  end
end

return { new = new, add = add, remove = remove }
