--- What the simulated model says: thoughts, words, calls of tools; a function of seed and context alone.
-- SPDX-License-Identifier: MIT
local hints  = require "xai.sim.hints"
local json   = require "xai.sim.json"
local rand   = require "xai.sim.rand"
local schema = require "xai.sim.schema"
local tokens = require "xai.sim.tokens"

--- @class xai.sim.Context  what a request comes down to, whichever endpoint it came through
--- @field prompt string       the last thing the user said, or what of it is read
--- @field all boolean         that is all of it
--- @field tools table[]       functions offered: { name, description, parameters }
--- @field choice string       "auto", "none", "required" or "=name" for one that must be called
--- @field parallel boolean    more than one call at once is allowed
--- @field results table[]     tool results since the user spoke: { name, text }
--- @field format table        { type = "text" | "json_object" | "json_schema", schema = table? }
--- @field effort string?      nil: the model does not reason
--- @field system string       the instructions in force

--- @class xai.sim.Utterance
--- @field reasoning string?
--- @field text string?        nil when only tools are called
--- @field refusal string?
--- @field calls table[]       { name, arguments = JSON text }
--- @field endless boolean?    what was asked for is too large to ever be said: it stops at the token limit

-- Demo questions that deserve a sensible sentence. All words of one alternative must be in the question.
local KNOWN = {
  { { "tide", "moon" }, { "tides", "moon" },
    "Tides lag the Moon because the water cannot keep up with it. Friction with the sea floor and the shape of the "
    .. "basins hold the bulge back, so high water arrives some hours after the Moon has passed overhead." },
  { { "tide" }, { "tides" },
    "Tides follow the Moon: its pull raises a bulge of water on the near side of the Earth and another on the far "
    .. "side, and the Earth turns beneath both." },
  { { "story" },
    "Once there was a lighthouse that was afraid of the dark. Every evening it lit its lamp a little early, and every "
    .. "evening a ship came home because of it. In time the lighthouse forgot to be afraid, but it kept the habit." },
  { { "poem" }, { "haiku" },
    "Grey dawn on the quay.\nA gull reads yesterday's news,\nthen folds up the sea." },
  { { "hello" }, { "good", "morning" }, { "good", "evening" },
    "Hello! Good to hear from you. What shall we look at today?" },
  { { "capital", "norway" }, "The capital of Norway is Oslo." },
  { { "capital", "france" }, "The capital of France is Paris." },
  { { "sky", "blue" },
    "The sky is blue because air scatters short waves of light more than long ones, so blue comes from everywhere." },
}

local OPENINGS = {
  "Good question about %s.", "Here is the short answer about %s.", "Let us look at %s.", "Gladly: %s.",
}
local BODIES = {
  "The main thing to know about %s is that it follows a simple rule with a few exceptions.",
  "Most of what matters about %s can be said in two sentences, and this is the first of them.",
  "There are several ways to see %s, and the plainest one is usually right.",
}
local CLOSINGS = {
  "If you tell me more, I can be more precise.", "Shall I go into the details?", "That should get you started.",
}

local function holds_all(words, need)
  for _, word in ipairs(need) do
    if not words[word] then return false end
  end
  return true
end

