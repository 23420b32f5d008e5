-- A value that satisfies a schema: checked here whatever the model says, and mended by it where it does not fit.
-- SPDX-License-Identifier: MIT
local xai = require "xai"
local s = xai.schema

local grok = assert(xai.new()) -- the key comes from XAI_API_KEY; XAI_SIMULATE=1 needs none
if grok.simulated then print "(simulated: no request leaves this machine)" end

local Ticket = s.object {
  { "title", s.string { min = 1, max = 80 } },
  { "urgency", s.enum { "low", "normal", "high" } },
  { "places", s.array(s.string(), { description = "every place that is named" }) },
  { "due", s.string { format = "date" } },
  optional = { "due" },
}

local ticket, answer, account = grok:extract {
  schema = Ticket,
  input = "Make a ticket of this mail: 'The harbour lamp is out again, please hurry. Ilse'",
  repairs = 1,
}

if not ticket then
  local err = answer -- kind "refused", "truncated", "schema", or what else a call ends with
  io.stderr:write(tostring(err), "\n", err.errors and tostring(err.errors) or err.text or "", "\n")
  os.exit(1)
end

print(("%s (%s), places: %s"):format(ticket.title, ticket.urgency, table.concat(ticket.places, ", ")))
print(("%d turn(s), %s"):format(#account.turns, xai.prices.format(account.cost)))
