--- Small random numbers for names and keys: repeatable from a seed, otherwise from the system. Not for secrets.
-- SPDX-License-Identifier: MIT

local Random = {}
local mt = { __name = "xai.random", __index = Random }

local MODULUS, FACTOR = 2147483647, 48271 -- Lehmer's generator; products stay below 2^53

local function system_seed()
  local file = io.open("/dev/urandom", "rb")
  local bytes = file and file:read(6)
  if file then file:close() end
  bytes = bytes or tostring({}):sub(-6) .. tostring(os.clock())
  local seed = 0
  for i = 1, #bytes do seed = (seed * 256 + bytes:byte(i)) % MODULUS end
  return seed
end

--- The next number, 0 to n - 1.
function Random:below(n)
  self.state = self.state * FACTOR % MODULUS
  return self.state % n
end

--- Hexadecimal digits.
function Random:hex(digits)
  local list = {}
  for i = 1, digits do
    local digit = math.floor(self:below(MODULUS) / 64) % 16 -- the low bits are the least random ones
    list[i] = ("%x"):format(digit)
  end
  return table.concat(list)
end

--- @param seed number?  nil: from the system
local function new(seed)
  local state = math.floor(seed or system_seed()) % MODULUS
  local self = setmetatable({ state = state == 0 and 1 or state }, mt)
  for _ = 1, 8 do self:below(1) end -- near seeds drift apart
  return self
end

return { new = new }
