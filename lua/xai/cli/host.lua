--- What the commands know of the world: a place to write, a place to read, and whether a person sits there.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local words = require "xai.cli.words"

local Host = {}
local mt = { __name = "xai.cli.host", __index = Host }

-- A fault of the output ends the command, wherever it is: raised here, told in one sentence by xai.cli.
local function check(ok, message)
  if not ok then error({ output = (tostring(message):gsub("^[^:]*: ", "")) }, 0) end
end

--- Write text that belongs to the output.
function Host:write(text)
  check(self.out:write(text))
end

--- ... and a line end, unless it has one.
function Host:print(text)
  self:write(text)
  if text:sub(-1) ~= "\n" then self:write "\n" end
end

--- Everything written is now really out; the place to notice that it could not be.
function Host:flush()
  check(self.out:flush())
end

--- Write text that is shown while it arrives.
function Host:show(text)
  self:write(text)
  self:flush()
end

--- ... that a model or a server wrote: a terminal does not get to obey it. A pipe gets it as it is.
function Host:show_foreign(text)
  self:show(self.is_screen and words.harmless(text) or text)
end

--- A line that is no output: faults and notices.
function Host:complain(text)
  self.err:write(words.harmless(text), "\n")
end

--- Read a line; nil at the end, and nil and true when a person pressed Ctrl-C.
function Host:read_line()
  local line = self.input:read "*l"
  if not line and self.interrupted() then return nil, true end
  return line
end

function Host:read_all()
  return self.input:read "*a"
end

--- Was Ctrl-C pressed since the last question?
function Host.interrupted()
  return core.sigint_seen()
end

--- While fn runs, Ctrl-C calls on_interrupt instead of ending the program.
function Host:with_interrupts(on_interrupt, fn)
  core.sigint(true)
  local loop = require "xai.loop"
  local previous = loop.on_interrupt(function()
    if self.interrupted() then on_interrupt() end
  end)
  local result = { pcall(fn) }
  loop.on_interrupt(previous)
  core.sigint(false)
  if not result[1] then error(result[2], 0) end
  return result[2], result[3]
end

--- A client, made from the environment; says on the screen when it is simulated.
function Host:client(options)
  local made, err = require("xai.client").new(options)
  if not made then return nil, err end
  if made.simulated then self:complain "xai: simulated: no request leaves this machine" end
  return made
end

--- @return table
local function new()
  core.sigpipe(true) -- a closed pipe is told by the write, not by a signal
  return setmetatable({
    out = io.stdout,
    err = io.stderr,
    input = io.stdin,
    is_screen = core.isatty(1),   -- somebody watches the output
    is_keyboard = core.isatty(0), -- somebody types the input
    getenv = os.getenv,
  }, mt)
end

return { new = new, Host = Host }
