--- What two requests have in common from their start, and the first thing that differs: the cache's view.
-- SPDX-License-Identifier: MIT
--
-- The API's prompt cache matches exact prefixes. A view of a request is what comes before the new part, each
-- piece as stable JSON: model, cache key, instructions, format, tools in their order, items in their order.
local core = require "xai.core"

-- Values that JSON cannot hold never get sent; here they only must not stop the comparison.
local function encoded(value)
  if value == nil then return nil end
  return core.encode(value) or "?"
end

local function encoded_list(list)
  local texts = {}
  for i, value in ipairs(type(list) == "table" and list or {}) do texts[i] = encoded(value) end
  return texts
end

--- @param parts table  model, cache_key, instructions, format, tools, items: as they are in the request
local function view(parts)
  return {
    model = encoded(parts.model),
    cache_key = encoded(parts.cache_key),
    instructions = encoded(parts.instructions),
    format = encoded(parts.format),
    tools = encoded_list(parts.tools),
    items = encoded_list(parts.items),
  }
end

local function is_table(value)
  return type(value) == "table"
end

local function all_keys(a, b)
  local keys, seen = {}, {}
  for _, t in ipairs { a, b } do
    for key in pairs(t) do
      if not seen[key] then keys[#keys + 1] = key end
      seen[key] = true
    end
  end
  table.sort(keys, function(x, y)
    if type(x) == type(y) then return x < y end
    return type(x) == "number"
  end)
  return keys
end

local function step_into(path, key)
  if type(key) == "number" then return path .. "[" .. ("%d"):format(key) .. "]" end
  return path .. "." .. key
end

-- The path of the first place where two JSON texts differ, e.g. ".parameters.properties.city.type".
local function difference(before, after)
  local a, b = core.decode(before), core.decode(after)
  local path = ""
  while is_table(a) and is_table(b) do
    local found
    for _, key in ipairs(all_keys(a, b)) do
      if encoded(a[key]) ~= encoded(b[key]) then found = key break end
    end
    if found == nil then return path end
    path, a, b = step_into(path, found), a[found], b[found]
  end
  return path
end

local function same_set(a, b)
  if #a ~= #b then return false end
  local x, y = {}, {}
  for i = 1, #a do x[i], y[i] = a[i], b[i] end
  table.sort(x)
  table.sort(y)
  for i = 1, #x do
    if x[i] ~= y[i] then return false end
  end
  return true
end

local function broken_tool(before, after)
  for i = 1, math.max(#before, #after) do
    if before[i] ~= after[i] then
      if not before[i] then return ("tools[%d] added"):format(i) end
      if not after[i] then return ("tools[%d] removed"):format(i) end
      if same_set(before, after) then return "the order of the tools changed" end
      return ("tools[%d]%s changed"):format(i, difference(before[i], after[i]))
    end
  end
end

local function broken_item(before, after)
  for i = 1, #before do
    if not after[i] then return ("item %d removed"):format(i) end
    if before[i] ~= after[i] then return ("item %d changed"):format(i) end
  end
end

local single = {
  { "model", "model changed" },
  { "cache_key", "prompt_cache_key changed" },
  { "instructions", "instructions changed" },
  { "format", "the answer's format changed" },
}

--- What of `before` is no longer the start of `after`, in words; nil when all of it still is.
--- @return string?
local function broken(before, after)
  for _, part in ipairs(single) do
    if before[part[1]] ~= after[part[1]] then return part[2] end
  end
  return broken_tool(before.tools, after.tools) or broken_item(before.items, after.items)
end

return { view = view, broken = broken }
