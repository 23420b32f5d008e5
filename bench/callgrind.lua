--- Counts the instructions of the hot paths (by valgrind) and holds them against bench/callgrind.txt.
-- SPDX-License-Identifier: MIT
--
--   lua callgrind.lua [--renew]     in the repository's root, after `make build/bench/count`
--
-- A path is run few times and many times; the difference, divided, is what one execution costs, whatever starting
-- the process did. Counts of C are exact. Those of Lua move by 1-2 %, for each state hashes its strings with a seed of
-- its own; LuaJIT runs without its compiler, whose traces depend on that seed.
--
-- Counts are those of a compiler, a C library and a Lua. Where they are not the ones that bench/callgrind.txt names,
-- the tree that last renewed that file is built here and counted instead.
local FIGURES, WORK = "bench/callgrind.txt", "build/callgrind"
local MOST = 1.10 -- times the figure written down; more fails

-- What, how often, and how many units one execution is.
local paths = {
  { "C deltas", "build/bench/count deltas", 20, 120, 64, "a delta, from chunk to event" },
  { "C requests", "build/bench/count requests", 20, 120, 1, "a call, from start to its whole answer" },
  { "C events", "build/bench/count events", 100, 1100, 1, "an event's JSON to a tree" },
  { "C check", "build/bench/count check", 20, 120, 1, "the ticket's text to a verdict" },
  { "C stream", "build/bench/count stream", 5, 25, 93, "12 bytes of the ticket, checked as they come" },
  { "C compile", "build/bench/count compile", 5, 25, 1, "the ticket's schema compiled" },
}
for _, lua in ipairs { "lua5.4", "luajit -joff" } do
  local name = lua:match "^%S+"
  for _, path in ipairs {
    { "deltas", 20, 120, 64, "a delta, from chunk to its text" },
    { "events", 20, 120, 64, "a delta, from chunk to its event" },
    { "tables", 20, 120, 64, "a delta, from chunk to all its fields" },
    { "requests", 50, 250, 1, "a call, from table to table" },
    { "decode", 100, 600, 1, "an answer's text to tables" },
    { "encode", 100, 600, 1, "an answer's tables to text" },
    { "check", 50, 250, 1, "the ticket's text to a verdict" },
  } do
    paths[#paths + 1] = { name .. " " .. path[1], ("%s bench/count.lua %s"):format(lua, path[1]), path[2], path[3],
      path[4], path[5] }
  end
end

