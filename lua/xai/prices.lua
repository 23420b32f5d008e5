--- What a call costs, to the tick: the price book as data, and integer arithmetic over the API's own usage.
-- SPDX-License-Identifier: MIT
--
-- A tick is 10^-10 US dollars, so a price of $1 per million tokens is 10,000 ticks a token. All products stay
-- far below 2^53: the sums are exact on LuaJIT too. What is not known is nil, never zero.

local TICKS_PER_DOLLAR = 10000000000

-- ticks a token: input, cached input, output; the same above the long-context threshold
local function model(input, cached, output, threshold)
  local long = threshold and { input = 2 * input, cached = 2 * cached, output = 2 * output } or nil
  return { input = input, cached = cached, output = output, threshold = threshold, long = long }
end

local function batched(entry)
  entry.batch_percent = 80
  return entry
end

--- A price book, as it comes with the library: to be changed at will.
--- @return table book  date, source, models: name -> prices in ticks a token
local function new_book()
  return {
    date = "2026-09-29",
    source = "docs.x.ai: Pricing (29 September 2026), Models (21 September 2026)",
    models = {
      ["grok-4.7"] = model(20000, 5000, 60000, 200000),
      ["grok-4.6"] = model(20000, 5000, 60000, 200000),
      ["grok-4.5"] = model(20000, 3000, 60000, 200000),
      ["grok-4.3"] = batched(model(12500, 2000, 25000, 200000)),
      ["grok-4.20-0309-reasoning"] = batched(model(12500, 2000, 25000, 200000)),
      ["grok-4.20-0309-non-reasoning"] = batched(model(12500, 2000, 25000, 200000)),
      ["grok-4.20-multi-agent-0309"] = batched(model(12500, 2000, 25000, 200000)),
      ["grok-build-0.1"] = model(10000, 2000, 20000, 200000),
      ["grok-3-mini"] = model(3000, 750, 5000), -- switched off; kept for recorded answers
    },
    -- Other names of the models above: aliases, and retired models that are answered (and billed) as another.
    aliases = {
      ["grok-4.7-latest"] = "grok-4.7",
      ["grok-4.6-latest"] = "grok-4.6",
      ["grok-4.5-latest"] = "grok-4.5",
      ["grok-build-latest"] = "grok-4.5",
      ["grok-4.3-latest"] = "grok-4.3",
      ["grok-4.20"] = "grok-4.20-0309-reasoning",
      ["grok-4.20-0309"] = "grok-4.20-0309-reasoning",
      ["grok-4.20-reasoning"] = "grok-4.20-0309-reasoning",
      ["grok-4.20-reasoning-latest"] = "grok-4.20-0309-reasoning",
      ["grok-4.20-non-reasoning"] = "grok-4.20-0309-non-reasoning",
      ["grok-4.20-multi-agent"] = "grok-4.20-multi-agent-0309",
      ["grok-code-fast-1"] = "grok-build-0.1",
      ["grok-4-1-fast-reasoning"] = "grok-4.3",
      ["grok-4-fast-reasoning"] = "grok-4.3",
      ["grok-4-0709"] = "grok-4.3",
      ["grok-4-1-fast-non-reasoning"] = "grok-4.3",
      ["grok-4-fast-non-reasoning"] = "grok-4.3",
      ["grok-3"] = "grok-4.3",
    },
    -- ticks a unit, by the counters of usage.server_side_tool_usage_details
    tools = {
      web_search_calls = 50000000,
      x_posts_fetched = 50000000,
      x_users_fetched = 100000000,
      code_interpreter_calls = 50000000,
      file_search_calls = 25000000,
      document_search_calls = 50000000,
      mcp_calls = 0,
    },
    x_search_call = 50000000,  -- the older price, for answers that count searches and not what they fetched
    violation_fee = 500000000, -- a request stopped by the content filter before generation
  }
end

local default = new_book()

-- A count of the API's: nil when absent or null (null is no number).
local function count(value)
  return type(value) == "number" and value or nil
end

local function field(t, name)
  return type(t) == "table" and t[name] or nil
end

-- The API has two shapes of usage; stored responses come in the other endpoint's. What counts as output is
-- told by the total in both: completion_tokens leaves reasoning out, output_tokens holds it (or, in old
-- answers, does not).
--- @class xai.Tokens
--- @field input integer   all prompt tokens, cached ones included
--- @field cached integer? those read from the cache
--- @field output integer  visible and reasoning tokens
--- @field reasoning integer?
--- @field total integer

--- The tokens of a usage in one shape.
--- @param usage table?      the API's own
--- @param endpoint string?  "responses" or "chat"; told by the usage's shape when absent
--- @return xai.Tokens? tokens
--- @return string? reason   why they are not known
local function tokens(usage, endpoint)
  if type(usage) ~= "table" then return nil, "the answer states no usage" end
  local input = count(usage.input_tokens) or count(usage.prompt_tokens)
  local visible = count(usage.output_tokens) or count(usage.completion_tokens)
  if not input or not visible then return nil, "the usage does not state its tokens" end
  local from = usage.input_tokens_details or usage.prompt_tokens_details
  local to = usage.output_tokens_details or usage.completion_tokens_details
  local reasoning = count(field(to, "reasoning_tokens"))
  local total = count(usage.total_tokens)
  local chat = not count(usage.input_tokens) or endpoint == "chat"
  local output = total and total - input or (chat and visible + (reasoning or 0)) or visible
  return {
    input = input,
    cached = count(field(from, "cached_tokens")),
    output = output,
    reasoning = reasoning,
    total = total or input + output,
  }
end

