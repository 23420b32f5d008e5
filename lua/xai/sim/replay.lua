--- Plays recordings: the payloads of a stream byte for byte, in the framing of the endpoint they came from.
-- SPDX-License-Identifier: MIT
local json = require "xai.sim.json"

local function read(path)
  local file, err = io.open(path, "rb")
  if not file then return nil, err end
  local text
  text, err = file:read "*a"   -- a directory can be opened, and fails here
  file:close()
  return text, err and path .. ": " .. err
end

local function usage_in(object)
  if not json.is_object(object) then return nil end
  local holder = json.field(object, "response") or object
  return json.is_object(holder) and json.field(holder, "usage") or nil
end

--- @return table? event
--- @return string? err
local function event_of(line, path, number)
  local event, complaint = json.read(line)
  if json.is_object(event) then return event end
  return nil, ("%s:%d: %s"):format(path, number,
    complaint and complaint:gsub("line %d+ ", "") or "an event must be a JSON object")
end

local function stream_of(text, path)
  local steps, last, typed, number = {}, nil, false, 0
  for line in (text .. "\n"):gmatch "(.-)\r?\n" do
    number = number + 1
    if line:find "%S" then
      local event, err = event_of(line, path, number)
      if not event then return nil, err end
      local kind = type(event.type) == "string" and event.type or nil
      typed = typed or kind ~= nil
      local name = kind and "event: " .. kind .. "\n" or ""
      steps[#steps + 1] = { wait = 0, bytes = name .. "data: " .. line .. "\n\n" }
      last = event
    end
  end
  if not last then return nil, path .. ": holds no event" end
  if not typed then steps[#steps + 1] = { wait = 0, bytes = "data: [DONE]\n\n" } end
  return { streaming = true, content_type = "text/event-stream", steps = steps, usage = usage_in(last) }
end

local function whole_of(text, path)
  local value, complaint = json.read(text)
  if value == nil then
    return nil, ("%s:%s: %s"):format(path, complaint:match "line (%d+)", (complaint:gsub("line %d+ ", "")))
  end
  return { streaming = false, content_type = "application/json", steps = { { wait = 0, bytes = text } },
    usage = usage_in(value) }
end

--- Reads all of it at once, so that what is wrong with a recording is known before anybody asks.
--- @param paths string|string[]  .jsonl for streams, .json for whole answers; the last one repeats
--- @return table? recordings
--- @return string? err  names the file, and the line where there is one
local function open(paths)
  if type(paths) == "string" then paths = { paths } end
  local out = {}
  for i, path in ipairs(paths) do
    local text, err = read(path)
    if text then out[i], err = (path:match "%.jsonl$" and stream_of or whole_of)(text, path) end
    if not out[i] then return nil, "cannot read the recording " .. err end
  end
  if #out == 0 then return nil, "no recording to replay" end
  return out
end

--- The exchange for the n-th request.
local function play(recordings, n, latency)
  local from = recordings[math.min(n, #recordings)]
  local steps = {}
  for i, step in ipairs(from.steps) do steps[i] = { wait = latency, bytes = step.bytes } end
  return { status = 200, streaming = from.streaming, content_type = from.content_type, steps = steps,
    usage = from.usage, failure = function(_, wish)
      return "data: " .. json.encode(json.object("code", wish.code or "The service is currently unavailable",
        "error", wish.message or "Service temporarily unavailable.")) .. "\n\n"
    end }
end

return { open = open, play = play }
