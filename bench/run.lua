--- Runs the rows of bench/rows.lua, each subject in turns, and shows the medians: as text, and in bench/results.json.
-- SPDX-License-Identifier: MIT
--
--   lua run.lua [PATTERN]     the rows whose name holds PATTERN; BENCH_ROUNDS (3) rounds each
local json = require "xai.json"
local rows = require "bench.rows"

local ROUNDS = tonumber(os.getenv "BENCH_ROUNDS" or 3)
local RESULTS = "bench/results.json"
local pattern = arg[1]
local port, tls_port = assert(os.getenv "BENCH_PORT"), os.getenv "BENCH_TLS_PORT"

local function with_urls(command)
  local base = "http://127.0.0.1:" .. port
  command = command:gsub("%$SECURE", ("https://localhost:%s/small/v1"):format(tls_port))
  command = command:gsub("%$SMALL", base .. "/small/v1"):gsub("%$FLAT%((%d+)%)", base .. "/flat/%1/v1")
  command = command:gsub("%$RATE%((%d+)%)", base .. "/rate/%1/1000000/v1")
  return (command:gsub("%$TLS%((%d+)%)", ("https://localhost:%s/rate/%%1/1000000/v1"):format(tls_port)))
end

local function output(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local text = pipe:read "a"
  return text, pipe:close()
end

-- One run: its figures by name, or nothing and why.
local known = {}
local function run(command, round)
  local key = command .. "\0" .. round
  if known[key] then return known[key] end -- one run gives the figures of several rows
  local text, ok = output("timeout 120 " .. with_urls(command))
  local figures = {}
  for name, value in text:gmatch "([%w_]+) (%-?[%d.]+e?[+-]?%d*)\n" do figures[name] = tonumber(value) end
  if not ok then figures = { fault = (text:match "Error[^\n]*" or text:match "[^\n]+" or "it failed"):sub(1, 100) } end
  known[key] = figures
  return figures
end

-- What a subject comes to in a round; of several commands the geometric mean.
local function figure_of(subject, row, round)
  if type(subject[2]) == "string" then
    local figures = run(subject[2], round)
    return figures[(subject.prefix or "") .. row.figure], figures.fault or "no such figure"
  end
  local sum = 0
  for _, command in ipairs(subject[2]) do
    local figures = run(command, round)
    if not figures[row.figure] then return nil, figures.fault or "no such figure" end
    sum = sum + math.log(figures[row.figure])
  end
  return math.exp(sum / #subject[2])
end

-- Of values in order.
local function median(list) return list[(#list + 1) // 2] end

local function number(value)
  local size = math.abs(value)
  if size >= 1000 then return ("%.0f"):format(value) end
  if size >= 10 then return ("%.1f"):format(value) end
  return ("%.2f"):format(value)
end

-- Values by subject, in order of size; a subject that cannot run is named with its fault.
local function measure(row)
  local values, faults = {}, {}
  for round = 1, math.min(row.rounds or ROUNDS, ROUNDS) do
    for _, subject in ipairs(row.subjects) do
      local who = subject[1]
      local value, fault = figure_of(subject, row, round)
      values[who] = values[who] or {}
      if value then table.insert(values[who], value) else faults[who] = fault end
    end
  end
  local medians = {}
  for who, list in pairs(values) do
    table.sort(list)
    medians[who] = median(list)
  end
  return medians, values, faults
end

local results, met, missed, unknown, missing = {}, {}, {}, {}, {}
local head -- of the rows that were shown last

-- "... in short" only below what it goes on from.
local function title(row)
  local short = row.head == head
  head = row.head
  return short and row.name or row.whole
end

-- How far the rounds lie apart, as a share of their median.
local function spread(list)
  if #list < 2 then return "" end
  return ("+-%.0f %%"):format((list[#list] - list[1]) / 2 / math.abs(median(list)) * 100)
end

-- "4.2 x as fast" of what is better small, and of what is better large.
local function ratio(row, ours, theirs)
  if not ours or ours <= 0 or theirs <= 0 then return "" end
  return ("%8.2f x"):format(row.larger and ours / theirs or theirs / ours)
end

local function show(row, medians, values, faults)
  local ours, verdict = medians.xai, nil
  if row.goal then
    local known_all = ours and (not row.goal.needs or medians[row.goal.needs])
    verdict = not known_all and "UNKNOWN" or row.goal.met(ours, medians) and "met" or "MISSED"
    local list = known_all and (verdict == "met" and met or missed) or unknown
    list[#list + 1] = row
  end
  print(("%-54s %9s %-6s %-8s %s"):format(title(row), ours and number(ours) or "-", row.unit,
    ours and spread(values.xai) or "", row.goal and verdict .. " " .. row.goal.text or ""))
  for _, subject in ipairs(row.subjects) do
    local who = subject[1]
    if faults[who] then
      missing[who] = faults[who]
      print(("           missing: %s (%s)"):format(who, faults[who]))
    end
    if who ~= "xai" and medians[who] then
      print(("%10s %-43s %9s %-6s %s"):format(ratio(row, ours, medians[who]), who, number(medians[who]), row.unit,
        spread(values[who])))
    end
  end
  io.stdout:flush()
  row.verdict, row.ours = verdict, ours
  results[#results + 1] = {
    name = row.whole, unit = row.unit, better = row.larger and "larger" or "smaller",
    medians = medians, rounds = values, faults = next(faults) and faults or nil,
    goal = row.goal and row.goal.text or nil, verdict = verdict,
  }
end

local function first_line(command) return output(command):match "[^%s][^\n]*" or "?" end

-- What the figures are figures of.
local function machine()
  return {
    processor = first_line "sed -n 's/^model name[^:]*: //p' /proc/cpuinfo", processors = tonumber(first_line "nproc"),
    system = first_line "sed -n 's/^PRETTY_NAME=\"\\(.*\\)\"/\\1/p' /etc/os-release",
    compiler = first_line "${CC:-cc} --version",
    lua = first_line "lua5.4 -v", luajit = first_line "luajit -v", node = first_line "node --version",
    commit = first_line "git rev-parse --short HEAD", load = first_line "cut -d' ' -f1-3 /proc/loadavg",
  }
end

local function summary(seconds)
  print(("\n%d goals met, %d missed, %d unknown; medians of rounds in turns: %d, or 1 where a row takes long; %d min")
    :format(#met, #missed, #unknown, ROUNDS, seconds // 60))
  for _, row in ipairs(missed) do
    print(("  %-8s %s: %s %s, goal %s"):format(row.verdict, row.whole, number(row.ours), row.unit, row.goal.text))
  end
  for _, row in ipairs(unknown) do
    print(("  %-8s %s: goal %s, of what is missing"):format(row.verdict, row.whole, row.goal.text))
  end
  local names = {}
  for who in pairs(missing) do names[#names + 1] = who end
  table.sort(names)
  for _, who in ipairs(names) do print(("  missing  %s: %s"):format(who, missing[who])) end
  for _, who in ipairs(rows.not_to_be_had) do print("  missing  " .. who) end
end

local began, on = os.time(), machine()
print(("%s x %d, %s, load %s; `n x` is how many times ours a figure is, so above 1 we are ahead\n"):format(
  on.processor, on.processors, on.system, on.load))
for _, row in ipairs(rows) do
  if not pattern or row.whole:find(pattern, 1, true) then show(row, measure(row)) end
end
summary(os.time() - began)
local file = assert(io.open(RESULTS, "w"))
file:write(assert(json.encode { rounds = ROUNDS, machine = on, rows = json.array(results) }), "\n")
file:close()
print("all rounds: " .. RESULTS)
