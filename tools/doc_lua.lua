--- Writes what our comments say in LDoc's own words, a file for each module: doc_lua.lua FOLDER
-- SPDX-License-Identifier: MIT
--
-- LDoc knows nothing of LuaCATS: there the type stands before the name, and a class is a table. Only what is public
-- goes out, as tools/doc_names.lua finds it. places.ld tells where each name is, so that LDoc makes a link of it.
package.path = "tools/?.lua;" .. package.path
local names = require "doc_names"

local folder = assert(arg[1], "usage: doc_lua.lua FOLDER")

-- The page of a file that has none of its own.
local page_of = {
  ["xai.schema.build"] = "xai.schema", ["xai.schema.checker"] = "xai.schema", ["xai.schema.lint"] = "xai.schema",
  ["xai.sim.server"] = "xai.sim", ["xai.sim.ledger"] = "xai.sim", ["xai.sim.faults"] = "xai.sim",
}

local said = names.said()
local pages, order = {}, {}

local function page(module)
  module = page_of[module] or module
  if not pages[module] then
    pages[module] = { name = module, functions = {}, classes = {} }
    order[#order + 1] = pages[module]
  end
  return pages[module]
end

-- ------------------------------------------------------------------ what goes where

local has_methods = {} -- by the name of the class

local function add_function(module, title, item)
  local class = title:match "^(.*):"
  if class then has_methods["xai." .. class], has_methods["xai.ngx." .. class] = true, true end
  local list = page(module).functions
  list[#list + 1] = { title = title, item = item }
end

local wanted = {}

-- The classes that a public comment names are public, too.
local function want(kind)
  for word in kind:gsub('"[^"]*"', ""):gmatch "xai%.[%w_.]+" do
    if said.classes[word] and not wanted[word] then
      wanted[word] = true
      for _, entry in ipairs(said.classes[word].fields) do want(entry.type) end
      if said.classes[word].extends then want(said.classes[word].extends) end
    end
  end
end

local function want_all(item)
  for _, list in ipairs { item.params, item.returns, item.fields } do
    for _, entry in ipairs(list) do want(entry.type) end
  end
  if item.type then want(item.type) end
end

for _, entry in ipairs(names.reachable()) do
  local item = names.comment_of(said, entry)
  if item and not item.hidden then
    local module = entry.path:match "^(xai[%l.]*)%.[%w_]+$"
    local class, method = entry.path:match "^xai%.([%u][%w_.]*):([%w_]+)$"
    if not class then class, method = entry.path:match "^xai%.(%l+%.%u[%w_]*):([%w_]+)$" end
    if class then add_function(item.file.module, class .. ":" .. method, item)
    else add_function(module or "xai", entry.path, item) end
    want_all(item)
  end
end
for _, file in ipairs(said.files) do
  if file.path:find "^lua/xai/ngx/" then
    for _, item in ipairs(file.items) do
      if item.kind == "function" and not item.hidden then
        local name = item.name == "" and file.module or item.owner ~= "" and item.owner .. item.separator .. item.name
        add_function(file.module, name or file.module .. "." .. item.name, item)
        want_all(item)
      elseif item.kind == "class" then
        wanted[item.name] = true
        want_all(item)
      end
    end
  end
end
for _, file in ipairs(said.files) do
  for _, item in ipairs(file.items) do
    if wanted[item.name] and item.kind == "class" then table.insert(page(file.module).classes, item) end
  end
end

-- ------------------------------------------------------------------ writing

-- LDoc's types are names with bars between. What is more than that is written out behind it.
local simple = { { "^fun%f[%W].*$", "function" }, { "%b{}", "table" }, { "%b()%[%]", "table" }, { "%b<>", "" },
  { '"[^"]*"', "string" } }

local function type_words(kind)
  local word = kind
  for _, rule in ipairs(simple) do word = word:gsub(rule[1], rule[2]) end
  word = word:gsub("%s+", ""):gsub("string|string", "string"):gsub("%?$", "")
  if word:find "[^%w_.|%[%]*]" then word = "any" end
  local exact = word ~= kind:gsub("%s+", ""):gsub("%?$", "") and "<code>" .. kind .. "</code> " or ""
  return (kind:sub(-1) == "?" and "?" or "") .. word, exact
end

local function put_lines(out, text)
  for line in (text .. "\n"):gmatch "([^\n]*)\n" do out[#out + 1] = ("-- " .. line):gsub("%s+$", "") end
end

local function begin(out, text, fallback)
  local first, rest = text:match "^(.-%.)%s+(.*)$"
  if not first then first, rest = text, "" end
  if first == "" then first = fallback end
  out[#out + 1] = "--- " .. first:gsub("\n", " ")
  if rest ~= "" then put_lines(out, rest) end
end

local function write_function(out, entry)
  local item = entry.item
  begin(out, item.text, entry.title)
  out[#out + 1] = "-- @function " .. entry.title
  for _, param in ipairs(item.params) do
    local word, exact = type_words(param.type)
    local opt = param.optional and "[opt]" or ""
    out[#out + 1] = ("-- @tparam%s %s %s %s%s"):format(opt, word:gsub("^%?", "", 1), param.name, exact, param.text)
  end
  for _, result in ipairs(item.returns) do
    local word, exact = type_words(result.type)
    local name = result.name and "<code>" .. result.name .. "</code> " or ""
    out[#out + 1] = ("-- @treturn %s %s%s%s"):format(word, exact, name, result.text)
  end
  if item.type then put_lines(out, "\nIts type: `" .. item.type .. "`") end
  out[#out + 1] = ""
end

local function write_class(out, item)
  local fallback = has_methods[item.name] and "An object; its methods are above." or "A table with these fields."
  begin(out, item.text, item.extends and "With the fields of " .. item.extends .. "." or fallback)
  if item.extends and item.text ~= "" then out[#out + 1] = "-- With the fields of " .. item.extends .. ", too." end
  out[#out + 1] = "-- @table " .. item.name
  for _, field in ipairs(item.fields) do
    local word, exact = type_words(field.type)
    out[#out + 1] = ("-- @tfield %s %s %s%s"):format(word, field.name, exact, field.text)
  end
  out[#out + 1] = ""
end

local function write_section(out, title, name)
  out[#out + 1] = "--- " .. title .. "."
  out[#out + 1] = "-- @section " .. name
  out[#out + 1] = ""
end

-- The class of a method; "" for functions, which come first.
local function owner_of(entry)
  return entry.title:match "^(.*):" or ""
end

local function write(file, text)
  local handle = assert(io.open(folder .. "/" .. file, "w"))
  handle:write(text)
  handle:close()
end

local index = {}

local function note(name, module)
  local pattern = "^(" .. name:gsub("%p", "%%%0") .. ")$"
  -- LDoc takes a module's name off what is in it, where that is one word.
  local place = ("../lua/%s.html#%s"):format(module, module == "xai" and name:gsub("^xai%.", "") or name)
  index[#index + 1] = ("custom_see_handler(%q, function(name) return name, %q end)"):format(pattern, place)
end

local by_module = {}
for _, file in ipairs(said.files) do by_module[file.module] = file end

for _, p in ipairs(order) do
  local out, file = {}, by_module[p.name]
  begin(out, file.summary or "", p.name)
  if file.text and file.text ~= "" then
    out[#out + 1] = "--"
    put_lines(out, (file.text:gsub("^%s+", ""):gsub("%s+$", "")))
  end
  out[#out + 1] = "-- @module " .. p.name
  out[#out + 1] = ""
  table.sort(p.functions, function(a, b)
    local left, right = owner_of(a), owner_of(b)
    return left < right or left == right and a.item.line < b.item.line
  end)
  local owner = ""
  for _, entry in ipairs(p.functions) do
    if owner_of(entry) ~= owner then
      owner = owner_of(entry)
      write_section(out, "Methods of " .. owner, owner)
    end
    write_function(out, entry)
  end
  if #p.classes > 0 then write_section(out, "Tables and objects", "tables") end
  for _, class in ipairs(p.classes) do
    write_class(out, class)
    note(class.name, p.name)
  end
  for _, entry in ipairs(p.functions) do note(entry.title, p.name) end
  write(p.name .. ".lua", table.concat(out, "\n") .. "\n")
end
write("places.ld", table.concat(index, "\n") .. "\n")
