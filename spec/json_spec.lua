--- The JSON codec through its Lua face: exact values, refusals that name the place, and two oracles.
-- SPDX-License-Identifier: MIT
local cjson = require "cjson"
local core = require "xai.core"
local dying = require "spec.dying"
local errors = require "xai.error"
local json = require "xai.json"

local shared = os.getenv("XAI_SHARED") or "../shared"
local has_integers = math.type ~= nil
local kind_of = math.type or function(v) return type(v) == "number" and "number" or nil end

-- Equal in value, kind and marks; a path where not.
local function difference(a, b, where)
  where = where or "$"
  if type(a) ~= type(b) then return where .. ": " .. type(a) .. " and " .. type(b) end
  if type(a) ~= "table" then
    if a == b and kind_of(a) == kind_of(b) then return nil end
    return ("%s: %s and %s"):format(where, tostring(a), tostring(b))
  end
  local marked = getmetatable(a) == json.array_mt
  if marked ~= (getmetatable(b) == json.array_mt) then return where .. ": one is an array" end
  for key in pairs(b) do
    if a[key] == nil then return where .. "." .. tostring(key) .. ": missing" end
  end
  for key, value in pairs(a) do
    local found = difference(value, b[key], where .. "." .. tostring(key))
    if found then return found end
  end
end

local function same(expected, got)
  assert.is_nil(difference(expected, got))
end

