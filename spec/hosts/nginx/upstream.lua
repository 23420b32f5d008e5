--- An API for the tests of nginx: streams as many events as it is asked for, at that pace, and counts.
-- SPDX-License-Identifier: MIT
--
-- The header x-test says how: "events=100 pace=0.05 size=10 silent=1" (pace in seconds, size in bytes of text).
local core = require "xai.core"

local dict = ngx.shared.tests

local function sse(event)
  return "event: " .. event.type .. "\ndata: " .. core.encode(event) .. "\n\n"
end

local function response(status, output, usage)
  return { id = "resp_1", object = "response", model = "grok-4.6", status = status, output = core.array(output or {}),
    usage = usage or core.null }
end

local function item(status, text)
  local content = text and { { type = "output_text", text = text } } or {}
  return { type = "message", id = "m1", role = "assistant", status = status, content = core.array(content) }
end

local function send(text)
  if not ngx.print(text) or not ngx.flush(true) then return false end
  dict:incr("sent", #text, 0)
  return true
end

local function wish(name, default)
  return tonumber((ngx.var.http_x_test or ""):match(name .. "=([%d.]+)")) or default
end

local function begin()
  return send(sse { type = "response.created", response = response "in_progress" }
    .. sse { type = "response.output_item.added", output_index = 0, item = item "in_progress" }
    .. sse { type = "response.content_part.added", output_index = 0, content_index = 0,
      part = { type = "output_text", text = "" } })
end

local function stream(events, pace, piece)
  ngx.header.content_type = "text/event-stream"
  if not begin() then return end
  local delta = sse { type = "response.output_text.delta", output_index = 0, content_index = 0, delta = piece }
  for _ = 1, events do
    if pace > 0 then ngx.sleep(pace) end
    if not send(delta) then return end
  end
  local whole = response("completed", { item("completed", piece:rep(events)) },
    { input_tokens = 10, output_tokens = events, total_tokens = 10 + events })
  send(sse { type = "response.completed", response = whole })
end

local function chunk(choices, usage)
  return "data: " .. core.encode { id = "chat_1", object = "chat.completion.chunk", created = 1, model = "grok-4.6",
    choices = core.array(choices), usage = usage } .. "\n\n"
end

-- The same in the words of chat completions.
local function chat(events, pace, piece)
  ngx.header.content_type = "text/event-stream"
  for i = 1, events do
    if pace > 0 then ngx.sleep(pace) end
    local delta = { role = i == 1 and "assistant" or nil, content = piece }
    if not send(chunk { { index = 0, delta = delta } }) then return end
  end
  send(chunk({ { index = 0, delta = {}, finish_reason = "stop" } },
    { prompt_tokens = 10, completion_tokens = events, total_tokens = 10 + events }) .. "data: [DONE]\n\n")
end

local function answer()
  dict:incr("requests", 1, 0)
  dict:incr("now", 1, 0)
  if ngx.var.connection_requests == "1" then dict:incr("connections", 1, 0) end
  ngx.on_abort(function()
    dict:incr("aborted", 1, 0)
    dict:incr("now", -1)
    ngx.exit(499)
  end)
  ngx.req.read_body()
  if wish("silent", 0) == 1 then ngx.sleep(600) end
  local give = ngx.var.uri:find "/chat/completions$" and chat or stream
  give(wish("events", 3), wish("pace", 0), ("x"):rep(wish("size", 4)))
  dict:incr("now", -1)
end

return { answer = answer }
