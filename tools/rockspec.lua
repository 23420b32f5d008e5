-- rockspec.lua - holds the rockspec's lists against the tree (it cannot look for files itself); --write renews them.
-- SPDX-License-Identifier: MIT

local path = "rockspec/xai-scm-1.rockspec"

local function lines_of(command)
  local pipe = assert(io.popen(command .. " | LC_ALL=C sort"))
  local list = {}
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local function map(list, convert)
  local out = {}
  for i, item in ipairs(list) do out[i] = convert(item) end
  return table.concat(out, ",\n")
end

local function module_line(file)
  local name = file:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
  return ('    ["%s"] = "%s"'):format(name, file)
end

local function read_all(file)
  local handle = assert(io.open(file))
  local text = handle:read "a"
  handle:close()
  return text
end

--- Put `list` between the two lines that `before` and `after` match.
local function replace(text, before, list, after)
  local _, head_end = text:find(before)
  assert(head_end, path .. " has no " .. before)
  local tail_start = assert(text:find(after, head_end), path .. " has no " .. after)
  return text:sub(1, head_end) .. list .. text:sub(tail_start)
end

local old = read_all(path)
local sources = map(lines_of "ls core/src/*.c lua/c/*.c", function(file) return ('        "%s"'):format(file) end)
local modules = map(lines_of "find lua/xai -name '*.lua'", module_line)
local new = replace(old, "sources = {\n", sources, "\n      },\n")
new = replace(new, "libraries = %b{}\n    },\n", modules, "\n  },\n")

if new == old then return end
if arg[1] == "--write" then
  local handle = assert(io.open(path, "w"))
  handle:write(new)
  handle:close()
  return
end
print(path .. ": the lists are not those of the tree; `make format` renews them")
os.exit(false)
