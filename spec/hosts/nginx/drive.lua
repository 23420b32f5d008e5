--- Drives nginx from outside, as browsers do: runs its tests, plays clients that leave, measures under load.
-- SPDX-License-Identifier: MIT
--
-- drive.lua test SOCKET     every test; the last line says how many passed
-- drive.lua streams SOCKET N SECONDS EVENTS_A_SECOND   keeps N streams open that long, and reads them
-- drive.lua time SOCKET OTHER N   N requests for a trivial location of each: the two 99th percentiles, in microseconds
local cqueues = require "cqueues"
local sockets = require "cqueues.socket"

local mode, path = arg[1], arg[2]

local function connect(to)
  local socket = assert(sockets.connect { path = to or path })
  socket:setmode("bn", "bn")
  socket:settimeout(20)
  socket:onerror(function(_, _, code) return code end)
  return socket
end

local function send(socket, target, body, close)
  target = target:gsub(" ", "%%20")
  local head = ("%s %s HTTP/1.1\r\nHost: test\r\n%s"):format(body and "POST" or "GET", target,
    close and "Connection: close\r\n" or "")
  if body then head = head .. "Content-Length: " .. #body .. "\r\n" end
  socket:write(head .. "\r\n" .. (body or ""))
  socket:flush()
end

local function read_head(socket)
  local line = socket:read "*L" or ""
  local status, headers = tonumber(line:match "^HTTP/1.1 (%d+)"), {}
  for field in function() return socket:read "*L" end do
    if field == "\r\n" then break end
    local name, value = field:match "^([^:]+):%s*(.-)\r\n$"
    headers[name:lower()] = value
  end
  return status, headers
end

-- The pieces of a body as nginx flushed them, nil at its end; the rest is the length that was announced.
local function next_chunk(socket, headers)
  if headers["content-length"] then
    local text = socket:read(tonumber(headers["content-length"]))
    headers["content-length"] = nil
    headers.over = true
    return text
  end
  if headers.over then return nil end
  local size = tonumber(socket:read "*L" or "0", 16)
  local text = size and size > 0 and socket:read(size) or nil
  socket:read "*L"
  return text
end

