local helper = require "spec.helper"
local keys = require "xai.key"
local xai = require "xai"

local function sent(wire, n) return wire:header(n, "authorization") end

local ok = { otherwise = { json = {} } }

describe("xai.key", function()
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
    it("takes an option before the environment, and the key there before the file", function()
      environment.XAI_API_KEY_FILE = "/run/key"
      assert.same({ file = "/run/key" }, keys.choose({}, false))
      environment.XAI_API_KEY = "xai-environment"
      assert.same({ text = "xai-environment" }, keys.choose({}, false))
      assert.same({ text = "xai-option" }, keys.choose({ api_key = "xai-option" }, false))
      assert.same({ file = "/other" }, keys.choose({ api_key_file = "/other" }, false))
      local function fetch() end
      assert.same({ ask = fetch }, keys.choose({ api_key = fetch }, false))
    end)

    it("sends none when told so, and needs none when simulated", function()
      environment.XAI_API_KEY = "xai-environment"
      assert.same({}, keys.choose({ api_key = false }, false))
      assert.same({ text = "xai-simulated" }, keys.choose({}, true))
    end)

    it("F129 refuses what cannot be one, without showing it", function()
      environment.XAI_API_KEY = "xai-se cret"
      for _, options in ipairs { {}, { api_key = "xai-secret\n" }, { api_key = "" }, { api_key = true } } do
        local source, err = keys.choose(options, false)
        assert.is_nil(source)
        assert.equal("auth", err.kind)
        assert.is_nil(tostring(err):find "cret")
      end
    end)
  end)

  describe("a function", function()
    it("is asked by each call, and its key goes with that call alone", function()
      local n = 0
      local client, wire = helper.client(ok, { api_key = function()
        n = n + 1
        return "xai-key-number-" .. n
      end })
      assert.equal(0, n)
      for i = 1, 3 do
        assert(client:request { path = "/models" })
        assert.equal("Bearer xai-key-number-" .. i, sent(wire, i))
      end
      client:close()
    end)

    it("may name the key it gives", function()
      local client = helper.client({ otherwise = helper.failure(401, "x", "bad key") },
        { api_key = function() return "xai-a-key-with-a-name-of-its-own", "tenant-7" end })
      assert.equal("tenant-7", select(2, client:respond "x").key)
      client:close()
    end)

    it("that has none ends the call as data, with its reason", function()
      local client, wire = helper.client(ok, { api_key = function() return nil, "the vault is sealed" end })
      local value, err = client:request { path = "/models" }
      assert.is_nil(value)
      assert.equal("auth", err.kind)
      assert.equal("key", err.code)
      assert.truthy(tostring(err):find("the vault is sealed", 1, true))
      assert.equal(0, #wire.requests)
      client:close()
    end)

    it("F129 that gives something else has it refused without showing it", function()
      for _, given in ipairs { "xai-se cret", "xai-secret\n", "" } do
        local client = helper.client(ok, { api_key = function() return given end })
        local value, err = client:request { path = "/models" }
        assert.is_nil(value)
        assert.equal("auth", err.kind)
        assert.is_nil(tostring(err):find "cret")
        client:close()
      end
    end)

    it("R9 may raise, make calls of its own, yield and close the client", function()
      local client, wire = helper.client(ok, { api_key = function() error("no network", 0) end })
      local called, fault = pcall(client.request, client, { path = "/models" })
      assert.is_false(called)
      assert.equal("no network", fault)
      local depth = 0
      client:set_key(function()
        depth = depth + 1
        if depth == 1 then assert(client:request { path = "/vault" }) end
        return "xai-depth-" .. depth
      end)
      assert(client:request { path = "/models" })
      assert.truthy(wire.requests[1].url:find("/vault", 1, true))
      assert.equal("Bearer xai-depth-2", sent(wire, 1))
      xai.run(function()
        client:set_key(function()
          xai.sleep(5)
          return "xai-slept"
        end)
        assert(client:request { path = "/models" })
      end)
      assert.equal("Bearer xai-slept", sent(wire, 3))
      client:set_key(function() client:close() return "xai-closed" end)
      called, fault = pcall(client.request, client, { path = "/models" })
      assert.is_false(called)
      assert.truthy(tostring(fault):find("has been closed", 1, true))
    end)
  end)

  describe("set_key", function()
    it("changes the key for the calls that follow", function()
      local client, wire = helper.client(ok, { api_key = "xai-old" })
      assert(client:request { path = "/models" })
      assert.is_true(client:set_key "xai-new")
      assert(client:request { path = "/models" })
      assert.is_true(client:set_key(false))
      assert(client:request { path = "/models" })
      assert.equal("Bearer xai-old", sent(wire, 1))
      assert.equal("Bearer xai-new", sent(wire, 2))
      assert.is_nil(sent(wire, 3))
      client:close()
    end)

    it("leaves a call that is waiting for its next attempt with the key it began with", function()
      local client, wire = helper.client({ { refuse = "refused" }, otherwise = { json = helper.response "x" } },
        { api_key = "xai-old" })
      local stream = assert(client:stream "hello")
      local events = stream:events()
      assert.equal("retry", events().type)
      client:set_key "xai-new"
      for _ in events do end -- luacheck: ignore 542
      assert(stream:result())
      assert.equal("Bearer xai-old", sent(wire, 2))
      client:close()
    end)

    it("keeps the old one when the new one cannot be sent", function()
      local client, wire = helper.client(ok, { api_key = "xai-old" })
      local done, err = client:set_key "xai-se cret"
      assert.is_nil(done)
      assert.equal("auth", err.kind)
      assert(client:request { path = "/models" })
      assert.equal("Bearer xai-old", sent(wire, 1))
      for _, wrong in ipairs { 7, true, {} } do assert.is_false((pcall(client.set_key, client, wrong))) end
      assert.is_false((pcall(client.set_key, client, "xai-good", "a name")))
      client:close()
      assert.is_false((pcall(client.set_key, client, "xai-late")))
    end)
  end)

  describe("a file", function()
    it("is read without its line end, and again after its key was refused", function()
      local path = os.tmpname()
      local function write(text)
        local file = assert(io.open(path, "w"))
        file:write(text)
        file:close()
      end
      write "xai-from-file\n"
      local client, wire = helper.client({ helper.failure(401, "x", "bad key"), otherwise = { json = {} } },
        { api_key_file = path })
      write "xai-renewed\r\n"
      assert.is_nil((client:request { path = "/models" }))
      assert(client:request { path = "/models" })
      assert.equal("Bearer xai-from-file", sent(wire, 1))
      assert.equal("Bearer xai-renewed", sent(wire, 2))
      client:close()
      os.remove(path)
      local none, err = xai.new { api_key_file = path }
      assert.is_nil(none)
      assert.equal("auth", err.kind)
      assert.truthy(tostring(err):find(path, 1, true))
    end)
  end)
end)
