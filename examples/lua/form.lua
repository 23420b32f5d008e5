-- A form that fills itself while the answer arrives: stream:partial() is one table that grows.
-- SPDX-License-Identifier: MIT
local xai = require "xai"
local s = xai.schema

local grok = assert(xai.new()) -- the key comes from XAI_API_KEY; XAI_SIMULATE=1 needs none
if grok.simulated then print "(simulated: no request leaves this machine)" end

local Ticket = s.object {
  { "title", s.string { min = 1, max = 80 } },
  { "urgency", s.enum { "low", "normal", "high" } },
  { "places", s.array(s.string()) },
  { "callers", s.integer { min = 0 } },
}
local stream = assert(grok:stream {
  input = "Make a ticket: two people called, the harbour lamps in Bremen and Kiel are out again.",
  text = { format = { type = "json_schema", name = "ticket", schema = Ticket } },
})

local live = (os.getenv "TERM" or "dumb") ~= "dumb" -- a terminal draws the form over itself
if live then io.write "\n\n\n\n" end

local function draw(form)
  if live then io.write "\27[4A\27[J" end
  local places = form.places and table.concat(form.places, ", ")
  for _, row in ipairs { { "title", form.title }, { "urgency", form.urgency }, { "places", places },
    { "callers", form.callers } } do
    print(("%8s: %s"):format(row[1], row[2] or "..."))
  end
end

for event in stream:events() do
  local form, reason = stream:partial()
  if reason then stream:cancel() end -- no good value can come any more
  if form and event.type == "text" and live then draw(form) end
end

local answer, err = stream:result()
local form, reason = stream:partial()
if not answer or reason then
  io.stderr:write("the form broke off: ", tostring(reason or err), "\n")
  os.exit(1)
end
draw(form)