local function get(target, body)
  local socket = connect()
  send(socket, target, body, true)
  local status, headers = read_head(socket)
  local parts = {}
  for chunk in function() return next_chunk(socket, headers) end do parts[#parts + 1] = chunk end
  socket:close()
  return table.concat(parts), status, headers
end

local function line_of(target) return (get(target):gsub("%s+$", "")) end

local function eventually(seconds, check)
  local from = cqueues.monotime()
  repeat
    local value = check()
    if value then return cqueues.monotime() - from, value end
    cqueues.sleep(0.02)
  until cqueues.monotime() - from > seconds
  error("not so after " .. seconds .. " s", 2)
end

local function report()
  local text = line_of "/test/report"
  return text ~= "none" and text or nil
end

-- ------------------------------------------------------------------ tests from outside

local tests = {}

tests["answers in an access handler"] = function() assert(get "/access" == "ok\n") end

tests["relays a stream event by event, at the pace it comes"] = function()
  get "/test/forget"
  local socket, from = connect(), cqueues.monotime()
  send(socket, "/test/relay?how=events=5 pace=0.1")
  local status, headers = read_head(socket)
  assert(status == 200 and headers["content-type"] == "text/event-stream", status)
  assert(headers["cache-control"] == "no-store")
  local deltas, first, last = 0, nil, nil
  for chunk in function() return next_chunk(socket, headers) end do
    assert(chunk:find "^event: [%w_.]+\ndata: .-\n\n$", chunk)
    if chunk:find("response.output_text.delta", 1, true) then
      deltas, first, last = deltas + 1, first or cqueues.monotime(), cqueues.monotime()
    end
  end
  assert(deltas == 5, deltas)
  assert(first - from < 0.35 and last - first > 0.3, "the events did not come one by one")
  assert(report() == "complete false 9 5", report())
end

tests["relays chat completions as the API writes them, to their last line"] = function()
  get "/test/forget"
  local text = get "/test/relay?api=chat&how=events=5"
  local count = 0
  for line in text:gmatch "([^\n]*)\n\n" do
    count = count + 1
    assert(count <= 6 and line:find '^data: {.*"chat.completion.chunk"' or line == "data: [DONE]", line)
  end
  assert(count == 7 and text:find "data: %[DONE%]\n\n$", text)
  assert(report() == "complete false 6 5", report())
end

tests["a chat stream that breaks off ends with an error and no [DONE]"] = function()
  local text, status = get("/test/ask?api=chat&fault=cut=600", '{"question":"x"}')
  assert(status == 200 and not text:find("[DONE]", 1, true), text)
  assert(text:find('data: {"error":{"kind":"truncated","message":"the answer broke off"}}\n\n', 1, true), text)
  local body, code, headers = get("/test/ask?api=chat&fault=status=429,retry_after=200", '{"question":"x"}')
  assert(code == 429 and headers["retry-after"] == "200" and body:find '"rate"', code .. body)
end

tests["a browser that leaves ends the call within a second, and it is accounted for"] = function()
  get "/test/forget"
  local socket = connect()
  send(socket, "/gone/relay?how=events=1000 pace=0.05")
  local _, headers = read_head(socket)
  for _ = 1, 5 do assert(next_chunk(socket, headers)) end
  local aborted = tonumber(line_of "/test/count?name=aborted")
  socket:close()
  local seconds = eventually(3, function() return tonumber(line_of "/test/count?name=aborted") > aborted end)
  assert(seconds < 1, seconds)
  local _, said = eventually(1, report)
  assert(said:find "^cancelled true %d+ nil$", said)
  assert(line_of "/test/nothing is in flight" == "ok")
end

tests["... also where nginx does not look after clients: with the next event"] = function()
  get "/test/forget"
  local socket = connect()
  send(socket, "/test/relay?how=events=1000 pace=0.05")
  local _, headers = read_head(socket)
  for _ = 1, 5 do assert(next_chunk(socket, headers)) end
  socket:close()
  local seconds, said = eventually(3, report)
  assert(seconds < 1, seconds)
  assert(said:find "^cancelled true %d+ nil$", said)
  assert(line_of "/test/nothing is in flight" == "ok")
end

tests["... and in a handler that knows nothing of it, whose request nginx ends"] = function()
  get "/test/forget"
  local socket = connect()
  send(socket, "/gone/plain")
  local _, headers = read_head(socket)
  for _ = 1, 5 do assert(next_chunk(socket, headers)) end
  local aborted = tonumber(line_of "/test/count?name=aborted")
  socket:close()
  assert(eventually(3, function() return tonumber(line_of "/test/count?name=aborted") > aborted end) < 1)
  local seconds, said = eventually(1, report)
  assert(seconds < 1 and said == "cancelled /responses grok-4.6", said)
  assert(line_of "/test/nothing is in flight" == "ok")
  socket = connect()
  send(socket, "/gone/silent")
  eventually(1, function() return line_of "/test/count?name=now" == "1" end)
  socket:close()
  assert(line_of "/test/nothing is in flight" == "ok")
end

tests["a stream dropped in mid-air does not hold the request"] = function()
  local from = cqueues.monotime()
  assert(line_of "/test/a stream dropped in mid-air does not hold the request" == "ok")
  assert(cqueues.monotime() - from < 3, cqueues.monotime() - from)
  assert(line_of "/test/nothing is in flight" == "ok")
end

tests["a relay says no as HTTP does, before the stream begins"] = function()
  local body, status, headers = get("/test/ask?fault=status=429,retry_after=200", '{"question":"x"}')
  assert(status == 429 and headers["retry-after"] == "200" and body:find '"rate"', status .. body)
  body, status = get("/test/ask?fault=status=401", '{"question":"x"}')
  assert(status == 502 and not body:lower():find "key", status .. body)
  body, status = get("/test/ask", '{"other":"x"}')
  assert(status == 400 and body:find "there is no question", status .. body)
  body, status = get("/test/ask", "[1]")
  assert(status == 400 and body:find "no JSON object", status .. body)
  body, status = get("/test/ask", '{"question":"x"}')
  assert(status == 200 and body:find "event: response.completed", status .. body)
  body, status = get("/test/ask?fault=cut=3000", '{"question":"x"}')
  assert(status == 200 and body:find 'event: error\ndata: {"kind":"truncated",[^\n]+}\n\n$', status .. body:sub(-300))
end

-- Many at once, so that every worker has some.
local function crowd(count, target)
  local answers, queue = {}, cqueues.new()
  for i = 1, count do queue:wrap(function() answers[i] = get(target) end) end
  assert(queue:loop(30))
  local yes, most = 0, 0
  for i = 1, count do
    local now = answers[i]:match "^yes (%d+)"
    if now then yes, most = yes + 1, math.max(most, tonumber(now)) else assert(answers[i] == "no\n", answers[i]) end
  end
  return yes, most
end

tests["F76 a rate holds for all workers together"] = function()
  assert(crowd(60, "/test/limited?name=rate&requests=17") == 17)
end

tests["places at once hold for all workers together, and are given back"] = function()
  local yes, most = crowd(40, "/test/limited?name=places&concurrent=4&patience=15")
  assert(yes == 40 and most <= 4, yes .. " " .. most)
end

-- ------------------------------------------------------------------ modes

local function run_tests()
  local passed, failed = 0, 0
  local function run(name, fn)
    local ok, why = pcall(fn)
    if ok then passed = passed + 1 else failed = failed + 1 end
    if not ok then print("FAILED  " .. name .. "\n        " .. tostring(why)) end
  end
  get "/test/calm"
  for name in get("/test/list"):gmatch "[^\n]+" do
    run(name, function()
      local answer = line_of("/test/" .. name)
      assert(answer == "ok", answer)
    end)
  end
  local names = {}
  for name in pairs(tests) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do run(name, tests[name]) end
  print(line_of "/test/state" .. (" passed=%d failed=%d"):format(passed, failed))
end

-- Each stream is asked for again when it ends; what was read is printed at the end.
local function read_streams(count, seconds, rate)
  local queue, stop, events = cqueues.new(), cqueues.monotime() + seconds, 0
  for i = 1, count do
    queue:wrap(function()
      cqueues.sleep(i / count) -- spread over a second, as people do who do not know each other
      local socket = connect()
      send(socket, ("/test/relay?how=events=%d pace=%.4f"):format(seconds * rate + 100, 1 / rate))
      local _, headers = read_head(socket)
      while cqueues.monotime() < stop and next_chunk(socket, headers) do events = events + 1 end
      socket:close()
    end)
  end
  assert(queue:loop(seconds + 30))
  print(("%d events"):format(events))
end

local function time_one(socket)
  local from = cqueues.monotime()
  send(socket, "/trivial")
  local _, headers = read_head(socket)
  assert(next_chunk(socket, headers) == "ok\n")
  return cqueues.monotime() - from
end

-- Two by turns, so that whatever else the machine does hits both.
local function time_trivial(other, count)
  local here, there, ours, others = connect(path), connect(other), {}, {}
  for i = 1, count + 100 do
    local first, second = time_one(here), time_one(there)
    if i > 100 then ours[#ours + 1], others[#others + 1] = first, second end
    cqueues.sleep(0.002) -- spread over the time that is measured, not one burst
  end
  table.sort(ours)
  table.sort(others)
  local rank = math.ceil(count * 0.99)
  print(("%d %d"):format(ours[rank] * 1e6, others[rank] * 1e6))
end

local queue = cqueues.new()
queue:wrap(function()
  if mode == "test" then run_tests()
  elseif mode == "streams" then read_streams(tonumber(arg[3]), tonumber(arg[4]), tonumber(arg[5]))
  else time_trivial(arg[3], tonumber(arg[4])) end
end)
assert(queue:loop())
