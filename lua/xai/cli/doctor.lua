--- xai doctor: looks at everything a call needs, one line each, and says what to do about what is wrong.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local options = require "xai.options"
local words = require "xai.cli.words"

local CLOCK_TOLERANCE = 300 -- seconds; certificates and signed things start to fail beyond

local function lua_version()
  local jit = rawget(_G, "jit")
  return jit and jit.version or _VERSION
end

local function versions()
  local ours, libcurl = ("xai %s, %s"):format(core.version, lua_version()), core.curl_version()
  if libcurl then return true, ("%s, libcurl %s"):format(ours, libcurl) end
  return false, ours .. ", and libcurl cannot be loaded", "install it, as Debian's libcurl4 does"
end

local function key(self)
  if self.simulated then return true, "not needed by the simulator" end
  local value = self.host.getenv "XAI_API_KEY"
  local file = self.host.getenv "XAI_API_KEY_FILE"
  if (not value or value == "") and file and file ~= "" then
    if self.grok then return true, "is read from " .. file end
    return false, words.message(self.fault), "XAI_API_KEY_FILE must name a file that holds the key alone"
  end
  if not value or value == "" then
    return false, "XAI_API_KEY is not set", "export XAI_API_KEY=... with a key from the console"
  end
  local fault = options.key_fault(value)
  if fault then return false, fault, "copy the key again, without anything around it" end
  if value:sub(1, 4) ~= "xai-" then
    return true, "is set, but does not begin with xai-, as keys of the API do"
  end
  return true, ("is set, %d characters"):format(#value)
end

-- The one request that all further lines look at.
local function ask(self)
  if not self.grok then return end
  local value, err, meta = self.grok:request { path = "/models", timeout = 30, max_attempts = 1 }
  self.asked, self.value, self.err, self.meta = true, value, err, meta or {}
end

local function reached(self)
  return self.asked and (self.meta.status ~= nil or (self.err and self.err.status ~= nil))
end

local function network(self)
  if not self.asked and self.fault.kind ~= "auth" then
    return false, words.message(self.fault), "check it"
  end
  if not self.asked then return nil, "not tried: the key comes first" end
  if self.simulated then return true, "not used: the simulator answers inside this program" end
  local host = self.grok.base_url:match "^%a+://([^/]+)" or self.grok.base_url
  if reached(self) then return true, host .. " answers" end
  if self.err.kind == "tls" then return true, host .. " can be reached" end
  return false, host .. ": " .. self.err.message, words.advice(self.err)
end

local function tls(self)
  if not self.asked then return nil, "not tried: the network comes first" end
  if self.simulated then return true, "not needed by the simulator" end
  if not self.grok.base_url:find "^https:" then
    return true, "not used: XAI_BASE_URL says http, so the key travels in the open"
  end
  if reached(self) then return true, "the certificate is good" end
  if self.err.kind == "tls" then return false, self.err.message, words.advice(self.err) end
  return nil, "not tried: the network comes first"
end

local function service(self)
  if not reached(self) then return nil, "not tried: the network comes first" end
  if self.simulated then return true, "the simulator's; without XAI_SIMULATE the API itself is looked at" end
  if self.value and type(self.value) == "table" and type(self.value.data) == "table" then
    return true, ("the key is accepted and may use %d models"):format(#self.value.data)
  end
  if self.value then
    return false, "the answer is not the API's", "check XAI_BASE_URL and any proxy in between"
  end
  return false, self.err.message, words.advice(self.err)
end

local months = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11,
  Dec = 12 }

-- Days from 1970-01-01 to a date of the Gregorian calendar; the year begins in March, so leap days come last.
local function days(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local leaps = math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
  return 365 * year + leaps + math.floor((153 * (month - 3) + 2) / 5) + day - 719469
end

--- Unix seconds of an HTTP date such as "Sat, 21 Nov 2026 03:09:51 GMT"; nil for anything else.
local function unix_time(text)
  local day, month, year, hour, minute, second = text:match "^%a+, (%d+) (%a+) (%d+) (%d+):(%d+):(%d+) GMT$"
  if not day or not months[month] then return nil end
  return days(tonumber(year), months[month], tonumber(day)) * 86400 + hour * 3600 + minute * 60 + second
end

local function clock(self)
  local date = self.asked and self.meta.headers and self.meta.headers.date
  local there = date and unix_time(date)
  if self.simulated then return true, "not needed by the simulator" end
  if not there then return nil, "not checked: no answer with a date" end
  local off = os.time() - there
  if math.abs(off) <= CLOCK_TOLERANCE then return true, "agrees with the server's" end
  return false, ("is %d seconds %s"):format(math.abs(off), off > 0 and "ahead" or "behind"),
    "set the clock, or let it be set over the network"
end

local checks = {
  { "versions", versions }, { "key", key }, { "network", network }, { "tls", tls }, { "service", service },
  { "clock", clock },
}

local marks = { [true] = "ok  ", [false] = "FAIL" }

local function report(self, name, good, detail, advice)
  local hint = advice and advice ~= "" and "; " .. advice or ""
  self.host:print(("%s  %-8s  %s%s"):format(marks[good] or "-   ", name, detail, hint))
  return good ~= false
end

return function(_, host)
  local grok, fault = host:client()
  local self = { host = host, grok = grok, fault = fault, asked = false }
  self.simulated = self.grok ~= nil and self.grok.simulated
  ask(self)
  local well = true
  for _, check in ipairs(checks) do
    if not report(self, check[1], check[2](self)) then well = false end
  end
  if self.grok then self.grok:close() end
  if well then return true end
  return nil, nil, 1
end
