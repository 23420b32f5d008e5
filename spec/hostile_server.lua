--- The server of spec/hostile.lua in a process of its own, where there is a lua5.4 that can run it.
-- SPDX-License-Identifier: MIT
local xai = require "xai"

-- Another Lua's paths are of no use to it.
local LUA = "env -u LUA_PATH -u LUA_CPATH lua5.4 "

local Server = {}
local server_mt = { __index = Server }

local function can_serve()
  local done = os.execute(LUA .. "-e 'require \"cqueues\" require \"openssl.x509\"' 2>/dev/null")
  return done == true or done == 0
end

-- Nil where it cannot run; else { url, port, tls_port, closed_port } and stop().
local function start()
  if not can_serve() then return nil end
  local pipe = assert(io.popen("exec " .. LUA .. "spec/hostile.lua", "r"))
  local port, tls_port, closed_port = pipe:read("*n", "*n", "*n")
  return setmetatable({ pipe = pipe, url = ("http://127.0.0.1:%d"):format(port), port = port, tls_port = tls_port,
    closed_port = closed_port }, server_mt)
end

function Server:stop()
  local one = xai.new { api_key = "x", base_url = self.url .. "/quit", proxy = "", simulate = false, max_attempts = 1,
    timeout = 20 }
  one:respond "x"
  one:close()
  self.pipe:close()
end

-- A test that needs the server; `get` is asked when the test runs.
local function needing(get, run)
  return function()
    if not get() then return pending "no lua5.4 with cqueues and luaossl, which the server runs on" end
    run()
  end
end

return { start = start, needing = needing }
