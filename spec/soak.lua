--- 10,000 streams begun and dropped (F64): the collector closes each connection, and nothing is left of any.
-- SPDX-License-Identifier: MIT
--
-- Run by `make soak` beside its server, whose address is in XAI_SOAK_URL. The server sends one event and then waits.
local xai = require "xai"

local DROPS = 10000
local ROUND = 250 -- so many are open at once, at most

local function descriptors()
  local pipe = assert(io.popen("ls /proc/" .. assert(io.open "/proc/self/stat":read "n") .. "/fd | wc -l"))
  local count = tonumber(pipe:read "a")
  pipe:close()
  return count
end

local function resident_kib()
  for line in io.lines "/proc/self/status" do
    local kib = line:match "^VmRSS:%s*(%d+) kB"
    if kib then return tonumber(kib) end
  end
end

local function collect()
  collectgarbage()
  collectgarbage()
end

local grok = assert(xai.new { base_url = os.getenv "XAI_SOAK_URL", api_key = "xai-soak-key", proxy = "",
  max_calls = 2 * ROUND })

-- Until the core has let go of all; the loop's bound is what a hang would meet.
local function settle()
  local until_then = os.time() + 20
  while grok:pending() > 0 and os.time() < until_then do grok:step(0.1) end
  return grok:pending()
end

local function begin_and_drop(i)
  local stream = assert(grok:stream { input = "soak", plan = 4, n = 1 + i % 3 })
  if i % 2 == 0 then
    for event in stream:events() do
      if event.type == "text" then break end
    end
  end
end

local function round()
  for i = 1, ROUND do begin_and_drop(i) end
  collect()
  assert(settle() == 0, "streams that nobody holds are still there")
end

for _ = 1, 10 do round() end -- until everything has grown as far as it may
local fds, lua_kib, kib = descriptors(), collectgarbage "count", resident_kib()
for _ = 11, DROPS / ROUND do round() end
local answer = assert(grok:stream { input = "soak", plan = 0, n = 5 })
assert(assert(answer:result()):meta().outcome == "complete", "the client works no more")
answer = nil -- luacheck: ignore 311
collect()

local fds_after, lua_after, kib_after = descriptors(), collectgarbage "count", resident_kib()
print(("soak.lua: %d dropped; descriptors %d, then %d; Lua's memory %.0f KiB, then %.0f; resident %d KiB, then %d")
  :format(DROPS, fds, fds_after, lua_kib, lua_after, kib, kib_after))
assert(fds_after <= fds + 1, "descriptors leak") -- the last answer's connection is kept
assert(lua_after < lua_kib * 1.1, "Lua's memory grows")
assert(kib_after < kib + 4096, "the process grows")
