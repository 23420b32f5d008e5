--- What is tested in LÖVE: the example, then the scenario and twenty streams beside it, at sixty frames a second.
-- SPDX-License-Identifier: MIT
package.path = "spec/hosts/?.lua;" .. package.path
local frame = require "xai.frame"
local meters = require "meter"
local scenario = require "scenario"
local xai = require "xai"

local FRAMES, ROUNDS, STREAMS, RATE = 400, 3, 20, 60
local STEP_BOUND = 0.0005 -- seconds of this thread's processor time, of 99 frames in 100

local meter, spent, passed, failed = meters.new(), meters.new(meters.open_thread()), 0, {}
frame.update = meter:timed(spent:timed(frame.update)) -- as the example calls it
dofile "examples/love/main.lua"

local function check(what, ok, why)
  if ok then passed = passed + 1 else failed[#failed + 1] = what .. ": " .. tostring(why) end
end

-- ------------------------------------------------------------------ frames

local words = "" -- what the example has drawn last
local printf = love.graphics.printf
function love.graphics.printf(text, ...)
  words = text
  return printf(text, ...)
end

local frame_times, due = {}, nil

-- As LÖVE's own loop does it, but that Xvfb has no screen whose beat could be waited for.
local function one_frame()
  love.event.pump()
  for name, a, b, c in love.event.poll() do
    if name == "quit" then error "told to quit" end
    if love.handlers[name] then love.handlers[name](a, b, c) end
  end
  local from = love.timer.getTime()
  love.update(love.timer.step())
  love.graphics.origin()
  love.draw()
  love.graphics.present()
  frame_times[#frame_times + 1] = love.timer.getTime() - from
  due = math.max((due or from) + 1 / RATE, love.timer.getTime())
  love.timer.sleep(due - love.timer.getTime())
end

local function frames_until(most, is_so)
  for n = 1, most do
    one_frame()
    if is_so() then return n end
  end
  return nil
end

-- ------------------------------------------------------------------ what is tested

local function the_example()
  love.keypressed "space"
  local seen, longest = 0, 0
  check("the character speaks", frames_until(600, function()
    if #words > longest then seen, longest = seen + 1, #words end
    return seen > 5 and words:find "%.$"
  end), words)
  check("... a word at a time", seen > 5, seen)
  frames_until(60, function() return false end)
  love.keypressed "space"
  frames_until(600, function() return #words > 0 and #words < 40 end)
  love.keypressed "escape"
  check("and can be interrupted", frames_until(60, function() return words:find "cancelled" end), words)
end

local function the_scenario(grok)
  local over = false
  xai.spawn(function()
    local good, bad = scenario.run(grok)
    passed = passed + good
    for _, what in ipairs(bad) do failed[#failed + 1] = what end
    over = true
  end)
  check("the scenario ends", frames_until(900, function() return over end), "not after 900 frames")
end

-- Streams that never end: who is done asks again.
local function keep_streams(grok, counts)
  for i = 1, STREAMS do
    xai.spawn(function()
      while true do
        local stream = assert(grok:stream("Tell me a long story about the number " .. i))
        for event in stream:events() do
          if event.type == "text" then counts[i] = (counts[i] or 0) + 1 end
        end
      end
    end)
  end
end

-- The processor's caches are shared with whatever else the machine does: of some rounds the first good one counts.
local function twenty_streams(grok)
  local counts, p99 = {}, nil
  keep_streams(grok, counts)
  frames_until(30, function() return false end)
  for _ = 1, ROUNDS do
    spent:reset()
    frame_times = {}
    frames_until(FRAMES, function() return false end)
    p99 = spent:percentile(0.99)
    if p99 < STEP_BOUND then break end
  end
  check("all the streams come in", #counts == STREAMS and math.min(unpack(counts)) > 20, #counts)
  check("99 of 100 updates take less than half a millisecond", p99 < STEP_BOUND, ("%.3f ms"):format(p99 * 1000))
end

-- ------------------------------------------------------------------ what is said of it

local function histogram(title, times, edges)
  local counts, low = {}, 0
  for _, time in ipairs(times) do
    local bin = 1
    while edges[bin] and time * 1000 >= edges[bin] do bin = bin + 1 end
    counts[bin] = (counts[bin] or 0) + 1
  end
  io.stdout:write(title, "\n")
  for bin = 1, #edges + 1 do
    local n = counts[bin] or 0
    local range = edges[bin] and ("%6.2f - %6.2f ms"):format(low, edges[bin]) or ("%6.2f ms and more"):format(low)
    io.stdout:write(("  %-18s %5d  %s\n"):format(range, n, ("#"):rep(math.ceil(50 * n / #times))))
    low = edges[bin]
  end
end

local function run()
  love.load()
  the_example()
  local grok = assert(xai.new())
  the_scenario(grok)
  twenty_streams(grok)
  histogram("time in update, " .. STREAMS .. " streams", spent.samples, { 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5 })
  histogram("time of a frame, drawing included, last round", frame_times, { 1, 2, 4, 8, 12, 16.7, 33.3 })
  local note = "p99 of processor time in update %.3f ms, with %d streams of a word each 10 ms, of %d frames"
  return meters.report(passed, failed, meter, note:format(spent:percentile(0.99) * 1000, STREAMS, spent.count))
end

function love.run()
  love.timer.step()
  local ok, fine = xpcall(run, debug.traceback)
  if not ok then io.stdout:write("FAILED  ", fine, "\n") end
  os.exit(ok and fine)
end
