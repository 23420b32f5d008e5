--- The Grok API for Lua. This module hands out the public names and defines nothing.
-- SPDX-License-Identifier: MIT
--
-- What a program does not use it does not load: each name below is fetched when first asked for. So in the files behind
-- them, too: `require` stands at the head of a file for what every call needs, and where it is used for the rest.
local core = require "xai.core"
local late = require "xai.late"

--- @class xai
--- @field version string
--- @field new fun(options: xai.Options?): xai.Client?, xai.Error?
--- @field run fun(fn: function, ...): ...
--- @field spawn fun(fn: function, ...): xai.Task
--- @field all fun(list: table): table, table
--- @field sleep fun(seconds: number)
--- @field null userdata  JSON's null, and cjson's
--- @field json xai.json
--- @field sse xai.sse
--- @field error xai.errors
--- @field prices xai.prices
--- @field response xai.responses
--- @field schema xai.schema
--- @field sim xai.sim  the simulator
--- @field ngx xai.ngx  inside nginx alone
local xai = {
  version = core.version,
  null = core.null,

  --- Mark a table, or a new one, as a JSON array, so that an empty one stays one.
  --- @type fun(list: table?): table
  array = core.array,
}

-- The module behind each name, and which of its fields it is; none: itself.
local places = {
  new = { "xai.client", "new" },
  run = { "xai.loop", "run" }, spawn = { "xai.loop", "spawn" }, all = { "xai.loop", "all" },
  sleep = { "xai.loop", "sleep" },
  json = { "xai.json" }, sse = { "xai.sse" }, error = { "xai.error" }, prices = { "xai.prices" },
  response = { "xai.response" }, schema = { "xai.schema" }, sim = { "xai.sim" }, ngx = { "xai.ngx" },
}

local function fetch(self, name)
  local place = places[name]
  if not place then return nil end
  local module = late(place[1])
  self[name] = place[2] and module[place[2]] or module
  return self[name]
end

-- An nginx worker must not read files in the middle of a request, so there all that a call can need is loaded at once.
if type(rawget(_G, "ngx")) == "table" then
  for name in ("client json sse stream report partial offer schema extract conversation hosted carrier"):gmatch "%a+" do
    require("xai." .. name)
  end
end

return setmetatable(xai, { __index = fetch })
