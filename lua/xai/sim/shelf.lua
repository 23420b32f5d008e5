--- A map that remembers what was put last: so many keys, and so much of whatever they are said to weigh.
-- SPDX-License-Identifier: MIT
local Shelf = {}
local mt = { __name = "xai.sim.shelf", __index = Shelf }

--- @param keep integer    keys at most
--- @param most? number    what all values may weigh together, the newest apart
local function new(keep, most)
  return setmetatable({
    keep = keep, most = most or math.huge, weight = 0,
    spots = {},              -- number of a put -> { key, value, weight }; holes where a key was taken or put again
    spot_of = {},            -- key -> number of its last put
    first = 1, last = 0,     -- the puts still remembered
  }, mt)
end

function Shelf:get(key)
  local spot = self.spots[self.spot_of[key]]
  return spot and spot.value
end

function Shelf:forget(number)
  local spot = self.spots[number]
  if not spot then return end
  self.weight = self.weight - spot.weight
  self.spots[number], self.spot_of[spot.key] = nil, nil
end

--- @return any value  what was there, which is gone now
function Shelf:take(key)
  local value = self:get(key)
  if value ~= nil then self:forget(self.spot_of[key]) end
  return value
end

--- Put a value, in the place of one under the same key; the oldest go when there is no room.
--- @param weight? number
function Shelf:put(key, value, weight)
  self:take(key)
  self.last = self.last + 1
  self.spots[self.last] = { key = key, value = value, weight = weight or 0 }
  self.spot_of[key] = self.last
  self.weight = self.weight + (weight or 0)
  while self.last - self.first >= self.keep or (self.weight > self.most and self.first < self.last) do
    self:forget(self.first)
    self.first = self.first + 1
  end
end

return { new = new }
