--- nginx with lua-nginx-module: cosockets move the bytes, light threads wait, a timer keeps the time.
-- SPDX-License-Identifier: MIT
--
-- `xai.loop` finds this by itself. nginx is told in its configuration: `resolver` (for names); https needs
-- `lua_ssl_trusted_certificate`, `lua_ssl_verify_depth` and `lua_ssl_protocols TLSv1.2 TLSv1.3` (F08, F09); and
-- `lua_socket_log_errors off` (failures are in our errors already). See examples/nginx/nginx.conf.
local core = require "xai.core"
local loop = require "xai.loop"
local semaphore = require "ngx.semaphore"

local HOUR = 3600
local IDLE, POOL = 60, 128 -- a connection is kept for so many seconds, so many of them in a worker for each origin
local REUSES = 500         -- ... and serves so often, so that a change of address is noticed one day (F14)

local host = { transport = "host", spawn = ngx.thread.spawn, kill = ngx.thread.kill }

function host.wait(line, seconds)
  line.semaphore = line.semaphore or semaphore.new()
  line.semaphore:wait(math.max(0.001, math.min(seconds or HOUR, HOUR)))
end

function host.wake(line)
  local waiting = line.semaphore and -line.semaphore:count() or 0
  if waiting > 0 then line.semaphore:post(waiting) end
end

function host.report(message) ngx.log(ngx.ERR, "xai: ", message) end
function host.is_over(thread) return coroutine.status(thread) == "dead" end

-- The worker's timekeeper while calls are in flight; a timer belongs to no request, so none can take it along.
local bell, running, due = {}, false, 0

local function keep_time()
  repeat
    local ok, seconds = pcall(loop.pump)
    if not ok then host.report(tostring(seconds)) end
    due = core.now() + (ok and seconds or 1)
    if seconds then host.wait(bell, due - core.now()) end
  until not seconds
  running = false
end

function host.alarm(seconds)
  if running then return core.now() + seconds < due and host.wake(bell) end
  running, due = true, core.now()
  if not ngx.timer.at(0, keep_time) then ngx.thread.spawn(keep_time) end -- a worker that is exiting has no timers
end

-- The core watches over silence, so reading and writing have no limits here.
local function limit(socket, seconds)
  socket:settimeouts(math.max(1, math.ceil(math.min(seconds, HOUR) * 1000)), HOUR * 1000, HOUR * 1000)
end

function host.connect(request)
  local socket, name = ngx.socket.tcp(), request.host:find ":" and "[" .. request.host .. "]" or request.host
  limit(socket, request.connect)
  local ok, fault = socket:connect(name, request.port, { pool = ("xai %s %s"):format(request.secure, request.origin) })
  local how = fault == "timeout" and "connect_timeout" or fault and fault:find "resolve" and "resolve" or "connect"
  if not ok then return nil, how, fault end
  if not request.secure or socket:getreusedtimes() > 0 then return socket end
  limit(socket, request.handshake)
  ok, fault = socket:sslhandshake(false, request.host, true)
  -- Debian's 0.10.23 says true of a certificate for another name about every other time; the socket is closed then.
  if ok and socket:getreusedtimes() then return socket end
  socket:close()
  fault = fault or "the certificate does not verify"
  how = fault == "timeout" and "tls_timeout" or (fault == "closed" or fault:find "reset") and "reset" or "tls"
  return nil, how, fault
end

function host.send(socket, bytes) return socket:send(bytes) end
function host.receive(socket, most) return socket:receiveany(most) end
function host.close(socket) socket:close() end

function host.keep(socket)
  if (socket:getreusedtimes() or 0) >= REUSES or not socket:setkeepalive(IDLE * 1000, POOL) then socket:close() end
end

--- @class xai.ngx
--- @field relay fun(given: xai.ngx.Relay): xai.ngx.Report  passes a stream on to the browser
--- @field limit xai.ngx.limits  limits that all workers share
local module = { host = host }

local lazy = { relay = "xai.ngx.relay", limit = "xai.ngx.limit" }
return setmetatable(module, { __index = function(_, name) return lazy[name] and require(lazy[name]) end })
