--- What a program knows beforehand about rate limits, and when to stop asking a service that fails: checked for the
-- core.
-- SPDX-License-Identifier: MIT
local options_of = require "xai.options"

--- @class xai.Rate  a limit of one model, or without `model` of all calls together
--- @field model string?
--- @field requests_per_second integer?
--- @field requests_per_minute integer?
--- @field tokens_per_minute integer?   input and output, cached and reasoning tokens too
--- @field concurrent integer?          attempts in flight at once
local known_rate = {
  model = "string", requests_per_second = "count", requests_per_minute = "count", tokens_per_minute = "count",
  concurrent = "count",
}

--- @class xai.BreakerOptions  it opens when of all attempts that ended within `window`, at least `attempts`, so many
---   `percent` failed, and that for half a window on end
--- @field attempts integer?  default 30
--- @field percent integer?   default 95
--- @field window number?     seconds, default 5
local known_breaker = { attempts = "count", percent = "count", window = "seconds" }

local function check_rate(where, rate, level)
  options_of.check(where, rate, known_rate, level + 1)
  if rate.model ~= nil and (rate.model == "" or #rate.model > 63 or rate.model:find("\0", 1, true)) then
    error(where .. ": a model's name has 1 to 63 characters", level + 1)
  end
  if next(rate) == nil or (next(rate) == "model" and next(rate, "model") == nil) then
    error(where .. ": names no limit", level + 1)
  end
end

--- @param rates xai.Rate[]?
--- @param level integer  as for error()
local function check_rates(rates, level)
  if rates == nil then return end
  local seen, count = {}, 0
  for _ in pairs(rates) do count = count + 1 end
  if count ~= #rates then error("xai.new, rates: must be a list of tables, { { model = ... }, ... }", level + 1) end
  if count > 32 then error("xai.new, rates: at most 32", level + 1) end
  for i, rate in ipairs(rates) do
    local where = ("xai.new, rates[%d]"):format(i)
    check_rate(where, rate, level + 1)
    local name = rate.model or false
    if seen[name] then error(("%s is of the same model as rates[%d]"):format(where, seen[name]), level + 1) end
    seen[name] = i
  end
end

--- @param options xai.Options
--- @param level integer
local function check_share(options, level)
  if options.share == nil then return end
  if options.share == "" then error("xai.new, share: must be the path of a file", level + 1) end
  if not options.rates or #options.rates == 0 then
    error("xai.new, share: there are no limits to share: name them in rates", level + 1)
  end
  for i, rate in ipairs(options.rates) do
    if (rate.concurrent or 0) > 1024 then
      error(("xai.new, rates[%d]: at most 1024 attempts at once can be shared"):format(i), level + 1)
    end
  end
end

--- @param breaker boolean|xai.BreakerOptions|nil
--- @param level integer
--- @return boolean|table|nil
local function check_breaker(breaker, level)
  if type(breaker) ~= "table" then return breaker end
  options_of.check("xai.new, breaker", breaker, known_breaker, level + 1)
  if (breaker.percent or 1) > 100 then error("xai.new, breaker: percent is at most 100", level + 1) end
  if (breaker.window or 1) < 0.1 then error("xai.new, breaker: window is at least 0.1 seconds", level + 1) end
  return breaker
end

return { check_rates = check_rates, check_share = check_share, check_breaker = check_breaker }