local function known_answer(words)
  for _, entry in ipairs(KNOWN) do
    for i = 1, #entry - 1 do
      if holds_all(words, entry[i]) then return entry[#entry] end
    end
  end
end

local function subject_of(prompt)
  local words = hints.words_of(prompt)
  if #words == 0 then return "that" end
  local last = tokens.head(words[#words], 40)
  if #words == 1 then return last end
  return tokens.head(words[#words - 1], 40) .. " and " .. last
end

local function set_of_words(prompt)
  local set = {}
  for word in prompt:lower():gmatch "%a+" do set[word] = true end
  return set
end

local function plain_answer(context, chance)
  local known = known_answer(set_of_words(context.prompt))
  if known then return known end
  local subject = subject_of(context.prompt)
  return table.concat({ chance:pick(OPENINGS):format(subject), chance:pick(BODIES):format(subject),
    chance:pick(CLOSINGS) }, " ")
end

-- answers from what tools returned ---------------------------------------------------------------------------------

local LONGEST_FACT = 2000   -- bytes of a tool's result that the model repeats
local MOST_RESULTS = 40     -- of one turn

--- The scalars of a tool's result as "name: value", at most `limit` of them.
local function facts_of(value, out, name, limit)
  if #out >= limit then return out end
  if json.is_array(value) then
    for _, item in ipairs(value) do facts_of(item, out, name, limit) end
  elseif json.is_object(value) then
    for _, key in ipairs(json.keys(value)) do facts_of(value[key], out, key, limit) end
  elseif value ~= json.null then
    out[#out + 1] = { name = name and tokens.head(name, 80), text = tokens.head(tostring(value), LONGEST_FACT) }
  end
  return out
end

local DEGREES = { celsius = "\194\176C", temperature = "\194\176", temp = "\194\176", degrees = "\194\176",
  fahrenheit = "\194\176F", temperature_c = "\194\176C", temp_c = "\194\176C" }
local WHERE = { city = true, location = true, place = true, town = true }

local function sentence_of(result)
  local value = json.decode(result.text)
  if type(value) ~= "table" then
    return ("The tool %s says: %s."):format(result.name, (tokens.head(result.text, LONGEST_FACT):gsub("%.%s*$", "")))
  end
  local place, parts = nil, {}
  for _, fact in ipairs(facts_of(value, {}, nil, 12)) do
    local key = fact.name and fact.name:lower()
    if key and WHERE[key] then
      place = fact.text
    elseif key and DEGREES[key] then
      parts[#parts + 1] = "it is " .. fact.text .. DEGREES[key]
    else
      parts[#parts + 1] = fact.name and (fact.name:gsub("_", " ") .. " " .. fact.text) or fact.text
    end
  end
  if #parts == 0 then
    return ("The tool %s had nothing to report%s."):format(result.name, place and " for " .. place or "")
  end
  local text = table.concat(parts, ", ")
  if place then return ("In %s: %s."):format(place, text) end
  return ("According to %s: %s."):format(result.name, text)
end

local function answer_from(results)
  local out = {}
  for i = 1, math.min(#results, MOST_RESULTS) do out[i] = sentence_of(results[i]) end
  return table.concat(out, " ")
end

-- tools ------------------------------------------------------------------------------------------------------------

local function has_result(context, name)
  for _, result in ipairs(context.results) do
    if result.name == name then return true end
  end
  return false
end

local function best_tool(context, found, must)
  local best, most = nil, 0
  for _, tool in ipairs(context.tools) do
    local score = 2 * found:overlap(tool.name) + found:overlap(tool.description or "")
    if score > most and (must or not has_result(context, tool.name)) then best, most = tool, score end
  end
  return best or (must and context.tools[1]) or nil
end

local function chosen_tool(context, found)
  if context.choice == "none" or #context.tools == 0 then return nil end
  local forced = context.choice:match "^=(.+)"
  if not forced then return best_tool(context, found, context.choice == "required") end
  for _, tool in ipairs(context.tools) do
    if tool.name == forced then return tool end
  end
end

local function arguments_for(tool, found, chance)
  if not json.is_object(tool.parameters) then return "{}" end
  local value, endless = schema.make(tool.parameters, { rand = chance, hints = found, sparse = true })
  if not json.is_object(value) then value = json.object() end
  return json.encode(value), endless
end

local function scripted_calls(calls)
  local out = {}
  for i, call in ipairs(calls) do
    local arguments = call.arguments or json.object()
    if type(arguments) ~= "string" then arguments = json.encode(arguments) end
    out[i] = { name = call.name, arguments = arguments }
  end
  return out
end

-- structured answers -----------------------------------------------------------------------------------------------

--- A document that is right up to the byte before `at` and has there one that no continuation can make good: a
--- control character is allowed nowhere inside a JSON string, and a stray sign nowhere outside.
local function broken_at(text, at)
  local inside, escaped = false, false
  for i = 1, math.min(at - 1, #text) do
    local c = text:sub(i, i)
    if escaped then escaped = false
    elseif inside and c == "\\" then escaped = true
    elseif c == '"' then inside = not inside end
  end
  local bad = inside and "\1" or "!"
  if at > #text then return text .. (" "):rep(at - #text - 1) .. bad end
  return text:sub(1, at - 1) .. bad .. text:sub(at + 1)
end

local function structured(context, found, chance, entry)
  local shape = context.format.schema
  if context.format.type == "json_object" or not json.is_object(shape) then
    shape = json.object("type", "object", "properties", json.object(
      "answer", json.object("type", "string", "const", plain_answer(context, chance))))
  end
  if entry.value ~= nil then return json.encode(entry.value) end
  local value, endless = schema.make(shape, { rand = chance, hints = found, break_at = entry.break_schema })
  local text = json.encode(value)
  if endless then text = text:sub(1, -2) end   -- it never came to its end
  return text, endless
end

-- thoughts ---------------------------------------------------------------------------------------------------------

local function thought(context, call)
  if call then
    return ("The user wants to know about %s. The tool %s fits, so I call it first.")
      :format(subject_of(context.prompt), tokens.head(call.name, 80))
  end
  if #context.results > 0 then return "The tool has answered. I put its result into a sentence." end
  if context.format.type ~= "text" then return "The answer has to be JSON, so I fill in each field." end
  return ("The question is about %s. A short, friendly answer will do."):format(subject_of(context.prompt))
end

local function said(context, found, chance, entry)
  if entry.text then return entry.text end
  if context.format.type ~= "text" then return structured(context, found, chance, entry) end
  if #context.results > 0 then return answer_from(context.results) end
  return plain_answer(context, chance)
end

--- @param context xai.sim.Context
--- @param seed number
--- @param entry table  the scenario's wishes for this answer; empty: none
--- @return xai.sim.Utterance
local function speak(context, seed, entry)
  local chance = rand.new(seed, context.prompt .. "\0" .. context.system)
  local found = hints.new(context.prompt, context.all)
  local out = { reasoning = nil, text = nil, refusal = entry.refusal, calls = {} }
  if entry.calls then
    out.calls = scripted_calls(entry.calls)
  elseif not (entry.text or entry.refusal or entry.value ~= nil) then
    local tool = chosen_tool(context, found)
    if tool then
      local arguments, endless = arguments_for(tool, found, chance)
      out.calls[1], out.endless = { name = tool.name, arguments = arguments }, endless
    end
  end
  while #out.calls > 1 and not context.parallel do table.remove(out.calls) end
  if entry.text or (#out.calls == 0 and not out.refusal) then
    out.text, out.endless = said(context, found, chance, entry)
  end
  if out.text and entry.break_schema_at then out.text = broken_at(out.text, entry.break_schema_at) end
  if context.effort then out.reasoning = entry.reasoning or thought(context, out.calls[1]) end
  return out
end

return { speak = speak }
