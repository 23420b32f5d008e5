--- How long our calls keep a host, and what a host's run says at its end.
-- SPDX-License-Identifier: MIT
--
-- Counted is the wall's time less what the thread waited for a processor (Linux: schedstat): blocking counts, what
-- else the machine does does not. Where the system does not tell, it is processor time.
local core = require "xai.core"

local BOUND = 0.005 -- seconds that a host may be kept; one call, and of more than a thousand one in a thousand, is let
                    -- off: a virtual machine stands still at times, and no clock inside of it tells

-- The clock of the thread that asks for it.
local function open()
  local file = io.open "/proc/thread-self/schedstat"
  if not file then return os.clock end
  file:setvbuf "no"
  return function()
    file:seek "set"
    local _, waited = file:read("*n", "*n")
    return core.now() - waited / 1e9
  end
end

local time = open()

-- Processor time of the thread alone, for LuaJIT: what the rest of the machine does, and who else draws in the same
-- process, is none of it.
local function open_thread()
  local ffi = require "ffi"
  ffi.cdef "typedef struct { long s, ns; } meter_time; int clock_gettime(int, meter_time *);"
  local now, THREAD_CPUTIME = ffi.new "meter_time", 3
  return function()
    assert(ffi.C.clock_gettime(THREAD_CPUTIME, now) == 0)
    return tonumber(now.s) + tonumber(now.ns) / 1e9
  end
end

--- @class Meter
--- @field longest number    seconds
--- @field count integer     of times
--- @field samples number[]
local Meter = {}
local mt = { __index = Meter }

local function stop(self, from, ...)
  local took = self.time() - from
  self.longest = math.max(self.longest, took)
  self.count = self.count + 1
  self.samples[self.count] = took
  return ...
end

--- The function, timed each time it is called.
function Meter:timed(fn)
  return function(...) return stop(self, self.time(), fn(...)) end
end

--- The time that so much of the calls stayed below, in seconds; share: 0.99
function Meter:percentile(share)
  local sorted = {}
  for i, sample in ipairs(self.samples) do sorted[i] = sample end
  table.sort(sorted)
  return sorted[math.max(1, math.ceil(#sorted * share))] or 0
end

--- Forget what was measured.
function Meter:reset() self.longest, self.count, self.samples = 0, 0, {} end

--- @param clock (fun(): number)?  default: as above
local function new(clock)
  local self = setmetatable({ time = clock or time }, mt)
  self:reset()
  return self
end

local function memory()
  local status = assert(io.open "/proc/self/status")
  local kib = status:read("*a"):match "VmHWM:%s*(%d+)"
  status:close()
  return kib
end

--- The last words of a host's run.
--- @param passed integer
--- @param failed string[]  what did not hold
--- @param meter Meter
--- @param note string
local function report(passed, failed, meter, note)
  local over = 0
  for _, sample in ipairs(meter.samples) do over = over + (sample > BOUND and 1 or 0) end
  if over > math.max(1, meter.count / 1000) then
    local said = "kept the host for more than 5 ms %d times, once for %.2f ms"
    failed[#failed + 1] = said:format(over, meter.longest * 1000)
  else
    passed = passed + 1
  end
  local write = function(...) io.stdout:write(...) end
  for _, what in ipairs(failed) do write("FAILED  ", what, "\n") end
  write(("passed=%d failed=%d stall=%.2f memory=%s note=%s\n"):format(passed, #failed, meter.longest * 1000,
    memory(), note))
  io.stdout:flush()
  return #failed == 0
end

return { new = new, report = report, open = open, open_thread = open_thread }
