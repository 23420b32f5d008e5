--- xai chat: a conversation at the keyboard. Ctrl-C stops an answer, not the program.
-- SPDX-License-Identifier: MIT
local options = require "xai.options"
local prices = require "xai.prices"
local words = require "xai.cli.words"

local HELP = [[
/model NAME   talk to another model (without a name: show it)
/cost         what the conversation has cost so far
/help         this
/quit         leave; so does the end of the input (Ctrl-D)
Ctrl-C stops an answer.]]

local commands = {}

function commands.help(self)
  self.host:print(HELP)
end

function commands.model(self, name)
  if name ~= "" then self.talk.model = name end
  self.host:print("model: " .. self.talk.model)
end

function commands.cost(self)
  local priced = self.answers - self.unpriced
  local cost = prices.format(self.ticks)
  if self.answers > 0 and priced == 0 then cost = "cost unknown" end
  if priced > 0 and self.unpriced > 0 then cost = ("%s for %d of them, the rest unknown"):format(cost, priced) end
  self.host:print(("%d answer(s), %s"):format(self.answers, cost))
end

function commands.quit(self)
  self.over = true
end

commands.exit = commands.quit

local function obey(self, line)
  local name, rest = line:match "^/(%a*)%s*(.-)%s*$"
  local command = name and commands[name]
  if command then return command(self, rest) end
  local guess = name and name ~= "" and options.nearest(name, commands)
  self.host:print(("there is no command %s%s"):format(line:match "^%S+",
    guess and ", did you mean /" .. guess .. "?" or "; /help shows what there is"))
end

local function count(self, response)
  if not response then return end
  self.answers = self.answers + 1
  local ticks = response:cost()
  if ticks then self.ticks = self.ticks + ticks else self.unpriced = self.unpriced + 1 end
end

local function show(self, stream)
  local last = "\n"
  for event in stream:events() do
    if event.type == "text" or event.type == "refusal" then
      self.host:show_foreign(event.text)
      last = event.text:sub(-1)
    end
  end
  if last ~= "\n" then self.host:show "\n" end
end

local function complain(self, err)
  self.failed = true
  self.host:complain("xai: " .. words.sentence(err))
end

local function answer(self, line)
  local stream, err = self.talk:stream(line)
  if not stream then return complain(self, err) end
  self.stream = stream
  show(self, stream)
  local response, fault = stream:result()
  self.stream = nil
  count(self, response or fault.response)
  if response then return end
  if fault.kind == "cancelled" then return self.host:show "(stopped)\n" end
  complain(self, fault)
end

local function prompt(self)
  if self.host.is_keyboard and self.host.is_screen then self.host:show "> " end
end

local function read(self)
  prompt(self)
  local line, interrupted = self.host:read_line()
  if line or not interrupted then return line end
  self.host:show "\n"
  return ""
end

local function talk_until_over(self)
  while not self.over do
    local line = read(self)
    if not line then break end
    if line:sub(1, 1) == "/" then obey(self, line) elseif line:find "%S" then answer(self, line) end
  end
  return true
end

return function(args, host)
  local grok, err = host:client()
  if not grok then return nil, err end
  local self = {
    host = host,
    talk = grok:conversation { model = args.model, instructions = args.system },
    stream = nil,   -- the answer that is arriving
    answers = 0,
    ticks = 0,
    unpriced = 0,   -- answers whose cost is not known
    over = false,
    failed = false, -- an answer did not come
  }
  if host.is_keyboard and host.is_screen then
    host:print("Talking to " .. self.talk.model .. "; /help shows the commands.")
  end
  local function stop_answer()
    if self.stream then self.stream:cancel() end
  end
  local done = host:with_interrupts(stop_answer, function() return talk_until_over(self) end)
  grok:close()
  if self.failed and not host.is_keyboard then return nil, nil, 1 end -- a script must learn of it
  return done
end
