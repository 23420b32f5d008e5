--- What a program has loaded when it starts, and what becomes of it where libcurl is not installed.
-- SPDX-License-Identifier: MIT
describe("a program's start", function()
  local first = -1
  while arg and arg[first - 1] do first = first - 1 end
  local lua = "'" .. (arg and arg[first] or "lua") .. "'"

  -- What a program of its own prints; `xai` is there. `before`: what it does before that.
  local function run(program, environment, before)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(before or "", "local xai = require 'xai'\n", program)
    file:close()
    local pipe = assert(io.popen(("env -u XAI_SIMULATE %s %s %s 2>&1"):format(environment or "", lua, path)))
    local text = pipe:read "*a"
    pipe:close()
    os.remove(path)
    return text
  end

  -- A folder in which the loader finds files of libcurl's name that are no libraries.
  local function with_broken_libcurl(fn)
    local folder = os.tmpname()
    os.remove(folder)
    assert(os.execute(("mkdir %s && cd %s && touch libcurl.so.4 libcurl-gnutls.so.4"):format(folder, folder)))
    local ok, err = pcall(fn, "LD_LIBRARY_PATH=" .. folder)
    os.execute("rm -r " .. folder)
    assert(ok, err)
  end

  local is_linux = io.open "/proc/self/maps" ~= nil
  local has_libcurl = [[
    local function has_libcurl()
      for line in io.lines "/proc/self/maps" do if line:find "libcurl" then return true end end
      return false
    end
  ]]

  it("loads libcurl for the first client that needs it, and not before", function()
    if not is_linux then return pending "nobody here says what is loaded" end
    assert.same("false false true", run(has_libcurl .. [[
      local before = has_libcurl()
      xai.new { simulate = true }:respond "Tides?"
      local simulated = has_libcurl()
      xai.new { api_key = "xai-k", base_url = "http://127.0.0.1:9/v1" }:close()
      io.write(tostring(before), " ", tostring(simulated), " ", tostring(has_libcurl()))
    ]]))
  end)

  local loaded = [[
    local function loaded(...)
      for _, name in ipairs { ... } do io.write(tostring(package.loaded["xai." .. name] ~= nil), " ") end
    end
  ]]

  it("loads next to nothing for require", function()
    assert.same("xai xai.core xai.late ", run [[
      local names = {}
      for name in pairs(package.loaded) do if name:find "^xai" then names[#names + 1] = name end end
      table.sort(names)
      for _, name in ipairs(names) do io.write(name, " ") end
    ]])
  end)

  it("loads a part when it is first used", function()
    assert.same("false false false false | true true false false | true true true true ", run(loaded .. [[
      local parts = { "client", "loop", "schema", "extract" }
      local unpack = table.unpack or unpack
      loaded(unpack(parts))
      local grok = xai.new { simulate = true }
      io.write "| "
      assert(grok:respond "Tides?")
      loaded(unpack(parts))
      io.write "| "
      assert(grok:extract { schema = { type = "object" }, input = "Tides?" })
      loaded(unpack(parts))
    ]]))
  end)

  it("loads a part that could not be loaded when it is used again, with all that it needs", function()
    assert.same("not enough memory: try again | ok", run [[
      package.preload["xai.schema.words"] = function()
        package.preload["xai.schema.words"] = nil
        error("not enough memory: try again", 0)
      end
      local ok, fault = pcall(function() return xai.schema end)
      assert(not ok)
      io.write(fault:match "not enough memory: try again", " | ", xai.schema.compile(true) and "ok")
    ]])
  end)

  it("loads the parts of a call at once inside nginx, whose workers must not read files later", function()
    assert.same("true true true true true false ", run(loaded .. [[
      loaded("client", "stream", "extract", "conversation", "hosted", "sim")
    ]], nil, "ngx = {}\n"))
  end)

  it("hands out each public name, and the same one each time", function()
    assert.same("ok", run [[
      local names = "version new run spawn all sleep json sse null array error prices response schema sim"
      for name in names:gmatch "%a+" do assert(xai[name] ~= nil and rawequal(xai[name], xai[name]), name) end
      assert(xai.json == require "xai.json" and xai.new == require("xai.client").new and xai.nothing == nil)
      io.write "ok"
    ]])
  end)

  it("asks a plain question without the parser of arguments, and as the parser would have it", function()
    local program = [[
      local cli, host = require "xai.cli", require("xai.cli.host").new()
      local seen
      package.loaded["xai.cli.ask"] = function(args)
        seen = ("%%s %%s %%s"):format(args.command, args.text, tostring(args.timeout or args.model or args.json))
        return true
      end
      local status = cli.main(%s, host)
      io.write(tostring(seen), " ", status, " ", tostring(package.loaded.argparse ~= nil))
    ]]
    assert.same("ask Why? nil 0 false", run(program:format '{ "ask", "Why?" }'))
    assert.same("ask Why? nil 0 true", run(program:format '{ "ask", "--", "Why?" }'))
    assert.same("ask - nil 0 true", run(program:format '{ "ask", "-" }'))
    assert.truthy(run(program:format '{ "ask", "--nope" }'):find "unknown option.*nil 2 true")
  end)

  it("says what is missing, and what to do, where libcurl cannot be loaded", function()
    if not is_linux then return pending "libcurl's name is Linux's" end
    with_broken_libcurl(function(environment)
      local text = run([[
        local grok, err = xai.new { api_key = "xai-k" }
        print(grok, err.kind, err.code)
        print(err)
        print(xai.new { simulate = true }:respond "Tides?" ~= nil)
      ]], environment)
      assert.truthy(text:find("^nil\tlibrary\tlibrary\n"), text)
      assert.truthy(text:find("libcurl, which the transport \"curl\" needs: .*libcurl%.so%.4"), text)
      assert.truthy(text:find "install the library that the message names", text)
      assert.truthy(text:find "\ntrue\n$", text)
    end)
  end)

  it("looks for libcurl again with the next client", function()
    if not is_linux then return pending "libcurl's name is Linux's" end
    with_broken_libcurl(function(environment)
      assert.same("library\nno error\n", run([[
        local grok, err = xai.new { api_key = "xai-k" }
        print(err.kind)
        local folder = os.getenv "LD_LIBRARY_PATH"
        os.remove(folder .. "/libcurl.so.4")
        os.remove(folder .. "/libcurl-gnutls.so.4")
        grok, err = xai.new { api_key = "xai-k" }
        print(err or "no error")
        grok:close()
      ]], environment))
    end)
  end)

  it("leaves doctor to tell of a missing libcurl", function()
    if not is_linux then return pending "libcurl's name is Linux's" end
    with_broken_libcurl(function(environment)
      local text = run([[os.exit(require("xai.cli").main { "doctor" })]], environment .. " XAI_API_KEY=xai-k")
      assert.truthy(text:find "FAIL  versions  [^\n]*libcurl cannot be loaded; install it", text)
      assert.truthy(text:find "FAIL  network   [^\n]*libcurl%.so%.4", text)
    end)
  end)
end)
