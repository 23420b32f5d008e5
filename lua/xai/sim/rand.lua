--- Seeded chance that is the same on every Lua: numbers, picks and identifiers.
-- SPDX-License-Identifier: MIT
local floor, byte = math.floor, string.byte

local Rand = {}
local mt = { __name = "xai.sim.rand", __index = Rand }

local MODULUS = 2147483647   -- Park and Miller's generator: every product stays below 2^53

local GREATEST_SEED = 2^40   -- products with it stay exact on Luas that have only floats

--- A number from a text, for seeds.
--- @param factor? integer  another one, another number
local function hash(text, factor)
  local h = 5381
  factor = factor or 33
  for i = 1, #text do h = (h * factor + byte(text, i)) % MODULUS end
  return h
end

--- @param seed number
--- @param salt? string|number  another salt, another sequence
local function new(seed, salt)
  local state = (floor(seed) * 7919 + hash(tostring(salt or ""))) % (MODULUS - 1) + 1
  local self = setmetatable({ state = state }, mt)
  for _ = 1, 4 do self:next() end   -- neighbouring seeds start far apart
  return self
end

function Rand:next()
  self.state = (16807 * self.state) % MODULUS
  return self.state
end

--- An integer from `low` to `high`.
function Rand:int(low, high)
  return low + floor(self:next() / MODULUS * (high - low + 1))
end

function Rand:pick(list)
  return list[self:int(1, #list)]
end

function Rand:hex(digits)
  local out = {}
  for i = 1, digits do out[i] = ("%x"):format(self:int(0, 15)) end
  return table.concat(out)
end

function Rand:uuid()
  return ("%s-%s-4%s-%s%s-%s"):format(self:hex(8), self:hex(4), self:hex(3), self:pick { "8", "9", "a", "b" },
    self:hex(3), self:hex(12))
end

return { new = new, hash = hash, GREATEST_SEED = GREATEST_SEED }
