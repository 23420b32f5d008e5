--- JSON to Lua tables and back, ours beside lua-cjson, over a megabyte of records.
-- SPDX-License-Identifier: MIT
--
--   lua json.lua ours|cjson decode|encode     -> mbs
local codec = arg[1] == "ours" and require "xai.json" or require "cjson"
local pipe = assert(io.popen "build/bench/json --text")
local text = pipe:read "*a"
pipe:close()

local value = assert(codec.decode(text))
local function decode() return codec.decode(text) end
local function encode() return codec.encode(value) end
local work = arg[2] == "decode" and decode or encode
local best = math.huge
for _ = 1, 12 do
  local from = os.clock()
  for _ = 1, 5 do assert(work()) end
  best = math.min(best, (os.clock() - from) / 5)
end
print(("mbs %.6g"):format(#text / best / 1e6))
