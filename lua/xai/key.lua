--- Where a client's API key comes from: an option, a function, a file or the environment.
-- SPDX-License-Identifier: MIT
--
-- The core keeps the key, in memory of its own. A string that Lua was given stays in Lua's memory until the collector
-- takes it, and cannot be wiped: who minds that gives a file, or a function that fetches it.
local errors = require "xai.error"
local options_of = require "xai.options"

local function unusable(message, hint)
  return errors.new { kind = "auth", code = "key", message = message, hint = hint }
end

local none = unusable("no API key: set XAI_API_KEY or pass api_key to xai.new, or use the simulator with "
  .. "simulate = true or XAI_SIMULATE=1")

-- A text that can be sent; else nil, err.
local function check(key)
  if key == "" then return nil, none end
  local fault = options_of.key_fault(key)
  if not fault then return key end
  return nil, unusable(fault, "copy the key again, without anything around it")
end

local function environment(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

-- What is there when no option says anything.
local function from_environment(simulated)
  if simulated then return { text = "xai-simulated" } end
  local key, file = environment "XAI_API_KEY", environment "XAI_API_KEY_FILE"
  if not key then
    if file then return { file = file } end
    return nil, none
  end
  local text, err = check(key)
  return text and { text = text }, err
end

--- Where the key comes from, by the options of xai.new and the environment.
--- @param options xai.Options
--- @param simulated boolean  then none is needed
--- @return table? source  one of text, file and ask, or none of them: no key is sent
--- @return xai.Error? err
local function choose(options, simulated)
  local key = options.api_key
  if key == false then return {} end
  if options.api_key_file then return { file = options.api_key_file } end
  if key == nil then return from_environment(simulated) end
  if type(key) == "function" then return { ask = key } end
  if key == true then return nil, none end
  local text, err = check(key)
  return text and { text = text }, err
end

--- Give the core another key.
--- @param handle table       of the core
--- @param key string|false   false: none
--- @param name string?       for it in errors
--- @return true? done
--- @return xai.Error? err
local function set(handle, key, name)
  local text, err = false, nil
  if key then text, err = check(key) end
  if err then return nil, err end
  local done, fault = handle:set_key(text or nil, name)
  if not done then return nil, errors.from_core(fault) end
  return true
end

--- Give the core what a key function returned.
--- @param handle table  of the core
--- @param key any       a string, else there is none
--- @param more any      then why: a text or an error; else a name for the key in errors, if it is a text
--- @return true? done
--- @return xai.Error? err
local function take(handle, key, more)
  local said = type(more) == "string" and more or nil
  if type(key) == "string" then return set(handle, key, said) end
  if errors.is(more) then return nil, more end
  return nil, unusable("the api_key function gave no key" .. (said and ": " .. said:sub(1, 200) or ""))
end

return { choose = choose, set = set, take = take }
