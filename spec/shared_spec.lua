--- Limits that several clients share through a file: `share`, in one process and in several.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local helper = require "spec.helper"
local hostile_server = require "spec.hostile_server"
local xai = require "xai"

local fine = { json = helper.response "ok" }
local interpreter = rawget(_G, "jit") and "luajit" or _VERSION:lower():gsub(" ", "")

describe("xai.new, share", function()
  local file

  before_each(function()
    file = os.tmpname()
    os.remove(file)
  end)

  after_each(function() os.remove(file) end)

  local function sharing(rates, options)
    local all = { share = file, rates = rates }
    for name, value in pairs(options or {}) do all[name] = value end
    return helper.client({ otherwise = fine }, all)
  end

  it("F76 gives two clients one limit together", function()
    local rates = { { model = "grok-4.6", requests_per_minute = 10 } }
    local a, b = sharing(rates), sharing(rates)
    assert(a:respond "x")
    assert(b:respond "x")
    local response, err = b:respond("x", { timeout = 5 })
    assert.is_nil(response)
    assert.equal("rate", err.kind)
    assert.is_true(err.retry_after > 5 and err.retry_after < 8)
    assert(b:respond("x", { timeout = 10 })) -- in time, so it waits
    assert(a:respond { model = "grok-4.5", input = "x" })
    a:close()
    b:close()
  end)

  it("leaves a limit to each client that names another file, or none", function()
    local rates = { { requests_per_minute = 1 } }
    local other = os.tmpname()
    os.remove(other)
    local a, b = sharing(rates), sharing(rates, { share = other })
    local c = helper.client({ otherwise = fine }, { rates = rates })
    for _, client in ipairs { a, b, c } do assert(client:respond("x", { timeout = 1 })) end
    for _, client in ipairs { a, b, c } do client:close() end
    os.remove(other)
  end)

  it("wants limits and a path", function()
    local function fault(options)
      options.simulate = true
      local ok, message = pcall(xai.new, options)
      assert.is_false(ok)
      return message
    end
    assert.truthy(fault({ share = file }):find("there are no limits to share", 1, true))
    assert.truthy(fault({ share = "", rates = { { concurrent = 1 } } }):find("must be the path of a file", 1, true))
    assert.truthy(fault({ share = file, rates = { { concurrent = 1025 } } }):find("at most 1024", 1, true))
    assert.truthy(fault({ share = "a\0b", rates = { { concurrent = 1 } } }):find("NUL", 1, true))
  end)

  it("says what is wrong with a file", function()
    local stream = assert(io.open(file, "w"))
    stream:write "somebody else's notes"
    stream:close()
    for path, words in pairs {
      [file] = "this is no shared file of ours", ["spec"] = "it is a folder", [file .. "/x"] = "is no folder",
    } do
      local client, err = xai.new { simulate = true, share = path, rates = { { requests_per_minute = 1 } } }
      assert.is_nil(client)
      assert.equal("file", err.kind)
      assert.truthy(err.message:find(words, 1, true), err.message)
      assert.truthy(err.message:find(": " .. path .. ": ", 1, true), err.message)
      assert.truthy(err.hint:find("permissions", 1, true))
    end
    stream = assert(io.open(file))
    assert.equal("somebody else's notes", stream:read "*a")
    stream:close()
  end)

  describe("in several processes", function()
    local server, url

    setup(function()
      server = hostile_server.start()
      url = server and server.url
    end)

    teardown(function()
      if server then server:stop() end
    end)

    local function on_server(run)
      return hostile_server.needing(function() return server end, run)
    end

    local function start(task, ...)
      local line = ("echo $$; exec %s spec/sharer.lua %s %s %s %s"):format(interpreter, url, task, file,
        table.concat({ ... }, " "))
      local pipe = assert(io.popen(line))
      return pipe, pipe:read "*l"
    end

    it("F76 lets no more pass than one limit allows", on_server(function()
      local processes, answered, held = {}, 0, 0
      local begin = core.now()
      for i = 1, 3 do processes[i] = start("hurry", 6) end
      for _, pipe in ipairs(processes) do
        local yes, no = pipe:read("*n", "*n")
        answered, held = answered + yes, held + no
        pipe:close()
      end
      -- 7 at once, and one more each 60/54 seconds
      assert.equal(18, answered + held)
      assert.is_true(answered >= 7 and answered <= 7 + (core.now() - begin) * 54 / 60, answered .. " answered")
    end))

    it("F76 gives the place of a process that was killed to another", on_server(function()
      local pipe, process = start "hold"
      assert.equal("in the middle", pipe:read "*l")
      local one = xai.new { api_key = "x", base_url = url .. "/whole", proxy = "", simulate = false, share = file,
        rates = { { concurrent = 1 } } }
      local response, err = one:respond("x", { timeout = 0.2 })
      assert.is_nil(response)
      assert.equal("timeout", err.kind)
      assert.equal("queue", err.attempts[1].phase)
      os.execute("kill -9 " .. process)
      pipe:close()
      assert(one:respond("x", { timeout = 20 }))
      one:close()
    end))
  end)
end)
