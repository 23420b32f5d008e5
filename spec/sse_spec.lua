--- Server-sent events through the Lua face: any chunking gives the same events.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local errors = require "xai.error"
local json = require "xai.json"
local sse = require "xai.sse"

local shared = os.getenv("XAI_SHARED") or "../shared"

-- The text in pieces of n bytes, fed to a parser; all its events and its end.
local function feed_pieces(parser, text, n)
  local all = {}
  for at = 1, #text, n do
    for _, event in ipairs(assert(parser:feed(text:sub(at, at + n - 1)))) do all[#all + 1] = event end
  end
  return all, parser:finish()
end

local function feed_cut(parser, text, cuts)
  local all, from = {}, 0
  local function feed(to)
    for _, event in ipairs(assert(parser:feed(text:sub(from + 1, to)))) do all[#all + 1] = event end
    from = to
  end
  for _, cut in ipairs(cuts) do feed(cut) end
  feed(#text)
  return all, parser:finish()
end

-- The texts of a list of events as one string, to compare and to show.
local function shown(events)
  local list = {}
  for i, e in ipairs(events) do
    list[i] = ("%s|%s|%s|%s"):format(e.event, e.data, e.id, e.retry or "-")
  end
  return table.concat(list, "\n")
end

describe("xai.sse", function()
  local stream = "\239\187\191: hello\r\nevent: add\rdata: caf\195\169\ndata:\ndata: x\r\n\r\n"
    .. "id: 7\nretry: 250\ndata: two\n\nevent: cut\ndata: lost"
  local expected = "add|caf\195\169\n\nx||-\nmessage|two|7|250"

  it("gives the same events for every size of piece", function()
    for n = 1, #stream do
      local events, ending = feed_pieces(sse(), stream, n)
      assert.equal(expected, shown(events))
      assert.equal("7", ending.last_event_id)
      assert.equal(250, ending.retry)
      assert.is_true(ending.discarded)
    end
  end)

  it("gives the same events cut in two at every byte", function()
    for cut = 0, #stream do assert.equal(expected, shown((feed_cut(sse(), stream, { cut })))) end
  end)

  it("gives an event as soon as its last line ends", function()
    local parser = sse()
    assert.equal(0, #parser:feed("data: now\r"))
    assert.equal("message|now||-", shown(parser:feed("\r")))
    assert.equal(0, #parser:feed("\n"))
  end)

  it("leaves retry out while the stream has given none", function()
    local event = sse():feed("data: x\n\n")[1]
    assert.is_nil(event.retry)
    assert.equal("", event.id)
  end)

  it("keeps NUL and repairs invalid UTF-8", function()
    assert.equal("a\0b\239\191\189c", sse():feed("data: a\0b\255c\n\n")[1].data)
  end)

  it("is the constructor and has one", function()
    assert.equal("x", sse.new():feed("data: x\n\n")[1].data)
  end)

  it("starts afresh after a reset", function()
    local parser = sse()
    parser:feed("id: 9\ndata: half")
    parser:reset()
    assert.equal("message|x||-", shown(parser:feed("\239\187\191data: x\n\n")))
  end)

  it("fails once a line is larger than max_event, until a reset", function()
    local parser = sse { max_event = 100 }
    assert.equal(1, #parser:feed("data: " .. ("x"):rep(80) .. "\n\n"))
    local events, err = parser:feed("data: " .. ("x"):rep(200))
    assert.is_nil(events)
    assert.is_true(errors.is(err))
    assert.equal("too_big", err.code)
    assert.equal("limit", err.kind)
    assert.is_nil((parser:feed("\n\n")))
    parser:reset()
    assert.equal(1, #parser:feed("data: x\n\n"))
  end)

  it("raises for the programmer's mistakes", function()
    assert.error_matches(function() sse { max_evnt = 1 } end, "max_event")
    assert.error_matches(function() core.sse { max_evnt = 1 } end, "unknown option")
    assert.has_error(function() sse():feed() end)
    local function says(words, fn)
      local ok, fault = pcall(fn)
      assert.is_false(ok)
      assert.truthy(fault:find("sse_spec.lua:%d+: " .. words), fault)
    end
    says("parser:feed: a string is needed, not a number", function() sse():feed(12) end)
    for _, name in ipairs { "feed", "finish", "reset" } do
      says("this is a method of a parser: call it with a colon", function() local _ = sse()[name] "x" end)
    end
    assert.error_matches(function() core.sse().feed("data: x\n\n") end, "not an SSE parser")
    assert.error_matches(function() core.sse().feed(core.number "1", "x") end, "not an SSE parser")
  end)
end)

describe("xai.sse over the vectors", function()
  local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  local value_of = {}
  for i = 1, 64 do value_of[alphabet:byte(i)] = i - 1 end

  local function from_base64(text)
    local out, bits, count = {}, 0, 0
    for i = 1, #text do
      local value = value_of[text:byte(i)]
      if value then
        bits, count = bits * 64 + value, count + 6
        if count >= 8 then
          count = count - 8
          local byte = math.floor(bits / 2 ^ count)
          out[#out + 1] = string.char(byte)
          bits = bits - byte * 2 ^ count
        end
      end
    end
    return table.concat(out)
  end

  local function input_of(vector)
    if vector.input_base64 then return from_base64(vector.input_base64) end
    local parts = {}
    for i, part in ipairs(vector.input_parts) do parts[i] = from_base64(part.base64):rep(part["repeat"]) end
    local text = table.concat(parts)
    assert.equal(vector.input_bytes, #text)
    return text
  end

  -- A long text is given by its hash, which the C tests check; here its length must do.
  local function wrong_text(want, name, got)
    local bytes = want[name .. "_bytes"]
    if bytes then return #got ~= bytes and name .. " has " .. #got .. " bytes" end
    return want[name] ~= got and name .. " is " .. got:sub(1, 80)
  end

  local function wrong_retry(want, got)
    if want == "any" then return nil end
    if want == json.null then return got ~= nil and "retry is " .. got end
    if type(want) == "table" then return (got or 0) < want.at_least and "retry is " .. tostring(got) end
    return want ~= got and "retry is " .. tostring(got)
  end

  local function wrong_event(want, got)
    return wrong_text(want, "event", got.event) or wrong_text(want, "data", got.data)
      or wrong_text(want, "id", got.id) or wrong_retry(want.retry, got.retry)
  end

  local function wrong_events(vector, events)
    local repeated = vector.events_repeat
    local count = repeated and repeated.count or #vector.events
    if #events ~= count then return #events .. " events, not " .. count end
    for i, got in ipairs(events) do
      local wrong = wrong_event(repeated and repeated.event or vector.events[i], got)
      if wrong then return "event " .. i .. ": " .. wrong end
    end
  end

  local function wrong_end(want, got)
    return wrong_text(want, "last_event_id", got.last_event_id) or wrong_retry(want.retry, got.retry)
      or want.discarded ~= got.discarded and "discarded is " .. tostring(got.discarded)
  end

  -- Byte by byte takes a second for each MiB: of a long text only the two ends are fed so, which the line
  -- printed at the end says. The C tests feed all of it.
  local LONG, END = 128 * 1024, 8 * 1024
  local shortened = 0

  local function cuts_at_the_ends(text)
    local cuts = {}
    for cut = 1, END do cuts[#cuts + 1] = cut end
    for cut = END + 4093, #text - END, 4093 do cuts[#cuts + 1] = cut end
    for cut = #text - END + 1, #text do cuts[#cuts + 1] = cut end
    return cuts
  end

  -- One parser serves all runs of a vector, so that reset is tested, too.
  local function run(vector, parser, text, cuts, n)
    parser:reset()
    local events, ending
    if n then events, ending = feed_pieces(parser, text, n) else events, ending = feed_cut(parser, text, cuts) end
    return wrong_events(vector, events) or wrong_end(vector["end"], ending)
  end

  local function run_chunking(vector, parser, text, chunking)
    if chunking == "whole" then return run(vector, parser, text, {}) end
    if chunking == "bytes" then return run(vector, parser, text, nil, 1) end
    local size = type(chunking) == "table" and chunking.pieces_of
    if size == 1 and #text > LONG then
      shortened = shortened + 1
      return run(vector, parser, text, cuts_at_the_ends(text))
    end
    if size then return run(vector, parser, text, nil, size) end
    if chunking ~= "every-split" then return run(vector, parser, text, chunking) end
    for cut = 0, #text do
      local wrong = run(vector, parser, text, { cut })
      if wrong then return "cut at " .. cut .. ": " .. wrong end
    end
  end

  local function run_prompt(vector, parser, text)
    for _, prompt in ipairs(vector.prompt or {}) do
      parser:reset()
      local events = parser:feed(text:sub(1, prompt.after_bytes))
      if #events ~= prompt.events then return #events .. " events after " .. prompt.after_bytes .. " bytes" end
    end
  end

  local function judge(vector)
    local parser, text = core.sse { max_event = 16 * 1024 * 1024 }, input_of(vector)
    for _, chunking in ipairs(vector.chunkings) do
      local wrong = run_chunking(vector, parser, text, chunking)
      if wrong then return json.encode(chunking) .. ": " .. wrong end
    end
    return run_prompt(vector, parser, text)
  end

  it("gives each vector's events in all its chunkings", function()
    local file = io.open(shared .. "/conformance/sse/sse-vectors.json", "rb")
    if not file then
      print("sse: not run, the vectors are not beside the checkout (" .. shared .. "/conformance/sse)")
      return
    end
    local suite = assert(json.decode(file:read("*a")))
    file:close()
    local passed, failed = 0, {}
    for _, vector in ipairs(suite.vectors) do
      local wrong = judge(vector)
      if wrong then failed[#failed + 1] = vector.name .. ": " .. wrong else passed = passed + 1 end
    end
    local note = (" (%d long ones byte by byte only at their ends)"):format(shortened)
    print(("sse: %d run, %d passed, %d failed"):format(passed + #failed, passed, #failed) .. note)
    assert.equal(suite.count, passed + #failed)
    assert.equal("", table.concat(failed, "\n"))
  end)
end)