local function output(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "a"
  return pipe:close() and text or nil, text
end

local function line(command) return (output(command .. " 2>/dev/null") or ""):match "[^\n]*" or "" end

-- Everything below our code that has a say in the counts.
local function toolchain()
  return ("cc %s, %s, %s, %s, %s"):format(line "${CC:-cc} -dumpfullversion", line "uname -m",
    line "getconf GNU_LIBC_VERSION", line "lua5.4 -v":match "^Lua %S+" or "no lua5.4",
    line "luajit -v":match "^LuaJIT %S+" or "no luajit")
end

local function profile_of(path)
  return ("%s/%s.out"):format(WORK, path[1]:gsub("%W", "_"))
end

-- Addresses that do not move, where a container lets us; the C library's string functions for any x86-64: which
-- processor counts is no matter then.
local RUN = (os.execute "setarch -R true 2>/dev/null" and "setarch -R " or "") ..
  "env GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX512F,-AVX2,-AVX,-BMI2 timeout 120 valgrind --tool=callgrind " ..
  "--callgrind-out-file=%s %s %d 2>&1"

local function collected(path, times, tree)
  local command = RUN:format(tree and "/dev/null" or profile_of(path), path[2], times)
  if tree then command = ("cd %s && . build/env.sh && %s"):format(tree, command) end
  local _, text = output(command)
  return tonumber(text:match "Collected : (%d+)"), text
end

-- Instructions for a unit; nil and what was said when the path cannot run.
local function count(path, tree)
  local few, why = collected(path, path[3], tree)
  local many, whynot = collected(path, path[4], tree)
  if not few or not many then return nil, few and whynot or why end
  return math.floor((many - few) / (path[4] - path[3]) / path[5] + 0.5)
end

local function written()
  local file = io.open(FIGURES)
  if not file then return {}, nil end
  local text = file:read "a"
  file:close()
  local figures = {}
  for name, value in text:gmatch "\n([%w.]+ %w+) +(%d+)" do figures[name] = tonumber(value) end
  return figures, text:match "# toolchain: ([^\n]+)"
end

-- The tree that last renewed the figures, built (what it does not know of is compared with itself); nil and why not.
local function base_tree()
  local commit = line("git log -1 --format=%H -- " .. FIGURES)
  if commit == "" then return nil, "and this is no git checkout that knows the tree they are of" end
  local tree = WORK .. "/tree"
  print(("other tools than the figures' own: building %s, which they are of, to compare with"):format(commit:sub(1, 8)))
  local made, said = output(("rm -rf %s && mkdir -p %s && git archive %s | tar x -C %s && " ..
    "make -s -C %s all build/bench/count 2>&1"):format(tree, tree, commit, tree, tree))
  if not made then return nil, "and their tree does not build here: " .. said:sub(-300) end
  return tree
end

local function renew(figures, tools)
  local file = assert(io.open(FIGURES, "w"))
  file:write("# Instructions on the hot paths, by `make callgrind`, which fails when one takes 10 % more.\n",
    "# Who means it renews them, `make callgrind RENEW=1`, in the commit that says why.\n# toolchain: ", tools, "\n")
  for _, path in ipairs(paths) do
    if figures[path[1]] then
      file:write(("%-18s %9d  %s\n"):format(path[1], figures[path[1]], path[6]))
    end
  end
  file:close()
  print(FIGURES .. " is renewed: commit it with what changed, and say there why")
end

-- The functions that take the most, without those that only load the program.
local function show_profile(path)
  local text = output(("callgrind_annotate --auto=no %s 2>/dev/null"):format(profile_of(path))) or ""
  local shown = 0
  for share in text:gmatch "\n *[%d,]+ (%([ %d.]+%%%) [^\n]+)" do
    if shown < 8 and not share:find "ld%-linux" and not share:find "/elf/" and not share:find "TOTALS" then
      print("    " .. share:sub(1, 110))
      shown = shown + 1
    end
  end
end

-- Prints a path beside its figure; what is wrong: "more", "new" or nothing.
local function hold(path, now, before)
  local change = before and ("%+.1f %%"):format((now / before - 1) * 100) or "new"
  local wrong = not before and "new" or now > before * MOST and "more" or nil
  print(("%-18s %9d %9s %9s %s  %s"):format(path[1], now, before or "-", change, wrong == "more" and "FAILS" or "     ",
    path[6]))
  if wrong == "more" then show_profile(path) end
  return wrong
end

local function compare(now, before)
  local count_of = { more = 0, new = 0 }
  print(("%-18s %9s %9s"):format("instructions", "now", "figure"))
  for _, path in ipairs(paths) do
    local wrong = hold(path, now[path[1]], before[path[1]])
    if wrong then count_of[wrong] = count_of[wrong] + 1 end
  end
  if count_of.more + count_of.new == 0 then return print "callgrind: no hot path takes more than 10 % more" end
  print(("callgrind: %d hot paths take over 10 %% more, %d have no figure. Make them cheaper; or, if they are worth it,"
    .. " renew the figures\n(`make callgrind RENEW=1`) in the same commit, and let its message say why")
    :format(count_of.more, count_of.new))
  os.exit(1)
end

local function main()
  os.execute("mkdir -p " .. WORK)
  local before, tools_before = written()
  local tools, now = toolchain(), {}
  for _, path in ipairs(paths) do
    local figure, why = count(path)
    if not figure then
      print(("%s cannot be counted: %s"):format(path[1], why:sub(-500)))
      os.exit(1)
    end
    now[path[1]] = figure
  end
  if arg[1] == "--renew" then return renew(now, tools) end
  if tools ~= tools_before then
    local tree, why = base_tree()
    if not tree then
      for _, path in ipairs(paths) do print(("%-18s %9d  %s"):format(path[1], now[path[1]], path[6])) end
      return print(("callgrind: not compared. The figures are of %s; here is %s, %s"):format(tools_before, tools, why))
    end
    for _, path in ipairs(paths) do before[path[1]] = count(path, tree) or now[path[1]] end
  end
  compare(now, before)
end

main()
