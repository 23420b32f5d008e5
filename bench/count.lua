--- The hot paths in Lua, so many times and nothing else: `make callgrind` counts what one of them executes.
-- SPDX-License-Identifier: MIT
--
--   lua count.lua WHAT TIMES   deltas, events, tables: 64 of a stream, from chunk to text, to event, to the API's own
--                              event decoded; requests: a whole answer each; decode, encode: that answer; check:
--                              bench/data's ticket, from its text
local xai = require "xai"

local what, times = arg[1], assert(tonumber(arg[2]))
local DELTAS, MOST = 64, 120

-- No two alike, for Lua makes one string of equal ones; and the number at the end once more, for LuaJIT finds a text by
-- its first and last bytes and a few between: by what else is there it would be chance how many texts it compares.
local DELTA = "event: response.output_text.delta\n" ..
  'data: {"sequence_number":%d,"type":"response.output_text.delta","item_id":' ..
  '"msg_769f3302-64f9-4c72-2b48-860c87fd9b2a","output_index":0,"content_index":0,"delta":" cuisine",' ..
  '"logprobs":[],"again":%d}\n\n'

local message = '{"id":"msg_769f3302-64f9-4c72-2b48-860c87fd9b2a","type":"message","role":"assistant",' ..
  '"status":"completed","content":[{"type":"output_text","text":"Tides lag the Moon.","annotations":[],"logprobs":[]}]}'
local answer = '{"id":"resp_0d9b6a5e","object":"response","created_at":1790002000,"status":"completed",' ..
  '"model":"grok-4.6","output":[' .. message .. '],"parallel_tool_calls":true,"tool_choice":"auto","tools":[],' ..
  '"text":{"format":{"type":"text"}},"store":false,"error":null,"incomplete_details":null,"temperature":null,' ..
  '"top_p":null,"usage":{"input_tokens":12,"input_tokens_details":{"cached_tokens":0},"output_tokens":9,' ..
  '"output_tokens_details":{"reasoning_tokens":0},"total_tokens":21}}'
local final = 'event: response.completed\ndata: {"type":"response.completed","sequence_number":9003,"response":' ..
  answer .. "}\n\n"

local client_on = dofile "bench/wire.lua"
local BODY = { model = "grok-4.6", input = "Tides?" }
local run = {}

-- `read` takes the stream to its end and returns how many deltas it was.
local function all_deltas(read)
  local pieces, number = {}, 0
  for i = 1, MOST do -- always as many: making them is no part of what is counted
    local block = {}
    for j = 1, DELTAS do
      number = number + 1
      block[j] = DELTA:format(number, number)
    end
    pieces[i] = i <= times and table.concat(block) or nil
  end
  pieces[times + 1] = final
  local stream = client_on("text/event-stream", pieces):stream(BODY)
  local seen = read(stream)
  assert(stream:result())
  assert(seen == times * DELTAS, "deltas are missing, or more than MOST were asked for")
end

local function all_events(each)
  all_deltas(function(stream)
    local seen = 0
    for event in stream:events() do seen = seen + each(event) end
    return seen
  end)
end

function run.deltas()
  all_deltas(function(stream)
    local seen = 0
    for text in stream:deltas() do seen = seen + (#text > 0 and 1 or 0) end
    return seen
  end)
end

function run.events()
  all_events(function(event) return event.type == "text" and #event.text > 0 and 1 or 0 end)
end

function run.tables()
  all_events(function(event) return event.type == "text" and event.data.sequence_number and 1 or 0 end)
end

function run.requests()
  local grok = client_on("application/json", { answer })
  for _ = 1, times do assert(grok:respond(BODY):text() == "Tides lag the Moon.") end
end

function run.decode()
  for _ = 1, times do assert(xai.json.decode(answer)) end
end

function run.encode()
  local value = xai.json.decode(answer)
  for _ = 1, times do assert(xai.json.encode(value)) end
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

function run.check()
  local schema = assert(xai.schema.compile(read "bench/data/ticket.schema.json", { format = "assert" }))
  local text = read "bench/data/ticket.json"
  for _ = 1, times do assert(schema:check_text(text)) end
end

run[what]()
