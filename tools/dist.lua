-- dist.lua - writes the library as one pair of files, xai.c and xai.h: dist.lua FOLDER
-- SPDX-License-Identifier: MIT
--
-- The sources go into one translation unit, so a name that several files have at their top level (a static
-- function, a type, a constant) gets its file's name before it. ctags finds those names; the compiler finds
-- whatever this overlooks: `make package` builds the result with warnings as errors, and uses it.

local folder = assert(arg[1], "usage: dist.lua FOLDER")

if not os.execute "command -v ctags >/dev/null" then
  io.stderr:write 'make dist needs ctags (Universal Ctags): make deps SETS="build check"\n'
  os.exit(false)
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

local function lines_of(command)
  local pipe = assert(io.popen(command))
  local list = {}
  for line in pipe:lines() do list[#list + 1] = line end
  assert(pipe:close(), command)
  return list
end

local sources = lines_of "LC_ALL=C ls core/src/*.c"

-- The names each source has at its top level: { [path] = { [name] = kind } }.
local function names_by_source()
  local by_source = {}
  local command = "ctags -f - --sort=no --languages=C --langmap=C:+.h --kinds-C=defgstuv --fields=Kf --fields-C= "
  for _, path in ipairs(sources) do by_source[path] = {} end
  for _, line in ipairs(lines_of(command .. table.concat(sources, " "))) do
    local name, path, rest = line:match "^([^\t]+)\t([^\t]+)\t(.*)$"
    if name and by_source[path] then by_source[path][name] = rest:match ';"\t(%a+)' or "?" end
  end
  return by_source
end

-- What is to be called otherwise in which source: { [path] = { [name] = new name } }.
local function renamings()
  local owners, by_source = {}, names_by_source()
  for path, names in pairs(by_source) do
    for name in pairs(names) do
      owners[name] = owners[name] or {}
      table.insert(owners[name], path)
    end
  end
  local renamed = {}
  for name, paths in pairs(owners) do
    for _, path in ipairs(paths) do
      local prefix = path:match "xai_([%w_]+)%.c$"
      renamed[path] = renamed[path] or {}
      local is_ours = name:find "^xai_" or name:find "_SOURCE$"
      if #paths > 1 and not is_ours then renamed[path][name] = prefix .. "_" .. name end
    end
  end
  return renamed, by_source
end

-- The tokens of a C text, spaces and comments included, and whether each is a word.
local function tokens_of(text)
  local tokens, is_word, at = {}, {}, 1
  while at <= #text do
    local token
    local pair = text:sub(at, at + 1)
    if pair == "/*" then
      local _, last = text:find("*/", at + 2, true)
      token = text:sub(at, last)
    elseif pair:find '^["\']' then
      local last = at + 1
      while text:sub(last, last) ~= pair:sub(1, 1) do last = last + (text:sub(last, last) == "\\" and 2 or 1) end
      token = text:sub(at, last)
    else
      token = text:match("^[%w_]+", at) or text:match("^%s+", at) or text:sub(at, at)
    end
    tokens[#tokens + 1] = token
    is_word[#tokens] = token:find "^[%a_]" ~= nil
    at = at + #token
  end
  return tokens, is_word
end

-- The text with other names. What a member is called (after . or ->, or where a struct declares it) and what
-- stands behind # is nobody's top-level name.
local function rename(text, names)
  local tokens, is_word = tokens_of(text)
  local code = {} -- the places of what is neither space nor comment
  for i, token in ipairs(tokens) do
    if not token:find "^%s" and token:sub(1, 2) ~= "/*" then code[#code + 1] = i end
  end
  local function at(n) return tokens[code[n]] or "" end
  local function opens_struct(n) -- is the brace at n that of a struct or union?
    local tag = at(n - 1)
    return tag == "struct" or tag == "union" or at(n - 2) == "struct" or at(n - 2) == "union"
  end
  local braces = {}
  for n, i in ipairs(code) do
    local token, before, following = tokens[i], at(n - 1), at(n + 1)
    if token == "{" then braces[#braces + 1] = opens_struct(n)
    elseif token == "}" then braces[#braces] = nil
    elseif is_word[i] and names[token] then
      local used = before == "." or before == "#" or (before == ">" and at(n - 2) == "-")
      local declared = braces[#braces] and (following:find "^[;,%[:]" or (before == "*" and following == ")"))
      if not used and not declared then tokens[i] = names[token] end
    end
  end
  return table.concat(tokens)
end

-- The text with our inner functions (xai__name) made static, where they are declared and where they are written.
local function make_static(text)
  local tokens, is_word = tokens_of(text)
  local depth, first, preprocessor = 0, nil, false
  local function is_blank(i) return tokens[i]:find "^%s" or tokens[i]:sub(1, 2) == "/*" end
  local function followed_by_call(i)
    i = i + 1
    while tokens[i] and is_blank(i) do i = i + 1 end
    return tokens[i] == "("
  end
  for i, token in ipairs(tokens) do
    if token == "#" then preprocessor = true end
    if preprocessor then
      if token:find("\n", 1, true) and tokens[i - 1] ~= "\\" then preprocessor = false end
    elseif not is_blank(i) then
      first = first or i
      if depth == 0 and is_word[i] and token:find "^xai__" and followed_by_call(i) and
        not ("static typedef extern"):find(tokens[first], 1, true) then
        tokens[first] = "static " .. tokens[first]
      end
      if token == "{" or token == "(" then depth = depth + 1
      elseif token == "}" or token == ")" then depth = depth - 1 end
      if depth == 0 and (token == ";" or token == "}") then first = nil end
    end
  end
  return table.concat(tokens)
end

local renamed, by_source = renamings()
local included = {}

-- The text with our own headers in place of their #include lines, each once.
local function inline(text)
  text = text:gsub("\n#pragma GCC visibility [^\n]+\n", "") -- of what is static here
  text = text:gsub("#if !defined%(_DEFAULT_SOURCE%)\n#define _DEFAULT_SOURCE\n#endif\n", "")
  text = text:gsub("#if defined%(__linux__%)\n#define _GNU_SOURCE\n#endif\n", "")
  text = text:gsub("#define _[%u_]+_SOURCE[^\n]*\n", "")
  return (("\n" .. text):gsub('\n#include "([%w_./]+)"[^\n]*', function(name)
    if name == "xai.h" or included[name] then return "" end
    included[name] = true
    return "\n\n" .. inline(read("core/src/" .. name))
  end)):sub(2)
end

-- Macros of one file must not reach into the next; those of the system, which a file only makes up for, must.
local function forget_macros(path)
  local out, source = {}, read(path)
  for name, kind in pairs(by_source[path]) do
    local is_system = source:find("#if !defined(" .. name .. ")", 1, true)
    if kind == "macro" and not is_system then out[#out + 1] = "#undef " .. (renamed[path][name] or name) end
  end
  table.sort(out)
  return table.concat(out, "\n")
end

local header = read "core/include/xai.h"
local version = assert(header:match '#define XAI_VERSION "([^"]+)"')
local parts = { ([[
/* xai.c - libxai %s in one file: add it and xai.h to a program, and link with libcurl.
 * SPDX-License-Identifier: MIT
 *
 * Made by `make dist` from the sources in core/src; change those. Built as C11, also for a program in C++.
 *
 *   cc -std=c11 main.c xai.c -lcurl
 *   cc -std=c11 -DXAI_PCRE2=1 main.c xai.c -lcurl -lpcre2-8
 *   cc -std=c11 -DXAI_LAZY_CURL main.c xai.c            the first client loads libcurl, or says that there is none
 *
 * Of the patterns in JSON Schemas PCRE2 matches all. Without it those that look ahead elsewhere than at their start,
 * "^(?=...)", or behind, refer back to a group or name a property of Unicode, "\p{...}", are an error of
 * xai_schema_compile that says so.
 */
#ifndef XAI_PCRE2
#define XAI_PCRE2 0
#endif
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#elif defined(__APPLE__) && !defined(_DARWIN_C_SOURCE)
#define _DARWIN_C_SOURCE
#endif
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunused-function"
#define XAI_INNER __attribute__((visibility("hidden")))
#else
#define XAI_INNER
#endif
#include "xai.h"
]]):format(version) }
for _, path in ipairs(sources) do
  local text = make_static(rename(inline(read(path)), renamed[path]))
  text = text:gsub("\nextern const ", "\nXAI_INNER extern const ") -- tables; what else is not public is static
  parts[#parts + 1] = ("\n/* ======== %s */\n\n%s\n%s\n"):format(path, text, forget_macros(path))
end

local function write(name, text)
  local file = assert(io.open(folder .. "/" .. name, "wb"))
  assert(file:write(text))
  assert(file:close())
end

write("xai.c", table.concat(parts))
write("xai.h", header)
