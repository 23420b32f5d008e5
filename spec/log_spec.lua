local helper = require "spec.helper"
local logs = require "xai.log"

-- A client that logs into a list, and the list of { line, level }.
local function logged(answers, options)
  local lines = {}
  options = options or {}
  options.log = options.log or function(line, level) lines[#lines + 1] = { line, level } end
  local client, wire = helper.client(answers, options)
  return client, lines, wire
end

local function events(lines)
  local list = {}
  for i, entry in ipairs(lines) do list[i] = entry[1]:match "event=(%S+)" end
  return table.concat(list, " ")
end

describe("xai.log", function()
  local environment
  local real_getenv = os.getenv
  before_each(function()
    environment = {}
    os.getenv = function(name) return environment[name] end -- luacheck: ignore 122
  end)
  after_each(function()
    os.getenv = real_getenv -- luacheck: ignore 122
  end)

  describe("choose", function()
    it("is silent unless told otherwise", function()
      local sink, level = logs.choose({}, 1)
      assert.is_nil(sink)
      assert.equal("off", level)
      for _, options in ipairs { { log = false }, { log = print, log_level = "off" } } do
        assert.is_nil((logs.choose(options, 1)))
      end
    end)

    it("takes the level from XAI_LOG, which an option overrules", function()
      for value, wanted in pairs { debug = "debug", DEBUG = "debug", error = "error", ["1"] = "info", yes = "info",
        off = "off", ["0"] = "off", [""] = "off" } do
        environment.XAI_LOG = value
        assert.equal(wanted, select(2, logs.choose({}, 1)), value)
      end
      environment.XAI_LOG = "debug"
      assert.equal("warn", select(2, logs.choose({ log_level = "warn" }, 1)))
      assert.is_nil((logs.choose({ log = false }, 1)))
    end)

    it("refuses what is no level and no place for lines", function()
      for _, options in ipairs { { log_level = "loud" }, { log = "stdout" } } do
        assert.is_false((pcall(logs.choose, options, 1)))
      end
      local closed = io.tmpfile()
      closed:close()
      assert.is_false((pcall(helper.client, {}, { log = closed })))
    end)
  end)

  it("tells a call to a function, line and level, in the order things happen", function()
    local client, lines = logged({ { refuse = "refused" }, { json = helper.response "x" } }, { log_level = "debug" })
    assert(client:respond "hello")
    client:close()
    assert.equal("open start attempt attempt_end retry attempt attempt_end end close", events(lines))
    for _, entry in ipairs(lines) do assert.equal(entry[2], entry[1]:match "level=(%S+)") end
    assert.truthy(lines[5][1]:find("kind=network code=connect retry_ms=%d+ host="), lines[5][1])
    assert.truthy(lines[8][1]:find("outcome=complete", 1, true))
  end)

  it("keeps to its level", function()
    local function at(level)
      local client, lines = logged({ { refuse = "refused" }, helper.failure(400, "x", "no") }, { log_level = level })
      client:respond "hello"
      client:close()
      return events(lines)
    end
    assert.equal("end", at "error")
    assert.equal("retry end", at "warn")
    assert.equal("open retry end close", at "info")
    assert.equal("open retry end close", at(nil))
    assert.equal("", at "off")
  end)

  it("writes to an open file", function()
    local file = io.tmpfile()
    local client = logged({ { json = {} } }, { log = file })
    assert(client:request { path = "/models" })
    client:close()
    file:seek "set"
    local count = 0
    for line in file:lines() do
      assert.truthy(line:find "^time=%d+%-%d+%-%d+T%S+Z level=info event=")
      count = count + 1
    end
    assert.equal(3, count)
    file:close()
  end)

  it("R9 goes on when the function raises, yields, makes calls or closes the client", function()
    local client, wire, n
    local deeds = {
      function() error "broken" end,
      function() error(setmetatable({}, { __tostring = function() error "worse" end })) end,
      function() coroutine.yield() end,
      function() n = n + 1 if n == 2 then assert(client:request { path = "/from/the/log" }) end end,
    }
    for _, deed in ipairs(deeds) do
      n = 0
      client, _, wire = logged({ { refuse = "refused" }, otherwise = { sse = helper.stream { "a", "b", "c" } } },
        { log = deed, log_level = "debug" })
      local stream = assert(client:stream "hello")
      local got = {}
      for event in stream:events() do
        if event.type == "text" then got[#got + 1] = event.text end
      end
      assert.equal("abc", table.concat(got))
      assert(stream:result())
      client:close()
      assert.is_true(#wire.requests >= 2)
    end
    client = logged({ { json = {} } }, { log = function(line) if line:find "event=start" then client:close() end end,
      log_level = "debug" })
    local value, err = client:request { path = "/models" }
    assert.is_nil(value)
    assert.equal("cancelled", err.kind)
  end)

  it("tells how many lines were lost when nobody takes them, and goes on", function()
    local core = require "xai.core"
    local handle = assert(core.client { transport = "scripted", clock = "manual", base_url = "http://w/v1", seed = 1,
      log_level = "debug" })
    local function play()
      local id = assert(handle:start { path = "/models" })
      local wire = assert(handle:wire_next())
      handle:wire_finish(wire.id, "refused")
      handle:cancel(id)
      while handle:next() do end -- luacheck: ignore 542
    end
    for _ = 1, 1000 do play() end
    local bytes, last = 0, nil
    for line in handle.log_next, handle do bytes, last = bytes + #line, line end
    assert.is_true(bytes > 128 * 1024 and bytes < 256 * 1024)
    assert.truthy(last:find "^level=warn event=lost lines=%d+$")
    play()
    assert.truthy(handle:log_next():find("event=start", 1, true))
    handle:close()
    for line in handle.log_next, handle do last = line end
    assert.truthy(last:find("event=close", 1, true))
  end)

  it("loses no line of many that come at once, up to 256 KiB", function()
    local client, lines = logged({ otherwise = { json = {} } }, { log_level = "debug" })
    local n = 200
    local xai = require "xai"
    xai.run(function()
      for _ = 1, n do xai.spawn(function() client:request { path = "/models" } end) end
    end)
    client:close()
    assert.equal(2 + 4 * n, #lines)
  end)
end)
