--- Plays the simulator's exchanges into a client of the same process, over its scripted transport.
-- SPDX-License-Identifier: MIT
local ledger = require "xai.sim.ledger"

local TICK = 0.001   -- clients count milliseconds: what is due within one is due now, or nobody would ever get there

local Player = {}
local mt = { __name = "xai.sim.player", __index = Player }

--- @param sim xai.Sim
--- @param handle table  a client of xai.core with transport = "scripted"
local function new(sim, handle)
  return setmetatable({
    sim = sim, handle = handle,
    plays = {},   -- { id, exchange, steps, step, due, begun }[]: exchanges under way, in order of their start
  }, mt)
end

local function path_of(url)
  return url:match "^%w+://[^/]*(/.*)$" or url
end

local function request_of(wire)
  local headers = {}
  for _, pair in ipairs(wire.headers) do headers[pair[1]:lower()] = pair[2] end
  return { method = wire.method, path = path_of(wire.url), headers = headers, body = wire.body or "" }
end

function Player:take()
  while true do
    local wire = self.handle:wire_next()
    if not wire then return end
    local exchange = self.sim:answer(request_of(wire))
    self.plays[#self.plays + 1] = {
      id = wire.id, exchange = exchange, steps = exchange.steps, step = 1, begun = false,
      due = self.handle:now() + exchange.delay,
    }
  end
end

--- What a client over HTTP would see of a body whose length was announced: no byte more than that, and one that
--- ends before is cut short. The scripted wire knows nothing of lengths.
local function hold_to_length(exchange, announced)
  local left, steps = announced, {}
  for i, step in ipairs(exchange.steps) do
    steps[i] = { wait = step.wait, bytes = step.bytes:sub(1, left) }
    left = left - #steps[i].bytes
  end
  if left == 0 then exchange.finish = "done" elseif exchange.finish == "done" then exchange.finish = "short" end
  return steps
end

function Player:begin(play)
  local exchange = play.exchange
  play.begun = true
  if not exchange.status then return end
  self.handle:wire_status(play.id, exchange.status)
  for _, pair in ipairs(exchange.headers) do
    self.handle:wire_header(play.id, pair[1], pair[2])
    local announced = pair[1] == "content-length" and tonumber(pair[2])
    if announced then play.steps = hold_to_length(exchange, announced) end
  end
  local first = play.steps[1]
  play.due = play.due + (first and first.wait or 0)
end

--- Send what is due. Returns "over", "waiting", or "full" when the client takes no more for now.
function Player:advance(play, now)
  if not play.begun then
    if play.due >= now + TICK then return "waiting" end
    self:begin(play)
  end
  local steps = play.steps
  while play.step <= #steps do
    if play.due >= now + TICK then return "waiting" end
    local bytes = steps[play.step].bytes
    if bytes ~= "" and not self.handle:wire_body(play.id, bytes) then return "full" end
    play.step = play.step + 1
    play.due = play.due + (steps[play.step] and steps[play.step].wait or 0)
  end
  if play.exchange.finish == "stall" then
    play.due = math.huge
    return "waiting"
  end
  self.handle:wire_finish(play.id, play.exchange.finish)
  return "over"
end

--- The client let go: what was not sent yet was not generated.
local function drop(play)
  ledger.settle(play.exchange, play.step - 1)
end

--- @return number? seconds until there is something to do; nil: nothing under way that will ever move by itself
function Player:pump()
  self:take()
  local now, soonest, left = self.handle:now(), nil, {}
  for _, play in ipairs(self.plays) do
    if not self.handle:wire_live(play.id) then
      drop(play)
    else
      local state = self:advance(play, now)
      if state ~= "over" then
        left[#left + 1] = play
        local wait = state == "full" and 0 or play.due - now
        if wait < math.huge and (not soonest or wait < soonest) then soonest = wait end
      end
    end
  end
  self.plays = left
  return soonest
end

return { new = new }
