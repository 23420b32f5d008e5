--- What a careless finalizer may do in the middle of our work: it is refused, or done once we are out.
-- SPDX-License-Identifier: MIT
--
-- A program of its own, run by finalizers_spec.lua: with a pause of 0 the collector goes round at nearly every
-- allocation, which is quick in a small heap alone. Prints a line for each check that held.
local core = require "xai.core"
local dying = require "spec.dying"

local ROUNDS = 200

-- Runs `round` with a restless collector until the finalizer has found the door locked.
local function until_met(round)
  local pause = collectgarbage("setpause", 0)
  local met = false
  for i = 1, ROUNDS do -- ballast of changing size shifts where the collector's steps fall
    local ballast = ("x"):rep(i * 7919 % 65536)
    met = round(ballast)
    if met then break end
  end
  collectgarbage("setpause", pause)
  assert(met, "no finalizer ran while the door was locked")
end

local function client()
  return assert(core.client { api_key = "xai-test-key", base_url = "http://wire/v1", transport = "scripted",
    clock = "manual", seed = 7 })
end

local function start(handle, stream)
  return assert(handle:start { path = "/responses", body = "{}", stream = stream })
end

local function take(handle)
  assert(handle:step(0))
  return assert(handle:wire_next())
end

local function answer_with(handle, id, body)
  handle:wire_status(id, 200)
  handle:wire_header(id, "content-type", "application/json")
  handle:wire_body(id, body)
  handle:wire_finish(id, "done")
end

-- A result large enough for the collector to take steps while it is pushed.
local function long_answer()
  local body = { id = "r1", object = "response", status = "completed", output = core.array() }
  for i = 1, 200 do body["field" .. i] = { list = core.array { i, tostring(i), {} } } end
  return assert(core.encode(body))
end

local checks = {}

function checks.a_parser_is_locked_while_its_events_are_made()
  local parser, refused, wrong = core.sse(), 0, 0
  local function meddle() -- and again in the next cycle
    if not pcall(parser.feed, parser, "data: meddled\n\n") then refused = refused + 1 end
    if not pcall(parser.reset, parser) then refused = refused + 1 end
    if refused == 0 then dying(meddle) end
  end
  dying(meddle)
  until_met(function(ballast)
    for _, event in ipairs(parser:feed(("data: abc\n\n"):rep(#ballast % 37 + 1))) do
      if event.data ~= "abc" then wrong = wrong + 1 end
    end
    return refused > 0
  end)
  assert(wrong == 0)
end

function checks.a_cancel_is_remembered_while_a_result_is_pushed()
  local handle, body = client(), long_answer()
  local victim, met, over = nil, false, false
  local function meddle()
    if victim then
      handle:cancel(victim)
      met = met or not pcall(handle.pending, handle) or not pcall(handle.step, handle)
      victim = nil
    end
    if not over and not met then dying(meddle) end
  end
  dying(meddle)
  until_met(function()
    local outcomes = {}
    local function pull()
      for id, word, result in handle.next, handle do
        if word == "end" then outcomes[id] = (outcomes[id] or "") .. result.outcome end
        if word == "end" and result.response then assert(result.response.field200.list[2] == "200") end
      end
    end
    local other, mine = start(handle, true), start(handle, false)
    local wire, answered = take(handle), take(handle)
    assert(wire.call == other)
    answer_with(handle, answered.id, body)
    victim = other
    pull()
    if met then assert(not handle:wire_live(wire.id), "it was to be cancelled afterwards") end
    handle:cancel(other)
    pull()
    assert(outcomes[mine] == "complete" and outcomes[other] == "cancelled")
    return met
  end)
  over = true
  assert(handle:pending() == 0)
  handle:close()
end

function checks.a_close_is_remembered_while_a_result_is_pushed()
  local body, met = long_answer(), false
  local handle, over
  local function meddle()
    if handle and not met then
      met = not pcall(handle.next, handle) and pcall(handle.pending, handle)
      if met then handle:close() end
    end
    if not over and not met then dying(meddle) end
  end
  dying(meddle)
  until_met(function()
    local mine = client()
    start(mine, false)
    answer_with(mine, take(mine).id, body)
    assert(mine:step(0))
    handle = mine
    local _, word, result = mine:next()
    handle = nil
    assert(word == "end" and result.response.field200.list[2] == "200")
    if met then assert(not pcall(mine.pending, mine), "it was to be closed afterwards") else mine:close() end
    return met
  end)
  over = true
end

local names = {}
for name in pairs(checks) do names[#names + 1] = name end
table.sort(names)
for _, name in ipairs(names) do
  checks[name]()
  print("held: " .. name)
end
