-- rockspec.lua - holds the rockspecs against the tree: rockspec.lua [--write | --release URL]
-- SPDX-License-Identifier: MIT
--
-- The lists of files of the one for a checkout, scm (a rockspec cannot look for files itself), and the one of the
-- version that xai.h names, which is made from it. --write renews both; --release prints the latter with the place
-- where the source is.

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

--- The same for a version of its own, whose source is at `url`.
local function released(text, version, url)
  local out, count = text:gsub('\nversion = "scm%-1"\n', ('\nversion = "%s-1"\n'):format(version))
  assert(count == 1, path .. " has no version")
  out, count = out:gsub('\n%-%-[^\n]*\nsource = %b{}\n', function(source)
    if url then return ('\nsource = {\n  url = "%s"\n}\n'):format(url) end
    return (source:gsub("^\n%-%-[^\n]*", "\n-- No public home yet: `make rock` packs it with its source."))
  end)
  assert(count == 1, path .. " has no source with a comment before it")
  return out
end

local function write(file, text)
  local handle = assert(io.open(file, "w"))
  handle:write(text)
  handle:close()
end

local old = read_all(path)
local sources = map(lines_of "ls core/src/*.c lua/c/*.c", function(file) return ('        "%s"'):format(file) end)
local modules = map(lines_of "find lua/xai -name '*.lua'", module_line)
local new = replace(old, "sources = {\n", sources, "\n      },\n")
new = replace(new, "libraries = %b{}\n    },\n", modules, "\n  },\n")
local version = assert(read_all("core/include/xai.h"):match '#define XAI_VERSION "([^"]+)"')

if arg[1] == "--release" then
  io.write(released(new, version, assert(arg[2], "the URL of the source is missing")))
  return
end
local worst = true
for file, text in pairs { [path] = new, ["rockspec/xai-" .. version .. "-1.rockspec"] = released(new, version) } do
  local handle = io.open(file)
  local is_right = handle and handle:read "a" == text
  if handle then handle:close() end
  if not is_right and arg[1] == "--write" then
    write(file, text)
  elseif not is_right then
    print(file .. ": not what the tree asks for; `make format` renews it")
    worst = false
  end
end
os.exit(worst)
