--- What nginx runs for each stream that bench/load/readers.c asks for: our relay, with one client for all.
-- SPDX-License-Identifier: MIT
local xai = require "xai"

local grok

return function(api)
  grok = grok or assert(xai.new { api_key = "xai-benchmark", base_url = api })
  xai.ngx.relay { client = grok }
end
