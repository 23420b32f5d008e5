--- Checks a request body in the API's order of checks: first the JSON types (422), later what a model takes (400).
-- SPDX-License-Identifier: MIT
local json   = require "xai.sim.json"
local schema = require "xai.sim.schema"

local function kind_of(value)
  if type(value) == "boolean" then return "boolean" end
  if type(value) == "string" then return "string" end
  if json.is_array(value) then return "array" end
  if json.is_object(value) then return "object" end
  if type(value) == "number" and value == math.floor(value) and math.abs(value) < 2^63 then return "integer" end
  return "number"
end

local SHOWN = { array = "sequence", object = "map", number = "floating point", integer = "integer" }
local WANTED = { boolean = "a boolean", string = "a string", integer = "i32", long = "i64",
  number = "f32", array = "a sequence", object = "a map", ["string|object"] = "string or map",
  ["string|array"] = "string or sequence" }

local function shown(value)
  local kind = kind_of(value)
  if kind == "string" then return ("string %q"):format(value:sub(1, 60):gsub("%c", " ")) end
  if kind == "boolean" or kind == "integer" then return ("%s `%s`"):format(kind, tostring(value)) end
  return SHOWN[kind]
end

local function fits(value, wanted)
  local kind = kind_of(value)
  for name in wanted:gmatch "[^|]+" do
    if name == kind or (kind == "integer" and (name == "number" or name == "long")) then return true end
  end
  return false
end

--- An integer that fits no i32.
local function too_great(value, wanted)
  return wanted == "integer" and (value >= 2^31 or value < -2^31)
end

local function wrong_type(name, value, wanted)
  return ("%s: invalid type: %s, expected %s"):format(name, shown(value), WANTED[wanted] or wanted)
end

--- @param body table
--- @param spec table<string, string>  field -> kind; null counts as absent
--- @return string? reason
local function fields(body, spec, prefix)
  for _, name in ipairs(json.keys(body)) do
    local value, wanted = json.field(body, name), spec[name]
    if wanted and value ~= nil and not fits(value, wanted) then
      return wrong_type((prefix or "") .. name, value, wanted)
    end
    if value ~= nil and too_great(value, wanted) then
      return ("%s: invalid value: %s, expected i32"):format((prefix or "") .. name, shown(value))
    end
  end
end

local TOOL_TYPES = { "function", "web_search", "x_search", "image_generation", "collections_search", "file_search",
  "code_execution", "code_interpreter", "mcp", "shell", "tool_search" }
local IS_TOOL = { web_search_preview = true }
for _, name in ipairs(TOOL_TYPES) do IS_TOOL[name] = true end

local function unknown_variant(name, known)
  local quoted = {}
  for i, item in ipairs(known) do quoted[i] = "`" .. item .. "`" end
  return ("unknown variant `%s`, expected one of %s"):format(tostring(name), table.concat(quoted, ", "))
end

local DEFINITION = { name = "string", description = "string", parameters = "object", strict = "boolean" }

local function function_definition(at, definition)
  if json.field(definition, "name") == nil then return ("%s: missing field `name`"):format(at) end
  return fields(definition, DEFINITION, at .. ".")
end

--- @param list table?   the `tools` of a body
--- @param nested boolean  chat's form, with the definition under `function`
local function tools(list, nested)
  for i, tool in ipairs(list or {}) do
    local at = ("tools[%d]"):format(i - 1)
    if not json.is_object(tool) then return wrong_type(at, tool, "object") end
    local kind = json.field(tool, "type")
    if type(kind) ~= "string" then return at .. ": missing field `type`" end
    if nested then
      if kind ~= "function" and kind ~= "live_search" then
        return at .. ": " .. unknown_variant(kind, { "function", "live_search" })
      end
      if kind == "function" then
        if not json.is_object(tool["function"]) then return at .. ": missing field `function`" end
        local reason = function_definition(at, tool["function"])
        if reason then return reason end
      end
    else
      if not IS_TOOL[kind] then return at .. ".type: " .. unknown_variant(kind, TOOL_TYPES) end
      if kind == "function" then
        local reason = function_definition(at, tool)
        if reason then return reason end
        if json.field(tool, "parameters") == nil then return at .. ": missing field `parameters`" end
      end
    end
  end
end

--- Two functions of one name, too many, or one whose parameters are no schema.
local function tool_conflict(functions, count)
  if count > 350 then return "A maximum of 350 tools are supported per request." end
  local seen = {}
  for _, tool in ipairs(functions) do
    local reason = tool.parameters and schema.refuse_parameters(tool.parameters)
    if reason then return ("Invalid schema for function %s: %s."):format(tool.name, reason) end
    if seen[tool.name] then return ("Duplicate tool name: %s"):format(tool.name) end
    seen[tool.name] = true
  end
end

local function out_of_range(body, name, low, high, open)
  local value = json.field(body, name)
  if type(value) ~= "number" then return nil end
  if value > high or value < low or (open and value == low) then
    return ("Invalid value for %s: must be between %g and %g."):format(name, low, high)
  end
end

local function sampling(body)
  return out_of_range(body, "temperature", 0, 2) or out_of_range(body, "top_p", 0, 1, true)
    or out_of_range(body, "top_logprobs", 0, 8)
end

local MAGIC = { "^iVBORw0KGgo", "^/9j/", "^UklGR" }   -- PNG, JPEG, WebP in base64

--- What is wrong with an image given as a data URL; a web address is taken on trust.
--- @param url string
local function image(url)
  local data = url:match "^data:[^,]*;base64,(.*)$"
  if not data then
    if url:match "^https?://" then return nil end
    return "Invalid image URL."
  end
  for _, magic in ipairs(MAGIC) do
    if data:match(magic) then return nil end
  end
  return "The image is not a valid JPEG or PNG."
end

--- The effort a model will use, or why it refuses the one asked for.
--- @return string? effort  nil: it does not reason
--- @return string? refusal
local function effort(model, asked, preset)
  if asked and not model.effort then
    return nil, ("Model %s does not support parameter reasoningEffort."):format(model.id)
  end
  asked = asked or preset
  if asked == nil then return not model.quiet and (model.default or "medium") or nil end
  if asked == "minimal" then asked = model.minimal or "low" end
  if asked == "xhigh" then asked = model.xhigh or asked end
  local known = asked == "xhigh" and model.xhigh == "xhigh"
  for _, name in ipairs(model.effort or {}) do known = known or name == asked end
  if not known then return nil, ("Invalid reasoning effort for model %s: %s"):format(model.id, asked) end
  if asked == "none" then return nil end
  return asked
end

return {
  fields = fields, tools = tools, tool_conflict = tool_conflict, sampling = sampling, image = image, effort = effort,
  is_object = json.is_object, wrong_type = wrong_type, unknown_variant = unknown_variant,
}
