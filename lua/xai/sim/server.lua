--- The simulator behind a real socket: HTTP/1.1 over the rock `http` (lua-http), faults included.
-- SPDX-License-Identifier: MIT
local ledger = require "xai.sim.ledger"

local BODY_TIMEOUT = 60     -- seconds a client may take over its request
local PARTING_TIMEOUT = 5   -- seconds it may go on sending after it was refused

--- The modules of lua-http, or an error that says what to install.
local function load_http()
  local ok, server = pcall(require, "http.server")
  if not ok then
    error("xai.sim.serve needs the rock `http` (lua-http), which this Lua cannot load; install it with "
      .. "`luarocks install http`, or on Debian as lua-http, which works with LuaJIT", 0)
  end
  return { server = server, headers = require "http.headers", cqueues = require "cqueues",
    condition = require "cqueues.condition" }
end

-- resetting a connection -----------------------------------------------------------------------------------------

--- A function that makes closing a descriptor send a reset, where the host lets us reach setsockopt; else nil.
local function linger_setter()
  local ok, ffi = pcall(require, "ffi")
  if not ok or ffi.os ~= "Linux" then return nil end
  pcall(ffi.cdef, [[
    struct xai_sim_linger { int on; int seconds; };
    int setsockopt(int fd, int level, int name, const void *value, unsigned int size);
  ]])
  local value = ffi.new("struct xai_sim_linger", { 1, 0 })
  return function(fd) return ffi.C.setsockopt(fd, 1, 13, value, ffi.sizeof(value)) == 0 end   -- SOL_SOCKET, SO_LINGER
end

--- Close a connection under an answer: with a reset, or in the middle without more ado.
local function break_off(self, stream, reset)
  local connection = stream.connection
  if not connection.socket then return end
  -- lua-http would answer 503 by itself to a request without an answer.
  stream.body_write_type = stream.body_write_type or "missing"
  if reset and self.linger then self.linger(connection.socket:pollfd()) end
  local socket = connection.socket
  connection.socket = nil
  socket:close()
end

--- Close a connection whose client is still sending: at once, it would lose the answer to a reset.
local function see_off(self, stream)
  local socket, deadline = stream.connection.socket, self.cqueues.monotime() + PARTING_TIMEOUT
  if not socket then return end
  stream.connection.socket = nil   -- what comes now is no next request
  socket:shutdown "w"
  repeat
    local left = deadline - self.cqueues.monotime()
  until left <= 0 or not socket:xread(-65536, left)
  socket:close()
end

-- sending --------------------------------------------------------------------------------------------------------

--- Wait, and notice a client that goes away meanwhile. Returns false when it did.
local function wait(self, stream, seconds)
  local socket = stream.connection.socket
  if not socket then return false end
  local deadline = seconds < math.huge and self.cqueues.monotime() + seconds or nil
  while true do
    local left = deadline and math.max(0, deadline - self.cqueues.monotime()) or nil
    local ready = left and self.cqueues.poll(socket, left) or not left and self.cqueues.poll(socket)
    if not stream.connection.socket then return false end
    if ready ~= socket then return true end
    local filled, _, errno = socket:fill(1, 0)
    if not filled and errno ~= 110 then return false end   -- ETIMEDOUT: woken for nothing
    if filled then                                         -- the next request came early: let it lie
      if left then self.cqueues.sleep(left) end
      return left ~= nil
    end
  end
end

local function headers_of(self, exchange)
  local headers = self.new_headers()
  headers:append(":status", ("%d"):format(exchange.status))
  for _, pair in ipairs(exchange.headers) do headers:append(pair[1], pair[2]) end
  return headers
end

local function announced(exchange)
  for _, pair in ipairs(exchange.headers) do
    if pair[1] == "content-length" then return tonumber(pair[2]) end
  end
end

--- Body bytes as they are: in chunks when no length was announced, else plain, be they more or fewer than announced.
local function write(stream, bytes, length)
  if length then return stream.connection.socket and stream.connection:write_body_plain(bytes) end
  return stream:write_chunk(bytes, false)
end

--- @return boolean sent  false: the client went away
local function send_body(self, stream, exchange, length)
  for i, step in ipairs(exchange.steps) do
    if step.wait > 0 and not wait(self, stream, step.wait) or not write(stream, step.bytes, length) then
      ledger.settle(exchange, i - 1)
      return false
    end
  end
  return true
end

local function size_of(exchange)
  local size = 0
  for _, step in ipairs(exchange.steps) do size = size + #step.bytes end
  return size
end

