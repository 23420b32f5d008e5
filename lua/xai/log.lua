--- Where log lines go. What stands in them is the core's business: see xai_log in xai.h.
-- SPDX-License-Identifier: MIT

local levels = { off = 0, error = 1, warn = 2, info = 3, debug = 4 }
local silent = { off = true, ["0"] = true, ["false"] = true, no = true, [""] = true }

local function to_file(file)
  return function(line) file:write(line, "\n") end
end

local function to_stderr(line)
  io.stderr:write(line, "\n")
end

local function sink_of(log, level)
  if type(log) == "function" then return log end
  if log == nil or log == true or log == "stderr" then return to_stderr end
  if type(log) ~= "string" then return to_file(log) end
  error('xai.new: option "log" must be a function, an open file or "stderr"', level + 1)
end

-- XAI_LOG: a level; "1" and whatever else is no level mean "info".
local function from_environment()
  local value = (os.getenv "XAI_LOG" or ""):lower()
  if silent[value] then return nil, "off" end
  return to_stderr, levels[value] and value or "info"
end

--- Where the lines of a client go, by the options of xai.new and XAI_LOG.
--- @param options xai.Options
--- @param level integer  as for error()
--- @return fun(line: string, level: string)? sink
--- @return string least  the level of the core
local function choose(options, level)
  local log, least = options.log, options.log_level
  if log == nil and least == nil then return from_environment() end
  if least ~= nil and not levels[least] then
    error('xai.new: option "log_level" must be "error", "warn", "info", "debug" or "off"', level + 1)
  end
  if log == false or least == "off" then return nil, "off" end
  return sink_of(log, level + 1), least or "info"
end

return { choose = choose }
