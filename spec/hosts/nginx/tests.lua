--- What is tested inside of nginx. Each test runs in a request of its own and answers "ok" or what was wrong.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local xai = require "xai"

local SIM, PORT, TLS_PORT, BAD_PORT = _G.SIM, _G.PORT, _G.TLS_PORT, _G.BAD_PORT -- from init_by_lua
local dict = ngx.shared.tests
local clients = {} -- by base URL, shared by all requests of the worker

local function client(base_url, options)
  options = options or {}
  options.base_url = base_url
  options.api_key = "xai-test-0000"
  return assert(xai.new(options))
end

local function shared(base_url)
  clients[base_url] = clients[base_url] or client(base_url)
  return clients[base_url]
end

local function sim() return shared(SIM) end
local function upstream() return shared("http://127.0.0.1:" .. PORT .. "/v1") end
local function fault(words) return { headers = { ["x-sim-fault"] = words } } end
local function pace(words) return { headers = { ["x-test"] = words } } end

local function equal(want, got, what)
  if want ~= got then error(("%s is %s, not %s"):format(what or "it", tostring(got), tostring(want)), 2) end
end

local function count(name) return dict:get(name) or 0 end

-- Until it holds, at most that long; how long it took.
local function eventually(seconds, check)
  local from = core.now()
  while not check() do
    if core.now() - from > seconds then error("not so after " .. seconds .. " s", 2) end
    ngx.sleep(0.005)
  end
  return core.now() - from
end

local function at_rest(grok)
  eventually(2, function() return grok:pending() == 0 end)
end

