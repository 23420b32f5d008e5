--- The API that every host asks: the simulator on loopback, a few milliseconds between its words.
-- SPDX-License-Identifier: MIT
--
-- server.lua [SECONDS_BETWEEN_WORDS]: prints its base URL and serves until it is stopped, ten minutes at most.
local cqueues = require "cqueues"
local sim = require "xai.sim"

local LONGEST = 600

local function serve()
  assert(sim.serve {
    port = 0, seed = 7, latency = tonumber(arg[1] or 0.01),
    on_listen = function(url)
      print(url)
      io.stdout:flush()
    end,
  })
end

local function give_up()
  cqueues.sleep(LONGEST)
  os.exit(false)
end

local queue = cqueues.new()
queue:wrap(serve)
queue:wrap(give_up)
assert(queue:loop())
