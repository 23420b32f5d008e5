--- xai models: the models that the key may use, and what they cost.
-- SPDX-License-Identifier: MIT
local json = require "xai.json"

-- Ticks a token are dollars a million tokens times 10,000.
local function dollars(ticks)
  return type(ticks) == "number" and ("%.2f"):format(ticks / 10000) or "-"
end

local function tokens(count)
  return type(count) == "number" and ("%d k"):format(count / 1000) or "-"
end

local function row(model)
  return {
    tostring(model.id), tokens(model.context_length), dollars(model.prompt_text_token_price),
    dollars(model.cached_prompt_text_token_price), dollars(model.completion_text_token_price),
  }
end

local head = { "model", "context", "input", "cached", "output" }

local function line(cells, width)
  local name = cells[1] .. (" "):rep(width - #cells[1])
  return ("%s  %8s  %7s  %7s  %7s"):format(name, cells[2], cells[3], cells[4], cells[5])
end

local function show(host, models)
  local width, rows = #head[1], {}
  for i, model in ipairs(models) do
    rows[i] = row(model)
    width = math.max(width, #rows[i][1])
  end
  host:print(line(head, width))
  for _, cells in ipairs(rows) do host:print(line(cells, width)) end
  if host.is_screen then host:complain "xai: prices in dollars a million tokens" end
end

return function(args, host)
  local grok, err = host:client()
  if not grok then return nil, err end
  local models, fault = grok:models()
  grok:close()
  if not models then return nil, fault end
  if args.json then host:print(assert(json.encode(models))) else show(host, models) end
  return true
end
