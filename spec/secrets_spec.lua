--- A canary key goes through everything that we print, hand out or keep, and nothing of it comes out (R8, F130, F131).
-- SPDX-License-Identifier: MIT
local canary = require "spec.canary"
local cli = require "xai.cli"
local core = require "xai.core"
local helper = require "spec.helper"
local real = require "xai.cli.host"
local xai = require "xai"

local KEY = canary.key

local function clean(text)
  local form = canary.found(text)
  if form then error(("the key is there (%s): %s"):format(form, text:sub(1, 2000)), 2) end
end

describe("the canary's search", function()
  it("finds the key in every form, and nothing where there is none", function()
    for name, form in pairs(canary.forms) do
      assert.truthy(canary.found("before " .. form(KEY) .. " after"), name)
    end
    assert.is_nil(canary.found "before \226\128\166Xp4N after, in abcdefghijklmnopqrstuvwxyz0123456789")
  end)
end)

local json, text, html, sse = "application/json", "text/plain", "text/html", "text/event-stream"

-- What servers send back, as status, type, body (%KEY% is the key in some form) and whether a stream was asked for.
local echoes = {
  { 401, json, '{"code":"%KEY%","error":"key %KEY% is bad"}' },
  { 400, json, '{"error":{"message":"Incorrect API key: %KEY%","type":"%KEY%","code":"%KEY%","param":"%KEY%"}}' },
  { 403, text, "%KEY% may not" },
  { 404, html, "<p>%KEY%</p>" },
  { 413, json, '"%KEY%"' },
  { 422, json, '[{"error":["%KEY%"]}]' },
  { 429, json, '{"error":"slow down, %KEY%"}' },
  { 500, json, '{"detail":{"a":"%KEY%"}}' },
  { 529, text, "%KEY%" },
  { 302, text, "%KEY%" },
  { 200, html, "%KEY% is no JSON" },
  { 200, json, '{"error":{"message":"%KEY%","%KEY%":[["%KEY%"]]}}' },
  { 200, json, '{"id":"r","object":"response","status":"failed","output":[],"error":{"code":"x","message":"%KEY%"}}' },
  { 200, sse, 'data: {"type":"error","code":"%KEY%","message":"%KEY%"}\n\n', true },
  { 200, sse, 'data: {"type":"response.failed","response":{"id":"r","object":"response","status":"failed",'
    .. '"output":[],"error":{"code":"%KEY%","message":"about %KEY%"}}}\n\n', true },
  { 200, sse, "data: {%KEY% broken\n\n", true },
}

local function answer_of(echo, form)
  return {
    status = echo[1], body = echo[3]:gsub("%%KEY%%", (form:gsub("%%", "%%%%"))),
    headers = { ["content-type"] = echo[2], ["x-request-id"] = form, server = form, date = form, ["cf-ray"] = form,
      location = "https://u:" .. form .. "@h/" .. form .. "?" .. form },
  }
end

local function ask(client, streamed)
  if not streamed then return client:respond "hello" end
  local stream = assert(client:stream "hello")
  for event in stream:events() do
    local _ = event.data -- decoded when it is looked at
    clean(canary.dump(event))
  end
  return stream:result()
end

