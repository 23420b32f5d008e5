--- luv with a meter around each of the program's functions that it calls.
-- SPDX-License-Identifier: MIT

--- @param uv table    luv
--- @param meter Meter
--- @return table uv   for xai.uv.attach
return function(uv, meter)
  return setmetatable({
    poll_start = function(poll, events, fn) return uv.poll_start(poll, events, meter:timed(fn)) end,
    timer_start = function(timer, after, every, fn) return uv.timer_start(timer, after, every, meter:timed(fn)) end,
  }, { __index = uv })
end
