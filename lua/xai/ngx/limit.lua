--- Limits that all workers of an nginx share, in a lua_shared_dict: how many requests a time, how many at once.
-- SPDX-License-Identifier: MIT
--
-- Counts are taken by single operations of the dictionary, so no two workers take the same place. The rate is a
-- sliding window made of two fixed ones. A place is taken for a time only: one that a dead worker held comes
-- free by itself.
local core = require "xai.core"
local errors = require "xai.error"
local options_of = require "xai.options"

--- @class xai.ngx.LimitOptions
--- @field dict string         the lua_shared_dict
--- @field name string?        keeps several limits in one dictionary apart; default "xai"
--- @field requests integer?   so many in any `per` seconds
--- @field per number?         seconds, default 60
--- @field concurrent integer? so many at once
--- @field lease number?       seconds that a place is held at most, default 3600
local known = {
  dict = "string", name = "string", requests = "count", per = "seconds", concurrent = "count", lease = "seconds",
}

--- @class xai.ngx.Limit
local Limit = {}
local limit_mt = { __name = "xai.ngx.limit", __index = Limit }

local Lease = {}
local lease_mt = { __name = "xai.ngx.lease", __index = Lease }

local RETRY = 0.05 -- seconds between two looks for a place while we wait

local function refusal(message, seconds)
  return nil, errors.new { kind = "rate", code = "local_limit", message = message, retryable = true,
    retry_after = seconds, hint = "wait as told in retry_after" }
end

local function no_memory(fault)
  return nil, errors.new { kind = "limit", code = "full", message = "the shared dictionary: " .. tostring(fault) }
end

-- One request more in this window; taken back when that is one too many.
local function count(self, key)
  local time = core.now() / self.per
  local window, part = math.floor(time), time % 1
  local prefix = ("%s:r:%s:"):format(self.name, key)
  local current, fault = self.dict:incr(prefix .. window, 1, 0, 2 * self.per)
  if not current then return no_memory(fault) end
  local previous = self.dict:get(prefix .. window - 1) or 0
  local excess = previous * (1 - part) + current - self.requests
  if excess <= 0 then return prefix .. window end
  self.dict:incr(prefix .. window, -1)
  local rest = (1 - part) * self.per
  local wait = previous > 0 and math.min(rest, excess / previous * self.per) or rest
  return refusal("too many requests from here", math.max(0.001, wait))
end

local function take_place(self, key)
  local first = math.random(self.concurrent)
  for i = 0, self.concurrent - 1 do
    local place = ("%s:c:%s:%d"):format(self.name, key, (first + i) % self.concurrent)
    local ok, fault = self.dict:safe_add(place, true, self.lease)
    if ok then return place end
    if fault ~= "exists" then return no_memory(fault) end
  end
  return refusal("too many requests at once from here", RETRY)
end

local function try(self, key)
  local place, counted, err
  if self.concurrent then
    place, err = take_place(self, key)
    if not place then return nil, err end
  end
  if self.requests then
    counted, err = count(self, key)
    if not counted and place then self.dict:delete(place) end
    if not counted then return nil, err end
  end
  return setmetatable({ dict = self.dict, place = place, until_time = core.now() + self.lease }, lease_mt)
end

--- Take a place, or say why there is none.
--- @param key string?       whose limit: a user, an address; default: one for all
--- @param patience number?  seconds to wait for one; default 0. Only where light threads may wait.
--- @return table? lease     :leave() gives the place back; twice is fine
--- @return xai.Error? err   kind "rate" with retry_after
function Limit:enter(key, patience)
  key = key or ""
  local limit = core.now() + (patience or 0)
  while true do
    local lease, err = try(self, key)
    if lease or err.kind ~= "rate" or core.now() + err.retry_after > limit then return lease, err end
    ngx.sleep(err.retry_after)
  end
end

--- Give the place back.
function Lease:leave()
  -- After its time the place may be somebody else's.
  if self.place and core.now() < self.until_time then self.dict:delete(self.place) end
  self.place = nil
end

--- A limit. Each worker makes its own over the same dictionary.
--- @param given xai.ngx.LimitOptions
--- @return xai.ngx.Limit
local function new(given)
  given = options_of.check("xai.ngx.limit", given, known)
  local dict = ngx.shared[given.dict or ""]
  if not dict then error("xai.ngx.limit: there is no lua_shared_dict " .. tostring(given.dict), 2) end
  return setmetatable({
    dict = dict,
    name = given.name or "xai",
    requests = given.requests,     -- nil: any
    per = given.per or 60,
    concurrent = given.concurrent, -- nil: any
    lease = given.lease or 3600,
  }, limit_mt)
end

--- @class xai.ngx.limits
local module = { new = new }

return module
