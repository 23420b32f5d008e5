--- The public names: what a program reaches from require "xai", found by looking, and what their comments say.
-- SPDX-License-Identifier: MIT
--
-- Run with --check it holds each against its comment: is there one, are the parameters those of the function, is it
-- said what comes back, and is each class that a type names written down?
package.path = "tools/?.lua;" .. package.path
local cats = require "cats"

local names = {}

local function files()
  local pipe = assert(io.popen "find lua/xai -name '*.lua' | LC_ALL=C sort")
  local list = {}
  for file in pipe:lines() do list[#list + 1] = file end
  pipe:close()
  return list
end

-- ------------------------------------------------------------------ looking

-- The names that `xai` fetches when they are asked for, those for nginx apart.
local function fetch_all(xai)
  local fetch = getmetatable(xai).__index
  for i = 1, math.huge do
    local upvalue, places = debug.getupvalue(fetch, i)
    assert(upvalue, "xai fetches its names in another way now: tell it here")
    if upvalue == "places" then
      for name in pairs(places) do local _ = name ~= "ngx" and xai[name] end
      return
    end
  end
end

-- One of each object that a program gets, by the name of its class. What asks does so of the simulator.
local function objects(xai)
  local grok = assert(xai.new { simulate = true })
  local schema = assert(xai.schema.compile { type = "object" })
  local task
  xai.run(function() task = xai.spawn(function() end) end)
  local stream = assert(grok:stream "x")
  stream:result()
  return {
    Client = grok, Stream = stream, Response = assert(grok:respond "x"), Conversation = grok:conversation(),
    Schema = schema, Checker = schema:stream(),
    ["sse.Parser"] = xai.sse(), Task = task, Sim = xai.sim.new(),
  }
end

local function methods_of(object)
  local index = getmetatable(object).__index
  assert(type(index) == "table", "an object whose methods cannot be listed")
  return index
end

--- Every function that can be reached: { path = "xai.json.decode", fn }.
--- @return table[]
function names.reachable()
  local xai, seen, list = require "xai", {}, {}
  local function visit(path, separator, t)
    if seen[t] then return end
    seen[t] = true
    for name, value in pairs(t) do
      local full = type(name) == "string" and path .. separator .. name
      local is_part = full and type(value) == "table" and not name:find "^__" and separator == "."
      if full and type(value) == "function" then list[#list + 1] = { path = full, name = name, fn = value } end
      if is_part then visit(full, ".", value) end
    end
  end

  fetch_all(xai)
  visit("xai", ".", xai)
  for class, object in pairs(objects(xai)) do visit("xai." .. class, ":", methods_of(object)) end
  table.sort(list, function(a, b) return a.path < b.path end)
  return list
end

-- ------------------------------------------------------------------ what is said

--- The comments of all files, and where each function's stands: { files, by_place["path:line"], classes }.
function names.said()
  local said = { files = {}, by_place = {}, by_field = {}, classes = {} }
  for _, path in ipairs(files()) do
    local file = cats.read(path)
    file.module = path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
    said.files[#said.files + 1] = file
    for _, item in ipairs(file.items) do
      item.file = file
      if item.kind == "function" then said.by_place[path .. ":" .. item.line] = item end
      if item.kind == "field" and item.name then said.by_field[file.module .. "." .. item.name] = item end
      if item.kind == "class" or item.kind == "alias" then said.classes[item.name] = item end
    end
  end
  return said
end

--- The comment of a function; nil when there is none.
function names.comment_of(said, entry)
  local info = debug.getinfo(entry.fn, "S")
  if info.what == "C" then return said.by_field[entry.path] end
  local path = info.source:gsub("^@", ""):gsub("^.*/(lua/xai)", "%1"):gsub("^%./", "")
  return said.by_place[path .. ":" .. info.linedefined]
end

-- ------------------------------------------------------------------ holding one against the other

local function arguments_of(fn)
  local list, info = {}, debug.getinfo(fn, "u")
  for i = 1, info.nparams do list[i] = debug.getlocal(fn, i) end
  if info.isvararg then list[#list + 1] = "..." end
  if list[1] == "self" or list[1] == "_" then table.remove(list, 1) end
  return list
end

-- Does the function's own text give something back? Words in comments and strings are no code.
local function gives_back(fn)
  local info = debug.getinfo(fn, "S")
  local handle, lines, number = assert(io.open((info.source:gsub("^@", "")))), {}, 0
  for line in handle:lines() do
    number = number + 1
    if number >= info.linedefined and number <= info.lastlinedefined then lines[#lines + 1] = line end
  end
  handle:close()
  local text = table.concat(lines, "\n"):gsub("%-%-[^\n]*", ""):gsub("%b''", "''"):gsub('"[^"\n]*"', '""')
  local open, opens = {}, { ["function"] = true, ["if"] = true, ["do"] = true, ["repeat"] = true }
  for word, following in text:gmatch "%f[%w_]([%w_]+)%f[^%w_]%s*()" do
    local inner = 0
    for _, opener in ipairs(open) do inner = inner + (opener == "function" and 1 or 0) end
    local after = text:sub(following, following + 5)
    if opens[word] then open[#open + 1] = word
    elseif word == "end" or word == "until" then open[#open] = nil
    elseif word == "return" and inner <= 1 and not after:find "^end%f[^%w_]" and after ~= "" then return true end
  end
  return false
end

local function same(a, b)
  return table.concat(a, ", ") == table.concat(b, ", ")
end

local function check_function(entry, comment, complain)
  if not comment or (comment.text == "" and #comment.params == 0 and #comment.returns == 0) then
    return complain "has no comment"
  end
  if debug.getinfo(entry.fn, "S").what == "C" then
    if not comment.type then complain "has no @type" end
    return
  end
  local said, real = {}, arguments_of(entry.fn)
  for i, param in ipairs(comment.params) do said[i] = param.name end
  if not same(said, real) then
    local list = #said > 0 and table.concat(said, ", ") or "none"
    complain(("has @param %s, but takes (%s)"):format(list, table.concat(real, ", ")))
  end
  if #comment.returns == 0 and gives_back(entry.fn) then complain "gives something back without @return" end
  if comment.text == "" then complain "does not say what it does" end
end

-- What runs in nginx alone is held against its source: each function that a module gives has its comment.
local function check_source(file, complain)
  for _, item in ipairs(file.items) do
    if item.kind == "function" and not item.hidden then
      local said, real = {}, {}
      for i, param in ipairs(item.params) do said[i] = param.name end
      for i, arg in ipairs(item.args) do real[i] = arg end
      if not same(said, real) then complain(file.path .. ":" .. item.line, "its @param are not its parameters") end
      if item.text == "" then complain(file.path .. ":" .. item.line, "does not say what it does") end
    end
  end
  local handle, number, before = assert(io.open(file.path)), 0, ""
  for line in handle:lines() do
    number = number + 1
    local public = line:find "^function %u%w*[:.]" or line:find "^local function new%(" or line:find "^return function"
    if public and not before:find "^%-%-%-" then complain(file.path .. ":" .. number, "has no comment") end
    before = line
  end
  handle:close()
end

local plain = { ["nil"] = true, any = true, boolean = true, string = true, number = true, integer = true, table = true,
  ["function"] = true, userdata = true, thread = true, lightuserdata = true, fun = true, ["true"] = true,
  ["false"] = true, self = true, file = true }

local function check_types(said, complain)
  local function look(kind, where)
    local text = kind:gsub('"[^"]*"', ""):gsub("([%w_]+)%s*%??%s*:", "") -- names within fun() and {}
    for word in text:gmatch "[%a_][%w_.]*" do
      local known = plain[word] or said.classes[word]
      if not known then complain(where, "names an unknown type " .. word) end
    end
  end
  for _, file in ipairs(said.files) do
    for _, item in ipairs(file.items) do
      local where = file.path .. ":" .. item.line
      for _, fault in ipairs(item.faults) do complain(where, fault) end
      for _, list in ipairs { item.params, item.returns, item.fields } do
        for _, entry in ipairs(list) do look(entry.type, where) end
      end
      if item.type and item.kind ~= "alias" then look(item.type, where) end
    end
  end
end

--- Everything that is wrong with the comments, a line each.
--- @return string[]
--- @return integer functions  that were looked at
function names.check()
  local said, faults, count = names.said(), {}, 0
  local function complain(where, what) faults[#faults + 1] = where .. ": " .. what end
  for _, entry in ipairs(names.reachable()) do
    local comment = names.comment_of(said, entry)
    if not (comment and comment.hidden) then
      count = count + 1
      local info = debug.getinfo(entry.fn, "S")
      local place = info.what ~= "C" and ("%s:%d: "):format(info.short_src, info.linedefined) or ""
      check_function(entry, comment, function(what) complain(place .. entry.path, what) end)
    end
  end
  for _, file in ipairs(said.files) do
    if file.path:find "^lua/xai/ngx/" then check_source(file, complain) end
  end
  check_types(said, complain)
  return faults, count
end

if arg and arg[0] and arg[0]:find "doc_names%.lua$" and arg[1] == "--check" then
  local faults, count = names.check()
  for _, fault in ipairs(faults) do print(fault) end
  print(("%d public functions, %d faults"):format(count, #faults))
  os.exit(#faults == 0)
end
return names
