--- What calls may cost: a budget's options, and the most that a request can cost, reckoned before it is sent.
-- SPDX-License-Identifier: MIT
--
-- A token has at least one byte, so a request's text has at most as many tokens as bytes; the vendor's own words
-- before it come on top. What the answer will have is bounded by the request, but for reasoning, which no field of
-- the API bounds: for that, and whatever else cannot be known before, the budget has assumptions. They are no
-- bounds: what a call costs beyond them is counted when it is over, and may exceed the limit by so much.
local errors = require "xai.error"
local options_of = require "xai.options"
local prices = require "xai.prices"

--- @class xai.BudgetOptions
--- @field usd number?        dollars that may be spent, or ...
--- @field tokens integer?    ... tokens, input and output, cached and reasoning ones too
--- @field every string?      "day" or "month": begins anew with each, in UTC. Default: it never does
--- @field file string?       path; made if there is none. All clients of this machine that name it, in any process,
---   spend from it together, and what was spent outlives them. Default: this client alone, until it is closed
--- @field name string?       keeps several budgets of a file apart
--- @field output integer?    output tokens assumed for a request that does not bound them; default 16384
--- @field reasoning integer? reasoning tokens assumed beside those; default 32768, none where there is no reasoning
--- @field history integer?   tokens assumed of earlier answers that the vendor stores (previous_response_id); a
---   conversation knows its own
--- @field extra number?      what images, files and tools that run at the vendor's may add to a call: dollars, or
---   tokens where the budget is in tokens. Without it, and `history`, calls with those are refused here
local known = {
  usd = "number", tokens = "count", every = "string", file = "string", name = "string", output = "count",
  reasoning = "amount", history = "count", extra = "amount",
}

--- @class xai.BudgetState  in dollars, or tokens where the budget is in tokens
--- @field limit number
--- @field spent number      with all that is held back for calls under way, here and elsewhere
--- @field left number
--- @field reserved number   part of `spent`: held back for this client's calls under way
--- @field unit string       "usd" or "tokens"
--- @field resets_at integer?  Unix seconds

local HIDDEN = 1024 -- tokens that the vendor adds to a prompt; some 200 were seen
local OUTPUT, REASONING = 16384, 32768
local MOST = 9007199254740992 -- what the core can be told, 2^53; no budget is larger

local Budget = {}
local mt = { __name = "xai.budget", __index = Budget }

-- ------------------------------------------------------------------ what may come beside text

local beyond_text = { input_image = true, image_url = true, input_file = true, file = true, input_audio = true }

local function holds_more_than_text(value)
  if type(value) ~= "table" then return false end
  if beyond_text[value.type] then return true end
  for _, inner in pairs(value) do
    if holds_more_than_text(inner) then return true end
  end
  return false
end

local function runs_tools_there(body)
  for _, tool in ipairs(type(body.tools) == "table" and body.tools or {}) do
    if type(tool) == "table" and tool.type ~= "function" and tool.type ~= "custom" then return true end
  end
  return type(body.search_parameters) == "table"
end

local function number(value)
  return type(value) == "number" and value >= 0 and value or nil
end

local function does_not_reason(body)
  local reasoning = body.reasoning
  local effort = type(reasoning) == "table" and reasoning.effort or type(reasoning) ~= "table" and body.reasoning_effort
  return effort == "none" or tostring(body.model):find("non-reasoning", 1, true) ~= nil
end

local function refusal(code, message)
  return errors.new {
    kind = "budget", code = code, message = message,
    hint = "say what it can cost with the call option most_cost, or see the budget's own options",
  }
end

-- ------------------------------------------------------------------ the most it can cost

-- Dollars as ticks; 0.07 of them is no exact number, but the nearest tick is what was meant.
local function units(self, amount)
  return math.floor(math.min(MOST, self.in_tokens and amount or amount * prices.ticks_per_dollar) + 0.5)
end

local function output_of(self, body)
  local visible = number(body.max_output_tokens) or number(body.max_completion_tokens) or number(body.max_tokens)
  local each = (visible or self.output) + (does_not_reason(body) and 0 or self.reasoning)
  return each * math.max(1, number(body.n) or 1)
end

