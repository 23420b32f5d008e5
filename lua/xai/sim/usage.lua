--- Counts and prices of a request in the two forms the API has, and the prompt cache behind them.
-- SPDX-License-Identifier: MIT
local json   = require "xai.sim.json"
local prices = require "xai.prices"
local tokens = require "xai.sim.tokens"

local floor = math.floor
local BLOCK = 128   -- cached tokens come in multiples of this

local function common_prefix(a, b)
  local low, high = 0, math.min(#a, #b)
  while low < high do
    local middle = floor((low + high + 1) / 2)
    if a:sub(1, middle) == b:sub(1, middle) then low = middle else high = middle - 1 end
  end
  return low
end

--- Tokens that a prompt shares with the one before it under the same key. `cache` maps keys to prompts; a nil key
--- goes to some server or other and hits nothing.
--- @param cache table  a shelf
local function cached(cache, key, text, input)
  if not key then return 0 end
  local before = cache:get(key)
  cache:put(key, text, #text)
  if not before then return 0 end
  local shared = tokens.HIDDEN + tokens.count(text:sub(1, common_prefix(before, text)))
  return floor(math.min(shared, input) / BLOCK) * BLOCK
end

local function counters(tools)
  tools = tools or {}
  return json.object(
    "web_search_calls", tools.web or 0, "x_search_calls", tools.x or 0, "x_posts_fetched", tools.posts or 0,
    "x_users_fetched", 0, "code_interpreter_calls", tools.code or 0, "file_search_calls", 0, "mcp_calls", 0,
    "document_search_calls", 0, "image_generation_calls", 0)
end

local function priced(usage, bill, endpoint)
  local tier = (bill.tier == "priority" or bill.tier == "fast") and "priority" or nil
  usage.cost_in_usd_ticks = prices.ticks(bill.model, usage, endpoint, { book = bill.book, tier = tier }) or 0
  return usage
end

--- @class xai.sim.Bill  the numbers of one request
--- @field model string
--- @field book table?      price book
--- @field tier string?
--- @field input integer       over all rounds
--- @field last_input integer? of the last round, where there were several
--- @field cached integer
--- @field images integer
--- @field reasoning integer
--- @field visible integer
--- @field tools table?     server-side calls: { web, x, posts, code }

--- Usage as /v1/responses states it: the output holds the reasoning.
--- @param bill xai.sim.Bill
local function responses(bill)
  local output, tools = bill.visible + bill.reasoning, bill.tools or {}
  return priced(json.object(
    "input_tokens", bill.input, "input_tokens_details", json.object("cached_tokens", bill.cached),
    "output_tokens", output, "output_tokens_details", json.object("reasoning_tokens", bill.reasoning),
    "total_tokens", bill.input + output, "num_sources_used", 0,
    "num_server_side_tools_used", (tools.web or 0) + (tools.x or 0) + (tools.code or 0),
    "cost_in_usd_ticks", 0, "server_side_tool_usage_details", counters(tools),
    "context_details", json.object("input_tokens", bill.last_input or bill.input, "output_tokens", output)),
    bill, "responses")
end

--- Usage as /v1/chat/completions states it: the completion leaves the reasoning out.
--- @param bill xai.sim.Bill
local function chat(bill)
  return priced(json.object(
    "prompt_tokens", bill.input, "completion_tokens", bill.visible,
    "total_tokens", bill.input + bill.visible + bill.reasoning,
    "prompt_tokens_details", json.object("text_tokens", bill.input - bill.images, "audio_tokens", 0,
      "image_tokens", bill.images, "cached_tokens", bill.cached),
    "completion_tokens_details", json.object("reasoning_tokens", bill.reasoning, "audio_tokens", 0,
      "accepted_prediction_tokens", 0, "rejected_prediction_tokens", 0),
    "num_sources_used", 0, "cost_in_usd_ticks", 0), bill, "chat")
end

--- The bill of a request that went through a second round after tools of the API: the prompt is read twice, the
--- second time mostly from the cache.
local function second_round(bill)
  bill.last_input = bill.input
  bill.input = 2 * bill.input
  bill.cached = bill.cached + floor(bill.last_input / BLOCK) * BLOCK
end

return { cached = cached, second_round = second_round, responses = responses, chat = chat }