local function text_of(stream)
  local parts = {}
  for event in stream:events() do
    if event.type == "text" then parts[#parts + 1] = event.text end
  end
  return table.concat(parts)
end

-- ------------------------------------------------------------------ the worker's longest stall

local longest = 0

local function watch_stalls()
  local time = require("meter").open() -- in the worker: its own thread's
  math.randomseed(ngx.worker.pid())
  ngx.timer.at(0, function(premature)
    while not premature and not ngx.worker.exiting() do
      local from = time()
      ngx.sleep(0.005)
      longest = math.max(longest, time() - from - 0.005)
    end
  end)
end

local function worker_state()
  local status = assert(io.open "/proc/self/status")
  local memory = status:read("*a"):match "VmHWM:%s*(%d+)"
  status:close()
  return ("stall=%.1f memory=%d"):format(longest * 1000, memory)
end

-- ------------------------------------------------------------------ the tests, each a sentence

local tests = {}

tests["answers, streams and extracts in a content handler"] = function()
  local answer = assert(sim():respond "Why do tides lag the Moon?")
  assert(#answer:text() > 0 and answer:cost() > 0)
  local stream = assert(sim():stream "A story")
  equal(text_of(stream), assert(stream:result()):text(), "the text")
  local ticket = assert(sim():extract { input = "x", schema = { type = "object", additionalProperties = false,
    required = { "n" }, properties = { n = { type = "integer" } } } })
  equal("number", type(ticket.n))
end

tests["has no libcurl in its workers, for nginx's own sockets move the bytes"] = function()
  assert(sim():respond "Why do tides lag the Moon?")
  for line in io.lines "/proc/self/maps" do assert(not line:find "libcurl", line) end
  assert(package.loaded["xai.extract"] and package.loaded["xai.conversation"], "a part that a request would wait for")
end

tests["answers in a timer"] = function()
  local text
  assert(ngx.timer.at(0, function() text = assert(sim():respond "x"):text() end))
  eventually(5, function() return text end)
end

tests["runs a request's calls at the same time"] = function()
  local from, texts = core.now(), {}
  xai.run(function()
    for i = 1, 10 do xai.spawn(function() texts[i] = assert(sim():respond("x", fault "delay=0.3")):text() end) end
  end)
  equal(10, #texts, "answers")
  assert(core.now() - from < 1.5, "one after another")
end

tests["raises in the run what a task raised that nobody waited for"] = function()
  local ok, why = pcall(xai.run, function()
    xai.spawn(function() error "broken" end)
  end)
  assert(not ok and tostring(why):find "broken", tostring(why))
  ok, why = pcall(xai.run, function()
    local task = xai.spawn(function() xai.sleep(60) end)
    xai.spawn(function() xai.sleep(60) end)
    error("early " .. tostring(task.done))
  end)
  assert(not ok and tostring(why):find "early false", tostring(why))
end

tests["ten streams at once, with a cut, a 429 and a cancellation"] = function()
  local _, failed = require("scenario").run(sim())
  equal("", table.concat(failed, "\n"), "what failed")
  at_rest(sim())
end

tests["F49 a reset before the first event is not repeated"] = function()
  local _, err = sim():respond("x", fault "drop")
  equal("unknown", err.attempts[1].outcome)
  equal(1, #err.attempts, "attempts")
end

tests["F01 F06 F08 says what kept it from connecting"] = function()
  local function ended(url)
    local _, err = client(url, { max_attempts = 1 }):respond "x"
    return err.attempts[1].phase .. " " .. err.attempts[1].outcome .. " " .. err.code
  end
  equal("resolve not_sent resolve", ended "http://nowhere.invalid/v1")
  equal("connect not_sent connect", ended "http://127.0.0.1:1/v1")
  for _ = 1, 20 do equal("handshake not_sent tls", ended("https://127.0.0.1:" .. BAD_PORT .. "/v1")) end
  equal(0, count "leaked", "requests to a server that is not who it says")
end

tests["trusts a certificate that verifies"] = function()
  local grok = client("https://127.0.0.1:" .. TLS_PORT .. "/v1")
  local before = count "connections"
  for _ = 1, 3 do
    assert(grok:respond "x")
    ngx.sleep(0.01)
  end
  equal(before + 1, count "connections", "connections")
end

tests["F41 ends a stream that falls silent"] = function()
  local from = core.now()
  local _, err = sim():respond("x", { limits = { first_event = 0.3, connect = 0.1, handshake = 0.1 },
    headers = { ["x-sim-fault"] = "stall=0" }, max_attempts = 1 })
  equal("timeout", err.kind)
  assert(core.now() - from < 2)
  at_rest(sim())
end

tests["keeps its connections"] = function()
  assert(upstream():respond "warm")
  local before = count "connections"
  for _ = 1, 20 do
    ngx.sleep(0.01) -- an answer that comes as a stream is over before its connection is
    assert(upstream():respond "x")
  end
  equal(before, count "connections", "connections")
end

tests["a stream dropped in mid-air does not hold the request"] = function()
  local stream = assert(upstream():stream("x", pace "events=1000 pace=0.05"))
  stream:events()()
  -- The driver holds the time of this answer against a bound, and that nothing is in flight after it.
end

tests["nothing is in flight"] = function()
  at_rest(upstream())
  eventually(2, function() return count "now" == 0 end)
end

tests["a reader who is slow slows the server"] = function()
  local before = count "sent"
  local stream = assert(upstream():stream("x", pace "events=30000 size=1000"))
  stream:events()()
  xai.sleep(0.5)
  local taken = count "sent" - before
  stream:cancel()
  assert(taken < 12e6, taken .. " bytes were taken for a reader that took one event")
  at_rest(upstream())
end

tests["simulates without a network"] = function()
  local grok = assert(xai.new { simulate = true })
  assert(#assert(grok:respond "x"):text() > 0)
  local stream = assert(grok:stream "y")
  equal(text_of(stream), assert(stream:result()):text())
end

tests["a call cannot be made where nothing can wait"] = function()
  local ok, why = pcall(xai.ngx.limit.new, { dict = "none" })
  assert(not ok and tostring(why):find "lua_shared_dict", tostring(why))
  ok, why = pcall(client, SIM, { ca_file = "/x.pem" })
  assert(not ok and tostring(why):find "host's business", tostring(why))
end

-- ------------------------------------------------------------------ what the driver plays with

local scenes = {}

-- A relay; the report is for the driver.
function scenes.relay()
  xai.ngx.relay { client = upstream(), api = ngx.var.arg_api, body = "x", options = pace(ngx.var.arg_how or "events=5"),
    on_end = function(report)
      dict:set("report", ("%s %s %d %s"):format(report.outcome, tostring(report.client_gone), report.events,
        tostring(report.usage and (report.usage.output_tokens or report.usage.completion_tokens))))
    end }
end

function scenes.ask()
  local api = ngx.var.arg_api
  xai.ngx.relay { client = sim(), api = api, options = fault(ngx.var.arg_fault), prepare = function(body)
    if type(body.question) ~= "string" then return nil, "there is no question" end
    if api == "chat" then return { messages = { { role = "user", content = body.question } } } end
    return { input = body.question }
  end }
end

-- As a handler that knows nothing of clients who go; its client has a ledger.
local booking

function scenes.plain()
  booking = booking or client("http://127.0.0.1:" .. PORT .. "/v1", { on_end = function(report)
    dict:set("report", ("%s %s %s"):format(report.outcome, report.path, report.model))
  end })
  local stream = assert(booking:stream("x", pace "events=1000 pace=0.05"))
  for event in stream:events() do
    ngx.print(event.type, "\n")
    ngx.flush(true)
  end
end

function scenes.silent()
  dict:set("report", tostring(select(2, upstream():respond("x", pace "silent=1"))))
end

function scenes.limited()
  local limit = xai.ngx.limit.new { dict = "tests", name = ngx.var.arg_name, requests = tonumber(ngx.var.arg_requests),
    per = 3600, concurrent = tonumber(ngx.var.arg_concurrent) }
  local lease, err = limit:enter(nil, tonumber(ngx.var.arg_patience))
  if not lease then
    equal("rate", err.kind)
    assert(err.retry_after > 0)
    return ngx.say "no"
  end
  local now = dict:incr("limited now", 1, 0)
  ngx.sleep(0.05)
  dict:incr("limited now", -1)
  lease:leave()
  ngx.say("yes ", now)
end

function scenes.count() ngx.say(count(ngx.var.arg_name)) end
function scenes.report() ngx.say(dict:get "report" or "none") end
function scenes.forget() dict:delete "report" end
function scenes.state() ngx.say(worker_state()) end
function scenes.calm() longest = 0 end

function scenes.list()
  local names = {}
  for name in pairs(tests) do names[#names + 1] = name end
  table.sort(names)
  ngx.say(table.concat(names, "\n"))
end

local function serve(name)
  if scenes[name] then return scenes[name]() end
  local ok, why = xpcall(tests[name], debug.traceback)
  ngx.say(ok and "ok" or why)
end

local function in_access()
  local answer = assert(sim():respond "May they come in?")
  ngx.say(#answer:text() > 0 and "ok" or "no text")
  ngx.exit(200)
end

return { serve = serve, in_access = in_access, watch_stalls = watch_stalls }
