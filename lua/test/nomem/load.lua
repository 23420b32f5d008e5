--- Loading the library, and making a client, while allocations fail.
-- SPDX-License-Identifier: MIT
local arm = ...

arm(function()
  -- Lua 5.1 marks what it is loading, and a failure leaves the mark behind.
  for name, value in pairs(package.loaded) do
    if type(value) ~= "table" then package.loaded[name] = nil end
  end
  local xai = require "xai"
  local grok = assert(xai.new { simulate = true })
  assert(grok:respond "Hello":text() ~= "")
  grok:close()
end)
arm(true)

local xai = require "xai"
local grok, err = xai.new { simulate = true }
if not grok then error(err, 0) end
grok:close()

arm(false)
