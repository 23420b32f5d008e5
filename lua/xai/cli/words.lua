--- How the command tells a fault: the library's sentence, with advice for somebody at a shell instead of a program.
-- SPDX-License-Identifier: MIT
local errors = require "xai.error"

local advice = {
  auth = "check XAI_API_KEY",
  not_found = "xai models lists the models that the key may use",
  too_large = "send less",
  timeout = "allow more time, or try again later",
  network = "check the network and XAI_BASE_URL",
  tls = "check the clock and any proxy that inspects traffic",
  protocol = "check XAI_BASE_URL and any proxy in between",
  limit = "",
  usage = "",
}

-- Where the command itself can tell more.
local for_the_doctor = { auth = true, network = true, tls = true, protocol = true }

--- What to do about an error of the library. Kinds whose own hint is good at a shell, too, have no entry above.
--- @param err xai.Error
--- @return string?
local function advice_for(err)
  if err.code == "key" then return "export XAI_API_KEY=... with a key from the console, or XAI_SIMULATE=1" end
  if err.kind == "rate" then
    return err.retry_after and ("wait %.0f s"):format(err.retry_after) or "wait a while"
  end
  if err.kind == "truncated" then
    return err.code == "truncated" and "the answer reached the limit of its length" or "this was not all of it"
  end
  return advice[err.kind] or err.hint
end

-- Names of the library's options are not the command's.
local function message_of(err)
  if err.code == "key" and err.message:find "^no API key" then return "no API key" end
  return (err.message:gsub("base_url", "XAI_BASE_URL"))
end

--- One sentence.
--- @param fault any  an error of the library, or a text
--- @return string
local function sentence(fault)
  if not errors.is(fault) then return tostring(fault) end
  local told = {}
  for name, value in pairs(fault) do told[name] = value end
  told.message, told.hint = message_of(fault), advice_for(fault)
  if for_the_doctor[fault.kind] and fault.code ~= "key" then told.hint = told.hint .. "; xai doctor looks closer" end
  return tostring(errors.new(told))
end

--- Text of others without what a terminal would obey: no control characters but line ends and tabs.
--- @param text string  whole characters
--- @return string
local function harmless(text)
  return (text:gsub("[%z\1-\8\11-\31\127]", ""):gsub("\194[\128-\159]", ""))
end

--- How many characters a text has.
--- @param text string
--- @return integer
local function length(text)
  local _, more = text:gsub("[\128-\191]", "")
  return #text - more
end

return { sentence = sentence, advice = advice_for, message = message_of, harmless = harmless, length = length }
