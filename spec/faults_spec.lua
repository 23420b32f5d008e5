--- Faults by their numbers, as the Lua face shows them: outcome, kind, attempts, what had arrived, never the key.
-- SPDX-License-Identifier: MIT
--
-- Others have their tests beside what they test: F41, F44, F48, F50 and F63 in stream_spec, F57 in link_spec, F83 and
-- F84 in response_spec, F85 in schema_spec, F98 in cli_spec. `make faults` lists them all.
local core = require "xai.core"
local errors = require "xai.error"
local helper = require "spec.helper"
local xai = require "xai"

local KEY = "xai-faults-0123456789-abcdefghijkl"

local function client_of(answers, options)
  local settings = { api_key = KEY }
  for name, value in pairs(options or {}) do settings[name] = value end
  return helper.client(answers, settings)
end

-- No text anywhere in it holds the key.
local function spotless(value, seen)
  seen = seen or {}
  if type(value) == "string" then assert.is_nil(value:find(KEY, 1, true)) end
  if type(value) ~= "table" or seen[value] then return end
  seen[value] = true
  for k, v in pairs(value) do
    spotless(k, seen)
    spotless(v, seen)
  end
end

-- How a call ended badly: want holds outcome, kind, class (of the last attempt), attempts, text (of what had arrived).
local function ended(want, response, err)
  assert.is_nil(response)
  assert.is_true(errors.is(err))
  assert.equal(want.outcome, err.outcome)
  assert.equal(want.kind, err.kind)
  assert.equal(want.attempts or 1, #err.attempts)
  if want.class then assert.equal(want.class, err.attempts[#err.attempts].outcome) end
  if want.text then assert.equal(want.text, err.response:text()) end
  if want.text == false then assert.is_nil(err.response) end
  spotless(err)
  spotless(tostring(err))
  return err
end

-- The events of a stream as bytes.
local function bytes_of(events)
  local list = {}
  for i, event in ipairs(events) do
    list[i] = "data: " .. (type(event) == "string" and event or assert(core.encode(event))) .. "\n\n"
  end
  return table.concat(list)
end

-- The beginning of a stream, up to its last delta, as bytes.
local function begun(pieces)
  local events = helper.stream(pieces)
  for _ = 1, 4 do events[#events] = nil end
  return bytes_of(events)
end

local function delta(text)
  local form = 'data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"%s"}\n\n'
  return form:format(text)
end

-- A piece, again and again with so many seconds after each.
local function drip(first, piece, seconds, count)
  local raw = { first }
  for _ = 1, count do
    raw[#raw + 1] = piece
    raw[#raw + 1] = seconds
  end
  return raw
end

local function texts_of(stream)
  local list = {}
  for event in stream:events() do list[#list + 1] = event.type == "text" and event.text or nil end
  return list
end

describe("a stream", function()
  it("F42 of comments alone ends after the budget without data", function()
    local client = client_of { { raw = drip(begun { "so far" }, ": still here\n\n", 60, 30) } }
    local err = ended({ outcome = "incomplete", kind = "timeout", class = "answered", text = "so far" },
      client:stream("x"):result())
    assert.equal("silence", err.code)
    assert.is_true(client.link.handle:now() >= 600 and client.link.handle:now() < 661)
  end)

  it("F43 of one byte each ten seconds is bounded by the budget for an event, and by the deadline", function()
    local slow = { raw = drip("data: ", "x", 10, 500) }
    local client = client_of { slow, slow }
    ended({ outcome = "failed", kind = "timeout", class = "unknown", text = false }, client:stream("x"):result())
    local before = client.link.handle:now()
    local err = ended({ outcome = "failed", kind = "timeout", class = "unknown" },
      client:stream("x", { timeout = 60 }):result())
    assert.equal("deadline", err.code)
    assert.is_true(client.link.handle:now() - before <= 60.1)
  end)

  it("F45 whose marker came without a finish reason is incomplete", function()
    local chunks = helper.chunks { "so far" }
    table.remove(chunks, 2)
    local client = client_of { { sse = chunks } }
    local err = ended({ outcome = "incomplete", kind = "truncated", class = "answered", text = "so far" },
      client:chat_stream("x"):result())
    assert.equal("no finish reason", err.reason)
  end)

  it("F46 with a finish reason but no marker is complete, and flagged", function()
    local chunks = helper.chunks { "all of it" }
    chunks[#chunks] = nil
    local client = client_of { { sse = chunks } }
    local response = assert(client:chat_stream("x"):result())
    assert.equal("all of it", response:text())
    assert.is_true(response:meta().marker_missing)
  end)

  it("F47 ends at its marker although the server keeps the connection open", function()
    local client, wire = client_of { { sse = helper.stream { "all" }, silent = true } }
    assert.equal("all", client:stream("x"):result():text())
    assert.is_true(client.link.handle:now() < 1)
    client.link.handle:advance(0.2)
    client:step()
    assert.is_false(wire.requests[1].handle:wire_live(wire.requests[1].id))
  end)

  it("F49 reset before its first event is not asked for again", function()
    local client, wire = client_of { { raw = {}, finish = "reset" } }
    local err = ended({ outcome = "failed", kind = "network", class = "unknown", text = false },
      client:stream("x"):result())
    assert.equal(200, err.attempts[1].status)
    assert.equal(1, #wire.requests)
    assert.is_false(err.repeatable)
  end)

  it("F51 that comes as a whole answer is one event and the end; the reverse is folded", function()
    local client = client_of { { json = helper.response "all" }, { sse = helper.stream { "a", "ll" } } }
    local stream = assert(client:stream "x")
    assert.same({ "all" }, texts_of(stream))
    assert.is_true(stream:result():meta().not_streamed)
    local response = assert(client:respond "x")
    assert.equal("all", response:text())
    assert.is_true(response:meta().not_streamed)
  end)

  it("F52 gives the same events in any pieces, F53 with every character whole", function()
    local bytes = bytes_of(helper.stream { "Gr\195\188\195\159e ", "\240\159\152\128" })
    for _, size in ipairs { 1, 2, 3, 7, 100, #bytes } do
      local raw = {}
      for at = 1, #bytes, size do raw[#raw + 1] = bytes:sub(at, at + size - 1) end
      local stream = assert(client_of({ { raw = raw } }):stream "x")
      assert.same({ "Gr\195\188\195\159e ", "\240\159\152\128" }, texts_of(stream))
      local response = assert(stream:result())
      assert.equal("Gr\195\188\195\159e \240\159\152\128", response:text())
      assert.is_false(response:meta().text_replaced)
    end
  end)

  it("F54 with invalid UTF-8 has it replaced, and says so", function()
    local client = client_of { { raw = { begun { "a" }, delta "\255", bytes_of { helper.stream({ "x" })[8] } } } }
    local stream = assert(client:stream "x")
    assert.same({ "a", "\239\191\189" }, texts_of(stream))
    assert.is_true(stream:result():meta().text_replaced)
  end)

  it("F55 joins a pair split between two deltas, and replaces a lone half", function()
    local last = bytes_of { helper.stream({ "x" })[8] }
    local client = client_of { { raw = { begun { "a" }, delta "\\ud83d", delta "\\ude00", last } },
      { raw = { begun { "a" }, delta "\\ud83d", last } } }
    local stream = assert(client:stream "x")
    assert.same({ "a", "\240\159\152\128" }, texts_of(stream))
    assert.is_false(stream:result():meta().text_replaced)
    stream = assert(client:stream "x")
    assert.same({ "a", "\239\191\189" }, texts_of(stream))
    assert.is_true(stream:result():meta().text_replaced)
  end)

  it("F56 whose event grows beyond the limit fails there", function()
    local client = client_of { { raw = drip(begun { "so far" } .. "data: ", ("x"):rep(100000), 0, 500) } }
    local err = ended({ outcome = "incomplete", kind = "limit", text = "so far" },
      client:stream("x", { limits = { max_event = 1000000 } }):result())
    assert.truthy(err.message:find("max_event is 1000000 bytes", 1, true))
  end)

  it("F58 is not ended for our own slowness", function()
    local client = client_of { { sse = helper.stream { "a", "b", "c", "d" } } }
    local stream, list = assert(client:stream("x", { limits = { silence = 30, data_silence = 30 } })), {}
    xai.run(function()
      for event in stream:events() do
        xai.sleep(100)
        list[#list + 1] = event.type == "text" and event.text or nil
      end
    end)
    assert.same({ "a", "b", "c", "d" }, list)
    assert.truthy(stream:result())
  end)

  it("F59 with an event that is not JSON ends there, with its number and place", function()
    local client = client_of { { raw = { begun { "so far" }, "data: {oops}\n\n", delta " never" } } }
    local err = ended({ outcome = "incomplete", kind = "protocol", text = "so far" }, client:stream("x"):result())
    assert.truthy(err.message:find("event 5 of the stream, byte 1", 1, true), err.message)
    assert.is_true(err.offset > #begun { "so far" })
  end)

  it("F60 keeps interleaved choices apart, and passes on what is unknown", function()
    local function chunk(index, text, finish)
      return { object = "chat.completion.chunk", novelty = { 1 }, choices = core.array {
        { index = index, delta = { content = text }, finish_reason = finish } } }
    end
    local client = client_of { { sse = { chunk(1, "b1"), chunk(0, "a1"), chunk(1, "b2", "stop"), chunk(0, "a2", "stop"),
      "[DONE]" } } }
    local stream, seen = assert(client:chat_stream "x"), {}
    for event in stream:events() do
      if event.type == "text" then seen[#seen + 1] = event.output_index .. event.text end
    end
    assert.same({ "1b1", "0a1", "1b2", "0a2" }, seen)
    local response = assert(stream:result())
    assert.equal("a1a2", response:text())
    assert.equal("b1b2", response:text(2))
    assert.same({ 1 }, response.novelty)
  end)

  it("F61 takes its usage once, the last one; none is unknown and not zero", function()
    local chunks = helper.chunks { "x" }
    chunks[1].usage = { prompt_tokens = 1, completion_tokens = 1, total_tokens = 2 }
    local without = helper.chunks { "x" }
    table.remove(without, 3)
    local client = client_of { { sse = chunks }, { sse = without } }
    assert.equal(686, client:chat_stream("x"):result().usage.total_tokens)
    local response = assert(client:chat_stream("x"):result())
    assert.is_nil(response.usage)
    assert.is_nil(response:tokens())
    assert.is_nil((response:cost()))
  end)

  it("F62 is never resumed, so nothing is delivered twice", function()
    local client, wire = client_of { { raw = { "id: 7\n" .. begun { "once" } }, finish = "reset" } }
    local stream = assert(client:stream("x", { retry_unknown = true }))
    assert.same({ "once" }, texts_of(stream))
    ended({ outcome = "incomplete", kind = "truncated", text = "once" }, stream:result())
    assert.equal(1, #wire.requests)
    assert.is_nil(wire:header(1, "Last-Event-ID"))
  end)

  it("F64 leaves nothing after 10,000 that nobody held", function()
    local client, wire = client_of { otherwise = { raw = { begun { "a" }, 5, delta "b" } } }
    local function drop(count)
      for i = 1, count do
        client:stream("x"):events()()
        if i % 250 == 0 then
          collectgarbage()
          collectgarbage()
          client:step()
          wire.requests = {}
        end
      end
      collectgarbage()
      return collectgarbage "count"
    end
    local before = drop(500)
    local after = drop(10000)
    assert.is_true(after < before * 1.2 + 100, ("%.0f KiB, then %.0f"):format(before, after))
    client:step()
    assert.equal(0, client:pending())
    client:close()
  end)

  it("F65 without data for eight minutes and then an answer is complete", function()
    local client = client_of { { wait = 480, sse = helper.stream { "thought" } } }
    assert.equal("thought", client:stream("x"):result():text())
  end)
end)

describe("an attempt", function()
  it("F66 waits as long as the server asks, in each form", function()
    for _, headers in ipairs { { ["retry-after"] = "3" }, { ["retry-after-ms"] = "3000" } } do
      local busy = helper.failure(429, "rate", "slow down", headers)
      local client, wire = client_of { busy, { json = helper.response "x" } }
      local response = assert(client:respond "x")
      assert.equal(2, #wire.requests)
      local attempt = response:meta().attempts[2]
      assert.is_true(attempt.waited >= 3 and attempt.waited < 3.1)
    end
  end)

  it("F68 refused for want of money is not repeated, and named as such", function()
    local client, wire = client_of { helper.failure(429, "personal-team-blocked:spending-limit",
      "You have run out of credits or need a Grok subscription.") }
    local response, err = client:respond "x"
    ended({ outcome = "refused", kind = err.kind, class = "refused" }, response, err)
    assert.truthy(err.kind == "credits" or err.kind == "spending_limit", err.kind)
    assert.is_false(err.retryable)
    assert.equal(1, #wire.requests)
  end)

  it("F69 refused for ever is bounded by the attempts", function()
    local client, wire = client_of { otherwise = helper.failure(429, "rate", "slow down") }
    ended({ outcome = "refused", kind = "rate", class = "refused", attempts = 3 }, client:respond "x")
    assert.equal(3, #wire.requests)
  end)

  it("F73 tells the caller's own loop whether and when to try again", function()
    local client = client_of { otherwise = helper.failure(503, "busy", "later", { ["retry-after"] = "9" }) }
    local _, err = client:respond("x", { max_attempts = 1 })
    assert.is_true(err.retryable)
    assert.is_true(err.repeatable)
    assert.is_true(err.retry_after >= 9)
    client = client_of { otherwise = helper.failure(400, "bad", "never") }
    _, err = client:respond "x"
    assert.is_false(err.retryable)
  end)
end)

describe("content", function()
  local tools = { { type = "function", name = "f", parameters = { type = "object",
    properties = { n = { type = "integer" } } } } }

  -- The one call of an answer whose arguments are this text.
  local function call_with(arguments, fields)
    local answer = helper.response("", fields)
    answer.output = core.array { { type = "function_call", call_id = "c1", name = "f", arguments = arguments } }
    local client = client_of { { json = answer } }
    local response, err = client:respond { input = "x", tools = tools }
    return response and response:tool_calls()[1], err
  end

  it("F80 that was cut in a call's arguments executes nothing, whatever is claimed", function()
    local call, err = call_with('{"n": 1')
    assert.is_nil(call)
    assert.equal("truncated", err.kind)
    assert.equal("incomplete", err.outcome)
    local cut = err.response:tool_calls()[1]
    assert.is_nil(cut.arguments)
    assert.equal("truncated", cut.error.code)
  end)

  it("F81 that breaks a tool's schema is named by its path, for the model", function()
    local call = call_with '{"n":"one"}'
    assert.is_nil(call.arguments)
    assert.equal("schema", call.error.kind)
    assert.truthy(call.error.message:find("/n must be an integer", 1, true))
  end)

  it("F82 in odd JSON is refused, or kept exactly", function()
    for _, text in ipairs { '{"n":1,"n":2}', '{"n":1,}', '{"n":NaN}', "\239\187\191{}", ("["):rep(10000) } do
      local call, err = call_with(text)
      assert.is_nil(call and call.arguments)
      assert.truthy(call and call.error or err)
    end
    local big = call_with '{"n":9007199254740993}'
    assert.equal("9007199254740993", core.encode(big.arguments.n))
    local digits = ("7"):rep(400)
    assert.equal(digits, core.encode(call_with('{"n":' .. digits .. "}").arguments.n))
  end)

  local function is_refused(value, place)
    local client, wire = client_of { { json = helper.response "x" } }
    local ok, _, err = pcall(client.respond, client, { input = value })
    local message = ok and err.message or _
    assert.truthy(tostring(message):find(place, 1, true), tostring(message))
    assert.equal(0, #wire.requests)
  end

  it("F86 that JSON cannot hold is refused with its place, before anything is sent", function()
    local loop = {}
    loop[1] = loop
    is_refused({ { content = { 1, nil, 3 } } }, "[1].content")
    is_refused(loop, "[1][1]")
    is_refused({ { content = "\237\160\189" } }, "[1].content")
    is_refused({ { content = 0 / 0 } }, "[1].content")
  end)

  it("F86 is sent whole: NUL bytes, empty keys", function()
    local client, wire = client_of { { json = helper.response "x" } }
    assert(client:respond { input = "a\0b", metadata = { [""] = "empty" } })
    assert.equal("a\0b", wire:body(1).input)
    assert.equal("empty", wire:body(1).metadata[""])
  end)

  it("F87 in an empty table is what its marker says, and comes back so", function()
    local client, wire = client_of { { json = helper.response "x" } }
    assert(client:respond { input = xai.array {}, metadata = {} })
    assert.truthy(wire.requests[1].body:find('"input":[]', 1, true))
    assert.truthy(wire.requests[1].body:find('"metadata":{}', 1, true))
    local text = '{"a":[],"b":{},"c":[[],{}]}'
    assert.equal(text, xai.json.encode(xai.json.decode(text)))
  end)

  it("F88 larger than the limit is refused before anything is sent", function()
    local client, wire = client_of { { json = helper.response "x" } }
    local picture = "data:image/png;base64," .. ("A"):rep(8000000)
    local response, err = client:respond({ input = picture }, { limits = { max_request = 4000000 } })
    assert.is_nil(response)
    assert.equal("limit", err.kind)
    assert.truthy(err.message:find("max_request is 4000000", 1, true))
    assert.is_true(#tostring(err) < 500)
    assert.equal(0, #wire.requests)
    assert(client:respond { input = picture })
    assert.equal(picture, wire:body(1).input)
  end)

  it("F89 with a large data URL is whole or refused, and never in a message", function()
    local url = "data:image/png;base64," .. ("Q"):rep(5000000)
    local events = helper.stream { url }
    local client = client_of { { sse = events }, { sse = events } }
    assert.equal(url, client:stream("x"):result():text())
    local response, err = client:stream("x", { limits = { max_event = 1000000 } }):result()
    assert.is_nil(response)
    assert.equal("limit", err.kind)
    assert.is_nil(tostring(err):find("QQQQ", 1, true))
  end)

  it("F90 F91 that is refused by the model, or does not fit, is told apart", function()
    local item = helper.message ""
    item.content = core.array { { type = "refusal", refusal = "I cannot" } }
    local refusal = helper.response("", { output = core.array { item } })
    local client = client_of { { json = refusal }, otherwise = { json = helper.response '{"n":' } }
    local response = assert(client:respond "x")
    assert.equal("", response:text())
    assert.equal("I cannot", response:refusal())
    local value, err = client:extract({ schema = tools[1].parameters, input = "x" })
    assert.is_nil(value)
    assert.equal('{"n":', err.text)
  end)
end)

describe("the process", function()
  local interpreter = rawget(_G, "jit") and "luajit" or _VERSION:lower():gsub(" ", "")

  it("F99 told of a file that cannot be read says so when it opens the client", function()
    for path, words in pairs { ["/nonexistent/b.pem"] = "no such file", ["/tmp"] = "a folder",
      ["/" .. ("x"):rep(4096)] = "path is too long", ["/tmp/a\nb c"] = "no such file" } do
      local client, err = xai.new { api_key = KEY, ca_file = path }
      assert.is_nil(client)
      assert.equal("tls", err.kind)
      assert.truthy(err.message:find("ca_file", 1, true))
      assert.truthy(err.message:find(words, 1, true), err.message)
      spotless(err)
    end
  end)

  it("F100 may use one client in many coroutines at once", function()
    local client = client_of { otherwise = { sse = helper.stream { "a", 1, "b" } } }
    local asks = {}
    for i = 1, 50 do
      asks[i] = function()
        if i % 2 == 0 then return client:respond("x"):text() end
        return table.concat(texts_of(assert(client:stream "x")))
      end
    end
    for _, text in ipairs(xai.all(asks)) do assert.equal("ab", text) end
    assert.equal(0, client:pending())
  end)

  it("F101 that was away for five minutes meets its deadlines on return, and goes on", function()
    local client = client_of { { sse = helper.stream { "a", 500, "b" } }, { json = helper.response "x" } }
    local stream = assert(client:stream("x", { timeout = 60 }))
    assert.equal("response.created", stream:events()().name)
    client.link.handle:advance(300)
    ended({ outcome = "incomplete", kind = "timeout", text = "a" }, stream:result())
    assert.equal("x", client:respond("x"):text())
  end)

  it("F102 that made and closed 10,000 clients has its memory back", function()
    local function make(count)
      for i = 1, count do
        local client = xai.new { api_key = KEY, simulate = helper.wire {} }
        client:close()
        if i % 500 == 0 then collectgarbage() end
      end
      collectgarbage()
      collectgarbage()
      return collectgarbage "count"
    end
    local before = make(500)
    local after = make(10000)
    assert.is_true(after <= before * 1.01, ("%.0f KiB, then %.0f"):format(before, after))
  end)

  -- What a script prints in a process of its own.
  local function said_by(script, environment)
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write(script)
    file:close()
    local pipe = assert(io.popen(("%s %s %s 2>&1"):format(environment or "", interpreter, name)))
    local said = pipe:read "*a"
    pipe:close()
    os.remove(name)
    return said
  end

  it("F88 that sends a picture of 100 MB holds one copy of it", function()
    if not io.open "/proc/self/status" then return pending "F88: nobody here says how much memory was in use" end
    local preloaded = os.getenv "LD_PRELOAD" or ""
    if preloaded:find("asan", 1, true) then return pending "F88: a memory checker keeps what is freed" end
    local said = said_by [[
      local function megabytes(name)
        for line in io.lines "/proc/self/status" do
          local kilobytes = line:match("^" .. name .. ":%s*(%d+)")
          if kilobytes then return kilobytes / 1024 end
        end
      end
      local client = assert(require "xai".new { api_key = "xai-key", base_url = "http://127.0.0.1:1/v1" })
      local picture = ("A"):rep(100 * 2 ^ 20)
      collectgarbage()
      local before = megabytes "VmHWM"
      assert(client:stream { input = picture })
      print(megabytes "VmHWM" - before)
    ]]
    assert.is_true(tonumber(said) and tonumber(said) <= 150, said)
  end)

  it("F103 whose locale has a comma writes and reads numbers with a point", function()
    local folder = os.tmpname()
    os.remove(folder)
    local made = os.execute(("mkdir %s && cd %s && printf '%%s\\n' LC_NUMERIC 'decimal_point \",\"' "
      .. "'thousands_sep \".\"' 'grouping 3;3' 'END LC_NUMERIC' LC_CTYPE 'copy \"POSIX\"' 'END LC_CTYPE' >source "
      .. "&& { localedef -c -i source -f ANSI_X3.4-1968 ./comma >/dev/null 2>&1; test -d comma; }")
      :format(folder, folder))
    local said = (made == true or made == 0) and said_by([[
      assert(os.setlocale("comma") == "comma")
      assert(jit or ("%.1f"):format(1.5) == "1,5") -- LuaJIT writes numbers by itself
      local json = require "xai.json"
      assert(json.encode { x = 0.25 } == '{"x":0.25}')
      assert(json.decode("[0.25]")[1] * 4 == 1)
      assert(json.decode "[0,25]"[2] == 25)
      print "right"
    ]], "LOCPATH=" .. folder)
    os.execute("rm -rf " .. folder)
    if not said then return pending "F103: no locale with a comma can be made here" end
    assert.equal("right\n", said)
  end)

  if not rawget(_G, "jit") then return end

  -- LuaJIT can fork; the other Luas cannot without help, and their C module is made of the same files.
  local ffi = require "ffi"
  ffi.cdef [[
    int fork(void);
    int waitpid(int pid, int *status, int options);
    void _exit(int status);
    int kill(int pid, int number);
    int execlp(const char *file, const char *arg, ...);
    int setenv(const char *name, const char *value, int overwrite);
    struct faults_address { unsigned short family; unsigned char port[2]; unsigned char address[4]; char rest[8]; };
    struct faults_poll { int fd; short events; short revents; };
    int socket(int domain, int type, int protocol);
    int bind(int fd, const struct faults_address *address, unsigned size);
    int listen(int fd, int backlog);
    int getsockname(int fd, struct faults_address *address, unsigned *size);
    int accept(int fd, void *address, void *size);
    int poll(struct faults_poll *list, unsigned long count, int timeout);
    long recv(int fd, void *bytes, size_t size, int flags);
    int close(int fd);
  ]]

  -- The exit status; a signal's number + 128; nil when it is still there after so many seconds.
  local function wait_for(child, seconds)
    local status = ffi.new "int[1]"
    for _ = 1, seconds * 100 do
      if ffi.C.waitpid(child, status, 1) == child then
        local low = status[0] % 128
        return low == 0 and math.floor(status[0] / 256) % 256 or 128 + low
      end
      ffi.C.poll(nil, 0, 10)
    end
    ffi.C.kill(child, 9)
    ffi.C.waitpid(child, status, 0)
  end

  it("F94 that forked refuses the copy in the child, and the parent goes on", function()
    local client = client_of { { sse = helper.stream { "a", 1, "b" } }, { json = helper.response "x" } }
    local stream = assert(client:stream "x")
    assert.equal("response.created", stream:events()().name)
    io.stdout:flush()
    local child = ffi.C.fork()
    if child == 0 then
      local fine = pcall(function()
        for _, use in ipairs { function() client:respond "x" end, function() stream:result() end } do
          local ok, fault = pcall(use)
          assert(not ok and tostring(fault):find("forked", 1, true))
        end
        client:close()
      end)
      ffi.C._exit(fine and 0 or 1)
    end
    assert.equal(0, wait_for(child, 10))
    assert.equal("ab", stream:result():text())
    assert.equal("x", client:respond("x"):text())
  end)

  -- A listener on the loopback that never answers; its port.
  local function mute_server()
    local fd = ffi.C.socket(2, 1, 0)
    local address = ffi.new("struct faults_address", { family = 2, address = { 127, 0, 0, 1 } })
    local size = ffi.new("unsigned[1]", ffi.sizeof(address))
    assert(ffi.C.bind(fd, address, size[0]) == 0 and ffi.C.listen(fd, 8) == 0)
    assert(ffi.C.getsockname(fd, address, size) == 0)
    return fd, address.port[0] * 256 + address.port[1]
  end

  local function readable(fd, seconds)
    local one = ffi.new("struct faults_poll[1]", { { fd = fd, events = 1 } })
    return ffi.C.poll(one, 1, seconds * 1000) == 1
  end

  it("F97 told to end with a call in flight is gone within a second, and the server can stop", function()
    local listener, port = mute_server()
    local child = ffi.C.fork()
    if child == 0 then
      ffi.C.setenv("XAI_API_KEY", KEY, 1)
      ffi.C.setenv("XAI_BASE_URL", "http://127.0.0.1:" .. port .. "/v1", 1)
      ffi.C.execlp("sh", "sh", "-c", "exec luajit bin/xai ask Why >/dev/null 2>&1 </dev/null", ffi.cast("char *", nil))
      ffi.C._exit(99)
    end
    assert.is_true(readable(listener, 30))
    local connection = ffi.C.accept(listener, nil, nil)
    local bytes = ffi.new "char[65536]"
    assert.is_true(readable(connection, 30)) -- the request is on its way
    assert.is_true(ffi.C.recv(connection, bytes, 65536, 0) > 0)
    ffi.C.kill(child, 15)
    local status = wait_for(child, 1)
    assert.truthy(status and status ~= 0, tostring(status))
    local got
    repeat
      assert.is_true(readable(connection, 10))
      got = ffi.C.recv(connection, bytes, 65536, 0)
    until got <= 0
    ffi.C.close(connection)
    ffi.C.close(listener)
  end)
end)
