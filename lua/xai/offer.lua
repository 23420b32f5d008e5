--- The functions that a request offered: was this one among them, and do the arguments fit its schema?
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local schemas = require "xai.schema"

local Offer = {}
local mt = { __name = "xai.offer", __index = Offer }

-- The function in an entry of `tools`, in either endpoint's shape; nil for the tools that run at the API.
local function function_of(tool)
  if type(tool) ~= "table" or tool.type ~= nil and tool.type ~= "function" then return nil end
  local inner = type(tool["function"]) == "table" and tool["function"] or tool
  return type(inner.name) == "string" and inner or nil
end

-- A name as text that shows what is in it: the model may have made it up.
local function shown(name)
  return (assert(core.encode((name:sub(1, 64):gsub("[^\33-\126]", "?")))))
end

local function unknown(self, name)
  if #self.names == 0 then return ("the function %s was not offered; none was"):format(shown(name)) end
  local list = {}
  for i, offered in ipairs(self.names) do list[i] = i <= 20 and shown(offered) or nil end
  return ("the function %s was not offered; there are: %s%s"):format(shown(name), table.concat(list, ", "),
    #self.names > #list and " ..." or "")
end

-- Compiled when first needed; false: there is nothing to check.
local function schema_of(self, name)
  local compiled = self.compiled[name]
  if compiled ~= nil then return compiled end
  local parameters, err = self.functions[name].parameters, nil
  if type(parameters) ~= "table" then
    compiled = false
  else
    compiled, err = schemas.compile(parameters, { format = "assert" })
  end
  if err then return nil, ("the schema of the function %s is not usable: %s"):format(shown(name), err.message) end
  self.compiled[name] = compiled
  return compiled
end

--- Was this function offered? Names are compared byte for byte.
--- @param name string
--- @return string? fault  a sentence for the model; nil when it was
function Offer:refuse(name)
  if not self.functions[name] then return unknown(self, name) end
end

--- Do these arguments fit?
--- @param name string  of an offered function
--- @param text string  the arguments as the model wrote them
--- @return string? fault  a sentence for the model; nil when they do
--- @return xai.Violations? violations
function Offer:misfit(name, text)
  local schema, fault = schema_of(self, name)
  if fault then return fault end
  if not schema then return nil end
  local _, violations = schema:check_text(text)
  if not violations then return nil end
  local sentences = tostring(violations):gsub("\n", "; ")
  return ("the arguments do not fit the schema of %s: %s"):format(shown(name), sentences), violations
end

--- @param tools table[]  as the request had them, or as the response repeats them
local function new(tools)
  local functions, names = {}, {}
  for _, tool in ipairs(tools) do
    local offered = function_of(tool)
    if offered and not functions[offered.name] then
      functions[offered.name] = offered
      names[#names + 1] = offered.name
    end
  end
  return setmetatable({
    functions = functions, -- name -> the function's name, parameters ...
    names = names,         -- in the order of the request
    compiled = {},         -- name -> xai.Schema | false
  }, mt)
end

return { new = new }
