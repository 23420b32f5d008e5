--- Runs the rows of bench/rows.lua, each subject in turns, and shows the medians: text, and build/bench/results.json.
-- SPDX-License-Identifier: MIT
--
--   lua run.lua [PATTERN]     the rows whose name holds PATTERN; BENCH_ROUNDS (3) rounds each
local json = require "xai.json"
local rows = require "bench.rows"

local ROUNDS = tonumber(os.getenv "BENCH_ROUNDS" or 3)
local pattern = arg[1]
local port, tls_port = assert(os.getenv "BENCH_PORT"), os.getenv "BENCH_TLS_PORT"

local function with_urls(command)
  local base = "http://127.0.0.1:" .. port
  command = command:gsub("%$SECURE", ("https://localhost:%s/small/v1"):format(tls_port))
  command = command:gsub("%$SMALL", base .. "/small/v1"):gsub("%$FLAT%((%d+)%)", base .. "/flat/%1/v1")
  command = command:gsub("%$RATE%((%d+)%)", base .. "/rate/%1/1000000/v1")
  return (command:gsub("%$TLS%((%d+)%)", ("https://localhost:%s/rate/%%1/1000000/v1"):format(tls_port)))
end

-- One run: its figures by name, or nothing and why.
local known = {}
local function run(command, round)
  local key = command .. "\0" .. round
  if known[key] then return known[key] end -- one run gives the figures of several rows
  local pipe = assert(io.popen("timeout 120 " .. with_urls(command) .. " 2>&1"))
  local text = pipe:read "a"
  local ok = pipe:close()
  local figures = {}
  for name, value in text:gmatch "([%w_]+) (%-?[%d.]+e?[+-]?%d*)\n" do figures[name] = tonumber(value) end
  if not ok then figures = { fault = text:match "[^\n]+" or "it failed" } end
  known[key] = figures
  return figures
end

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

local function number(value)
  if value >= 1000 then return ("%.0f"):format(value) end
  if value >= 10 then return ("%.1f"):format(value) end
  return ("%.2f"):format(value)
end

-- Medians by subject; a subject that cannot run is named with its fault.
local function measure(row)
  local values, faults = {}, {}
  for round = 1, math.min(row.rounds or ROUNDS, ROUNDS) do
    for _, subject in ipairs(row.subjects) do
      local who, command = subject[1], subject[2]
      local figures = run(command, round)
      if figures[row.figure] then
        values[who] = values[who] or {}
        table.insert(values[who], figures[row.figure])
      else
        faults[who] = figures.fault or "no such figure"
      end
    end
  end
  local medians = {}
  for who, list in pairs(values) do medians[who] = median(list) end
  return medians, faults
end

local results, met, missed = {}, 0, 0

local function show(row, medians, faults)
  local ours = medians.xai
  local verdict = ""
  if row.goal and ours then
    local ok = row.goal.met(ours, medians)
    verdict = ok and "met" or "MISSED"
    if ok then met = met + 1 else missed = missed + 1 end
  end
  print(("%-52s %10s %-6s %s"):format(row.name, ours and number(ours) or "-", row.unit,
    row.goal and ("goal %s: %s"):format(row.goal.text, verdict) or ""))
  for _, subject in ipairs(row.subjects) do
    local who = subject[1]
    if faults[who] then print(("    %-48s missing: %s"):format(who, faults[who])) end
    if who ~= "xai" and medians[who] then
      print(("    %-48s %10s %-6s %s"):format(who, number(medians[who]), row.unit,
        ours and ("%.2f x ours"):format(medians[who] / ours) or ""))
    end
  end
  io.stdout:flush()
  results[#results + 1] = {
    name = row.name, unit = row.unit, medians = medians, faults = next(faults) and faults or nil,
    goal = row.goal and row.goal.text or nil, verdict = verdict ~= "" and verdict or nil,
  }
end

for _, row in ipairs(rows) do
  if not pattern or row.name:find(pattern, 1, true) then show(row, measure(row)) end
end
print(("\nmedians of %d rounds in turns; %d goals met, %d missed"):format(ROUNDS, met, missed))
local file = assert(io.open("build/bench/results.json", "w"))
file:write(assert(json.encode { rounds = ROUNDS, rows = json.array(results) }), "\n")
file:close()
