-- Errors are values: what the world does wrong comes back as nil and an object that says what to do.
-- SPDX-License-Identifier: MIT
local xai = require "xai"

-- The simulator can be told to misbehave, so this example fails the same way every time, without a key.
local grok = assert(xai.new { simulate = { faults = { { status = 503 }, { status = 429 } } }, max_attempts = 2 })
print "(simulated: no request leaves this machine)"

local function show(what, answer, err)
  print("-- " .. what)
  if answer then return print(answer:text()) end
  print(err)
  print(("   kind %s, retryable %s, attempts %d"):format(err.kind, tostring(err.retryable), #err.attempts))
end

show("busy twice: one retry, then an error", grok:respond "Are you there?")
show("well again", grok:respond "And now?")
show("an unknown model is refused and not tried again", grok:respond { model = "grok-99", input = "Hello?" })

local answer, err = grok:respond({ input = "Count to a million.", max_output_tokens = 3 })
show("half an answer is never passed off as a whole one", answer, err)
if err and err.response then print("   what arrived: " .. err.response:text()) end

-- Mistakes of the program are raised, and name what was probably meant.
print("-- " .. select(2, pcall(grok.respond, grok, "Hello", { timeuot = 5 })))