describe("errors, logs and objects", function()
  for name, form in pairs(canary.forms) do
    it("F130 F131 show nothing of a key that the server sends back, " .. name, function()
      for _, echo in ipairs(echoes) do
        local lines = {}
        local client, wire = helper.client({ otherwise = answer_of(echo, form(KEY)) }, {
          api_key = KEY, max_attempts = 2, log_level = "debug", breaker = false,
          log = function(line) lines[#lines + 1] = line end,
        })
        local value, err = ask(client, echo[4])
        assert.is_nil(value)
        clean(tostring(err))
        clean("" .. err)
        clean(canary.dump(err))
        clean(canary.dump(client, { [wire] = true }))
        client:close()
        assert.truthy(table.concat(lines, "\n"):find("event=end", 1, true))
        clean(table.concat(lines, "\n"))
        local _, gone = pcall(client.respond, client, "x")
        clean(tostring(gone))
      end
    end)
  end

  it("F131 hold neither the key nor the headers that a program gave", function()
    local client, wire = helper.client({ { sse = helper.stream { "a" } }, { json = helper.response "b" } }, {
      api_key = KEY, headers = { ["x-token"] = KEY, authorization = "Bearer " .. KEY },
      proxy = "http://u:" .. KEY .. "@h",
    })
    local stream = assert(client:stream("hello", { headers = { ["x-more"] = KEY } }))
    local skip = { [wire] = true }
    clean(canary.dump(stream, skip))
    local response = assert(stream:result())
    assert.equal("Bearer " .. KEY, wire:header(1, "authorization"))
    assert.equal(KEY, wire:header(1, "x-token"))
    for _, object in ipairs { client, stream, response, client:conversation(), client.link } do
      clean(canary.dump(object, { [wire] = true }))
      clean(tostring(object))
    end
    client:close()
    clean(canary.dump(client, { [wire] = true }))
  end)

  it("R8 hold no key that a good answer's headers give back", function()
    for _, form in pairs(canary.forms) do
      local logged = {}
      local client = helper.client({ { json = {}, headers = { ["x-request-id"] = form(KEY), server = form(KEY) } } },
        { api_key = KEY, log = function(line) logged[#logged + 1] = line end })
      local _, _, meta = client:request { path = "/models" }
      clean(canary.dump(meta))
      clean(table.concat(logged, "\n"))
      client:close()
    end
  end)

  it("F32 say which key was refused, by its last four characters or its name", function()
    local function refused(options)
      options.api_key = options.api_key or KEY
      local client = helper.client({ helper.failure(401, "unauthenticated", "bad key") }, options)
      local _, err = client:respond "x"
      client:close()
      return err
    end
    local err = refused {}
    assert.equal("\226\128\166Xp4N", err.key)
    assert.truthy(tostring(err):find("key \226\128\166Xp4N", 1, true))
    assert.equal("billing", refused({ key_name = "billing" }).key)
    assert.is_nil(refused({ api_key = "xai-short" }).key)
    local client = helper.client({ helper.failure(404, "x", "no such model") }, { api_key = KEY })
    assert.is_nil(select(2, client:respond "x").key)
    client:close()
  end)
end)

describe("wrong arguments", function()
  it("F131 are told without what they hold", function()
    local wrong = {
      function() xai.new { api_kye = KEY } end,
      function() xai.new { api_key = { KEY } } end,
      function() xai.new { api_key = KEY, api_key_file = KEY } end,
      function() xai.new { api_key = KEY, key_name = KEY .. "\0" } end,
      function() xai.new { api_key = KEY, key_name = KEY } end,
      function() xai.new { api_key = KEY, log = KEY } end,
      function() xai.new { api_key = KEY, log_level = KEY } end,
      function() xai.new { api_key = KEY, base_url = "http://u:" .. KEY .. "@h" } end,
      function() xai.new { api_key = KEY, headers = { ["x-a"] = KEY .. "\n" } } end,
      function() helper.client({}):respond("x", { headers = { authorization = KEY .. "\r\nX: y" } }) end,
      function() helper.client({}):set_key({ KEY }) end,
    }
    for i, fn in ipairs(wrong) do
      local ok, fault = pcall(fn)
      assert.is_false(ok, "case " .. i)
      clean(tostring(fault))
    end
    for _, options in ipairs { { api_key = KEY .. "\n" }, { api_key_file = KEY } } do
      local client, err = xai.new(options)
      assert.is_nil(client)
      assert.equal("auth", err.kind)
      clean(canary.dump(err))
    end
  end)

  it("F132 that would split a request are refused, and their values not shown", function()
    local file = io.open((os.getenv "XAI_SHARED" or "../shared") .. "/conformance/net/headers.json", "rb")
    local vectors = { { header = "X-A", value = "1\r\nX-B: 2", accept = false, name = "own" },
      { header = "X-A", value = "a\0b", accept = false, name = "own" },
      { header = "Host", value = "evil", accept = false, name = "own" },
      { header = "X-A", value = "1", accept = true, name = "own" } }
    if file then
      for _, vector in ipairs(core.decode(file:read "*a").vectors) do vectors[#vectors + 1] = vector end
      file:close()
    end
    for _, vector in ipairs(vectors) do
      local client = helper.client({ otherwise = { json = {} } }, { api_key = KEY })
      local ok, value, err = pcall(client.request, client,
        { path = "/models", headers = { [vector.header] = vector.value } })
      assert.equal(vector.accept, ok and value ~= nil, vector.name)
      local said = tostring(ok and err or value)
      if not vector.accept then assert.is_nil(said:find(vector.value, 1, true), vector.name) end
      client:close()
    end
  end)
end)

describe("the command", function()
  -- Output and complaints of a command whose client talks to a scripted wire with the canary as its key.
  local function told(arguments, answer, options)
    options = options or {}
    local written = {}
    local function keep(_, ...) written[#written + 1] = table.concat { ... } return true end
    local host = setmetatable({
      out = { write = keep, flush = function() return true end }, err = { write = keep },
      input = { read = function() return nil end }, is_screen = options.screen,
      getenv = function(name) return name == "XAI_API_KEY" and KEY or nil end,
      client = function()
        local grok = helper.client({ otherwise = answer },
          { api_key = KEY, log = function(line) keep(nil, line, "\n") end, log_level = "debug", max_attempts = 2 })
        grok.simulated = false
        return grok
      end,
    }, { __index = real.Host })
    local ok, fault = pcall(cli.main, arguments, host)
    return table.concat(written) .. (ok and "" or tostring(fault))
  end

  local commands = { { "ask", "x" }, { "ask", "--json", "--partial", "x" }, { "ask", "--no-stream", "x" }, { "models" },
    { "models", "--json" }, { "doctor" }, { "chat" } }

  it("F130 prints nothing of the key, however it fails", function()
    for _, form in pairs(canary.forms) do
      for _, echo in ipairs(echoes) do
        for _, arguments in ipairs(commands) do
          clean(told(arguments, answer_of(echo, form(KEY)), { screen = #arguments == 2 }))
        end
      end
    end
  end)

  it("F130 prints nothing of the key where it is of no use", function()
    local answers = { { json = helper.response "hello" }, { refuse = "tls" }, { refuse = "refused" },
      { refuse = "resolve" }, { json = { data = { { id = "grok" } } } } }
    for _, answer in ipairs(answers) do
      for _, arguments in ipairs(commands) do clean(told(arguments, answer)) end
    end
    for _, arguments in ipairs { { "--help" }, { "ask", "--help" }, { "--version" }, { "nonsense" }, {},
      { "ask", "--nonsense" }, { "completion", "bash" } } do
      clean(told(arguments, answers[1]))
    end
  end)
end)

describe("a process", function()
  local first = 0
  while arg and arg[first - 1] do first = first - 1 end
  local lua = "'" .. (arg and arg[first] or "lua") .. "'"

  local function run(line)
    local pipe = assert(io.popen("{ " .. line .. "; } 2>&1"))
    local written = pipe:read "*a"
    pipe:close()
    return written
  end

  it("F130 of the command, over real sockets, prints nothing of the key at any level", function()
    local environment = ("XAI_API_KEY=%s XAI_BASE_URL=http://127.0.0.1:1/v1 XAI_LOG=debug "):format(KEY)
    for _, arguments in ipairs { "ask --no-stream x", "doctor", "models", "--help" } do
      local written = run(environment .. lua .. " bin/xai " .. arguments .. " </dev/null")
      assert.is_true(#written > 0)
      clean(written)
      if arguments ~= "--help" then assert.truthy(written:find("event=end .-outcome=failed kind=network"), written) end
    end
  end)

  it("R8 has no key in its command line, and in its environment only what the user put there", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(KEY, "\n")
    file:close()
    local program = [[
      local xai = require "xai"
      local grok = assert(xai.new { base_url = "http://127.0.0.1:1/v1", max_attempts = 1 })
      assert(not grok:respond "x")
      for _, name in ipairs { "cmdline", "environ" } do
        local file = io.open("/proc/self/" .. name, "rb")
        print(name, file and file:read "*a")
      end]]
    local written = run(("env -u XAI_API_KEY XAI_API_KEY_FILE=%s %s -e '%s'"):format(path, lua, program))
    os.remove(path)
    assert.truthy(written:find("XAI_API_KEY_FILE=" .. path, 1, true) or not io.open "/proc/self/environ", written)
    clean(written)
  end)
end)
