local cli = require "xai.cli"
local core = require "xai.core"
local helper = require "spec.helper"
local real = require "xai.cli.host"
local xai = require "xai"

-- A host whose output is gathered, whose input is a list of lines, and whose client talks to a scripted wire.
local function fake(answers, options)
  options = options or {}
  local host = { output = {}, complaints = {}, is_screen = options.screen, is_keyboard = options.keyboard }
  local lines = options.lines or {}
  host.out = {
    write = function(_, text)
      if options.full then return nil, "No space left on device", 28 end
      table.insert(host.output, text)
      return true
    end,
    flush = function() return true end,
  }
  host.err = { write = function(_, ...) table.insert(host.complaints, table.concat { ... }) end }
  host.input = {
    read = function(_, what)
      if what == "*a" then return table.concat(lines, "\n") end
      local line = table.remove(lines, 1)
      if type(line) == "function" then return line() end
      return line
    end,
  }
  host.getenv = function(name) return (options.environment or {})[name] end
  host.client = function(_, given)
    if options.no_client then return nil, options.no_client end
    host.grok, host.wire = helper.client(answers, given)
    return host.grok
  end
  return setmetatable(host, { __index = real.Host })
end

local function said(host) return table.concat(host.output) end
local function complained(host) return table.concat(host.complaints) end

