-- One question, one answer, and what it cost.
-- SPDX-License-Identifier: MIT
local xai = require "xai"

local grok = assert(xai.new()) -- the key comes from XAI_API_KEY; XAI_SIMULATE=1 needs none
if grok.simulated then print "(simulated: no request leaves this machine)" end

local answer = assert(grok:respond "Why do tides lag the Moon?")

print(answer:text())
print(("%d tokens, %s"):format(answer.usage.total_tokens, xai.prices.format(answer:cost())))
