--- A client whose network is a list of answers in memory: what is left is what we do ourselves.
-- SPDX-License-Identifier: MIT
--
-- Not `simulate`: a simulated client lives in virtual time, takes its events one by one and lets time pass between
-- them. This one is the client of every day, but for the transport.
local xai = require "xai"
local links = require "xai.link"

--- @param kind string      the content type
--- @param pieces string[]  of the body: each request is answered with all of them, as fast as they are taken
--- @return xai.Client
return function(kind, pieces)
  local grok = assert(xai.new { api_key = "xai-benchmark", base_url = "http://127.0.0.1:9/v1", proxy = "" })
  local link = assert(links.new { api_key = "xai-benchmark", base_url = "http://wire/v1", transport = "scripted",
    clock = "system", seed = 7 })
  local id, at -- the exchange that is being answered, and its next piece
  local crank = link.crank
  function link:crank(seconds)
    local handle = self.handle
    crank(self, 0)
    for request in handle.wire_next, handle do
      id, at = request.id, 1
      handle:wire_status(id, 200)
      handle:wire_header(id, "content-type", kind)
    end
    while id and pieces[at] and handle:wire_body(id, pieces[at]) do at = at + 1 end
    if id and not pieces[at] then
      handle:wire_finish(id, "done")
      id = nil
    end
    return crank(self, seconds)
  end
  grok.link = link
  return grok
end
