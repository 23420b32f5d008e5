--- xai sim: serves the simulator until it is stopped. Its base URL is the first line of the output.
-- SPDX-License-Identifier: MIT
local rand = require "xai.sim.rand"
local sim = require "xai.sim"

local function listening(host)
  return function(base_url)
    host:print(base_url)
    host:flush()
  end
end

-- What is wrong with the numbers, if anything.
local function wrong_number(args)
  local port, seed = args.port, args.seed
  if not port or port % 1 ~= 0 or port < 0 or port > 65535 then
    return "the port must be a whole number from 0 to 65535"
  end
  if seed and (seed % 1 ~= 0 or math.abs(seed) > rand.GREATEST_SEED) then
    return "the seed must be a whole number, 2^40 at most"
  end
end

return function(args, host)
  local wrong = wrong_number(args)
  if wrong then return nil, wrong, 2 end
  local replay = #args.replay > 0 and args.replay or nil
  local ok, served, err = pcall(sim.serve, {
    host = args.host, port = args.port, seed = args.seed, replay = replay,
    on_listen = listening(host),
    on_error = function(message) host:complain("xai: " .. message) end,
  })
  if not ok then
    if type(served) == "string" then return nil, served end
    error(served, 0)
  end
  if not served then return nil, ("cannot listen on %s port %d: %s"):format(args.host, args.port, tostring(err)) end
  return true
end