-- Tokens in and out, as a usage that names no cheaper ones.
local function most_usage(self, body, text, history)
  local input, output = #text + HIDDEN, output_of(self, body)
  if body.previous_response_id ~= nil then
    history = history or self.history
    if not history then
      return nil, refusal("unbounded", "how much an earlier answer brings along is not known here: set budget.history")
    end
    input = input + history
  end
  return { input_tokens = input, input_tokens_details = { cached_tokens = 0 }, output_tokens = output,
    total_tokens = input + output }
end

local function most_of_text(self, traits, text, client)
  local body = traits.body
  local usage, fault = most_usage(self, body, text, traits.history)
  if not usage then return nil, fault end
  if self.in_tokens then return usage.total_tokens end
  local tier = body.service_tier
  local plain = tier == nil or tier == "default"
  local ticks, why = prices.ticks(body.model, usage, "responses",
    { book = client.prices, us = client.us, tier = not plain and "priority" or nil })
  if not ticks then return nil, refusal("unpriced", why .. ": add it to client.prices") end
  return math.max(ticks, client.prices.violation_fee or 0) -- billed instead, when a filter stops the request
end

--- The most that one attempt of a request can cost, for the core.
--- @param request table      path, body (text) and method, as the core takes them
--- @param traits table       `body`: what the text was made from; `history`: tokens of earlier answers, where known
--- @param told number?       by the caller: dollars or tokens
--- @param client xai.Client
--- @return integer? most     nil: it has no body, and costs nothing
--- @return xai.Error? err    kind "budget": nobody knows
function Budget:most(request, traits, told, client)
  local body = traits.body
  if told then return math.max(1, units(self, told)) end
  if request.body == nil then return nil end
  if type(body) ~= "table" or (request.path ~= "/responses" and request.path ~= "/chat/completions") then
    return nil, refusal("unbounded", "what this request can cost is not known here")
  end
  local extra = 0
  if runs_tools_there(body) or holds_more_than_text(body.input) or holds_more_than_text(body.messages) then
    if not self.extra then
      return nil, refusal("unbounded",
        "what images, files and tools that run at the vendor's add to this call has no bound: set budget.extra")
    end
    extra = units(self, self.extra)
  end
  local most, fault = most_of_text(self, traits, request.body, client)
  if not most then return nil, fault end
  return math.max(1, math.min(MOST, most + extra))
end

--- How it stands, from what the core tells.
--- @return xai.BudgetState
function Budget:state(core_state)
  local state = { unit = self.in_tokens and "tokens" or "usd", resets_at = core_state.resets_at }
  for _, name in ipairs { "limit", "spent", "left", "reserved" } do
    state[name] = self.in_tokens and core_state[name] or core_state[name] / prices.ticks_per_dollar
  end
  return state
end

-- ------------------------------------------------------------------ making one

local function fault_of(given)
  if (given.usd == nil) == (given.tokens == nil) then return "name either usd or tokens" end
  if given.usd and not (given.usd > 0 and given.usd <= 900000) then return "usd must be above 0, at most 900,000" end
  if given.every and given.every ~= "day" and given.every ~= "month" then return 'every must be "day" or "month"' end
  if given.file == "" then return "file must be a path" end
  if #(given.name or "") > 50 then return "name has 50 characters at most" end
  for _, name in ipairs { "file", "name" } do
    if (given[name] or ""):find("\0", 1, true) then return name .. " holds a NUL byte" end
  end
end

--- @param given xai.BudgetOptions
--- @param level integer  as for error()
--- @param is_simulated boolean?  then it has a number of its own, for what is billed to nobody
--- @return table budget  `core`: as the core takes it
local function new(given, level, is_simulated)
  options_of.check("xai.new, budget", given, known, level + 1)
  local fault = fault_of(given)
  if fault then error("xai.new, budget: " .. fault, level + 1) end
  local in_tokens = given.tokens ~= nil
  local self = setmetatable({
    in_tokens = in_tokens,
    output = given.output or OUTPUT,
    reasoning = given.reasoning or REASONING,
    history = given.history, -- nil: not known
    extra = given.extra,     -- nil: not known
    core = nil,
  }, mt)
  local limit = in_tokens and given.tokens or math.floor(given.usd * prices.ticks_per_dollar + 0.5)
  self.core = {
    limit = math.max(1, limit), unit = in_tokens and "tokens" or "ticks", every = given.every,
    file = given.file, name = is_simulated and "simulated " .. (given.name or "") or given.name,
  }
  return self
end

return { new = new }
