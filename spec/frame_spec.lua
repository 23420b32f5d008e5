--- Waiting from frame to frame, over the simulator and over a clock that nobody waits for.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local frame = require "xai.frame"
local loop = require "xai.loop"
local xai = require "xai"

local reports

local function frames(most, is_so)
  for n = 1, most do
    frame.update()
    if is_so() then return n end
  end
  error("not so after " .. most .. " frames", 2)
end

local function spin(seconds)
  local from = core.now()
  while core.now() - from < seconds do end -- luacheck: ignore 542
end

describe("xai.frame", function()
  before_each(function()
    reports = {}
    frame.attach { report = function(message) table.insert(reports, message) end }
  end)

  after_each(function() loop.adopt(nil) end)

  it("lets a task wait for its answer while the frames go on", function()
    local grok = assert(xai.new { simulate = true })
    local text
    xai.spawn(function() text = assert(grok:respond "x"):text() end)
    assert.is_nil(text)
    frames(100, function() return text end)
    assert.is_true(#text > 0)
    grok:close()
  end)

  it("resumes who slept when their time is up, the earliest first", function()
    local order = {}
    for _, seconds in ipairs { 0.003, 0.001, 0.002 } do
      xai.spawn(function()
        xai.sleep(seconds)
        table.insert(order, seconds)
      end)
    end
    frames(10000000, function() return #order == 3 end)
    assert.same({ 0.001, 0.002, 0.003 }, order)
  end)

  it("resumes a coroutine of the program's own", function()
    local over = false
    coroutine.wrap(function()
      xai.sleep(0)
      over = true
    end)()
    assert.is_false(over)
    frames(10, function() return over end)
  end)

  it("stops at its budget, and goes on where it stopped", function()
    local ran = 0
    for _ = 1, 5 do
      xai.spawn(function()
        spin(0.002)
        ran = ran + 1
      end)
    end
    assert.is_true(frame.update(0.001))
    assert.equal(1, ran)
    assert.is_true(frame.update(0.001))
    assert.equal(2, ran)
    while frame.update(1) do end -- luacheck: ignore 542
    assert.equal(5, ran)
    assert.is_false(frame.update(1))
  end)

  it("does something in each frame, however small its budget", function()
    local grok = assert(xai.new { simulate = true })
    local text
    xai.spawn(function() text = assert(grok:respond "x"):text() end)
    for _ = 1, 100 do frame.update(0) end
    assert.is_true(#text > 0)
    grok:close()
  end)

  it("lets the frames go on between two lots of a reader who has used up the budget", function()
    local rests = {}
    xai.spawn(function()
      table.insert(rests, loop.rest())
      spin(0.002)
      table.insert(rests, loop.rest())
      table.insert(rests, loop.rest())
    end)
    frame.update(0.001)
    assert.same({ false }, rests)
    frame.update(1)
    assert.same({ false, true, false }, rests)
    assert.is_false(loop.rest()) -- outside of a frame
  end)

  it("leaves what follows a stream to the next frame when the budget is used up", function()
    local grok = assert(xai.new { simulate = true })
    local spun, after
    xai.spawn(function()
      local stream = assert(grok:stream "x")
      stream:result() -- all events lie here: nothing but the budget can make the reader wait
      local iterate = stream:events()
      while iterate() do end -- luacheck: ignore 542
      spin(0.002)
      spun = true
      iterate()
      after = true
    end)
    for _ = 1, 100 do
      frame.update(0.001)
      if spun then break end
    end
    assert.is_true(spun)
    assert.is_nil(after)
    frame.update(0.001)
    assert.is_true(after)
    grok:close()
  end)

  it("waits for tasks that were started together, and gives their results", function()
    local sum
    xai.spawn(function()
      local results = xai.all { function() return 1 end, function() xai.sleep(0.001) return 2 end }
      sum = results[1] + results[2]
    end)
    frames(10000000, function() return sum end)
    assert.equal(3, sum)
  end)

  it("reports what a task raised, and the frames go on", function()
    local fine = false
    xai.spawn(function() error "broken" end)
    xai.spawn(function() fine = true end)
    frames(10, function() return fine and reports[1] end)
    assert.is_truthy(reports[1]:find "broken")
  end)

  it("ends the tasks of a run that ended early", function()
    local reached, failed = false, nil
    xai.spawn(function()
      failed = not pcall(xai.run, function()
        xai.spawn(function()
          xai.sleep(0.001)
          reached = true
        end)
        xai.sleep(0)
        error "early"
      end)
    end)
    frames(100, function() return failed ~= nil end)
    spin(0.002)
    for _ = 1, 5 do frame.update() end
    assert.is_true(failed)
    assert.is_false(reached)
  end)

  it("says that a call outside of a task cannot wait", function()
    local grok = assert(xai.new { simulate = { latency = 1 } })
    local _, why = pcall(xai.sleep, 1)
    assert.is_truthy(tostring(why):find "xai.spawn")
    grok:close()
  end)
end)
