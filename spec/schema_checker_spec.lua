--- xai.schema.checker: the value of a text that is still coming, as one table that grows.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local dying = require "spec.dying"
local random = require "xai.random"
local xai = require "xai"

local s, json = xai.schema, xai.json
local anything = assert(s.compile(true))

-- Deep equality that tells an array from an object.
local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  if getmetatable(a) ~= getmetatable(b) then return false end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local function assert_same(expected, value, text)
  if same(expected, value) then return end
  local wanted, got = tostring(json.encode(expected)), tostring(json.encode(value))
  error(("after %s: expected %s, got %s"):format(text, wanted, got), 2)
end

-- ------------------------------------------------------------------ a writer that knows what it has shown

-- Writes a random text in pieces, and keeps beside it, by the rules of the documentation, what is known of the value
-- after each: strings and containers from their first byte, everything else when it is complete.
local function new_writer(seed, piece)
  local draw = random.new(seed)
  local writer = { root = nil, piece = piece, depth = 0, text = "" }
  function writer.below(n) return math.floor(draw:below(2 ^ 24) / 64) % n end
  return writer
end

local pieces = { "a", "ä", "x y", "\\n", "\\u00e9", "\\ud83d\\ude00", "zzzzzzzzzzzzzzzzzzzz", "" }
local shown = { "a", "ä", "x y", "\n", "é", "😀", "zzzzzzzzzzzzzzzzzzzz", "" }
local keys = { "a", "b", "a", "", "kä" }
local scalars = { { "null", core.null }, { "true", true }, { "false", false }, { "-0.5", -0.5 }, { "12", 12 } }

local function write(w, text)
  w.text = w.text .. text
  w.piece(w, text)
end

local write_value

