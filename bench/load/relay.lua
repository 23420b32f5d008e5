--- What nginx runs for each stream that bench/load/readers.c asks for.
-- SPDX-License-Identifier: MIT
local xai = require "xai"

local relay = {}
local grok

--- Ours, with one client for all.
function relay.xai(api)
  grok = grok or assert(xai.new { api_key = "xai-benchmark", base_url = api })
  xai.ngx.relay { client = grok }
end

--- What any relay in Lua does at least: bytes are read, and written as they came. It neither takes the chunks of HTTP
--- apart nor looks at a byte, and does not notice whether the stream was whole.
function relay.bare(api)
  local port, path = api:match "^http://127%.0%.0%.1:(%d+)(/.*)$"
  ngx.req.read_body()
  local body, socket = ngx.req.get_body_data(), ngx.socket.tcp()
  assert(socket:connect("127.0.0.1", tonumber(port)))
  socket:settimeouts(10000, 3600000, 3600000)
  assert(socket:send { "POST ", path, "/responses HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer xai-benchmark\r\n",
    "Content-Type: application/json\r\nContent-Length: ", #body, "\r\n\r\n", body })
  repeat until assert(socket:receive "*l") == "" -- the head
  ngx.header.content_type = "text/event-stream"
  for bytes in function() return (socket:receiveany(65536)) end do
    if not (ngx.print(bytes) and ngx.flush(true)) then break end
  end
  socket:close()
end

return relay
