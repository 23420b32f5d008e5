--- What `make bench` measures: each row a figure, ours first, then the bound and the peers, and the goal.
-- SPDX-License-Identifier: MIT
--
-- A row: name, unit, figure (which line of a subject's output), goal (a test of ours and the others, with its words),
-- subjects: { who, command }. $SMALL, $FLAT(n) and $RATE stand for base URLs of the load server, $SECURE
-- and $TLS(n) for those of the one with TLS; $BENCH_... is the environment's.
local function most(limit, unit)
  return { text = ("<= %g %s"):format(limit, unit), met = function(ours) return ours <= limit end }
end

local function least(limit, unit)
  return { text = (">= %g %s"):format(limit, unit), met = function(ours) return ours >= limit end }
end

-- Ours is at most / at least `factor` times that of `who`.
local function most_of(factor, who)
  return {
    text = ("<= %g x %s"):format(factor, who),
    met = function(ours, of) return of[who] and ours <= factor * of[who] end,
  }
end

local function least_of(factor, who)
  return {
    text = (">= %g x %s"):format(factor, who),
    met = function(ours, of) return of[who] and ours >= factor * of[who] end,
  }
end

local rows = {}

local function row(name, unit, figure, goal, subjects, options)
  local entry = { name = name, unit = unit, figure = figure, goal = goal, subjects = subjects }
  for key, value in pairs(options or {}) do entry[key] = value end
  rows[#rows + 1] = entry
end

local function peer(script) return "node build/peers/" .. script end

row("SSE bytes to events, C, 16 KiB chunks", "ns", "ns", most(80, "ns"), {
  { "xai", "build/bench/sse ours 16384 lf" }, { "floor (unchecked)", "build/bench/sse floor 16384 lf" },
  { "eventsource-parser", peer "sse.mjs eventsource-parser split 16384" } })
row("... with CRLF", "ns", "ns", most(80, "ns"), { { "xai", "build/bench/sse ours 16384 crlf" } })
row("... one byte a chunk", "MB/s", "mbs", least(30, "MB/s"), { { "xai", "build/bench/sse ours 1 lf" } })
row("... one byte a chunk", "ns", "ns", most_of(0.15, "eventsource-parser"), {
  { "xai", "build/bench/sse ours 1 lf" }, { "eventsource-parser", peer "sse.mjs eventsource-parser split 1" } })
row("one event of 8 MiB, 1,400-byte chunks", "ms", "ms", most(20, "ms"), {
  { "xai", "build/bench/sse large 8388608 1400" } })
row("... its peak memory", "x the event", "peak", most(2, "x"), { { "xai", "build/bench/sse large 8388608 1400" } })
row("SSE to decoded events, one at a time", "ns", "ns", nil, {
  { "eventsource-parser + JSON.parse", peer "sse.mjs eventsource-parser json 16384" },
  { "openai-node", peer "sse.mjs openai json 16384" } })
row("a delta typed, checked and folded, C (responses)", "ns", "ns", most(300, "ns"), {
  { "xai", "build/bench/fold responses" } })
row("... (chat)", "ns", "ns", nil, { { "xai", "build/bench/fold chat" } })
for _, lua in ipairs { "lua5.4", "luajit" } do
  row("a delta's text in " .. lua, "ns", "ns", most(450, "ns"), {
    { "xai", lua .. " bench/deltas.lua ours text" }, { "find + lua-cjson", lua .. " bench/deltas.lua find table" } })
  row("an event's table in " .. lua, "ns", "ns", most(900, "ns"), {
    { "xai", lua .. " bench/deltas.lua ours table" }, { "find + lua-cjson", lua .. " bench/deltas.lua find table" } })
end
row("JSON text to tree, C, 1 MB", "MB/s", "mbs", least(400, "MB/s"), { { "xai", "build/bench/json read records" } })
row("JSON event to tree, C, 200 bytes", "ns", "ns", most(200, "ns"), { { "xai", "build/bench/json read event" } })
row("JSON tree to text, C, 1 MB", "MB/s", "mbs", nil, { { "xai", "build/bench/json write records" } })
for _, lua in ipairs { "lua5.4", "lua5.3", "luajit" } do
  for _, way in ipairs { "decode", "encode" } do
    row(("JSON %s, %s, 1 MB"):format(way, lua), "MB/s", "mbs", least_of(1.5, "lua-cjson"), {
      { "xai", lua .. " bench/json.lua ours " .. way }, { "lua-cjson", lua .. " bench/json.lua cjson " .. way } })
  end
end
for _, name in ipairs { "ticket", "package", "workflow" } do
  local text, compiled = most_of(1, "ajv"), most_of(1 / 30, "ajv")
  if name == "ticket" then text, compiled = most(4, "us"), most(60, "us") end
  row("schema, text to verdict: " .. name, "us", "text_us", text, {
    { "xai", "build/bench/schema " .. name }, { "ajv", peer("ajv.mjs " .. name) } })
  row("schema compiled: " .. name, "us", "compile_us", compiled, {
    { "xai", "build/bench/schema " .. name }, { "ajv", peer("ajv.mjs " .. name) } })
  row("schema streamed, 12 bytes: " .. name, "us", "delta_us", most(1, "us"), {
    { "xai", "build/bench/schema " .. name } })
end
row("request, one after another: CPU, C", "us", "cpu_us", most_of(1.1, "libcurl"), {
  { "xai", "build/bench/ours request $SMALL 3000" }, { "libcurl", "build/bench/curl request $SMALL 3000" },
  { "undici", peer "load.mjs undici request $SMALL 1000" },
  { "openai-node", peer "load.mjs openai request $SMALL 500" },
  { "ai-sdk", peer "load.mjs ai request $SMALL 300" } })
for _, lua in ipairs { "lua5.4", "luajit" } do
  row("request, one after another: CPU, " .. lua, "us", "cpu_us", most_of(1.25, "libcurl"), {
    { "xai", lua .. " bench/load/ours.lua request $SMALL 3000" },
    { "libcurl", "build/bench/curl request $SMALL 3000" } })
end
row("64 streams flat out: CPU an event, C", "us", "cpu_us", most(0.45, "us"), {
  { "xai", "build/bench/ours streams $FLAT(12800) 64" },
  { "libcurl + scan", "build/bench/curl streams $FLAT(12800) 64" },
  { "undici + eventsource-parser", peer "load.mjs undici streams $FLAT(1280) 64" },
  { "openai-node", peer "load.mjs openai streams $FLAT(640) 64" },
  { "ai-sdk", peer "load.mjs ai streams $FLAT(320) 64" } })
row("... luajit", "us", "cpu_us", most(0.8, "us"), { { "xai", "luajit bench/load/ours.lua streams $FLAT(6400) 64" } })
row("... lua5.4", "us", "cpu_us", most(0.95, "us"), { { "xai", "lua5.4 bench/load/ours.lua streams $FLAT(6400) 64" } })
local slow = { rounds = 1 }
row("5,000 streams, 1 event/s: memory a stream, C", "KiB", "kib", most(20, "KiB"), {
  { "xai", "build/bench/ours slow $RATE(1) 5000 5" }, { "libcurl", "build/bench/curl slow $RATE(1) 5000 5" },
  { "openai-node", peer "load.mjs openai slow $RATE(1) 5000 5" } }, slow)
row("... delay, p99", "ms", "p99_ms", most(0.25, "ms"), {
  { "xai", "build/bench/ours slow $RATE(1) 5000 5" }, { "libcurl", "build/bench/curl slow $RATE(1) 5000 5" },
  { "openai-node", peer "load.mjs openai slow $RATE(1) 5000 5" } }, slow)
row("... memory a stream, lua5.4", "KiB", "kib", most(26, "KiB"), {
  { "xai", "lua5.4 bench/load/ours.lua slow $RATE(1) 5000 3" } }, slow)
row("10,000 streams, 10 events/s: delay, p99, C", "ms", "p99_ms", most(5, "ms"), {
  { "xai", "build/bench/ours slow $RATE(10) 10000 5" } }, slow)
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
  { "xai", "build/bench/cold 5 lua5.4 bench/load/ours.lua first $SMALL" } })

return rows