local function write_string(w, show)
  local known = ""
  show(known)
  write(w, '"')
  for _ = 1, w.below(5) do
    local i = w.below(#pieces) + 1
    known = known .. shown[i]
    show(known)
    write(w, pieces[i])
  end
  write(w, '"')
end

local function write_array(w, show)
  local list = core.array {}
  show(list)
  write(w, "[")
  for i = 1, w.below(5) do
    if i > 1 then write(w, ", ") end
    write_value(w, function(value) list[i] = value end)
  end
  write(w, "]")
end

local function write_object(w, show)
  local object = {}
  show(object)
  write(w, "{")
  for i = 1, w.below(5) do
    local key = keys[w.below(#keys) + 1]
    if i > 1 then write(w, ",") end
    write(w, json.encode(key) .. (i % 2 == 0 and " : " or ":"))
    write_value(w, function(value) object[key] = value end)
  end
  write(w, "}")
end

-- A number is complete when something else follows, a word with its last letter.
local function write_scalar(w, show)
  local scalar = scalars[w.below(#scalars) + 1]
  local text, value = scalar[1], scalar[2]
  if type(value) == "number" then
    write(w, text)
    show(value)
    if w.depth > 1 then write(w, " ") end
  else
    write(w, text:sub(1, -2))
    show(value)
    write(w, text:sub(-1))
  end
end

function write_value(w, show)
  local kind = w.below(w.depth > 6 and 2 or 4)
  w.depth = w.depth + 1
  if kind == 0 then write_scalar(w, show)
  elseif kind == 1 then write_string(w, show)
  elseif kind == 2 then write_array(w, show)
  else write_object(w, show) end
  w.depth = w.depth - 1
end

describe("checker:value", function()
  it("is what has been shown so far, at every piece of random texts, and always the same table", function()
    for seed = 1, 300 do
      local checker, root = anything:stream(), nil
      local w = new_writer(seed, function(w, text)
        assert.equal("open", (checker:feed(text)))
        if w.below(3) == 0 then return end
        local value = checker:value()
        assert_same(w.root, value, w.text)
        if type(value) == "table" then
          assert(root == nil or root == value)
          root = value
        end
      end)
      write_value(w, function(value) w.root = value end)
      assert.is_true(checker:finish())
      assert_same(w.root, checker:value(), w.text)
      local decoded = assert(json.decode("[" .. w.text .. "]"))[1]
      assert_same(decoded, checker:value(), w.text)
    end
  end)

  it("is that of a fresh checker which was fed the same bytes at once, wherever texts are cut", function()
    for seed = 1, 150 do
      local w = new_writer(seed, function() end)
      write_value(w, function() end)
      local growing, at = anything:stream(), 0
      while at < #w.text do
        local upto = math.min(#w.text, at + 1 + w.below(9))
        growing:feed(w.text:sub(at + 1, upto))
        at = upto
        local fresh = anything:stream()
        fresh:feed(w.text:sub(1, at))
        assert_same(fresh:value(), growing:value(), w.text:sub(1, at))
      end
    end
  end)

  local function shows(name, pairs_of)
    it("shows " .. name, function()
      local checker = anything:stream()
      for i = 1, #pairs_of, 2 do
        checker:feed(pairs_of[i])
        assert.equal(pairs_of[i + 1], json.encode(checker:value()))
      end
    end)
  end
  shows("the last of equal keys", { '{"a":{"x":1', '{"a":{}}', '},"a":"', '{"a":""}', 'b"', '{"a":"b"}',
    ',"a":[', '{"a":[]}', "null", '{"a":[null]}' })
  shows("numbers when something ends them", { "[1", "[]", "2", "[]", ",", "[12]", "3.5 ", "[12,3.5]" })
  shows("words when they are complete", { "[tru", "[]", "e", "[true]", ",nul", "[true]", "l", "[true,null]" })
  shows("members when their value is there", { '{"k', "{}", '":', "{}", '"', '{"k":""}' })
  shows("empty arrays as arrays", { '{"a":[', '{"a":[]}', '],"b":[]', '{"a":[],"b":[]}' })
  shows("a string alone", { '"', '""', "ab", '"ab"', '"', '"ab"' })

  it("shows a null alone as xai.null, and a number alone at the end", function()
    local checker = anything:stream()
    checker:feed "null"
    assert.equal(xai.null, checker:value())
    checker = anything:stream()
    checker:feed "12"
    assert.is_nil(checker:value())
    checker:finish()
    assert.equal(12, checker:value())
  end)

  it("keeps what was known when the text is dead or broken", function()
    local checker = assert(s.compile { items = { type = "string" } }):stream()
    checker:feed '["a","b'
    local value = checker:value()
    assert.equal("dead", (checker:feed 'c",3,"d"]'))
    assert.equal(value, checker:value())
    assert.same({ "a", "bc" }, checker:value())
    checker = anything:stream()
    checker:feed '["a",}'
    assert.same({ "a" }, checker:value())
  end)

  it("goes to any depth that a text may have", function()
    local checker = anything:stream()
    for depth = 1, 128 do
      checker:feed '{"a":['
      local value = checker:value()
      for _ = 1, depth <= 64 and depth or 64 do value = value.a and value.a[1] or value.a end
      assert.truthy(value == nil or type(value) == "table")
      if depth == 64 then break end
    end
    assert.equal(("{\"a\":["):rep(64) .. ("]}"):rep(64), json.encode(checker:value()))
  end)

  it("stays right when the program has written into the table", function()
    local checker = anything:stream()
    checker:feed '{"a":[1,{"b":"x'
    local value = checker:value()
    value.a = "mine"
    checker:feed 'y"},2 ],"c":3 }'
    assert.same({ a = "mine", c = 3 }, checker:value())
  end)

  -- Bytes of Lua memory that asking takes, with the collector at rest, the text's own bytes not counted.
  local function cost_of(rows)
    local checker = anything:stream()
    local row = '{"name":"somebody","tags":["a","b"],"hp":12},'
    local deltas = { row:sub(1, 9), row:sub(10, 17), row:sub(18, 30), row:sub(31) }
    checker:feed "["
    local spent = 0
    for _ = 1, rows do
      for _, delta in ipairs(deltas) do
        checker:feed(delta)
        local before = collectgarbage "count"
        checker:value()
        spent = spent + collectgarbage "count" - before
      end
    end
    assert.equal(rows, #checker:value())
    return spent * 1024
  end

  it("costs what is new: asking after each delta of a text of 1 MB takes no more per byte than of one of 10 KB",
    function()
      collectgarbage()
      collectgarbage "stop"
      local small, large = cost_of(230) / 230, cost_of(23000) / 23000
      collectgarbage "restart"
      assert.is_true(large < 1.5 * small, ("%.0f bytes a row, %.0f in the small text"):format(large, small))
      assert.is_true(large < 2000, ("%.0f bytes a row"):format(large))
    end)

  it("costs nothing when nothing is new", function()
    local checker = anything:stream()
    checker:feed('[' .. ('{"a":"b"},'):rep(1000) .. '{"open":"str')
    local value = checker:value()
    collectgarbage()
    collectgarbage "stop"
    local before = collectgarbage "count"
    for _ = 1, 1000 do assert(checker:value() == value) end
    local spent = collectgarbage "count" - before
    collectgarbage "restart"
    assert.is_true(spent < 4, ("%.1f KiB"):format(spent))
  end)

  it("lives as long as somebody holds the table, with or without the checker", function()
    local checker = anything:stream()
    checker:feed '[[["x'
    local value = checker:value()
    checker = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.equal("x", value[1][1][1])
    local other = anything:stream()
    other:feed '[[["y'
    local weak = setmetatable({ other:value() }, { __mode = "v" })
    collectgarbage()
    collectgarbage()
    assert.equal(weak[1], other:value())
    other:feed '"'
    other = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[1])
  end)

  it("holds when a finalizer asks in between", function()
    local checker = anything:stream()
    checker:feed "["
    for i = 1, 300 do
      dying(function() pcall(function() return checker:value() end) end)
      checker:feed(('{"k%d":["%d"]},'):format(i, i))
      checker:value()
    end
    local value = checker:value()
    assert.equal(300, #value)
    for i = 1, 300 do assert.equal(tostring(i), value[i]["k" .. i][1]) end
  end)
end)
