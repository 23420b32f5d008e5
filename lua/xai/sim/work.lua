--- One generation, whichever endpoint asked for it: what is said, cut at the limit, counted and priced.
-- SPDX-License-Identifier: MIT
local context = require "xai.sim.context"
local hosted  = require "xai.sim.hosted"
local model   = require "xai.sim.model"
local tokens  = require "xai.sim.tokens"
local usage   = require "xai.sim.usage"

local floor = math.floor

-- The thoughts shown are a summary: the more effort, the more tokens stand behind each piece of it.
local WEIGHT = { low = 1, medium = 2, high = 3, xhigh = 5 }

-- Tokens that one request may bring about, all choices together, unless the scenario says what is said.
local CEILING = 2^16

--- @class xai.sim.Work
--- @field utterance xai.sim.Utterance
--- @field thoughts table[]   { text, reasoning = tokens }
--- @field pieces string[]    of the text or refusal, one token each
--- @field cut boolean        the token limit ended it
--- @field hosted table[]     calls of the API's own tools
--- @field calls table[]      { id, name, arguments, visible = tokens }
--- @field visible integer    tokens of one choice, calls included
--- @field reasoning integer  tokens of one choice
--- @field usage table        the API's own
--- @field usage_of fun(visible: integer, reasoning: integer): table  usage had it stopped there

local function limited(pieces, limit)
  if not limit or #pieces <= limit then return pieces, false end
  local out = {}
  for i = 1, limit do out[i] = pieces[i] end
  return out, true
end

local function thoughts_of(text, effort, wanted)
  local pieces, out = tokens.pieces(text), {}
  local total = wanted or #pieces * (WEIGHT[effort] or 2)
  for i, piece in ipairs(pieces) do
    out[i] = { text = piece, reasoning = floor(total * i / #pieces) - floor(total * (i - 1) / #pieces) }
  end
  return out, #pieces > 0 and total or 0
end

local function calls_of(calls, chance)
  local out, base = {}, "call-" .. chance:uuid()
  for i, call in ipairs(calls) do
    out[i] = {
      id = base .. "-" .. (i - 1), name = call.name, arguments = call.arguments,
      visible = #tokens.pieces(call.name) + #tokens.pieces(call.arguments),
    }
  end
  return out
end

local function pieces_of(utterance, entry, links)
  local out = entry.deltas or tokens.pieces(utterance.text or utterance.refusal or "")
  if #links == 0 then return out end
  local all = {}
  for _, list in ipairs { out, links } do
    for _, piece in ipairs(list) do all[#all + 1] = piece end
  end
  return all
end

--- The API's own tools run before a plain answer; a call of the client's tools ends the request first.
local function hosted_calls(ask, utterance, heard, chance)
  if not ask.hosted or ask.choice == "none" or not utterance.text or #heard.results > 0 then return {} end
  return hosted.plan(ask.hosted, heard.prompt, chance)
end

--- @class xai.sim.Ask
--- @field endpoint "responses"|"chat"
--- @field model table        of the catalogue
--- @field turns table[]
--- @field tools table[]
--- @field hosted string[]?   types of the API's own tools that are offered
--- @field no_links boolean?  cite without links in the text
--- @field choice string
--- @field parallel boolean
--- @field format table
--- @field effort string?
--- @field limit integer?     visible tokens at most
--- @field tier string?
--- @field cache_key string?
--- @field count integer      choices; all are billed

local function ceiling(ask, entry)
  if entry.text or entry.deltas or entry.refusal or entry.calls or entry.value ~= nil then return math.huge end
  return floor(CEILING / ask.count)
end

--- Cut what is said at the limit of the request and at the model's own, and count it.
local function measure(self, ask, pieces, chance, most)
  self.pieces, self.cut = limited(pieces, math.min(ask.limit or math.huge, most))
  self.cut = self.cut or self.utterance.endless or false
  self.calls = self.cut and {} or calls_of(self.utterance.calls, chance)
  self.visible = #self.pieces
  for _, call in ipairs(self.calls) do self.visible = self.visible + call.visible end
  if self.visible > most then self.cut, self.calls, self.visible = true, {}, #self.pieces end
end

--- @param sim xai.Sim
--- @param ask xai.sim.Ask
--- @param chance table  for identifiers
--- @param entry table   the scenario's wishes
--- @return xai.sim.Work
local function new(sim, ask, chance, entry)
  local text = context.render(ask.turns, ask.tools, ask.format)
  local input = context.input_tokens(text, ask.turns)
  local key = ask.cache_key and ask.model.id .. "\0" .. ask.cache_key
  local bill = {
    model = ask.model.id, book = sim.book, tier = ask.tier, input = input, images = context.image_tokens(ask.turns),
    cached = usage.cached(sim.cache, key, text, input), reasoning = 0, visible = 0,
  }
  local heard = context.of(ask.turns, ask)
  local self = { utterance = model.speak(heard, sim.seed, entry), cut = false }
  self.utterance.text = entry.deltas and table.concat(entry.deltas) or self.utterance.text
  self.thoughts, self.reasoning = thoughts_of(self.utterance.reasoning or "", ask.effort, entry.reasoning_tokens)
  self.hosted = hosted_calls(ask, self.utterance, heard, chance)
  if #self.hosted > 0 then
    usage.second_round(bill)
    bill.tools = hosted.counts(self.hosted)
  end
  local links = ask.no_links and {} or hosted.links(self.hosted)
  measure(self, ask, pieces_of(self.utterance, entry, links), chance, ceiling(ask, entry))
  self.text = table.concat(self.pieces)
  function self.usage_of(visible, reasoning)
    bill.visible, bill.reasoning = visible, reasoning
    return usage[ask.endpoint](bill)
  end
  self.usage = self.usage_of(self.visible * ask.count, self.reasoning * ask.count)
  return self
end

--- The prompt's size, to be refused before anything is generated.
local function prompt_tokens(ask)
  return context.input_tokens(context.render(ask.turns, ask.tools, ask.format), ask.turns)
end

return { new = new, prompt_tokens = prompt_tokens }
