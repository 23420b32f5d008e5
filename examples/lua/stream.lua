-- An answer shown while it arrives. The loop ends silently; the result tells how it ended.
-- SPDX-License-Identifier: MIT
local xai = require "xai"

local grok = assert(xai.new())
if grok.simulated then print "(simulated: no request leaves this machine)" end

local stream = assert(grok:stream { input = "Tell me a very short story." })
for event in stream:events() do
  if event.type == "text" then
    io.write(event.text)
    io.flush()
  elseif event.type == "retry" then
    io.stderr:write(("trying again in %.1f s: %s\n"):format(event.wait, event.error))
  end
end
print()

local story, err = stream:result()
if not story then
  io.stderr:write("the story broke off: ", tostring(err), "\n")
  os.exit(1)
end
print(("%d tokens, %s"):format(story.usage.total_tokens, xai.prices.format(story:cost())))
