-- Twenty questions at once where two may be asked at a time: the rest waits here, in line, and knows its place.
-- SPDX-License-Identifier: MIT
local xai = require "xai"

local grok = assert(xai.new { rates = {
  { concurrent = 2 },                                            -- whatever the model
  { model = "grok-4.6", requests_per_minute = 21, tokens_per_minute = 1e6 },
} })
if grok.simulated then print "(simulated: no request leaves this machine)" end

local batch = {}
for i = 1, 20 do batch[i] = assert(grok:stream(("What is %d squared?"):format(i), { priority = -1 })) end
local urgent = assert(grok:stream("Is it raining in Bergen?", { priority = 5 }))
print(("the urgent one is number %d in line, the last one of the batch number %d"):format(
  urgent:place(), batch[20]:place()))

-- One that cannot be sent before its deadline says so at once, and when it could be.
local response, err = grok:respond("Quick!", { timeout = 30, priority = -1 })
if not response then
  print(("one more: %s"):format(err))
  print(("  to be tried again in %.0f s; it %s be billed twice"):format(err.retry_after,
    err.repeatable and "cannot" or "might"))
end

for _, stream in ipairs(batch) do assert(stream:result()) end
print("all answered; the urgent one said: " .. assert(urgent:result()):text():sub(1, 40))