-- Long-context prices hold for a whole prompt at or above the threshold. Requests with server-side tools sum
-- their input over several prompts; only the last one's size is told.
local function tier(entry, usage, input)
  if not entry.long or input < entry.threshold then return entry end
  local last = count(field(usage.context_details, "input_tokens"))
  if last and last < entry.threshold then return entry end
  local rounds = last and last ~= input or not last and (count(usage.num_server_side_tools_used) or 0) > 0
  if rounds then return nil, "some prompts may have been below the long-context threshold and some above" end
  return entry.long
end

local function tool_ticks(book, usage)
  local details = usage.server_side_tool_usage_details
  if type(details) ~= "table" then
    if (count(usage.num_server_side_tools_used) or 0) == 0 then return 0 end
    return nil, "the usage does not say which server-side tools ran"
  end
  local sum = 0
  for name, calls in pairs(details) do
    if name ~= "x_search_calls" and count(calls) and calls > 0 then
      if not book.tools[name] then return nil, "no price known for " .. tostring(name) end
      sum = sum + calls * book.tools[name]
    end
  end
  local by_item = count(details.x_posts_fetched) or count(details.x_users_fetched)
  if not by_item then sum = sum + (count(details.x_search_calls) or 0) * book.x_search_call end
  return sum
end

-- percent of the list price; every price in the book is a multiple of 100, so that the parts stay whole
local function percent(entry, options)
  local p = 100
  if options.tier == "priority" or options.tier == "fast" then p = p * 2 end
  if options.batch then p = math.floor(p * (entry.batch_percent or 100) / 100) end
  if options.us then p = math.floor(p * 110 / 100) end
  return p
end

local function scaled(price, p)
  local scaled_price = price * p
  return (scaled_price - scaled_price % 100) / 100
end

-- Lua 5.3 and later divide integers into floats; hand out an integer where there are any.
local function whole(n)
  return math.tointeger and math.tointeger(n) or n
end

--- The price of one call in ticks, computed from the book.
--- @param name string        the model, as the answer names it; aliases are understood
--- @param usage table        the API's own usage
--- @param endpoint string?   "responses" or "chat"; told by the usage's shape when absent
--- @param options table?     tier = "priority"; batch = true; us = true (US host); book = a price book
--- @return integer? ticks
--- @return string? reason    why it is not known
local function ticks(name, usage, endpoint, options)
  options = options or {}
  local book = options.book or default
  local entry = book.models[name] or book.models[book.aliases[name]]
  if not entry then return nil, "no price known for model " .. tostring(name) end
  local used, why = tokens(usage, endpoint)
  if not used then return nil, why end
  if not used.cached then return nil, "the usage does not state its cached tokens" end
  local price, unsure = tier(entry, usage, used.input)
  if not price then return nil, unsure end
  local tools, no_tools = tool_ticks(book, usage)
  if not tools then return nil, no_tools end
  local p = percent(entry, options)
  return whole((used.input - used.cached) * scaled(price.input, p) + used.cached * scaled(price.cached, p)
    + used.output * scaled(price.output, p) + tools)
end

--- Ticks as dollars, exact: "$0.00123". nil gives "unknown".
--- @param n integer?
--- @return string
local function format(n)
  if n == nil then return "unknown" end
  if type(n) ~= "number" then error("prices.format: ticks must be a number, not a " .. type(n), 2) end
  if n ~= n then error("prices.format: ticks must be a number, not NaN", 2) end
  local sign = n < 0 and "-" or ""
  n = math.abs(n)
  local rest = n % TICKS_PER_DOLLAR
  local dollars = (n - rest) / TICKS_PER_DOLLAR
  local decimals = ("%010.0f"):format(rest):gsub("0+$", "")
  return ("%s$%.0f.%s"):format(sign, dollars, decimals .. ("0"):rep(2 - #decimals))
end

local function refreshed(entry, old)
  local function price(field_name) return count(entry[field_name]) end
  local threshold = price "long_context_threshold"
  if threshold == 0 then threshold = nil end
  local normal = {
    input = price "prompt_text_token_price",
    cached = price "cached_prompt_text_token_price",
    output = price "completion_text_token_price",
    batch_percent = old and old.batch_percent or nil,
    threshold = threshold,
  }
  if not (normal.input and normal.cached and normal.output) then return nil end
  local function long(field_name, otherwise) -- 0 means "as usual"
    local p = price(field_name)
    return p and p > 0 and p or otherwise
  end
  normal.long = threshold and {
    input = long("prompt_text_token_price_long_context", normal.input),
    cached = long("cached_prompt_text_token_price_long_context", normal.cached),
    output = long("completion_text_token_price_long_context", normal.output),
  } or nil
  return normal
end

--- A price book brought up to date with what GET /language-models (or /models) answered. The book handed
--- in is not changed.
--- @param reply table   the API's answer
--- @param book table?   default: the one that comes with the library
--- @return table book
local function refresh(reply, book)
  local fresh = new_book()
  for _, part in ipairs { "models", "aliases", "tools" } do
    for key, value in pairs((book or default)[part]) do fresh[part][key] = value end
  end
  local list = field(reply, "models") or field(reply, "data")
  for _, entry in ipairs(type(list) == "table" and list or {}) do
    local known = field(entry, "id") and refreshed(entry, fresh.models[entry.id])
    if known then
      fresh.models[entry.id] = known
      for _, alias in ipairs(type(entry.aliases) == "table" and entry.aliases or {}) do
        fresh.aliases[alias] = entry.id
      end
    end
  end
  fresh.source = "the API's own list of models"
  fresh.date = nil
  return fresh
end

--- @class xai.prices
local module = {
  new = new_book,
  ticks = ticks,
  tokens = tokens,
  format = format,
  refresh = refresh,
  models = new_book().models,
  ticks_per_dollar = TICKS_PER_DOLLAR,
}

return module
