--- A web server on lua-http that passes Grok's answers on, word by word: many at once, in one thread.
-- SPDX-License-Identifier: MIT
--
--   luajit examples/cqueues/server.lua [PORT]    says where it listens; curl -N "$url" -d "Why do tides lag the Moon?"
local http_headers = require "http.headers"
local http_server = require "http.server"
local xai = require "xai"
require("xai.cqueues").attach()

local LONGEST = 10000 -- bytes of a question

local grok = assert(xai.new())

local function begin(stream, status)
  local headers = http_headers.new()
  headers:append(":status", status)
  headers:append("content-type", "text/plain; charset=utf-8")
  return stream:write_headers(headers, false)
end

local function refuse(stream, status, why)
  return begin(stream, status) and stream:write_chunk(why .. "\n", true)
end

-- Who has gone is no reason to go on: leaving the loop by a return drops the stream, and that cancels the call.
local function pass_on(stream, answer)
  if not begin(stream, "200") then return answer:cancel() end
  for text in answer:deltas() do
    if not stream:write_chunk(text, false) then return answer:cancel() end
  end
  local _, err = answer:result()
  stream:write_chunk(err and "\n(" .. tostring(err) .. ")\n" or "\n", true)
end

local function serve(_, stream)
  stream:get_headers()
  local question = stream:get_body_chars(LONGEST, 10)
  if not question or question == "" then return refuse(stream, "400", "POST a question") end
  local answer, err = grok:stream(question)
  if not answer then return refuse(stream, "502", tostring(err)) end
  pass_on(stream, answer)
end

local server = assert(http_server.listen { host = "127.0.0.1", port = tonumber(arg[1] or 0), onstream = serve })
assert(server:listen())
print(("http://127.0.0.1:%d/%s"):format(select(3, server:localname()), grok.simulated and " (simulated)" or ""))
io.stdout:flush()
assert(server:loop())
