--- The same user code for every host: ten streams at once, of which one is cut, one refused and one cancelled.
-- SPDX-License-Identifier: MIT
local xai = require "xai"

local CUT, REFUSED, CANCELLED, STREAMS = 3, 5, 7, 10

-- Cut and stalled where the text has begun; the stalled one would never end by itself.
local faults = { [CUT] = "cut=8000", [REFUSED] = "status=429, retry_after=0", [CANCELLED] = "stall=8000" }

local function equal(want, got, what)
  if want ~= got then error(("%s is %s, not %s"):format(what, tostring(got), tostring(want)), 2) end
end

-- Starting never waits.
local function start(grok, i)
  local options = faults[i] and { headers = { ["x-sim-fault"] = faults[i] }, max_attempts = 1 } or nil
  return assert(grok:stream("Tell me about the number " .. i, options))
end

-- The first half by their events, the others by their deltas.
local function texts_of(stream, i)
  if i > STREAMS / 2 then return stream:deltas() end
  local next_event = stream:events()
  return function()
    for event in next_event do
      if event.type == "text" then return event.text end
    end
  end
end

local function read(stream, i)
  local parts = {}
  for text in texts_of(stream, i) do
    parts[#parts + 1] = text
    if i == CANCELLED then stream:cancel() end
  end
  local response, err = stream:result()
  return { text = table.concat(parts), response = response, err = err }
end

local checks = {
  { "streams what the answer then holds", function(results)
    for i = 1, STREAMS do
      local got = results[i]
      if not faults[i] then equal(got.text, assert(got.response, got.err):text(), "stream " .. i) end
    end
  end },
  { "tells of a stream that was cut, and keeps what came", function(results)
    equal("incomplete", results[CUT].err and results[CUT].err.outcome, "its outcome")
    assert(#results[CUT].text > 0 and not results[CUT].response)
  end },
  { "tells of a 429", function(results)
    equal(429, results[REFUSED].err and results[REFUSED].err.status, "its status")
    equal("rate", results[REFUSED].err.kind, "its kind")
  end },
  { "cancels a stream in its middle, and keeps what came", function(results)
    equal("cancelled", results[CANCELLED].err and results[CANCELLED].err.outcome, "its outcome")
    assert(#results[CANCELLED].text > 0)
  end },
  { "has all of them in flight at the same time", function(results) equal(STREAMS, results.pending, "at once") end },
  { "has nothing in flight when all are over", function(_, grok) equal(0, grok:pending(), "in flight") end },
}

--- Run it; to be called where waiting is possible.
--- @param grok xai.Client  of the simulator
--- @return integer passed
--- @return string[] failed  what did not hold, and why
local function run(grok)
  local results, streams = {}, {}
  xai.run(function()
    for i = 1, STREAMS do streams[i] = start(grok, i) end
    results.pending = grok:pending()
    for i = 1, STREAMS do xai.spawn(function() results[i] = read(streams[i], i) end) end
  end)
  local passed, failed = 0, {}
  for _, check in ipairs(checks) do
    local ok, why = pcall(check[2], results, grok)
    if ok then passed = passed + 1 else failed[#failed + 1] = check[1] .. ": " .. tostring(why) end
  end
  return passed, failed
end

return { run = run }
