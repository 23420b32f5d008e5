--- Says which JSON schemas the API would refuse, and finds what the references in one mean.
-- SPDX-License-Identifier: MIT
local json = require "xai.sim.json"

--- Follow a local reference: "#", "#/$defs/x", "#/properties/a/items".
local function resolve(root, ref)
  if ref == "#" then return root end
  local at = root
  for part in tostring(ref):gmatch "/([^/]*)" do
    part = part:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
    part = part:gsub("~1", "/"):gsub("~0", "~")
    if type(at) ~= "table" then return nil end
    at = at[part] or (tonumber(part) and at[tonumber(part) + 1])
  end
  return at ~= root and at or nil
end

local SHAPES = {
  type = "string|array", enum = "array", anyOf = "array", oneOf = "array", allOf = "array", prefixItems = "array",
  properties = "object", ["$defs"] = "object", definitions = "object", required = "array", ["$ref"] = "string",
  pattern = "string", format = "string", minimum = "number", maximum = "number", exclusiveMinimum = "number",
  exclusiveMaximum = "number", multipleOf = "number", minLength = "number", maxLength = "number",
  minItems = "number", maxItems = "number", minProperties = "number", maxProperties = "number",
}

local function shape_of(value)
  if json.is_array(value) then return "array" end
  if json.is_object(value) then return "object" end
  return type(value) == "table" and "number" or type(value)   -- a table besides these is an exact number
end

local function all_strings(list)
  for _, item in ipairs(json.is_array(list) and list or {}) do
    if type(item) ~= "string" then return false end
  end
  return true
end

local function has_schemas(list)
  for _, item in ipairs(list or {}) do
    if not json.is_object(item) and type(item) ~= "boolean" then return false end
  end
  return true
end

--- What no JSON schema may look like.
local function malformed(node)
  for name, wanted in pairs(SHAPES) do
    local value = node[name]
    if value ~= nil and not wanted:find(shape_of(value), 1, true) then
      return ("%s must be of type %s"):format(name, wanted:gsub("|", " or "))
    end
  end
  if not all_strings(node.type) or not all_strings(node.required) then return "type and required hold strings" end
  if type(node.multipleOf) == "number" and node.multipleOf <= 0 then return "multipleOf must be above 0" end
  for _, name in ipairs { "anyOf", "oneOf", "allOf", "prefixItems" } do
    if not has_schemas(node[name]) then return name .. " must hold schemas" end
  end
end

local function reject_node(node)
  if json.is_array(node.enum) and #node.enum == 0 then return "enum must not be empty" end
  if json.is_array(node.anyOf) and #node.anyOf == 0 then return "anyOf must not be empty" end
  if node.minContains ~= nil or node.maxContains ~= nil then return "minContains and maxContains are not supported" end
  if json.is_array(node.items) then return "items must be a single schema, use prefixItems" end
  if json.is_object(node.properties) then
    for _, name in ipairs(json.keys(node.properties)) do
      if type(node.properties[name]) == "boolean" then return "boolean schema for property " .. name end
    end
  end
end

local MAPS = { properties = true, ["$defs"] = true, definitions = true }
local LISTS = { "anyOf", "oneOf", "allOf", "prefixItems" }
local SINGLES = { "items", "additionalProperties", "not", "if", "then", "else" }

local function children(node)
  local out = {}
  local function add(child)
    if json.is_object(child) then out[#out + 1] = child end
  end
  for name in pairs(MAPS) do
    if json.is_object(node[name]) then
      for _, key in ipairs(json.keys(node[name])) do add(node[name][key]) end
    end
  end
  for _, name in ipairs(LISTS) do
    if json.is_array(node[name]) then
      for _, child in ipairs(node[name]) do add(child) end
    end
  end
  for _, name in ipairs(SINGLES) do add(node[name]) end
  return out
end

--- Visit a schema, the schemas in it and those it refers to, each once. `visit` gives a reason to stop.
local function walk_all(schema, visit)
  local state, stack, circular = {}, {}, false   -- state: node -> "open" while below it, "done" after
  local function enter(node)
    if state[node] then
      circular = circular or state[node] == "open"
      return nil
    end
    state[node] = "open"
    local reason = visit(node)
    if reason then return reason end
    local below = children(node)
    if node["$ref"] then
      local target = resolve(schema, node["$ref"])
      if not json.is_object(target) then return "cannot resolve $ref " .. node["$ref"] end
      below[#below + 1] = target
    end
    stack[#stack + 1] = { node = node, below = below, at = 0 }
  end
  local reason = enter(schema)
  while not reason and #stack > 0 do
    local top = stack[#stack]
    top.at = top.at + 1
    if top.below[top.at] then
      reason = enter(top.below[top.at])
    else
      state[top.node], stack[#stack] = "done", nil
    end
  end
  return reason, circular
end

--- @return string? reason  why the API would answer 400 to this schema for an answer; nil when it would take it
local function refuse(schema)
  local reason, circular = walk_all(schema, function(node) return malformed(node) or reject_node(node) end)
  return reason or (circular and "circular $ref") or nil
end

--- @return string? reason  why this is no schema for a function's arguments; more is allowed there
local function refuse_parameters(schema)
  return (walk_all(schema, malformed))
end

return { resolve = resolve, refuse = refuse, refuse_parameters = refuse_parameters }
