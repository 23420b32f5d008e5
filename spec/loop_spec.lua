local helper = require "spec.helper"
local loop = require "xai.loop"
local xai = require "xai"

local function raised(fn, ...)
  local ok, fault = pcall(fn, ...)
  assert.is_false(ok)
  return fault
end

describe("xai.loop", function()
  describe("with simulated clients alone", function()
    local client, wire
    before_each(function()
      client, wire = helper.client { otherwise = { json = helper.response "yes", wait = 60 } }
    end)
    after_each(function() client:close() end)

    it("lets time pass without waiting: an hour's sleep is over at once", function()
      local before = loop.now()
      xai.sleep(3600)
      assert.is_true(math.abs(loop.now() - before - 3600) < 0.01)
    end)

    it("runs the calls of tasks at the same time", function()
      local before = loop.now()
      xai.run(function()
        local a = xai.spawn(function() return client:respond "a" end)
        local b = xai.spawn(function() return client:respond "b" end)
        assert.equal("yes", a:wait():text())
        assert.equal("yes", b:wait():text())
      end)
      assert.is_true(loop.now() - before < 61)
      assert.equal(2, #wire.requests)
    end)

    it("wakes sleepers in the order of their times, equal ones in the order they lay down", function()
      local order = {}
      xai.run(function()
        for i, seconds in ipairs { 3, 1, 2, 1 } do
          xai.spawn(function()
            xai.sleep(seconds)
            order[#order + 1] = i
          end)
        end
      end)
      assert.same({ 2, 4, 3, 1 }, order)
    end)

    it("wakes who waits for one thing in the order they came, also when the first, the last or one between has left",
      function()
        for _, leaver in ipairs { 1, 3, 5 } do
          local subject, order = {}, {}
          xai.run(function()
            for i = 1, 5 do
              xai.spawn(function()
                local held = loop.wait(subject, function() return subject.open end, i == leaver and 1 or nil)
                order[#order + 1] = held and i or -i
              end)
            end
            xai.sleep(2)
            loop.wake(subject) -- whoever looks in vain goes to the end of the line
            xai.sleep(1)
            subject.open = true
            loop.wake(subject)
          end)
          local expected = { -leaver }
          for i = 1, 5 do if i ~= leaver then expected[#expected + 1] = i end end
          assert.same(expected, order)
          assert.is_nil(subject.waiters)
        end
      end)

    it("serves several clients at once, blocking or not", function()
      local other = helper.client { { json = helper.response "other", wait = 30 } }
      local before = loop.now()
      local stream = assert(other:stream "x")
      assert.equal("yes", client:respond("y"):text())
      assert.is_true(stream:is_done()) -- progressed meanwhile, being due earlier
      assert.equal("other", stream:result():text())
      assert.is_true(loop.now() - before < 61)
      other:close()
    end)

    it("waits in a coroutine of the program's own by pumping, and yields nothing to it", function()
      local steps = {}
      local thread = coroutine.create(function()
        steps[#steps + 1] = client:respond("x"):text()
        return "end"
      end)
      local ok, value = coroutine.resume(thread)
      assert.is_true(ok)
      assert.equal("end", value)
      assert.same({ "yes" }, steps)
    end)

    it("pumps in a callback that cannot yield, while other tasks go on", function()
      local went_on = false
      xai.run(function()
        xai.spawn(function()
          xai.sleep(1)
          went_on = true
        end)
        local answers = {}
        string.gsub("ab", ".", function(letter) answers[#answers + 1] = client:respond(letter):text() end)
        assert.same({ "yes", "yes" }, answers)
        assert.is_true(went_on)
      end)
    end)
  end)

  describe("run", function()
    it("gives what its function returns, nils included", function()
      local n = select("#", xai.run(function(first) return first, nil end, 1))
      assert.equal(2, n)
    end)

    it("ends when every task it started has ended", function()
      local ended = false
      xai.run(function()
        xai.spawn(function()
          coroutine.yield()
          ended = true
        end)
      end)
      assert.is_true(ended)
    end)

    it("raises an error of its function, and is usable afterwards", function()
      local fault = raised(xai.run, function() error "boom" end)
      assert.truthy(fault:find("boom", 1, true))
      assert.truthy(fault:find("stack traceback", 1, true))
      assert.equal(1, xai.run(function() return 1 end))
    end)

    it("raises the error of a task that nobody waited for, when all have ended", function()
      local ended = false
      local fault = raised(xai.run, function()
        xai.spawn(function() error "unheard" end)
        xai.spawn(function()
          coroutine.yield()
          ended = true
        end)
      end)
      assert.truthy(fault:find("unheard", 1, true))
      assert.is_true(ended)
    end)

    it("is a plain call inside another run", function()
      assert.equal("inner", xai.run(function()
        return xai.run(function() return xai.spawn(function() return "inner" end):wait() end)
      end))
    end)

    it("says so when tasks wait for each other, instead of hanging", function()
      local fault = raised(xai.run, function()
        local a, b
        a = xai.spawn(function() return b:wait() end)
        b = xai.spawn(function() return a:wait() end)
        a:wait()
      end)
      assert.truthy(fault:find("deadlock: 3 task(s)", 1, true))
      assert.truthy(fault:find("loop_spec.lua:", 1, true))
    end)

    it("wants a function", function()
      assert.truthy(raised(xai.run, 3):find("a function is needed, not a number", 1, true))
    end)
  end)

  describe("spawn", function()
    it("is an error without a scheduler", function()
      assert.truthy(raised(xai.spawn, function() end):find("inside xai.run", 1, true))
    end)

    it("hands on arguments and results, nils included", function()
      xai.run(function()
        local task = xai.spawn(function(...) return select("#", ...), nil, ... end, nil, "b", nil)
        local n, none, a, b = task:wait()
        assert.equal(3, n)
        assert.is_nil(none)
        assert.is_nil(a)
        assert.equal("b", b)
        assert.equal(5, select("#", task:wait())) -- as often as one likes
      end)
    end)

    it("starts the task when its maker next waits", function()
      xai.run(function()
        local started = false
        local task = xai.spawn(function() started = true end)
        assert.is_false(started)
        task:wait()
        assert.is_true(started)
      end)
    end)

    it("gives each its turn, also those that yield by themselves", function()
      local order = {}
      xai.run(function()
        for _, name in ipairs { "a", "b" } do
          xai.spawn(function()
            for i = 1, 2 do
              order[#order + 1] = name .. i
              coroutine.yield()
            end
          end)
        end
      end)
      assert.same({ "a1", "b1", "a2", "b2" }, order)
    end)
  end)

  describe("task:wait", function()
    it("raises the task's error with its traceback; an object as it is", function()
      xai.run(function()
        local text = xai.spawn(function() error "boom" end)
        local fault = raised(text.wait, text)
        assert.truthy(fault:find("boom", 1, true))
        assert.truthy(fault:find("loop_spec.lua", 1, true))
        local object = { code = 7 }
        local task = xai.spawn(function() error(object) end)
        assert.equal(object, raised(task.wait, task))
      end)
    end)

    it("is an error for the task itself", function()
      xai.run(function()
        local task
        task = xai.spawn(function() return raised(task.wait, task) end)
        assert.truthy(task:wait():find("itself", 1, true))
      end)
    end)
  end)

  describe("all", function()
    it("gives results and errors by place", function()
      local results, errors = xai.run(function()
        return xai.all {
          function() return 1 end,
          function() return nil, "no" end,
          xai.spawn(function() return 3 end),
        }
      end)
      assert.equal(1, results[1])
      assert.is_nil(results[2])
      assert.equal("no", errors[2])
      assert.equal(3, results[3])
    end)

    it("makes a run of its own where there is none", function()
      assert.same({ "a", "b" }, (xai.all { function() return "a" end, function() return "b" end }))
    end)

    it("refuses what is neither a task nor a function", function()
      assert.truthy(raised(xai.all, { 1 }):find("entry 1 is neither", 1, true))
    end)
  end)

  it("asks for interrupts while it waits", function()
    local client = helper.client { { json = helper.response "x", wait = 5 } }
    local asked = 0
    local previous = loop.on_interrupt(function() asked = asked + 1 end)
    assert.is_truthy(client:respond "x")
    loop.on_interrupt(previous)
    assert.is_true(asked > 0)
    client:close()
  end)

  describe("with real connections", function()
    local function nowhere() -- nobody listens on port 1
      return assert(xai.new { api_key = "xai-k", base_url = "http://127.0.0.1:1/v1", proxy = "", max_attempts = 1,
        simulate = false })
    end

    it("waits for one client, and for several at once, tasks or not", function()
      local clients = { nowhere(), nowhere(), nowhere() }
      local _, err = clients[1]:respond "x"
      assert.equal("network", err.kind)
      assert.equal("connect", err.code)
      local asking = {}
      for i, client in ipairs(clients) do
        asking[i] = function() return client:respond "x" end
      end
      local results, errors = xai.all(asking)
      assert.same({}, results)
      for i = 1, 3 do assert.equal("connect", errors[i].code) end
      for _, client in ipairs(clients) do client:close() end
    end)

    it("takes simulated ones along", function()
      local real = nowhere()
      local simulated = helper.client { { json = helper.response "yes", wait = 0.01 } }
      local results, errors = xai.all {
        function() return real:respond "x" end,
        function() return simulated:respond "x" end,
      }
      assert.equal("connect", errors[1].code)
      assert.equal("yes", results[2]:text())
      real:close()
      simulated:close()
    end)
  end)

  it("says at the caller's line that a task was waited for with a dot", function()
    xai.run(function()
      local task = xai.spawn(function() end)
      local _, fault = pcall(function() local _ = task.wait() end)
      assert.truthy(tostring(fault):find("loop_spec.lua:%d+: this is a method of a task: call it with a colon"), fault)
    end)
  end)

  it("wants a list of tasks for all of them", function()
    for _, list in ipairs { "x", 5 } do
      assert.truthy(raised(function() xai.all(list) end):find("loop_spec.lua:%d+: xai.all: a list"))
    end
    assert.truthy(raised(function() xai.all() end):find("loop_spec.lua:%d+: xai.all: a list"))
  end)

  it("says so when a plain program waits for something that cannot happen", function()
    local fault = raised(loop.wait, {}, function() return false end)
    assert.truthy(fault:find("deadlock", 1, true))
  end)

  it("gives up a wait when its time is over", function()
    local client = helper.client {}
    assert.is_false(loop.wait({}, function() return false end, 10))
    xai.run(function() assert.is_false(loop.wait({}, function() return false end, 10)) end)
    client:close()
  end)

  it("forgets clients that were collected", function()
    for _ = 1, 200 do helper.client {} end
    collectgarbage()
    collectgarbage()
    local client = helper.client { { json = helper.response "x" } }
    assert.equal("x", client:respond("x"):text())
    client:close()
  end)
end)
