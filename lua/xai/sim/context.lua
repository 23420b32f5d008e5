--- A request's history as turns, whichever endpoint it came through: what the model reads and what it costs to read.
-- SPDX-License-Identifier: MIT
local json   = require "xai.sim.json"
local tokens = require "xai.sim.tokens"

--- @class xai.sim.Turn
--- @field kind "message"|"call"|"result"|"reasoning"
--- @field role string?    of a message
--- @field id string?      of a call and of its result
--- @field name string?    of a call
--- @field text string     what was said, the arguments, the result
--- @field images integer? tokens that its images cost

local WINDOW = 4096   -- bytes at either end of a long prompt in which the model looks for what to say

--- Calls by their id; of several with one id, the last.
--- @return table<string, xai.sim.Turn>
local function calls_in(turns)
  local out = {}
  for _, turn in ipairs(turns) do
    if turn.kind == "call" then out[turn.id] = turn end
  end
  return out
end

--- What of a prompt the model reads closely: all of it, or its ends.
--- @return string read
--- @return boolean all
local function window(prompt)
  if #prompt <= 2 * WINDOW then return prompt, true end
  return tokens.head(prompt, WINDOW) .. "\n" .. prompt:sub(-WINDOW):gsub("^[\128-\191]+", ""), false
end

local function last_user(turns)
  for i = #turns, 1, -1 do
    if turns[i].kind == "message" and turns[i].role == "user" then return i end
  end
  return 0
end

--- Tool results since the user spoke last, with the names of the tools.
local function results_of(turns)
  local out, calls = {}, calls_in(turns)
  for i = last_user(turns) + 1, #turns do
    local turn = turns[i]
    if turn.kind == "result" then
      local call = turn.id and calls[turn.id]
      out[#out + 1] = { name = call and call.name or "tool", text = turn.text }
    end
  end
  return out
end

local function system_of(turns)
  local out = {}
  for _, turn in ipairs(turns) do
    if turn.role == "system" or turn.role == "developer" then out[#out + 1] = turn.text end
  end
  return table.concat(out, "\n")
end

--- @param turns xai.sim.Turn[]
--- @param asked { tools: table[], choice: string, parallel: boolean, format: table, effort: string? }
--- @return xai.sim.Context
local function of(turns, asked)
  local user = turns[last_user(turns)]
  local prompt, all = window(user and user.text or "")
  return {
    prompt = prompt, all = all, system = system_of(turns), results = results_of(turns),
    tools = asked.tools, choice = asked.choice, parallel = asked.parallel,
    format = asked.format, effort = asked.effort,
  }
end

--- The whole prompt as one text: what is counted, and what the cache compares from its first byte on.
local function render(turns, tools, format)
  local out = {}
  for _, tool in ipairs(tools) do out[#out + 1] = "tool: " .. json.encode(tool) end
  if format and format.schema then out[#out + 1] = "schema: " .. json.encode(format.schema) end
  for _, turn in ipairs(turns) do
    out[#out + 1] = ("%s: %s%s"):format(turn.role or turn.kind, turn.name and turn.name .. " " or "", turn.text)
  end
  return table.concat(out, "\n")
end

local function image_tokens(turns)
  local n = 0
  for _, turn in ipairs(turns) do n = n + (turn.images or 0) end
  return n
end

local function input_tokens(text, turns)
  return tokens.HIDDEN + tokens.count(text) + image_tokens(turns)
end

return { of = of, render = render, calls_in = calls_in, image_tokens = image_tokens, input_tokens = input_tokens }
