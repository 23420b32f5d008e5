--- Reads LuaCATS comments: what the sources say of their functions, classes and fields.
-- SPDX-License-Identifier: MIT
--
-- read(path) gives { summary, text, items }. An item: kind ("function", "class", "alias" or "field"), name, owner (of
-- "Client:respond" it is "Client"), separator, line (of the function or comment), args (as the source has them), text,
-- params, returns and fields ({ name, type, text, optional }), type, extends, hidden (said with @private or the like).
local cats = {}

-- ------------------------------------------------------------------ types

local balanced = { ["("] = "^%b()", ["{"] = "^%b{}", ["["] = "^%b[]" }

-- Where the type that begins at `at` ends; nil if there is none.
local type_end

local function atom_end(text, at)
  local _, stop = text:find("^fun%b()", at)
  if stop then
    local _, colon = text:find("^%s*:%s*", stop + 1)
    return colon and type_end(text, colon + 1) or stop
  end
  local first = text:sub(at, at)
  if balanced[first] then return select(2, text:find(balanced[first], at)) end
  if first == '"' then return select(2, text:find('^"[^"]*"', at)) end
  _, stop = text:find("^[%w_.*]+", at)
  if not stop then return nil end
  return select(2, text:find("^%b<>", stop + 1)) or stop
end

function type_end(text, at)
  local stop = atom_end(text, at)
  if not stop then return nil end
  while text:find("^%[%]", stop + 1) or text:find("^%?", stop + 1) do
    stop = stop + (text:find("^%[%]", stop + 1) and 2 or 1)
  end
  local _, bar = text:find("^%s*|%s*", stop + 1)
  return bar and type_end(text, bar + 1) or stop
end

-- "string? err  why" -> "string?", "err  why"
local function split_type(text)
  local stop = type_end(text, 1)
  if not stop then return nil, text end
  return text:sub(1, stop), (text:sub(stop + 1):gsub("^%s+", ""))
end

-- ------------------------------------------------------------------ tags

local add = {}

function add.param(item, text)
  local name, optional, rest = text:match "^([%w_.]+)(%??)%s+(.*)$"
  if not name then return "@param without a name and a type" end
  local kind, more = split_type(rest)
  if not kind then return "@param " .. name .. " without a type" end
  local entry = { name = name, type = kind, text = more, optional = optional ~= "" or kind:sub(-1) == "?" }
  table.insert(item.params, entry)
  return nil, entry
end

add["return"] = function(item, text)
  local kind, rest = split_type(text)
  if not kind then return "@return without a type" end
  local name, more = rest:match "^([%w_]+)%s+(.*)$"
  if not name then name, more = rest:match "^([%w_]+)$", "" end
  if rest:match "^%.%.%." then name, more = "...", rest:gsub("^%.%.%.%s*", "") end
  local entry = { name = name, type = kind, text = name and more or rest }
  table.insert(item.returns, entry)
  return nil, entry
end

local hiding = { private = true, protected = true, package = true }

-- "@field private name type": read like any other, and not shown.
function add.field(item, text)
  local scope, scoped = text:match "^(%l+)%s+([%w_]+%??%s+%S.*)$"
  local is_hidden = hiding[scope] ~= nil
  if is_hidden then text = scoped end
  local name, optional, rest = text:match "^([%w_]+)(%??)%s+(.*)$"
  if not name then return "@field without a name and a type" end
  local kind, more = split_type(rest)
  if not kind then return "@field " .. name .. " without a type" end
  if more:find("@field", 1, true) then return "two @field in a line" end
  local entry = { name = name, type = kind, text = more, optional = optional ~= "" or kind:sub(-1) == "?" }
  if not is_hidden then table.insert(item.fields, entry) end
  return nil, entry
end

