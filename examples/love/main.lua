--- A character who talks while the scene goes on: each word appears as it comes, and no frame waits for it.
-- SPDX-License-Identifier: MIT
--
--   love examples/love     space: let her speak; escape: interrupt her. The key comes from XAI_API_KEY; with
--                          XAI_SIMULATE=1 the words are invented here.
local frame = require "xai.frame"
local xai = require "xai"
frame.attach() -- from here on calls wait from frame to frame

local SCENE = "You are a lighthouse keeper on the Moon. In two sentences, tell a passing sailor about "
local TOPICS = { "the tides.", "your lamp.", "the cat.", "Earthrise." }

local grok
local keeper = { words = "Press space.", stream = nil, topic = 0, time = 0 }

local function speak(self)
  self.topic = self.topic % #TOPICS + 1
  local stream, err = grok:stream(SCENE .. TOPICS[self.topic])
  self.stream, self.words = stream, stream and "" or tostring(err)
  if not stream then return end
  for text in stream:deltas() do self.words = self.words .. text end
  local _, fault = stream:result()
  if fault then self.words = self.words .. " … (" .. fault.message .. ")" end
  self.stream = nil
end

function love.load()
  local err
  grok, err = xai.new()
  if not grok then keeper.words = tostring(err) end
end

function love.update(seconds)
  frame.update() -- a fifth of a millisecond
  keeper.time = keeper.time + seconds
end

function love.keypressed(key)
  if key == "space" and grok and not keeper.stream then xai.spawn(speak, keeper) end
  if key == "escape" and keeper.stream then keeper.stream:cancel() end
end

local function draw_keeper(x, y)
  love.graphics.setColor(0.9, 0.8, 0.5)
  love.graphics.circle("fill", x, y, 24)
  love.graphics.setColor(0.1, 0.1, 0.2)
  local open = keeper.stream and 3 + 3 * math.sin(keeper.time * 20) or 1
  love.graphics.ellipse("fill", x, y + 9, 8, open)
  love.graphics.circle("fill", x - 8, y - 5, 3)
  love.graphics.circle("fill", x + 8, y - 5, 3)
end

function love.draw()
  love.graphics.clear(0.05, 0.06, 0.12)
  draw_keeper(80, 260 + 6 * math.sin(keeper.time * 3))
  love.graphics.setColor(1, 1, 1)
  love.graphics.printf(keeper.words, 140, 60, 460)
  local what = grok and grok.simulated and "   simulated: no model has seen this" or ""
  love.graphics.print(("%d frames a second%s"):format(love.timer.getFPS(), what), 8, 8)
end
