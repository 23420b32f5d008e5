--- Makes a text that matches a simple regular expression: literals, classes, groups, alternatives, quantifiers.
-- SPDX-License-Identifier: MIT
local Reader = {}
local mt = { __index = Reader }

local LONGEST = 4096   -- pieces; repetitions of repetitions go no further
local MOST_STEPS = 4 * LONGEST   -- for repetitions of nothing, which make no piece
local LONGEST_TEXT = 4096        -- of an expression that is looked at

local CLASS = { d = "0123456789", w = "abcdefghijklmnopqrstuvwxyz0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZ", s = " \t\n" }
local CONTROL = { n = "\n", t = "\t", r = "\r", f = "\f", v = "\v" }
local PRINTABLE = {}
for byte = 32, 126 do PRINTABLE[#PRINTABLE + 1] = string.char(byte) end
-- Letters first: what matches anything should read as a word.
local ANY = "abcdefghijklmnopqrstuvwxyz0123456789" .. table.concat(PRINTABLE)

local function set_of(text)
  local set, order = {}, {}
  for character in text:gmatch "[%z\1-\127\194-\244][\128-\191]*" do
    if not set[character] then set[character], order[#order + 1] = true, character end
  end
  return set, order
end

local function complement(text)
  local set, out = set_of(text), {}
  for character in ANY:gmatch "." do
    if not set[character] then out[#out + 1] = character end
  end
  return table.concat(out)
end

function Reader:peek() return self.text:sub(self.at, self.at) end

function Reader:take()
  local character = self.text:match("^[%z\1-\127\194-\244][\128-\191]*", self.at) or ""
  self.at = self.at + math.max(#character, 1)
  return character
end

--- What an escape stands for: a set of characters, or one character, or nothing at all.
function Reader:escape()
  local c = self:take()
  if CLASS[c] then return CLASS[c], true end
  if CLASS[c:lower()] and c:match "%u" then return complement(CLASS[c:lower()]), true end
  if c == "u" or c == "x" then
    local digits = self.text:match(c == "u" and "^%x%x%x%x" or "^%x%x", self.at)
    if digits and tonumber(digits, 16) < 128 then
      self.at = self.at + #digits
      return string.char(tonumber(digits, 16)), false
    end
  end
  if c == "b" or c == "B" then return "", false end
  return CONTROL[c] or c, false
end

function Reader:class()
  local negated = self:peek() == "^"
  if negated then self:take() end
  local out, has, last = {}, {}, nil
  local function add(text)
    if not has[text] then has[text], out[#out + 1] = true, text end
  end
  while self.at <= #self.text and self:peek() ~= "]" do
    local c, many = self:take(), false
    if c == "\\" then c, many = self:escape() end
    if c == "-" and last and self:peek() ~= "]" and self:peek() ~= "" then
      local high = self:take()
      if high == "\\" then high = self:escape() end
      if #last == 1 and #high == 1 then
        for byte = last:byte() + 1, high:byte() do add(string.char(byte)) end
      end
      last = nil
    else
      add(c)
      last = not many and c or nil
    end
  end
  self:take()
  local text = table.concat(out)
  return negated and complement(text) or text
end

function Reader:quantifier()
  local c = self:peek()
  local low, high
  if c == "*" then low, high = 0, math.huge
  elseif c == "+" then low, high = 1, math.huge
  elseif c == "?" then low, high = 0, 1
  elseif c == "{" then
    local a, comma, b, stop = self.text:match("^{(%d+)(,?)(%d*)}()", self.at)
    if not a then return 1, 1 end
    self.at = stop - 1
    low = tonumber(a)
    high = comma == "" and low or tonumber(b) or math.huge
  else
    return 1, 1
  end
  self.at = self.at + 1
  if self:peek() == "?" then self.at = self.at + 1 end   -- lazy or greedy matches the same texts
  return low, high
end

function Reader:atom(depth)
  local c = self:take()
  if c == "(" then
    self.at = self.text:match("^%?:()", self.at) or self.text:match("^%?<%a%w*>()", self.at) or self.at
    local inner = self:alternatives(depth + 1)
    self:take()
    return inner
  end
  if c == "[" then return { kind = "set", text = self:class() } end
  if c == "." then return { kind = "set", text = ANY } end
  if c == "^" or c == "$" then return { kind = "text", text = "" } end
  if c ~= "\\" then return { kind = "text", text = c } end
  local text, many = self:escape()
  return { kind = many and "set" or "text", text = text }
end

function Reader:sequence(depth)
  local parts = {}
  while self.at <= #self.text and not self:peek():match "[|)]" do
    local atom = self:atom(depth)
    local low, high = self:quantifier()
    parts[#parts + 1] = { atom = atom, low = low, high = high }
  end
  return { kind = "sequence", parts = parts }
end

function Reader:alternatives(depth)
  if depth > 40 then error("pattern nested too deeply", 0) end
  local first = self:sequence(depth)
  while self:peek() == "|" do
    self:take()
    self:sequence(depth)
  end
  return first
end

--- Whether a node can make nothing at all. Every node is asked once a repetition, so it remembers.
local function may_be_empty(node)
  if node.empty == nil then
    node.empty = node.text == "" or node.text == nil
    for _, part in ipairs(node.parts or {}) do
      if part.low > 0 and not may_be_empty(part.atom) then node.empty = false end
    end
  end
  return node.empty
end

--- `state.extra` repetitions are spread over the quantifiers that allow more than their least.
local function write(node, state, out)
  state.steps = state.steps + 1
  if node.kind == "text" then
    out[#out + 1] = node.text
  elseif node.kind == "set" then
    node.order = node.order or select(2, set_of(node.text))
    if #node.order == 0 then return end
    state.turn = state.turn + 1
    out[#out + 1] = node.order[(state.turn - 1) % math.min(#node.order, 26) + 1]
  else
    for _, part in ipairs(node.parts) do
      if #out >= LONGEST or state.steps >= MOST_STEPS then return end
      local more = math.min(state.extra, part.high - part.low)
      if may_be_empty(part.atom) then
        more = math.min(more, part.low == 0 and 1 or 0)   -- what may be empty grows from inside
      else
        state.extra = state.extra - more
      end
      for _ = 1, math.min(part.low + more, LONGEST) do
        if state.steps >= MOST_STEPS then return end
        write(part.atom, state, out)
      end
    end
  end
end

--- @param text string   an expression
--- @return table? tree  for `make`; nil when it is not understood, or too long to be
local function read(text)
  if #text > LONGEST_TEXT then return nil end
  local reader = setmetatable({ text = text, at = 1 }, mt)
  local ok, tree = pcall(reader.alternatives, reader, 0)
  return ok and tree or nil
end

--- @param tree table    as `read` gave it
--- @param extra integer repetitions beyond the least
--- @return string made
local function make(tree, extra)
  local out = {}
  write(tree, { extra = extra, turn = 0, steps = 0 }, out)
  return table.concat(out)
end

return { read = read, make = make }