describe("xai ask", function()
  it("prints the text alone into a pipe, when it is whole", function()
    local host = fake { { sse = helper.stream { "Tides ", "lag." } } }
    assert.equal(0, cli.main({ "ask", "Why?" }, host))
    assert.equal("Tides lag.\n", said(host))
    assert.equal("", complained(host))
    assert.equal("Why?", host.wire:body(1).input)
  end)

  it("prints nothing of an answer that breaks off into a pipe, and says why", function()
    local events = helper.stream { "half" }
    for _ = 1, 4 do events[#events] = nil end
    local host = fake { { sse = events } }
    assert.equal(1, cli.main({ "ask", "Why?" }, host))
    assert.equal("", said(host))
    assert.truthy(complained(host):find("xai: the stream ended before its final event", 1, true))
  end)

  it("says how much had arrived, and prints it when that was asked for", function()
    local function half()
      local events = helper.stream { "h\195\164lf" }
      for _ = 1, 4 do events[#events] = nil end
      return { { sse = events } }
    end
    local host = fake(half())
    assert.equal(1, cli.main({ "ask", "Why?" }, host))
    assert.equal("", said(host))
    assert.truthy(complained(host):find("4 character(s) had arrived; --partial prints them", 1, true))
    host = fake(half())
    assert.equal(1, cli.main({ "ask", "--partial", "Why?" }, host))
    assert.equal("h\195\164lf\n", said(host))
    host = fake(half())
    assert.equal(1, cli.main({ "ask", "--partial", "--json", "Why?" }, host))
    assert.equal("response", core.decode(said(host)).object)
    host = fake(half(), { screen = true })
    assert.equal(1, cli.main({ "ask", "--partial", "Why?" }, host))
    assert.equal("h\195\164lf\n", said(host))
    assert.is_nil(complained(host):find("--partial", 1, true))
  end)

  it("has advice for somebody at a shell, not for a program", function()
    local function told(answer, ...)
      local host = fake { otherwise = answer }
      assert.equal(1, cli.main({ "ask", "Why?", ... }, host))
      local text = complained(host)
      for _, words in ipairs { "base_url", "err.response", "retry_after", "xai.new", "a stream", "options" } do
        assert.is_nil(text:find(words, 1, true), text)
      end
      return text
    end
    local cut = helper.stream { "half" }
    for _ = 1, 4 do cut[#cut] = nil end
    assert.truthy(told({ sse = cut }):find("this was not all of it", 1, true))
    assert.is_nil(told({ sse = cut }):find("output tokens", 1, true))
    assert.truthy(told({ text = "<html>login</html>" }):find("check XAI_BASE_URL and any proxy", 1, true))
    local busy = helper.failure(429, "x", "slow down", { ["retry-after"] = "86400" })
    assert.truthy(told(busy):find("wait 86400 s", 1, true))
    assert.truthy(told({ json = helper.response "x", wait = 50 }, "-t", "5"):find("allow more time", 1, true))
    assert.truthy(told({ json = helper.response("x", { status = "incomplete",
      incomplete_details = { reason = "max_output_tokens" } }) }, "--no-stream"):find("limit of its length", 1, true))
    local _, no_key = xai.new { api_key = "" }
    local host = fake({}, { no_client = no_key })
    cli.main({ "ask", "Why?" }, host)
    assert.equal("xai: no API key (key); export XAI_API_KEY=... with a key from the console, or XAI_SIMULATE=1\n",
      complained(host))
  end)

  it("shows a refusal, on a terminal and in a pipe", function()
    local refused = helper.response ""
    refused.output = core.array { { type = "message", role = "assistant", status = "completed",
      content = core.array { { type = "refusal", refusal = "I will not." } } } }
    local events = {
      { type = "response.created", response = helper.response("", { status = "in_progress", output = core.array {} }) },
      { type = "response.refusal.delta", output_index = 0, content_index = 0, item_id = "m", delta = "I will not." },
      { type = "response.completed", response = refused },
    }
    for _, options in ipairs { {}, { screen = true } } do
      local host = fake({ { sse = events } }, options)
      assert.equal(0, cli.main({ "ask", "Why?" }, host))
      assert.equal("I will not.\n", said(host))
    end
    local host = fake({ { json = refused } }, { screen = true })
    assert.equal(0, cli.main({ "ask", "Why?", "--no-stream" }, host))
    assert.equal("I will not.\n", said(host))
  end)

  it("does not let a model speak to the terminal, but hands a pipe what it wrote", function()
    local wild = "\27]0;PWNED\7\27[31mred\tand\r\nblue\194\155x"
    local tame = "]0;PWNED[31mred\tand\nbluex\n"
    local host = fake({ { sse = helper.stream { wild } } }, { screen = true })
    cli.main({ "ask", "Why?" }, host)
    assert.equal(tame, said(host))
    host = fake({ { json = helper.response(wild) } }, { screen = true })
    cli.main({ "ask", "Why?", "--no-stream" }, host)
    assert.equal(tame, said(host))
    host = fake { { sse = helper.stream { wild } } }
    cli.main({ "ask", "Why?" }, host)
    assert.equal(wild .. "\n", said(host))
    host = fake({ { sse = helper.stream { wild } } }, { screen = true, lines = { "hi" } })
    cli.main({ "chat" }, host)
    assert.truthy(said(host):find(tame, 1, true))
    host = fake {}
    host:complain "no \27[31mway"
    assert.equal("no [31mway\n", complained(host))
  end)

  it("is a wrong use with a time that is none", function()
    for _, given in ipairs { "0", "-5", "-.5", "x", "nan", "" } do
      for _, option in ipairs { "-t", "--timeout" } do
        local host = fake {}
        assert.equal(2, cli.main({ "ask", "hi", option, given }, host))
        local text = ("the timeout must be a number of seconds above 0, not '%s'"):format(given)
        assert.truthy(complained(host):find(text, 1, true), complained(host))
      end
    end
    local host = fake { { sse = helper.stream { "x" } } }
    assert.equal(0, cli.main({ "ask", "hi", "-t", "0.5" }, host))
  end)

  it("is a wrong use with nothing to ask", function()
    for _, text in ipairs { "", "   ", "\n\t" } do
      local host = fake {}
      assert.equal(2, cli.main({ "ask", text }, host))
      assert.truthy(complained(host):find("nothing to ask", 1, true))
      assert.is_nil(host.wire)
    end
  end)

  it("shows the answer as it arrives on a terminal, then its tokens and cost", function()
    local host = fake({ { sse = helper.stream { "Tides ", "lag." } } }, { screen = true })
    assert.equal(0, cli.main({ "ask", "Why?" }, host))
    assert.same({ "Tides ", "lag.", "\n" }, host.output)
    assert.truthy(complained(host):find("642 tokens in, 173 out, $0.001554", 1, true))
  end)

  it("passes its options on", function()
    local host = fake { { json = helper.response "x" } }
    assert.equal(0, cli.main({ "ask", "Why?", "--model", "grok-4.3", "--system", "Be brief.", "--effort", "low",
      "--no-stream" }, host))
    local body = host.wire:body(1)
    assert.equal("grok-4.3", body.model)
    assert.equal("Be brief.", body.instructions)
    assert.same({ effort = "low" }, body.reasoning)
    assert.is_nil(body.stream)
  end)

  it("prints the API's own object when asked", function()
    local host = fake { { sse = helper.stream { "x" } } }
    assert.equal(0, cli.main({ "ask", "--json", "Why?" }, host))
    assert.equal("response", core.decode(said(host)).object)
  end)

  it("takes the question from the input", function()
    for _, args in ipairs { { "ask" }, { "ask", "-" } } do
      local host = fake({ { sse = helper.stream { "x" } } }, { lines = { "piped", "question" } })
      assert.equal(0, cli.main(args, host))
      assert.equal("piped\nquestion", host.wire:body(1).input)
    end
  end)

  it("is a wrong use without a question", function()
    local host = fake({}, { keyboard = true })
    assert.equal(2, cli.main({ "ask" }, host))
    assert.truthy(complained(host):find("nothing to ask", 1, true))
    assert.equal(2, cli.main({ "ask" }, fake({}, { lines = {} })))
  end)

  it("tells the world's faults in one sentence, with status 1", function()
    local host = fake { helper.failure(400, "invalid-argument", "Model not found: grok-9") }
    assert.equal(1, cli.main({ "ask", "Why?" }, host))
    assert.truthy(complained(host):find("^xai: Model not found: grok%-9 %(status 400"))
    assert.equal(1, #host.complaints)
    local _, no_key = xai.new { api_key = "" }
    host = fake({}, { no_client = no_key })
    assert.equal(1, cli.main({ "ask", "Why?" }, host))
    assert.truthy(complained(host):find("XAI_API_KEY", 1, true))
  end)

  it("F98 notices that the output cannot be written", function()
    local host = fake({ { sse = helper.stream { "x" } } }, { full = true })
    assert.equal(1, cli.main({ "ask", "Why?" }, host))
    assert.truthy(complained(host):find("could not write the output: No space left on device", 1, true))
  end)
end)

describe("xai chat", function()
  it("talks in turns, each building on the one before", function()
    local host = fake({ { sse = helper.stream({ "one" }, { id = "id-1" }) }, { sse = helper.stream { "two" } } },
      { lines = { "a", "", "b" } })
    assert.equal(0, cli.main({ "chat", "--system", "Be brief." }, host))
    assert.equal("one\ntwo\n", said(host))
    assert.equal("Be brief.", host.wire:body(1).input[1].content)
    assert.equal("id-1", host.wire:body(2).previous_response_id)
  end)

  it("obeys its commands", function()
    local host = fake({ { sse = helper.stream { "x" } } },
      { lines = { "/model grok-4.3", "/model", "hi", "/cost", "/help", "/cots", "/quit", "never" } })
    assert.equal(0, cli.main({ "chat" }, host))
    local text = said(host)
    assert.truthy(text:find("model: grok-4.3\nmodel: grok-4.3\nx\n1 answer(s), $0.001554\n", 1, true))
    assert.truthy(text:find("/quit", 1, true))
    assert.truthy(text:find("did you mean /cost?", 1, true))
    assert.equal("grok-4.3", host.wire:body(1).model)
    assert.equal(1, #host.wire.requests)
  end)

  it("goes on after an answer that failed, and lets a script know in the end", function()
    for _, keyboard in ipairs { false, true } do
      local host = fake({ helper.failure(400, "invalid-argument", "no"), { sse = helper.stream { "yes" } } },
        { lines = { "a", "b" }, keyboard = keyboard })
      assert.equal(keyboard and 0 or 1, cli.main({ "chat" }, host))
      assert.truthy(complained(host):find("xai: no (status 400", 1, true))
      assert.equal(1, #host.complaints)
      assert.equal("yes\n", said(host))
    end
  end)

  it("counts what an answer cost once", function()
    local unknown = { sse = helper.stream({ "x" }, { model = "grok-unheard-of" }) }
    local known = { sse = helper.stream { "x" } }
    local function cost(answers, lines)
      local host = fake(answers, { lines = lines })
      assert.equal(0, cli.main({ "chat" }, host))
      return said(host):match "%d+ answer.*$"
    end
    assert.equal("0 answer(s), $0.00\n", cost({}, { "/cost" }))
    assert.equal("1 answer(s), cost unknown\n", cost({ unknown }, { "hi", "/cost" }))
    assert.equal("2 answer(s), $0.001554 for 1 of them, the rest unknown\n",
      cost({ unknown, known }, { "a", "b", "/cost" }))
  end)

  it("stops an answer at Ctrl-C, and not the program", function()
    local pressed = false
    local host = fake({ { sse = helper.stream { "endless ", 5, "text" } }, { sse = helper.stream { "next" } } },
      { lines = { "a", "b" } })
    host.interrupted = function()
      local now = #host.output > 0 and not pressed
      pressed = pressed or now
      return now
    end
    local sigint = core.sigint
    core.sigint = function() end -- the key is pressed by the line above
    local status = cli.main({ "chat" }, host)
    core.sigint = sigint
    assert.equal(0, status)
    assert.equal("endless \n(stopped)\nnext\n", said(host))
  end)

  it("starts a new line at Ctrl-C before the prompt, and ends at the end of the input", function()
    local interrupted = false
    local host = fake({ { sse = helper.stream { "x" } } }, { screen = true, keyboard = true, lines = {
      function()
        interrupted = true
        return nil
      end, "hi" } })
    host.interrupted = function()
      local now = interrupted
      interrupted = false
      return now
    end
    assert.equal(0, cli.main({ "chat" }, host))
    assert.truthy(said(host):find("> \n> x\n> $"))
  end)
end)

describe("xai models", function()
  local list = { object = "list", data = { { id = "grok-4.6", context_length = 500000, prompt_text_token_price = 20000,
    cached_prompt_text_token_price = 5000, completion_text_token_price = 60000 }, { id = "grok-imagine-image" } } }

  it("shows each with its prices in dollars a million tokens", function()
    local host = fake { { json = list } }
    assert.equal(0, cli.main({ "models" }, host))
    assert.truthy(said(host):find("grok%-4%.6 +500 k +2%.00 +0%.50 +6%.00\n"))
    assert.truthy(said(host):find("grok%-imagine%-image +%- +%- +%- +%-\n"))
  end)

  it("prints the API's own list when asked", function()
    local host = fake { { json = list } }
    assert.equal(0, cli.main({ "models", "--json" }, host))
    assert.equal("grok-4.6", core.decode(said(host))[1].id)
  end)
end)

describe("xai doctor", function()
  local function examine(answer, options)
    local host = fake({ answer }, options)
    local client_of = host.client
    host.client = function(...)
      local grok, err = client_of(...)
      if grok then grok.simulated = false end
      return grok, err
    end
    return cli.main({ "doctor" }, host), said(host), host
  end

  local good_key = { environment = { XAI_API_KEY = "xai-AbCdEf" } }
  local models = { object = "list", data = { { id = "grok-4.6" } } }
  local function date(offset) return os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + offset) end

  it("says ok to all when all is well, and does not show the key", function()
    local status, text = examine({ json = models, headers = { date = date(0) } }, good_key)
    assert.equal(0, status)
    assert.is_nil(text:find("FAIL", 1, true))
    assert.is_nil(text:find("AbCdEf", 1, true))
    assert.truthy(text:find("may use 1 models", 1, true))
    assert.truthy(text:find("agrees with the server's", 1, true))
  end)

  local function fails(what, line, answer, options)
    it("fails for " .. what, function()
      local status, text = examine(answer, options or good_key)
      assert.equal(1, status)
      assert.truthy(text:find("FAIL  " .. line), text)
    end)
  end
  fails("a clock that is ahead", "clock +is 36%d%d seconds ahead", { json = models, headers = { date = date(-3600) } })
  fails("a clock that is behind", "clock +is %d+ seconds behind", { json = models, headers = { date = date(86400) } })
  fails("a refused key", "service +Incorrect API key", helper.failure(400, "invalid-argument",
    "Incorrect API key provided: xa***Zq."))
  fails("a key with a line end", "key +the API key has a space or a line end in it", { json = models },
    { environment = { XAI_API_KEY = "xai-AbC\n" } })
  fails("no connection", "network +api%.x%.ai: ", { refuse = "refused" })
  fails("an unknown name", "network +api%.x%.ai: ", { refuse = "resolve" })
  fails("a bad certificate", "tls +", { refuse = "tls" })
  fails("an answer that is not the API's", "service +the answer is not JSON", { text = "<html>login</html>",
    headers = { ["content-type"] = "text/html" } })

  it("says from which file the key is read, or why it cannot be", function()
    local status, text = examine({ json = models, headers = { date = date(0) } },
      { environment = { XAI_API_KEY_FILE = "/run/secrets/key" } })
    assert.equal(0, status)
    assert.truthy(text:find("ok    key +is read from /run/secrets/key"), text)
    local _, unread = xai.new { api_key_file = "/nowhere/key" }
    local host = fake({}, { no_client = unread, environment = { XAI_API_KEY_FILE = "/nowhere/key" } })
    assert.equal(1, cli.main({ "doctor" }, host))
    assert.truthy(said(host):find("FAIL  key +no usable API key: cannot read /nowhere/key: No such file"), said(host))
  end)

  it("does not take the simulator for the API", function()
    local host = fake { { json = models } }
    local client_of = host.client
    host.client = function(...)
      local grok = assert(client_of(...))
      grok.simulated = true
      return grok
    end
    assert.equal(0, cli.main({ "doctor" }, host))
    assert.truthy(said(host):find("network +not used: the simulator answers"), said(host))
    assert.is_nil(said(host):find("the key is accepted", 1, true))
  end)

  it("fails for a missing key, and tries nothing then", function()
    local _, no_key = xai.new { api_key = "" }
    local status, text = examine(nil, { no_client = no_key })
    assert.equal(1, status)
    assert.truthy(text:find("FAIL  key +XAI_API_KEY is not set"))
    assert.truthy(text:find("%-     network"))
  end)
end)

describe("xai sim", function()
  it("says so when a recording cannot be read", function()
    local host = fake {}
    assert.equal(1, cli.main({ "sim", "--replay", "/nowhere/at-all.jsonl" }, host))
    assert.truthy(complained(host):find("cannot read the recording /nowhere/at-all.jsonl", 1, true))
  end)

  it("says so when the port is no number", function()
    local host = fake {}
    assert.equal(2, cli.main({ "sim", "--port", "http" }, host))
  end)

  it("says which numbers it does not take", function()
    for _, args in ipairs { { "--port", "1.5" }, { "--port", "99999" }, { "--seed", "1.5" }, { "--seed", "1e30" } } do
      local host = fake {}
      assert.equal(2, cli.main({ "sim", args[1], args[2] }, host))
      assert.truthy(complained(host):find("the " .. args[1]:sub(3) .. " must be a whole number", 1, true))
    end
  end)

  it("refuses a recording that cannot be played, before it listens", function()
    local path = os.tmpname()
    for _, case in ipairs { { "", path .. ": holds no event" }, { '{}\n{"a"', path .. ":2: EOF while parsing" } } do
      local file = assert(io.open(path .. ".jsonl", "wb"))
      file:write(case[1])
      file:close()
      local host = fake {}
      assert.equal(1, cli.main({ "sim", "--replay", path .. ".jsonl" }, host))
      assert.truthy(complained(host):find(case[2]:gsub("^" .. path, path .. ".jsonl"), 1, true))
    end
    os.remove(path .. ".jsonl")
    os.remove(path)
    local host = fake {}
    assert.equal(1, cli.main({ "sim", "--replay", "/" }, host))
    assert.truthy(complained(host):find("^xai: cannot read the recording /: "))
  end)
end)

describe("xai schema", function()
  local made = {}
  local function file(text)
    local name = os.tmpname()
    local handle = assert(io.open(name, "wb"))
    handle:write(text)
    handle:close()
    made[#made + 1] = name
    return name
  end
  after_each(function()
    for _, name in ipairs(made) do os.remove(name) end
    made = {}
  end)

  local function run(args, lines)
    local host = fake({}, { lines = lines })
    return cli.main(args, host), said(host), complained(host)
  end

  local SCHEMA = '{"properties":{"hp":{"maximum":99},"on":{"format":"date"},"list":{"items":{"required":["x"]}}}}'

  it("is silent about a file that fits", function()
    local status, text, complaints = run { "schema", "check", file '{"hp":3}', file(SCHEMA) }
    assert.equal(0, status)
    assert.equal("", text)
    assert.equal("", complaints)
  end)

  it("prints each violation with line and column, in characters", function()
    local name = file '{"\195\164":"]}\\"", "hp": 100,\n "list": [ {"x":1},\n   {} ]}\n'
    local status, text = run { "schema", "check", name, file(SCHEMA) }
    assert.equal(1, status)
    assert.truthy(text:find(name .. ":1:20: /hp must be at most 99, but is 100\n", 1, true), text)
    assert.truthy(text:find(name .. ":3:4: ", 1, true), text)
    assert.equal(2, select(2, text:gsub("\n", "")))
    assert.equal(1, select(2, select(2, run { "schema", "check", "--first", name, file(SCHEMA) }):gsub("\n", "")))
  end)

  it("points at malformed JSON", function()
    local name = file '{"hp":\n 1,}'
    local status, text = run { "schema", "check", name, file(SCHEMA) }
    assert.equal(1, status)
    assert.truthy(text:find(name .. ":2:4: malformed JSON", 1, true), text)
  end)

  it("obeys its options", function()
    local value, schema = file '{"on":"today"}', file(SCHEMA)
    assert.equal(0, run { "schema", "check", value, schema })
    assert.equal(1, run { "schema", "check", "--formats", value, schema })
    local old = file '{"properties":{"on":{"maximum":3,"exclusiveMaximum":true}}}'
    assert.equal(0, run { "schema", "check", "--draft", "4", value, old })
    assert.equal(1, run { "schema", "check", value, old })
    local remote = file '{"$ref":"urn:r"}'
    assert.equal(1, run { "schema", "check", value, remote })
    assert.equal(0, run { "schema", "check", value, remote, "--remote", "urn:r=" .. schema })
    assert.equal(1, run { "schema", "check", value, remote, "--remote", "urn:r=" .. schema, "--formats" })
  end)

  it("reads standard input", function()
    local status, text = run({ "schema", "check", "-", file(SCHEMA) }, { '{"hp":', "100}" })
    assert.equal(1, status)
    assert.truthy(text:find("(standard input):2:1: /hp", 1, true), text)
    assert.equal(1, run({ "schema", "lint", "-" }, { '{"enum":[]}' }))
  end)

  it("says what is in the way of checking", function()
    local function fails(expected, sentence, args)
      local status, text, complaints = run(args)
      assert.equal(expected, status)
      assert.equal("", text)
      assert.truthy(complaints:find(sentence, 1, true), complaints)
    end
    local value = file "{}"
    fails(1, "cannot read /nowhere/at-all.json", { "schema", "check", "/nowhere/at-all.json", value })
    fails(1, "cannot read /nowhere/at-all.json", { "schema", "lint", "/nowhere/at-all.json" })
    fails(1, "cannot read /nowhere", { "schema", "check", value, value, "--remote", "u=/nowhere" })
    fails(1, "not a usable JSON Schema: /type", { "schema", "check", value, file '{"type":"x"}' })
    fails(2, "URI=FILE", { "schema", "check", value, value, "--remote", "x" })
    fails(2, "only one of the two", { "schema", "check", "-", "-" })
    fails(2, "see xai schema --help", { "schema" })
    fails(2, "see xai schema --help", { "schema", "check", value })
    fails(2, "see xai schema --help", { "schema", "check", value, value, "--draft", "3" })
  end)

  it("lints with line and column, and fails for what the API refuses", function()
    local name = file('{"properties":\n  {"a": {"enum": []},\n   "b": {"format": "hostname"}},\n'
      .. ' "additionalProperties":false}')
    local status, text = run { "schema", "lint", name }
    assert.equal(1, status)
    assert.truthy(text:find(name .. ":2:9: refused: the API refuses an empty enum\n", 1, true), text)
    assert.truthy(text:find(name .. ":3:9: best effort: ", 1, true), text)
    name = file '{"format":"hostname"}'
    assert.equal(0, run { "schema", "lint", name })
    assert.equal(1, run { "schema", "lint", "--strict", name })
    assert.equal(0, run { "schema", "lint", "--strict", file '{"type":"null"}' })
    status, text = run { "schema", "lint", file '{"type":\n}' }
    assert.equal(1, status)
    assert.truthy(text:find(":2:1: refused: malformed JSON", 1, true), text)
  end)
end)

describe("the command line", function()
  it("shows its version and its help, which are no faults", function()
    local host = fake {}
    assert.equal(0, cli.main({ "--version" }, host))
    assert.equal("xai " .. xai.version .. "\n", said(host))
    for _, args in ipairs { { "--help" }, { "ask", "-h" }, { "sim", "--help" } } do
      host = fake {}
      assert.equal(0, cli.main(args, host))
      assert.truthy(said(host):find("Usage: xai", 1, true))
    end
  end)

  -- Each command with each long option that its help names: { "ask", "--model" } ...
  local function options_of_all()
    local list = {}
    local commands = { "", "ask", "chat", "models", "doctor", "sim", "completion", "schema check", "schema lint" }
    for _, command in ipairs(commands) do
      local args, host = {}, fake {}
      for word in command:gmatch "%S+" do args[#args + 1] = word end
      args[#args + 1] = "--help"
      assert.equal(0, cli.main(args, host))
      for option in said(host):gmatch "%-%-%l[%a-]+" do list[#list + 1] = { command, option } end
    end
    assert.is_true(#list > 20)
    return list
  end

  it("teaches each shell its words, all commands and all options", function()
    for shell, sign in pairs { bash = "complete -F _xai", zsh = "#compdef xai", fish = "complete -c xai" } do
      local host = fake {}
      assert.equal(0, cli.main({ "completion", shell }, host))
      local script = said(host)
      assert.truthy(script:find(sign, 1, true))
      for _, pair in ipairs(options_of_all()) do
        for word in pair[1]:gmatch "%S+" do assert.truthy(script:find("%f[%w]" .. word .. "%f[%W]"), word) end
        local option = shell == "fish" and "-l " .. pair[2]:sub(3) or pair[2]
        assert.truthy(script:find(option, 1, true), shell .. " " .. pair[1] .. " " .. option)
      end
    end
    assert.equal(2, cli.main({ "completion", "tcsh" }, fake {}))
  end)

  it("has a manual that names each command and each option", function()
    local file = assert(io.open "bin/xai.1")
    local manual = file:read("*a"):gsub("\n%.Fl ([%w-]+)", "\n-%1"):gsub("Fl ([%w-]+)", "-%1"):gsub(" , %-", "\n--")
    file:close()
    for _, pair in ipairs(options_of_all()) do
      assert.truthy(manual:find(pair[1], 1, true), pair[1])
      assert.truthy(manual:find(pair[2], 1, true), pair[1] .. " " .. pair[2])
    end
  end)

  it("has status 2 for wrong arguments", function()
    local function refused(words, args)
      local host = fake {}
      assert.equal(2, cli.main(args, host))
      assert.truthy(complained(host):find(words, 1, true), complained(host))
      assert.equal("", said(host))
    end
    refused("; see xai --help", {})
    refused("; see xai --help", { "frobnicate" })
    refused("Did you mean 'ask'? See xai --help", { "aks" })
    refused("; see xai ask --help", { "ask", "--nope" })
    refused("too many arguments: put the question in quotes; see xai ask --help", { "ask", "a", "b" })
    refused("the port must be a whole number, not 'abc'; see xai sim --help", { "sim", "--port", "abc" })
    refused("the seed must be a whole number, not '1.5'", { "sim", "--seed", "1.5" })
  end)

  -- The rest needs a process of its own: what the shell sees.
  local first = 0
  while arg and arg[first - 1] do first = first - 1 end
  local command = ("XAI_SIMULATE=1 '%s' bin/xai "):format(arg and arg[first] or "lua")

  local function shell(line)
    local pipe = assert(io.popen("{ " .. line .. "; } 2>&1; echo \"status $?\""))
    local text = pipe:read "*a"
    pipe:close()
    return text
  end

  it("is silent when it is interrupted, with status 130", function()
    for _, fault in ipairs { "interrupted!", "/usr/share/lua/cqueues.lua:101: interrupted!" } do
      local host = fake {}
      host.client = function() error(fault, 0) end
      assert.equal(130, cli.main({ "ask", "Why?" }, host))
      host.client = function() return nil, fault end
      assert.equal(130, cli.main({ "ask", "Why?" }, host))
      assert.equal("", complained(host))
    end
    local host = fake {}
    host.client = function() error "another fault" end
    local ok, fault = pcall(cli.main, { "ask", "Why?" }, host)
    assert.is_false(ok)
    assert.truthy(fault:find("another fault", 1, true))
  end)

  it("is silent at a real Ctrl-C while it waits, with status 130", function()
    local program = [[
      local real, cli, loop = require "xai.cli.host", require "xai.cli", require "xai.loop"
      local host = real.new()
      host.client = function()
        io.popen("kill -INT $PPID"):close()
        loop.sleep(3600)
      end
      os.exit(cli.main({ "ask", "Why?" }, host))]]
    local text = shell(("'%s' -e '%s'"):format(arg and arg[first] or "lua", program))
    assert.equal("status 130\n", text)
  end)

  it("keeps what is simulated apart from the output", function()
    local text = shell(command .. "ask --no-stream Hello 2>/dev/null")
    assert.truthy(text:find("^Hello! .-\nstatus 0\n$"))
    assert.truthy(shell(command .. "ask Hello >/dev/null"):find("simulated", 1, true))
  end)

  it("has status 1 and no traceback when the disk is full", function()
    local probe = io.open("/dev/full", "w")
    if not probe then return end -- not on this system
    probe:close()
    local text = shell(command .. "ask Hello >/dev/full")
    assert.truthy(text:find("could not write the output: No space left on device", 1, true))
    assert.truthy(text:find("status 1\n", 1, true))
    assert.is_nil(text:find("traceback", 1, true))
  end)

  it("has status 1 and no traceback when nobody reads the output any more", function()
    -- The loop ends when the reader is gone: only then does the command begin to write.
    local gone = "until ! (trap '' PIPE; echo x) 2>/dev/null; do :; done; "
    local text = shell("{ " .. gone .. command .. "ask Hello; echo \"ended $?\" >&2; } | true")
    assert.truthy(text:find("could not write the output: Broken pipe", 1, true))
    assert.truthy(text:find("ended 1\n", 1, true))
    assert.is_nil(text:find("traceback", 1, true))
  end)
end)