--- End the body as the exchange says.
local function finish(self, stream, exchange, length)
  if exchange.finish == "stall" then
    wait(self, stream, math.huge)
    return break_off(self, stream, false)
  end
  if exchange.finish ~= "done" or (length and length ~= size_of(exchange)) then
    return break_off(self, stream, exchange.finish == "reset")
  end
  if length then stream.body_write_left = 0 end   -- the bytes went past lua-http's own count
  return stream:write_chunk("", true)
end

local function play(self, stream, exchange)
  if exchange.delay > 0 and not wait(self, stream, exchange.delay) then return ledger.settle(exchange, 0) end
  if not exchange.status then return break_off(self, stream, true) end
  local length = announced(exchange)
  if length == 0 and #exchange.steps == 0 and exchange.finish == "done" then
    return stream:write_headers(headers_of(self, exchange), true)
  end
  if not stream:write_headers(headers_of(self, exchange), false) then return ledger.settle(exchange, 0) end
  if send_body(self, stream, exchange, length) then finish(self, stream, exchange, length) end
end

--- The body, or of one that is too long as much as it takes to know that: the simulator refuses it.
--- @return string? body  nil: the client went away or took too long
--- @return boolean? more  there is more of it
local function body_of(self, stream)
  local deadline, parts, size = self.cqueues.monotime() + BODY_TIMEOUT, {}, 0
  while size <= self.longest_body do
    local chunk, err = stream:get_next_chunk(deadline - self.cqueues.monotime())
    if not chunk then
      if err then return nil end
      return table.concat(parts), false
    end
    parts[#parts + 1], size = chunk, size + #chunk
  end
  return table.concat(parts), true
end

local function request_of(self, stream)
  local head = stream:get_headers(BODY_TIMEOUT)
  if not head then return nil end
  local body, more = body_of(self, stream)
  if not body then return nil end
  local headers = {}
  for name, value in head:each() do
    if name:sub(1, 1) ~= ":" then headers[name] = value end
  end
  return { method = head:get ":method", path = head:get ":path", headers = headers, body = body }, more
end

--- @class xai.sim.ServeOptions: xai.sim.Options
--- @field host string?   default "127.0.0.1"
--- @field port integer?  default 0: one that is free
--- @field on_listen fun(base_url: string, stop: function, sim: xai.Sim)?  called when clients may come
--- @field on_error fun(message: string)?  faults of the server itself; a client that hangs up is none

local OWN = { host = true, port = true, on_listen = true, on_error = true }

local function split(given)
  local own, rest = {}, {}
  for name, value in pairs(given or {}) do
    if OWN[name] then own[name] = value else rest[name] = value end
  end
  rest.clock = rest.clock or os.time
  return own, rest
end

local function listen(self, own)
  return self.http.server.listen {
    host = own.host or "127.0.0.1", port = own.port or 0, tls = false, version = 1.1,
    onstream = function(_, stream)
      self.connections[stream.connection] = true
      local request, more = request_of(self, stream)
      if not request then return end
      local exchange = self.sim:answer(request)
      if more then table.insert(exchange.headers, { "connection", "close" }) end
      play(self, stream, exchange)
      if more then see_off(self, stream) end
    end,
    onerror = function(_, _, where, err)
      if own.on_error then own.on_error(("%s: %s"):format(tostring(where), tostring(err))) end
    end,
  }
end

--- Turn the crank until stopped; then hang up on everybody, for idle connections would keep the loop alive.
local function run(self, server)
  server.cq:wrap(function() self.stopped:wait() end)
  while not self.stopping do
    local ok, err = server:step()
    if not ok then return nil, err end
  end
  for connection in pairs(self.connections) do
    if connection.socket then connection.socket:close() end
    connection.socket = nil
  end
  server:close()
  return true
end

--- Answer until stopped. Blocks; inside a cqueues controller other coroutines go on meanwhile.
--- @param given xai.sim.ServeOptions?
--- @param new fun(options: table): xai.Sim
--- @param longest_body integer  bytes that are read of a body before it is too long
--- @return true? ok
--- @return string? err
local function serve(given, new, longest_body)
  local own, rest = split(given)
  local sim = new(rest)
  local http = load_http()
  local self = {
    http = http, cqueues = http.cqueues, new_headers = http.headers.new, sim = sim, linger = linger_setter(),
    longest_body = longest_body,
    connections = setmetatable({}, { __mode = "k" }), stopped = http.condition.new(), stopping = false,
  }
  local server, err = listen(self, own)
  if not server then return nil, err end
  local ok, why = server:listen()
  if not ok then return nil, why end
  local _, host, port = server:localname()
  local function stop()
    self.stopping = true
    self.stopped:signal()
  end
  if own.on_listen then own.on_listen(("http://%s:%d/v1"):format(host, port), stop, sim) end
  return run(self, server)
end

return { serve = serve }
