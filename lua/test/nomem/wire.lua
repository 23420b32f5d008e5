--- The network of the scripts beside it: each request is answered at once with what was prepared for it.
-- SPDX-License-Identifier: MIT
local xai = require "xai"

local Wire = {}
local mt = { __index = Wire }

function Wire:pump(handle)
  for request in handle.wire_next, handle do
    local answer = self.choose(request)
    handle:wire_status(request.id, answer[1])
    handle:wire_header(request.id, "content-type", answer[2])
    handle:wire_body(request.id, answer[3])
    handle:wire_finish(request.id, "done")
  end
end

--- @param choose fun(request): table  gives { status, content type, body }
--- @return xai.Client
local function client(choose)
  return assert(xai.new { simulate = setmetatable({ choose = choose }, mt), seed = 7, api_key = "xai-test" })
end

--- Requests that were taken and then lost, for want of memory, break off; and what is in flight comes to its end.
local function settle(grok)
  for id = 1, 100 do grok.link.handle:wire_finish(id, "reset") end
  for _ = 1, 100 do grok:step(0) end
end

--- A failure while memory fails must be for want of memory; anything else is raised as it is.
local function need(value, err)
  if value ~= nil then return value end
  error(err, 0)
end

return { client = client, need = need, settle = settle }
