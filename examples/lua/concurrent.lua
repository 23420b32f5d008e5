-- Many questions at once: inside xai.run each call waits by yielding, so the answers arrive together.
-- SPDX-License-Identifier: MIT
local xai = require "xai"

local grok = assert(xai.new())
if grok.simulated then print "(simulated: no request leaves this machine)" end

local cities = { "Oslo", "Lisbon", "Nairobi", "Hobart" }

local function describe(city)
  return function()
    local answer, err = grok:respond("Describe " .. city .. " in one sentence.")
    if not answer then return nil, err end
    return answer:text()
  end
end

xai.run(function()
  local clock = xai.spawn(function()
    xai.sleep(0.01)
    return "(a task of another kind had its turn meanwhile)"
  end)

  local questions = {}
  for i, city in ipairs(cities) do questions[i] = describe(city) end
  local texts, errors = xai.all(questions)

  for i, city in ipairs(cities) do
    print(city .. ": " .. (texts[i] or tostring(errors[i])))
  end
  print(clock:wait())
end)
