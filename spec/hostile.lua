--- A server on loopback that does wrong on purpose, for faults_net_spec: run as a program of its own.
-- SPDX-License-Identifier: MIT
--
-- Prints three ports, of HTTP, of TLS with a certificate that it signed itself, and of one where nobody listens.
-- The first part of a request's path says what becomes of it. It ends when a request asks for it, or after a minute.
local cqueues = require "cqueues"
local condition = require "cqueues.condition"
local socket = require "cqueues.socket"
local context = require "openssl.ssl.context"
local altname = require "openssl.x509.altname"
local name = require "openssl.x509.name"
local pkey = require "openssl.pkey"
local x509 = require "openssl.x509"

local loop = cqueues.new()
local go = condition.new()
local went, seen = false, {}

local function answer(con, status, headers, body)
  con:write("HTTP/1.1 ", status, "\r\n", headers, "Content-Length: ", #body, "\r\n\r\n", body)
  con:flush()
end

local function event(data)
  return "event: " .. data:match '"type":"([^"]+)"' .. "\ndata: " .. data .. "\n\n"
end

local begun = event '{"type":"response.created","response":{"id":"r1","object":"response","output":[]}}'
  .. event '{"type":"response.output_item.added","output_index":0,"item":{"type":"message","content":[]}}'
  .. event('{"type":"response.content_part.added","output_index":0,"content_index":0,'
    .. '"part":{"type":"output_text","text":""}}')
  .. event '{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"Hel"}'

local function begin_stream(con)
  con:write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", begun)
  con:flush()
end

local function echoed(head)
  return head:match "[Aa]uthorization: ([^\r\n]*)" or "no key"
end

local play = {
  html = function(con, head)
    answer(con, "200 OK", "Content-Type: text/html\r\n", "<title>Maintenance</title>" .. echoed(head))
  end,
  redirect = function(con)
    answer(con, "302 Found", "Location: http://user:pass@login.example/in?token=s3cret\r\n", "")
  end,
  denied = function(con, head)
    answer(con, "401 X", "Content-Type: application/json\r\n",
      '{"code":"unauthenticated","error":"no such key: ' .. echoed(head) .. '"}')
  end,
  reset = function(con)
    begin_stream(con)
    while not went do go:wait() end -- until the client has read so far; then closed with its body unread
  end,
  stall = begin_stream,
  whole = function(con)
    answer(con, "200 OK", "Content-Type: application/json\r\nConnection: close\r\n",
      '{"id":"r1","object":"response","status":"completed","model":"grok-4.6","output":[],"usage":{"input_tokens":10,'
      .. '"input_tokens_details":{"cached_tokens":0},"output_tokens":5,"total_tokens":15,"cost_in_usd_ticks":500000}}')
  end,
  cut = function(con)
    con:write "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{\"id\":\"r1\"}"
    con:flush()
  end,
  go = function(con)
    went = true
    go:signal()
    answer(con, "200 OK", "Content-Type: application/json\r\n", "true")
  end,
  seen = function(con, head)
    local count = seen[head:match "^%S+ /seen/([^ ?]+)"] or 0
    answer(con, "200 OK", "Content-Type: application/json\r\n", tostring(count))
  end,
  quit = function() os.exit(true, true) end,
}

local function read_head(con)
  local lines = {}
  for line in con:lines "*L" do
    lines[#lines + 1] = line
    if line == "\r\n" then return table.concat(lines) end
  end
end

local function serve(con)
  con:setmode("b", "bf")
  con:onerror(function(_, _, why) return why end)
  local head = read_head(con)
  if not head then return con:close() end
  local case = head:match "^CONNECT" and "connect" or head:match "^%S+ /(%w+)"
  seen[case] = (seen[case] or 0) + 1
  if case == "connect" then
    answer(con, "407 Who are you?", "Content-Type: text/html\r\n", "<html>log in</html>")
  elseif play[case] then
    local size = tonumber(head:match "Content%-Length: (%d+)") or 0
    if case ~= "reset" and size > 0 then con:read(size) end -- all of it: closed with some unread, it would be a reset
    play[case](con, head)
  end
  if case == "stall" then con:read(1) end -- nil when the client goes
  if case == "stall" then seen.left = (seen.left or 0) + 1 end
  con:close()
end

local function identity()
  local key, cert, who = pkey.new { type = "EC", curve = "prime256v1" }, x509.new(), name.new()
  who:add("CN", "hostile")
  cert:setVersion(3)
  cert:setSubject(who)
  cert:setIssuer(who)
  cert:setSubjectAlt(altname.new():add("IP", "127.0.0.1")) -- so that its issuer is all that is wrong with it
  cert:setLifetime(os.time() - 3600, os.time() + 3600)
  cert:setPublicKey(key)
  cert:sign(key)
  local ctx = context.new("TLS", true)
  ctx:setPrivateKey(key)
  ctx:setCertificate(cert)
  return ctx
end

local function listen(serve_one)
  local listener = assert(socket.listen("127.0.0.1", 0))
  assert(listener:listen())
  local _, _, port = listener:localname()
  if serve_one then
    loop:wrap(function()
      for con in listener:clients() do loop:wrap(serve_one, con) end
    end)
  else
    listener:close()
  end
  return port
end

local ctx = identity()
local function serve_tls(con)
  con:onerror(function(_, _, why) return why end)
  if con:starttls(ctx, 5) then serve(con) else con:close() end
end

print(listen(serve), listen(serve_tls), listen())
io.stdout:flush()
loop:loop(60)
