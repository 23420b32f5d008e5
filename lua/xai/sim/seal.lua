--- Opaque texts that stand for encrypted reasoning: they tell which model family may read them back.
-- SPDX-License-Identifier: MIT
local floor = math.floor

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local MARK = "xai.sim/"

local function base64(text)
  local out = {}
  for i = 1, #text, 3 do
    local a, b, c = text:byte(i, i + 2)
    local n = a * 65536 + (b or 0) * 256 + (c or 0)
    for shift = 18, 0, -6 do
      local six = floor(n / 2 ^ shift) % 64
      out[#out + 1] = ALPHABET:sub(six + 1, six + 1)
    end
    if not c then out[#out] = "=" end
    if not b then out[#out - 1] = "=" end
  end
  return table.concat(out)
end

local function family(model)
  return model:match "^grok%-%d+%.?%d?" or model
end

--- Padded to a multiple of three, so that what follows the mark does not change how the mark is written.
local function prefix(model)
  local text = MARK .. family(model) .. ":"
  return text .. (" "):rep(-#text % 3)
end

--- @param model string
--- @param secret string
local function close(model, secret)
  return base64(prefix(model) .. secret)
end

--- Whether a model can read a text. One that was not made here is taken on trust.
local function opens(text, model)
  if type(text) ~= "string" then return true end
  if text:sub(1, 10) ~= base64(MARK):sub(1, 10) then return true end
  local mine = base64(prefix(model))
  return text:sub(1, #mine) == mine
end

return { close = close, opens = opens, base64 = base64 }
