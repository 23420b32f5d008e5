--- JSON to Lua tables and back, ours beside lua-cjson, over a megabyte of records or one event of a stream.
-- SPDX-License-Identifier: MIT
--
--   lua json.lua ours|cjson decode|encode records|event     -> mbs, ns
local codec = arg[1] == "ours" and require "xai.json" or require "cjson"
local pipe = assert(io.popen("build/bench/json --" .. arg[3]))
local text = pipe:read "*a"
pipe:close()

local value = assert(codec.decode(text))
local function decode() return codec.decode(text) end
local function encode() return codec.encode(value) end
local work = arg[2] == "decode" and decode or encode
local best, times = math.huge, #text > 100000 and 5 or 20000
for _ = 1, 12 do
  local from = os.clock()
  for _ = 1, times do assert(work()) end
  best = math.min(best, (os.clock() - from) / times)
end
print(("mbs %.6g\nns %.6g"):format(#text / best / 1e6, best * 1e9))
