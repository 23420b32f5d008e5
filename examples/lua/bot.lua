-- A bot in one page: it streams an answer, lets the model call a Lua function, reads a structured answer, and
-- shows what each of them cost. With XAI_API_KEY set it talks to Grok, with XAI_SIMULATE=1 to the simulator.
-- SPDX-License-Identifier: MIT
local xai = require "xai"

-- The world's faults come as nil and an error that says what to do; this bot says it and leaves.
local function must(value, err)
  if value then return value end
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end

local grok = must(xai.new())
if grok.simulated then
  print "SIMULATED: the answers below are made up on this machine, and nothing is billed.\n"
end

local spent = 0

local function show_cost(response)
  local tokens, ticks = response:tokens() or { input = "?", output = "?" }, response:cost()
  spent = spent + (ticks or 0)
  print(("   [%s tokens in, %s out, %s]\n"):format(tokens.input, tokens.output, xai.prices.format(ticks)))
  return response
end

-- Asks and shows the answer while it arrives.
local function ask(conversation, input)
  local stream = must(conversation:stream(input))
  for text in stream:deltas() do io.write(text) io.flush() end
  if stream:text() ~= "" then print() end
  return show_cost(must(stream:result()))
end

print "1. An answer, streamed"
ask(grok:conversation(), "Why do tides lag the Moon?")

print "2. A question that needs a Lua function"
local tides = { Brest = "high water 04:12, 16:38", Hamburg = "high water 01:55, 14:20" }
local bot = grok:conversation {
  tools = { {
    type = "function", name = "tide_table", description = "Today's high waters of a port.",
    parameters = {
      type = "object", required = { "port" },
      properties = { port = { type = "string", enum = { "Brest", "Hamburg" } } },
    },
  } },
}
local answer = ask(bot, "When is high water in Brest today?")
local outputs = {}
for _, call in ipairs(answer:tool_calls()) do
  local result = call.error and tostring(call.error) or tides[call.arguments.port] or "no such port"
  print(("   the model calls %s(%s), we answer: %s"):format(call.name, call.arguments_text, result))
  outputs[#outputs + 1] = { type = "function_call_output", call_id = call.call_id, output = result }
end
if #outputs > 0 then ask(bot, outputs) end

print "3. A structured answer"
local ticket = show_cost(must(grok:respond {
  input = "Make a ticket of this mail: 'The harbour lamp is out again, please hurry. Ilse'",
  text = { format = { type = "json_schema", name = "ticket", schema = {
    type = "object", required = { "title", "urgent" }, additionalProperties = false,
    properties = { title = { type = "string" }, urgent = { type = "boolean" } },
  } } },
}))
local fields = must(xai.json.decode(ticket:text()))
print(("   title: %s, urgent: %s\n"):format(fields.title, tostring(fields.urgent)))

print(("Altogether: %s%s"):format(xai.prices.format(spent), grok.simulated and " (simulated)" or ""))
