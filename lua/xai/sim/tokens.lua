--- A token estimate: about four bytes each for what goes in, the pieces of the stream for what comes out.
-- SPDX-License-Identifier: MIT
local find, sub, byte = string.find, string.sub, string.byte

local HIDDEN = 160   -- tokens of the system prompt that every request carries and pays for
local LONGEST = 12   -- bytes of a word that still make one piece

-- A word, or enough of it to know that it is too long; the rest of a very long one would be looked at each time.
local WORD = "^%s?[%w\128-\255]" .. ("[%w\128-\255]?"):rep(LONGEST)

--- Where a piece that starts at `from` and would end at `stop` may be cut without splitting a character.
local function short_stop(text, from, stop)
  local cut = from + LONGEST - 1
  if cut >= stop then return stop end
  while cut > from and (byte(text, cut + 1) or 0) >= 128 and byte(text, cut + 1) < 192 do cut = cut - 1 end
  if cut > from then return cut end
  cut = from
  while (byte(text, cut + 1) or 0) >= 128 and byte(text, cut + 1) < 192 do cut = cut + 1 end
  return cut
end

--- Cut a text into the pieces a model would stream: words with the space before them, and single signs.
local function pieces(text)
  local out, at, len = {}, 1, #text
  while at <= len do
    local _, stop = find(text, WORD, at)
    if stop then
      stop = short_stop(text, at, stop)
    else
      _, stop = find(text, "^%s*%S", at)
      if not stop then stop = len end
    end
    out[#out + 1] = sub(text, at, stop)
    at = stop + 1
  end
  return out
end

local function count(text)
  return math.ceil(#text / 4)
end

--- At most the first `bytes` of a text, without half a character at the end.
local function head(text, bytes)
  if #text <= bytes then return text end
  return (sub(text, 1, bytes):gsub("[\192-\255][\128-\191]*$", ""))
end

return { head = head, HIDDEN = HIDDEN, pieces = pieces, count = count }