describe("xai.json.decode", function()
  local function gives(text, expected)
    it("reads " .. text, function()
      local value, err = json.decode(text)
      assert.is_nil(err)
      same(expected, value)
    end)
  end

  gives("0", 0)
  gives("-12", -12)
  gives(" [1, 2,\t3]\r\n", json.array { 1, 2, 3 })
  gives('{"a":{"b":[true,false,null]}}', { a = { b = json.array { true, false, json.null } } })
  gives("[]", json.array {})
  gives("[[],{}]", json.array { json.array {}, {} })
  gives('""', "")
  gives('"\\u0041\\u00e9\\ud83d\\ude00\\n\\u0000x"', "A\195\169\240\159\152\128\n\0x")
  gives('{"":1,"\\u0000":2}', { [""] = 1, ["\0"] = 2 })
  gives('{"a":1,"a":2}', { a = 2 })
  gives("false", false)

  if has_integers then
    gives("9223372036854775807", math.maxinteger)
    gives("-9223372036854775808", math.mininteger)
    gives("1.0", 1.0)
    gives("1e2", 100.0)
  else
    gives("9007199254740992", 9007199254740992)
    gives("-9007199254740992", -9007199254740992)
  end

  it("keeps the sign of a zero", function()
    assert.equal(-math.huge, 1 / json.decode("-0"))
    assert.equal(-math.huge, 1 / json.decode("-0.0"))
  end)

  it("keeps the text of numbers the host cannot hold", function()
    local exact = { "9223372036854775808", "-9223372036854775809", "1e400", "-1E+999", "12345678901234567890123" }
    if not has_integers then exact[#exact + 1] = "9007199254740993" end
    for _, text in ipairs(exact) do
      local value = assert(json.decode(text))
      assert.equal("userdata", type(value))
      assert.equal(text, tostring(value))
      assert.equal(value, json.number(text))
      assert.equal("[" .. text .. "]", json.encode { value })
    end
  end)

  it("gives cjson's null and values cjson can write", function()
    local value = json.decode '{"a":[null,1,"x"]}'
    assert.equal(cjson.null, value.a[1])
    assert.equal('{"a":[null,1,"x"]}', cjson.encode(value))
  end)

  -- The caret stands under the byte that the error must name.
  local function fails(text, caret, code)
    it("points into " .. text, function()
      local value, err = json.decode(text)
      assert.is_nil(value)
      assert.is_true(errors.is(err))
      assert.equal(code or "json", err.code)
      assert.equal(#caret - 1, err.offset)
    end)
  end

  fails('{"a":[1,}',
        "        ^")
  fails("[1 2]",
        "   ^")
  fails('"ab',
        "   ^")
  fails("nul",
        "   ^")
  fails("[1]x",
        "   ^")
  fails('"a\255"',
        "  ^", "utf8")
  fails("",
        "^")

  it("stops at max_depth without a trace", function()
    assert.is_table(json.decode(("["):rep(128) .. ("]"):rep(128)))
    local value, err = json.decode(("["):rep(129) .. ("]"):rep(129))
    assert.is_nil(value)
    assert.equal("depth", err.code)
    assert.is_table(json.decode(("["):rep(1000) .. ("]"):rep(1000), { max_depth = 1000 }))
    value, err = json.decode(('{"a":'):rep(3), { max_depth = 2 })
    assert.is_nil(value)
    assert.equal("depth", err.code)
  end)

  it("fails as data where the host's stack is smaller than max_depth", function()
    local deep = 2000000
    local value, err = json.decode(("["):rep(deep) .. ("]"):rep(deep), { max_depth = 3000000, max_bytes = 2 ^ 30 })
    assert.is_nil(value)
    assert.equal("depth", err.code)
    same(json.array { 1 }, json.decode "[1]")
  end)

  it("stops at max_bytes", function()
    local text = "[" .. ("0,"):rep(10000) .. "0]"
    local value, err = json.decode(text, { max_bytes = 1000 })
    assert.is_nil(value)
    assert.equal("too_big", err.code)
    assert.equal(10001, #json.decode(text))
  end)

  it("refuses double keys when asked", function()
    local value, err = json.decode('{"a":1,"b":{"c":1,"c":2}}', { unique = true })
    assert.is_nil(value)
    assert.equal("json", err.code)
    assert.is_table(json.decode('[{"a":1},{"a":1}]', { unique = true }))
  end)

  it("raises for the programmer's mistakes", function()
    assert.error_matches(function() json.decode(12) end, "must be a string")
    assert.error_matches(function() json.decode("1", { max_dept = 1 }) end, "max_depth")
    assert.error_matches(function() core.decode("1", { max_dept = 1 }) end, "unknown option 'max_dept'")
    assert.error_matches(function() core.decode("1", { max_depth = -1 }) end, "'max_depth' must be a whole number")
    assert.error_matches(function() core.decode("1", { unique = "yes" }) end, "'unique' must be a boolean")
    assert.has_error(function() core.decode() end)
  end)

  it("forgets a failed text", function()
    for _ = 1, 3 do
      assert.is_nil((json.decode '{"a":[1,2,{"b":'))
      same({ a = 1 }, json.decode '{"a":1}')
    end
  end)

  it("reads a large text, and small ones after it", function()
    local parts = {}
    for i = 1, 50000 do parts[i] = ('{"id":%d,"name":"n%d"}'):format(i, i) end
    local list = assert(json.decode("[" .. table.concat(parts, ",") .. "]"))
    assert.equal(50000, #list)
    assert.equal("n50000", list[50000].name)
    assert.equal(7, json.decode "7")
  end)
end)

describe("xai.json.encode", function()
  local function gives(expected, value, opts)
    it("writes " .. expected, function() assert.equal(expected, assert(json.encode(value, opts))) end)
  end

  gives("null", json.null)
  gives("true", true)
  gives("[1,2,3]", { 1, 2, 3 })
  gives('{"a":1,"b":2,"c":3}', { c = 3, a = 1, b = 2 })
  gives('{"A":1,"B":2,"a":3,"aa":4}', { aa = 4, a = 3, B = 2, A = 1 })
  gives("{}", {})
  gives("[]", json.array())
  gives("[]", {}, { empty = "array" })
  gives('{"a":[{}]}', { a = { setmetatable({}, { __jsonorder = {} }) } }, { empty = "array" })
  gives('"\\u0000\\"\\\\\\n"', '\0"\\\n')
  gives("0.1", 0.1)
  gives("1e-7", 1e-7)
  gives("5e-324", 5e-324)
  gives("[18446744073709551615]", { json.number "18446744073709551615" })
  if has_integers then
    gives("-9223372036854775808", math.mininteger)
    gives("9223372036854775807", math.maxinteger)
    gives("[1,1.0,-0.0]", { 1, 1.0, -0.0 })
  else
    gives("[1,-1,9007199254740992]", { 1, -1, 2 ^ 53 })
  end

  it("sorts many keys", function()
    local keys, t = {}, {}
    for i = 1, 500 do
      keys[i] = ("%x"):format((i * 7919) % 65536)
      t[keys[i]] = true
    end
    table.sort(keys)
    assert.equal('{"' .. table.concat(keys, '":true,"') .. '":true}', json.encode(t))
  end)

  it("writes objects in the order they were read in, when that was asked for", function()
    local text = '{"z":1,"a":[{"y":1,"b":{}},[]],"m":{"\\u0062":2,"a":{}}}'
    assert.equal((text:gsub("\\u0062", "b")), json.encode(json.decode(text, { order = true })))
    assert.equal('{"b":{"d":2,"c":3}}', json.encode(json.decode('{"b":{"d":1,"c":3,"d":2}}', { order = true })))
    assert.is_nil(getmetatable(json.decode(text)))
  end)

  it("follows __jsonorder, the rest sorted behind it", function()
    local order = { __jsonorder = { "z", "missing", 7, "m", "z" } }
    local t = setmetatable({ a = 1, m = { 1 }, z = { x = 1 }, b = 2 }, order)
    assert.equal('{"z":{"x":1},"m":[1],"a":1,"b":2}', json.encode(t))
    local many = { __jsonorder = {} }
    local wide, expected = {}, {}
    for i = 1, 40 do
      wide["k" .. i] = i
      many.__jsonorder[i] = "k" .. (41 - i)
      expected[i] = ('"k%d":%d'):format(41 - i, 41 - i)
    end
    assert.equal("{" .. table.concat(expected, ",") .. "}", json.encode(setmetatable(wide, many)))
  end)

  it("understands cjson's marks where cjson has them", function()
    local array_mt, empty_array_mt, empty_array = cjson.array_mt, cjson.empty_array_mt, cjson.empty_array
    cjson.array_mt, cjson.empty_array_mt = array_mt or {}, empty_array_mt or {}
    local value = {
      a = setmetatable({}, cjson.array_mt), b = setmetatable({}, cjson.empty_array_mt),
      c = setmetatable({ x = 1 }, cjson.empty_array_mt), d = setmetatable({}, {}),
    }
    local text = json.encode(value)
    cjson.array_mt, cjson.empty_array_mt, cjson.empty_array = array_mt, empty_array_mt, empty_array
    assert.equal('{"a":[],"b":[],"c":{"x":1},"d":{}}', text)
  end)

  it("calls no metamethod", function()
    local function never() error("called") end
    local t = setmetatable({ a = 1 }, { __index = never, __pairs = never, __len = never, __tostring = never })
    assert.equal('{"a":1}', json.encode(t))
  end)

  -- Each refusal names the place and the reason.
  local function refuses(place, reason, value, opts)
    it("refuses " .. reason .. " at " .. place, function()
      local text, err = json.encode(value, opts)
      assert.is_nil(text)
      assert.is_true(errors.is(err))
      assert.truthy(err.message:find(place .. ": ", 1, true), err.message)
      assert.truthy(err.message:find(reason, 1, true), err.message)
    end)
  end

  refuses("$.messages[2].content", "a function has no form", { messages = { { content = "x" }, { content = print } } })
  refuses("$", "a thread has no form", coroutine.create(print))
  refuses("$[1]", "a userdata has no form", { io.stdout })
  refuses("$.a", "a hole at 2", { a = { 1, nil, 3 } })
  refuses("$.a", "a hole at 2", { a = { 1, [3] = 3 } })
  refuses("$.a", "a key that is no place", { a = { 1, 2, x = 3 } })
  refuses("$.a", "numbers for keys", { a = { [2] = 1 } })
  refuses("$.a", "numbers for keys", { a = { [1.5] = 1 } })
  refuses("$.a", "neither a string", { a = { [true] = 1 } })
  refuses("$", "a key that is no place", json.array { x = 1 })
  refuses("$", "numbers for keys", setmetatable({ 1 }, { __jsonorder = {} }))
  refuses("$.a.b", "NaN", { a = { b = 0 / 0 } })
  refuses('$["a b"][1]', "an infinite number", { ["a b"] = { math.huge } })
  refuses("$.a", "a string is not UTF-8, see its byte 2", { a = "xy\255" })
  refuses("$.a", "a key is not UTF-8, see its byte 1", { a = { ["x\255"] = {} } })
  refuses("$", "a key is not UTF-8, see its byte 0", { ["\237\160\128"] = "\255" })
  refuses("$", "a string is not UTF-8", "\255")
  refuses("$.a[1]", "larger than max_bytes", { a = { ("x"):rep(100) } }, { max_bytes = 50 })
  refuses("$[1][1]", "a table that contains itself?", { { { 1 } } }, { max_depth = 2 })

  it("finds a table that contains itself", function()
    local t = { list = {} }
    t.list[1] = t
    local text, err = json.encode(t)
    assert.is_nil(text)
    assert.equal("depth", err.code)
    assert.truthy(err.message:find("$.list[1].list[1]", 1, true))
    assert.equal('{"list":[]}', json.encode({ list = json.array() }))
  end)

  it("cuts a path too long to show, between characters", function()
    local t = 0 / 0
    for _ = 1, 100 do t = { [("\195\169"):rep(30)] = t } end
    local _, err = json.encode(t)
    assert.truthy(err.message:find(" ...", 1, true))
    assert.is_string(json.encode(err.message))
  end)

  it("goes as deep as the host allows, then fails as data", function()
    local t = {}
    for _ = 1, 5000 do t = { t } end
    local text = json.encode(t, { max_depth = 6000 })
    if text then assert.equal(("["):rep(5000) .. "{}" .. ("]"):rep(5000), text) end
    local deep = {}
    for _ = 1, 1200000 do deep = { deep } end
    local none, err = json.encode(deep, { max_depth = 2000000 })
    assert.is_nil(none)
    assert.equal("depth", err.code)
  end)

  it("raises for the programmer's mistakes", function()
    assert.has_error(function() core.encode() end)
    assert.error_matches(function() json.encode({}, { emtpy = "array" }) end, "empty")
    assert.error_matches(function() json.encode({}, { empty = "list" }) end, "'empty' cannot be 'list'")
    assert.has_error(function() json.number "01" end)
    assert.has_error(function() json.number "1." end)
    assert.has_error(function() json.number "" end)
    assert.has_error(function() json.number "1\0" end)
    assert.has_error(function() json.array "x" end)
  end)

  it("writes a decimal point in any locale", function()
    local before = os.setlocale(nil, "numeric")
    for _, name in ipairs { "de_DE.UTF-8", "de_DE", "fr_FR.UTF-8" } do os.setlocale(name, "numeric") end
    local text = json.encode { 0.5 }
    local value = json.decode "[0.5]"
    os.setlocale(before, "numeric")
    assert.equal("[0.5]", text)
    assert.equal(0.5, value[1])
  end)
end)

describe("xai.json and a restless collector", function()
  it("lets finalizers use the codec in the middle of a text", function()
    local ran, wrong = 0, 0
    local function meddle()
      ran = ran + 1
      local text = json.encode(json.decode '{"inner":[1,{"deep":[[]]}]}')
      if text ~= '{"inner":[1,{"deep":[[]]}]}' then wrong = wrong + 1 end
      json.decode "[1,"
      json.encode { print }
    end
    local text = '{"a":[{"b":"' .. ("x"):rep(100) .. '"},[1.5,2,[]],{}],"c":{"d":{"e":[true,null]}}}'
    for _ = 1, 300 do
      dying(meddle)
      assert.equal(text, json.encode(json.decode(text)))
      collectgarbage("step", 10)
      assert.equal(text, json.encode(json.decode(text)))
    end
    collectgarbage()
    assert.is_true(ran > 100)
    assert.equal(0, wrong)
  end)

  it("keeps no table alive", function()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local t = { { x = {} }, { y = {} } }
      for _, inner in ipairs(t) do weak[inner] = true end
      weak[t[1].x], weak[t[2].y] = true, true
      json.encode(t)
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)
end)

describe("xai.json beside cjson", function()
  local oracle = cjson.new()
  oracle.encode_number_precision(14) -- the most that this cjson has: so the numbers here stay below it
  oracle.decode_max_depth(1000)

  -- A small generator of its own, so that every Lua gets the same values.
  local seed = 20260101
  local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return math.floor(seed / 65536) % n
  end

  local characters = { "a", "Z", " ", '"', "\\", "\n", "\0", "\31", "/", "\195\169", "\226\130\172",
    "\240\159\152\128" }
  local function random_text()
    local t = {}
    for i = 1, random(12) do t[i] = characters[random(#characters) + 1] end
    return table.concat(t)
  end

  local function random_number()
    local n = random(30000) - 15000
    return random(2) == 0 and n or n / 64
  end

  local function random_value(depth)
    local pick = random(depth > 0 and 7 or 5)
    if pick == 0 then return json.null end
    if pick == 1 then return random(2) == 0 end
    if pick == 2 then return random_number() end
    if pick <= 4 then return random_text() end
    local t = {}
    if pick == 5 then
      for i = 1, random(6) + 1 do t[i] = random_value(depth - 1) end
      return json.array(t)
    end
    for _ = 1, random(6) + 1 do t["k" .. random_text()] = random_value(depth - 1) end
    return t
  end

  -- cjson gives floats: compare the numbers' values.
  local function equal(a, b)
    if type(a) ~= "table" or type(b) ~= "table" then return a == b end
    for key, value in pairs(a) do
      if not equal(value, b[key]) then return false end
    end
    for key in pairs(b) do
      if a[key] == nil then return false end
    end
    return true
  end

  it("agrees on 2000 random values in both directions", function()
    for _ = 1, 2000 do
      local value = random_value(4)
      local ours = assert(json.encode(value))
      assert.is_true(equal(value, oracle.decode(ours)), ours)
      local theirs = oracle.encode(value)
      assert.is_true(equal(value, json.decode(theirs)), theirs)
      same(value, json.decode(ours))
    end
  end)
end)

describe("xai.json over the parsing suite", function()
  local folder = shared .. "/conformance/json-parsing/"
  -- Where the standard leaves a choice: what core/include/xai.h says, at xai_json_parse.
  local refused = {
    ["i_string_UTF-8_invalid_sequence.json"] = "utf8",
    ["i_string_invalid_utf-8.json"] = "utf8",
    ["i_string_iso_latin_1.json"] = "utf8",
    ["i_string_not_in_unicode_range.json"] = "utf8",
    ["i_string_overlong_sequence_2_bytes.json"] = "utf8",
    ["i_string_overlong_sequence_6_bytes_null.json"] = "utf8",
    ["i_string_truncated-utf-8.json"] = "utf8",
    ["i_string_UTF8_surrogate_U+D800.json"] = "utf8",
    ["i_string_utf16LE_no_BOM.json"] = "json",
    ["transform/string_2_invalid_codepoints.json"] = "utf8",
    ["transform/string_3_invalid_codepoints.json"] = "utf8",
    ["i_structure_500_nested_arrays.json"] = "depth",
  }

  local function read(path)
    local file = io.open(path, "rb")
    if not file then return nil end
    local text = file:read("*a")
    file:close()
    return text
  end

  local function list()
    local pipe = io.popen("ls -1 '" .. folder .. "' '" .. folder .. "transform' 2>/dev/null", "r")
    local names, under = {}, ""
    for line in pipe:lines() do
      if line:find("transform:$") then under = "transform/" end
      if line:find("%.json$") then names[#names + 1] = under .. line end
    end
    pipe:close()
    return names
  end

  -- nil when the file is read as it must be, else what is wrong.
  local function judge(name, text)
    local value, err = json.decode(text)
    local must = name:match("^([yn])_")
    if must == "n" or refused[name] then
      if value ~= nil then return "accepted" end
      if refused[name] and err.code ~= refused[name] then return "refused as " .. err.code end
      if not err.offset or err.offset > #text then return "no offset" end
      return nil
    end
    if value == nil then return "refused: " .. err.message end
    local again = assert(json.encode(value))
    return difference(value, json.decode(again))
  end

  it("accepts, refuses and round trips each file", function()
    local passed, failed = 0, {}
    for _, name in ipairs(list()) do
      local wrong = judge(name, assert(read(folder .. name)))
      if wrong then failed[#failed + 1] = name .. ": " .. wrong else passed = passed + 1 end
    end
    if passed + #failed == 0 then
      print("json-parsing: not run, the suite is not beside the checkout (" .. folder .. ")")
      return
    end
    print(("json-parsing: %d run, %d passed, %d failed"):format(passed + #failed, passed, #failed))
    assert.equal("", table.concat(failed, "\n"))
  end)

  it("has hints about the text, not about the network", function()
    local _, err = json.decode '{"a":1,}'
    assert.equal("correct the text there; err.offset is the byte, from 0", err.hint)
    _, err = json.encode { print }
    assert.equal("change the value there", err.hint)
    _, err = json.decode("[[[]]]", { max_depth = 2 })
    assert.is_nil(tostring(err):find("base_url", 1, true))
  end)
end)
