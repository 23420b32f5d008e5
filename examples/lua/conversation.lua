-- A conversation: each turn builds on the ones before, and the report shows how the prompt cache served it.
-- SPDX-License-Identifier: MIT
local xai = require "xai"

local grok = assert(xai.new())
if grok.simulated then print "(simulated: no request leaves this machine)" end

local talk = grok:conversation {
  instructions = "You are a tide table with a sense of humour. Answer in one sentence.",
  mode = "client", -- nothing is stored at the API: the whole history goes along
}

for _, question in ipairs { "When is high water?", "And tomorrow?", "Why the difference?" } do
  print("you:  " .. question)
  print("grok: " .. assert(talk:say(question)):text())
end

print "\nturn  input  cached"
for i, turn in ipairs(talk:cache_report()) do
  local share = turn.share and ("%3.0f %%"):format(100 * turn.share) or "unknown"
  print(("%4d  %5s  %s  %s"):format(i, turn.input_tokens or "?", share, turn.broken or ""))
end
