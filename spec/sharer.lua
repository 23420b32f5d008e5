--- A process that shares a file with others, for shared_spec and budget_spec: sharer.lua URL TASK FILE ...
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local xai = require "xai"

local url, task, file, number = arg[1], arg[2], arg[3], tonumber(arg[4])

local function client(options)
  local all = { api_key = "xai-shared-0123456789abcdef", proxy = "", simulate = false, max_attempts = 1, timeout = 20 }
  for name, value in pairs(options) do all[name] = value end
  return assert(xai.new(all))
end

-- Says that its answer has begun, and stays in the middle of it for as long as it is let.
local function stay(options, body)
  options.base_url = url .. "/stall"
  local stream = assert(client(options):stream(body))
  for event in stream:events() do
    if event.type == "text" then
      print("in the middle")
      io.stdout:flush()
    end
  end
end

local tasks = {}

-- As many calls as told, none of which waits for long: how many were answered, and how many were held back.
function tasks.hurry()
  local one = client { base_url = url .. "/whole", share = file, rates = { { requests_per_minute = 60 } } }
  local answered, held = 0, 0
  for _ = 1, number do
    local response, err = one:respond("x", { timeout = 0.4 })
    if response then answered = answered + 1
    elseif err.kind == "rate" then held = held + 1
    else error(tostring(err)) end
  end
  print(answered, held, core.now())
end

function tasks.hold() stay({ share = file, rates = { { concurrent = 1 } } }, "x") end

-- Calls until the budget is used up: how many were answered, and what the last one was told.
function tasks.spend()
  local one = client { base_url = url .. "/whole", budget = { usd = number, file = file } }
  local answered = 0
  local response, err = one:respond("x", { most_cost = 0.0002 })
  while response do
    answered = answered + 1
    response, err = one:respond("x", { most_cost = 0.0002 })
  end
  print(answered, err.kind)
end

-- Is killed before its answer is whole.
function tasks.die() stay({ budget = { usd = number, file = file } }, { input = "x", max_output_tokens = 10 }) end

tasks[task]()
