--- Dates as HTTP writes them, in whatever language the host speaks.
-- SPDX-License-Identifier: MIT
local DAYS = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }
local MONTHS = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }

--- @param seconds number  Unix time
--- @return string  such as "Sun, 06 Nov 1994 08:49:37 GMT"
local function http(seconds)
  local t = os.date("!*t", math.floor(seconds))
  return ("%s, %02d %s %04d %02d:%02d:%02d GMT"):format(DAYS[t.wday], t.day, MONTHS[t.month], t.year, t.hour, t.min,
    t.sec)
end

return { http = http }