function add.class(item, text)
  local name, extends, more = text:match "^([%w_.]+)%s*:%s*([%w_.]+)%s*(.*)$"
  if not name then name, more = text:match "^([%w_.]+)%s*(.*)$" end
  if not name then return "@class without a name" end
  item.class, item.extends = name, extends
  item.text = item.text .. (item.text ~= "" and more ~= "" and "\n" or "") .. more
  return nil, item
end

function add.alias(item, text)
  local name, rest = text:match "^([%w_.]+)%s+(.*)$"
  if not name then return "@alias without a name and a type" end
  item.alias, item.type = name, rest
end

function add.type(item, text)
  local kind, more = split_type(text)
  if not kind then return "@type without a type" end
  item.type = kind
  if more ~= "" then item.text = item.text .. "\n" .. more end
end

local function hide(item) item.hidden = true end
add.private, add.package, add.protected = hide, hide, hide
for _, name in ipairs { "overload", "deprecated", "generic", "vararg", "see", "nodiscard", "async", "diagnostic" } do
  add[name] = function(item, text) item[name] = text end
end

-- ------------------------------------------------------------------ blocks

local function new_item(line)
  return { line = line, text = "", params = {}, returns = {}, fields = {}, faults = {} }
end

-- The comment's lines, without dashes, into an item.
local function read_block(lines, first)
  local item, latest = new_item(first), nil
  for _, line in ipairs(lines) do
    local tag, rest = line:match "^%s*@(%a+)%s*(.*)$"
    if tag and add[tag] then
      local fault
      fault, latest = add[tag](item, rest)
      item.faults[#item.faults + 1] = fault
    elseif tag then
      item.faults[#item.faults + 1] = "no such tag: @" .. tag
    elseif latest then
      latest.text = latest.text .. (latest == item and "\n" or " ") .. line:gsub("^%s+", "")
    else
      item.text = item.text .. (item.text ~= "" and "\n" or "") .. line:gsub("^ ", "")
    end
  end
  return item
end

-- What the line of code after a comment defines.
local function define(item, code)
  local name, args = code:match "^%s*local%s+function%s+([%w_]+)%s*(%b())"
  if not name then name, args = code:match "^%s*function%s+([%w_.:]+)%s*(%b())" end
  if not name then name, args = code:match "^%s*([%w_.]+)%s*=%s*function%s*(%b())" end
  if not name then args = code:match "^%s*return%s+function%s*(%b())" end
  if item.class then item.kind, item.name, item.variable = "class", item.class, code:match "^%s*local%s+([%w_]+)"
  elseif item.alias then item.kind, item.name = "alias", item.alias
  elseif args then
    item.kind, item.name, item.args = "function", name, {}
    for arg in args:gmatch "[%w_.]+" do table.insert(item.args, arg) end
    item.owner, item.separator, item.name = (name or ""):match "^(.-)([.:]?)([%w_]*)$"
  else
    item.kind, item.name = "field", code:match '^%s*([%w_.]+)%s*=' or code:match '^%s*%["([^"]+)"%]%s*='
  end
end

--- All comments of a file, in its order.
--- @param path string
--- @return { summary: string, text: string, items: table[] }
function cats.read(path)
  local handle = assert(io.open(path))
  local out, block, number, first = { path = path, items = {} }, {}, 0, nil
  for line in handle:lines() do
    number = number + 1
    local comment = line:match "^%s*%-%-%-(.*)$"
    if comment then
      if #block == 0 then first = number end
      block[#block + 1] = comment
    elseif #block > 0 then
      local item = read_block(block, first)
      if not out.summary and first <= 2 then out.summary, out.text = item.text, ""
      else
        define(item, line)
        if item.kind == "function" then item.line = number end
        out.items[#out.items + 1] = item
      end
      block = {}
    elseif out.summary and #out.items == 0 and number <= 40 and not out.closed then
      local more = line:match "^%-%-%s?(.*)$"
      if not more then out.closed = true
      elseif not more:find "^SPDX" then out.text = out.text .. more .. "\n" end
    end
  end
  handle:close()
  return out
end

return cats
