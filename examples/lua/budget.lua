-- A bot that cannot spend more than it is given, however many of it run and however often they crash: the budget lies
-- in a file, as does the rate limit that they share. Runs against the simulator when XAI_SIMULATE=1.
-- SPDX-License-Identifier: MIT
local xai = require "xai"

local file = os.tmpname() -- a bot would name one of its own, such as "bot.budget"
os.remove(file)

local grok = assert(xai.new {
  model = "grok-4.3",
  rates = { { requests_per_minute = 480 } },
  share = file,
  budget = { usd = 0.15, every = "day", file = file, reasoning = 1000 },
})

local question = { input = "Name one tide table worth having.", max_output_tokens = 200 }
for i = 1, 3 do
  assert(grok:respond(question))
  local state = grok:budget()
  print(("%d asked: $%.4f spent of $%.2f, until %s"):format(i, state.spent, state.limit,
    os.date("!%Y-%m-%d %H:%M UTC", state.resets_at)))
end

-- What does not fit is not sent. The most that it can cost is reckoned from the request.
local answer, err = grok:respond { input = question.input, max_output_tokens = 100000 }
print(answer and answer:text() or err.kind .. ": " .. err.message)

grok:close()
os.remove(file)
