--- The Grok API for Lua. This module hands out the public names and defines nothing.
-- SPDX-License-Identifier: MIT
local client = require "xai.client"
local core = require "xai.core"
local loop = require "xai.loop"

--- @class xai
--- @field new fun(options: xai.Options?): xai.Client?, xai.Error?
--- @field sim table  the simulator, loaded when first used
--- @field ngx table  inside nginx: the streaming relay and the limits shared by its workers, likewise
local xai = {
  version = core.version,
  new = client.new,

  run = loop.run,
  spawn = loop.spawn,
  all = loop.all,
  sleep = loop.sleep,

  json = require "xai.json",
  sse = require "xai.sse",
  null = core.null,
  array = core.array,

  error = require "xai.error",
  prices = require "xai.prices",
  response = require "xai.response",
  schema = require "xai.schema",
}

local lazy = { sim = "xai.sim", ngx = "xai.ngx" }

return setmetatable(xai, {
  __index = function(self, name)
    if not lazy[name] then return nil end
    self[name] = require(lazy[name])
    return self[name]
  end,
})
