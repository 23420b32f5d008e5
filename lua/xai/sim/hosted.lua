--- Tools that the API runs by itself: one search or calculation before the answer, its items, events and citations.
-- SPDX-License-Identifier: MIT
local hints = require "xai.sim.hints"
local json  = require "xai.sim.json"

local object = json.object

--- @class xai.sim.HostedCall
--- @field kind "web"|"x"|"code"   its counter in the bill
--- @field id string      "call-<uuid>-<n>"
--- @field input string   what it is asked
--- @field url string?    what it found, to be cited
--- @field output string? what it printed

local KINDS = {
  web_search = "web", web_search_preview = "web", x_search = "x", code_interpreter = "code", code_execution = "code",
}

local function slug(words)
  return #words > 0 and table.concat(words, "-", 1, math.min(3, #words)) or "page"
end

--- What stands in for running a program: sums are really done, by the four operations on two numbers.
local function run(prompt)
  local a, sign, b
  for number, after in prompt:gmatch "(%d+%.?%d*)()" do   -- one by one: a single pattern would try every digit anew
    sign, b = prompt:match("^%s*([%+%-%*/x])%s*(%d+%.?%d*)", after)
    if sign then
      a = number
      break
    end
  end
  if not a then return "print('done')", "done\n" end
  if sign == "x" then sign = "*" end
  local x, y = tonumber(a), tonumber(b)
  local result = sign == "+" and x + y or sign == "-" and x - y or sign == "*" and x * y or y ~= 0 and x / y or 0
  return ("print(%s%s%s)"):format(a, sign, b), ("%.14g\n"):format(result)
end

local find = {}

function find.web(words)
  return { input = table.concat(words, " "), url = "https://www.example.org/" .. slug(words) }
end

function find.x(words, chance)
  return { input = table.concat(words, " "), url = "https://x.com/i/status/19" .. chance:int(10000000, 99999999)
    .. chance:int(100000000, 999999999) }
end

function find.code(_, _, prompt)
  local code, output = run(prompt)
  return { input = code, output = output }
end

--- The calls made before answering: one for each kind of tool offered.
--- @param types string[]  tool types of the request
--- @param prompt string
--- @return xai.sim.HostedCall[]
local function plan(types, prompt, chance)
  local out, seen, words = {}, {}, hints.words_of(prompt)
  local base
  for _, name in ipairs(types) do
    local kind = KINDS[name]
    if kind and not seen[kind] then
      seen[kind], base = true, base or "call-" .. chance:uuid()
      local call = find[kind](words, chance, prompt)
      call.kind, call.id = kind, base .. "-" .. #out
      out[#out + 1] = call
    end
  end
  return out
end

--- The counters of a bill. A search on X is paid by the posts it fetched.
local function counts(calls)
  local out = {}
  for _, call in ipairs(calls) do out[call.kind] = (out[call.kind] or 0) + 1 end
  out.posts = out.x
  return out
end

-- items ----------------------------------------------------------------------------------------------------------

local item = {}

function item.web(reply, call, done, included)
  local sources = json.array {}
  if done and included["web_search_call.action.sources"] then
    sources[1] = object("type", "url", "url", call.url)
  end
  return object("id", "ws_" .. reply.id .. "_" .. call.id, "type", "web_search_call",
    "status", done and "completed" or "in_progress",
    "action", object("type", "search", "query", done and call.input or "", "sources", sources))
end

local function x_input(call)
  return json.encode(object("query", call.input, "limit", 5, "mode", "Latest"))
end

function item.x(reply, call, done)
  local id = "xs_" .. call.id
  return object("call_id", id, "input", done and x_input(call) or "", "name", "x_keyword_search",
    "type", "custom_tool_call", "id", "ctc_" .. reply.id .. "_" .. id, "status", done and "completed" or "in_progress")
end

function item.code(reply, call, done, included)
  local outputs = json.array {}
  if done and included["code_interpreter_call.outputs"] then
    outputs[1] = object("type", "logs", "logs", call.output)
  end
  return object("type", "code_interpreter_call", "id", "ci_" .. reply.id .. "_" .. call.id,
    "code", done and call.input or "", "outputs", outputs, "status", done and "completed" or "in_progress")
end

local function included_in(reply)
  local set = {}
  for _, name in ipairs(json.field(reply.body, "include") or {}) do set[name] = true end
  return set
end

--- The item of a call: as it stands in the output when `done`, else as it is announced.
local function item_of(reply, call, done)
  return item[call.kind](reply, call, done, included_in(reply))
end

-- events ---------------------------------------------------------------------------------------------------------

local between = {}

function between.web(stream, _, id, index)
  for _, state in ipairs { "in_progress", "searching", "completed" } do
    stream:event("response.web_search_call." .. state, "item_id", id, "output_index", index)
  end
end

function between.x(stream, call, id, index)
  stream:event("response.custom_tool_call_input.delta", "delta", x_input(call), "item_id", id, "output_index", index)
  stream:event("response.custom_tool_call_input.done", "input", x_input(call), "item_id", id, "output_index", index)
end

function between.code(stream, call, id, index)
  local name = "response.code_interpreter_call"
  stream:event(name .. ".in_progress", "item_id", id, "output_index", index)
  stream:event(name .. "_code.delta", "delta", call.input, "item_id", id, "output_index", index)
  stream:event(name .. "_code.done", "code", call.input, "item_id", id, "output_index", index)
  stream:event(name .. ".interpreting", "item_id", id, "output_index", index)
  stream:event(name .. ".completed", "item_id", id, "output_index", index)
end

local function emit(stream, call, final, index)
  stream:event("response.output_item.added", "item", item_of(stream.reply, call, false), "output_index", index)
  between[call.kind](stream, call, final.id, index)
  stream:event("response.output_item.done", "item", final, "output_index", index)
end

-- citations ------------------------------------------------------------------------------------------------------

--- The links that follow a text, each one piece of the stream.
local function links(calls)
  local out = {}
  for _, call in ipairs(calls) do
    if call.url then out[#out + 1] = ("[[%d]](%s)"):format(#out + 1, call.url) end
  end
  return out
end

local function characters(text)
  local _, n = text:gsub("[^\128-\191]", "")
  return n
end

--- The annotations of a text: positions of the links in it, in characters; without links only the sources.
local function annotations(calls, text)
  local out, number = json.array {}, 0
  for _, call in ipairs(calls) do
    if call.url then
      number = number + 1
      local from, to = text:find(("[[%d]](%s)"):format(number, call.url), 1, true)
      out[#out + 1] = object("type", "url_citation", "url", call.url,
        "start_index", from and characters(text:sub(1, from - 1)), "end_index", from and characters(text:sub(1, to)),
        "title", from and tostring(number))
    end
  end
  return out
end

return { plan = plan, counts = counts, item_of = item_of, emit = emit, links = links, annotations = annotations }
