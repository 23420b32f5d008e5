--- The models that can be asked: names, aliases, retired names, limits; and how the listing endpoints show them.
-- SPDX-License-Identifier: MIT
local json = require "xai.sim.json"
local rand = require "xai.sim.rand"

local FULL = { "low", "medium", "high", "xhigh" }

-- effort: what may be asked for, nil when there is no knob. xhigh, minimal: what these are taken for. quiet: does not
-- reason at all. sealed: gives encrypted reasoning unasked. strict_stop: refuses `stop`.
local catalogue = {
  { id = "grok-4.7", context = 500000, created = 1789948800, aliases = { "grok-4.7-latest" },
    effort = FULL, default = "high", sealed = true, strict_stop = true },
  { id = "grok-4.6", context = 500000, created = 1786060800, aliases = { "grok-4.6-latest" },
    effort = FULL, default = "high", minimal = "low", strict_stop = true },
  { id = "grok-4.5", context = 500000, created = 1783468800, aliases = { "grok-4.5-latest", "grok-build-latest" },
    effort = { "low", "medium", "high" }, default = "high", xhigh = "high", strict_stop = true },
  { id = "grok-4.3", context = 1000000, created = 1776556800, aliases = { "grok-4.3-latest" },
    effort = { "none", "low", "medium", "high" }, default = "low", xhigh = "xhigh" },
  { id = "grok-4.20-0309-reasoning", context = 1000000, created = 1773014400,
    aliases = { "grok-4.20", "grok-4.20-reasoning", "grok-4.20-reasoning-latest", "grok-4.20-0309" } },
  { id = "grok-4.20-0309-non-reasoning", context = 1000000, created = 1773014400,
    aliases = { "grok-4.20-non-reasoning" }, quiet = true },
  { id = "grok-4.20-multi-agent-0309", context = 1000000, created = 1773014400,
    aliases = { "grok-4.20-multi-agent" }, effort = FULL, default = "low", multi_agent = true },
  { id = "grok-build-0.1", context = 256000, created = 1780272000, aliases = { "grok-code-fast-1" } },
}

--- Names switched off on 15 May 2026: who answers now, and with which effort.
local retired = {
  ["grok-4-1-fast-reasoning"] = { "grok-4.3", "low" }, ["grok-4-fast-reasoning"] = { "grok-4.3", "low" },
  ["grok-4-0709"] = { "grok-4.3", "low" }, ["grok-4-1-fast-non-reasoning"] = { "grok-4.3", "none" },
  ["grok-4-fast-non-reasoning"] = { "grok-4.3", "none" }, ["grok-3"] = { "grok-4.3", "none" },
}

local Models = {}
local mt = { __name = "xai.sim.models", __index = Models }

local function index(list)
  local names = {}
  for _, entry in ipairs(list) do
    names[entry.id] = { entry = entry }
    for _, alias in ipairs(entry.aliases or {}) do names[alias] = { entry = entry } end
  end
  for name, target in pairs(retired) do
    local found = names[target[1]]
    if found then names[name] = { entry = found.entry, effort = target[2] } end
  end
  return names
end

local function only(names)
  local wanted, list = {}, {}
  for _, name in ipairs(names) do wanted[name] = true end
  for _, entry in ipairs(catalogue) do
    if wanted[entry.id] then
      list[#list + 1] = entry
      wanted[entry.id] = nil
    end
  end
  local name = next(wanted)
  if name then error("xai.sim: no such model to offer: " .. tostring(name), 0) end
  return list
end

--- @param names? string[]  the models this key may use; nil: all
--- @param book table  the price book
local function new(names, book)
  local list = names and only(names) or catalogue
  return setmetatable({ list = list, names = index(list), book = book }, mt)
end

--- The model behind a name, alias or retired name, and the effort that a retired name brings along.
function Models:resolve(name)
  local found = self.names[name]
  if found then return found.entry, found.effort end
end

local function list_of(items)
  local out = json.array {}
  for i, item in ipairs(items or {}) do out[i] = item end
  return out
end

local function capabilities(entry)
  if not entry.effort then return nil end
  return json.object("reasoning_effort", list_of(entry.effort), "default_reasoning_effort", entry.default)
end

--- An entry of /v1/models.
function Models:brief(entry)
  local price = self:price(entry.id)
  return json.object(
    "id", entry.id, "aliases", list_of(entry.aliases), "context_length", entry.context, "created", entry.created,
    "object", "model", "owned_by", "xai",
    "prompt_text_token_price", price.input, "cached_prompt_text_token_price", price.cached,
    "prompt_image_token_price", price.input, "completion_text_token_price", price.output,
    "prompt_text_token_price_long_context", price.long_input,
    "cached_prompt_text_token_price_long_context", price.long_cached,
    "completion_text_token_price_long_context", price.long_output,
    "long_context_threshold", price.threshold, "capabilities", capabilities(entry))
end

--- An entry of /v1/language-models.
function Models:full(entry)
  local price = self:price(entry.id)
  return json.object(
    "id", entry.id, "fingerprint", "fp_" .. rand.new(1, entry.id):hex(10), "created", entry.created,
    "object", "model", "owned_by", "xai", "version", "1.0",
    "input_modalities", json.array { "text", "image" }, "output_modalities", json.array { "text" },
    "prompt_text_token_price", price.input, "cached_prompt_text_token_price", price.cached,
    "prompt_image_token_price", price.input, "completion_text_token_price", price.output, "search_price", 0,
    "prompt_text_token_price_long_context", price.long_input,
    "cached_prompt_text_token_price_long_context", price.long_cached,
    "completion_text_token_price_long_context", price.long_output,
    "long_context_threshold", price.threshold, "aliases", list_of(entry.aliases),
    "capabilities", capabilities(entry))
end

--- Prices in ticks a token, which are numerically the unit of the listing endpoints.
function Models:price(id)
  local entry = self.book.models[id] or {}
  local long = entry.long or {}
  return {
    input = entry.input, cached = entry.cached, output = entry.output, threshold = entry.threshold or 0,
    long_input = long.input or 0, long_cached = long.cached or 0, long_output = long.output or 0,
  }
end

return { new = new }
