--- The client: a key, an address, connections; one method for each thing the API does.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local errors = require "xai.error"
local keys = require "xai.key"
local late = require "xai.late"
local links = require "xai.link"
local logs = require "xai.log"
local loop = require "xai.loop"
local options_of = require "xai.options"
local prices = require "xai.prices"
local random = require "xai.random"
local rates = require "xai.rates"
local requests = require "xai.request"
local responses = require "xai.response"

local DEFAULT_MODEL = "grok-4.6"
local DEFAULT_URL = "https://api.x.ai/v1"

--- @class xai.Options
--- @field api_key string|function|false?  default: XAI_API_KEY, else what the file XAI_API_KEY_FILE holds. A function
---   is asked by each call: it gives the key and, if it likes, a name for it, or nil and why. false: send none
--- @field api_key_file string?    read instead, and again after it was refused; a line end at its end is dropped
--- @field key_name string?        what errors call a key that was refused, instead of its last four characters
--- @field log function|file*|"stderr"|boolean?  gets each log line, and its level; default: XAI_LOG, see log_level
--- @field log_level string?       "error", "warn", "info" (the default), "debug" or "off"; XAI_LOG=debug logs to stderr
--- @field on_end fun(report: xai.CallReport)? told of each call when it has ended, also when nobody waits for it any
---   more: for a ledger. It may neither call nor wait; what it raises is only reported
--- @field base_url string?        default: XAI_BASE_URL, else https://api.x.ai/v1
--- @field model string?           for bodies that name none; default grok-4.6
--- @field simulate boolean|table? true, options of xai.sim, or a simulator; default: XAI_SIMULATE
--- @field timeout number?         seconds for a whole call, retries included; default 3600
--- @field headers table?          name -> value, sent with every call
--- @field max_attempts integer?   default 3; 1 switches retrying off
--- @field retry_unknown boolean?  also repeat attempts that may have been billed already
--- @field allow_truncated boolean? an answer cut at a token limit is a response, not an error
--- @field limits table?           further ones, see `known_limits`
--- @field user_agent string?      put before the library's own
--- @field ca_file string?         PEM bundle, which alone is believed; default: what SSL_CERT_FILE and SSL_CERT_DIR
---   name, else the bundle and folder of the system
--- @field proxy string?           URL; "" for none; default: the environment's
--- @field seed integer?           above 0; makes jitter and cache keys repeatable
--- @field max_calls integer?      in flight at once
--- @field max_connections integer?
--- @field require_staple boolean? the server must staple a good OCSP answer, or nothing is said to it
--- @field http string?            "1.1" (default): a connection for each call in flight; "2": calls share them
---   (an error with a libcurl before 7.88.1)
--- @field rates xai.Rate[]?        rate limits known beforehand: what exceeds them waits here; see also `learn_rates`
--- @field learn_rates boolean?    default true: limits, waits and slower paces are learned from answers and 429s
--- @field share string?           path of a file, made if there is none: what `rates` allow is shared by all clients of
---   this machine, in any process, that name it
--- @field budget xai.BudgetOptions? what calls may cost, in dollars or tokens: one that does not fit is not sent
--- @field breaker boolean|xai.BreakerOptions? false: a service that keeps failing is asked on and on
local known_options = {
  api_key = "string|boolean|function", api_key_file = "string", key_name = "string",
  log = "function|file|string|boolean", log_level = "string", on_end = "function",
  base_url = "string", model = "string", simulate = "boolean|table",
  timeout = "seconds", headers = "table", max_attempts = "count", retry_unknown = "boolean",
  allow_truncated = "boolean", limits = "table", user_agent = "string", ca_file = "string", proxy = "string",
  seed = "count", max_calls = "count", max_connections = "count", http = "string",
  require_staple = "boolean",
  rates = "table", learn_rates = "boolean", share = "string", budget = "table",
  breaker = "boolean|table",
}

--- @class xai.CallOptions
--- @field timeout number?           seconds, retries included; this and the next five as in xai.Options, for one call
--- @field headers table?
--- @field max_attempts integer?
--- @field retry_unknown boolean?
--- @field allow_truncated boolean?
--- @field limits table?
--- @field priority integer?         -9 to 9: each step counts as 10 s of waiting in line for a rate limit
--- @field tokens integer?           that it will use, for tokens_per_minute; default: guessed from the body's size
--- @field most_cost number?         with a budget: the most that it can cost, in dollars (or tokens); default: reckoned
--- @field idempotency_key string?   sent as Idempotency-Key with each attempt of this one call
local known_call_options = {
  timeout = "seconds", headers = "table", max_attempts = "count", retry_unknown = "boolean",
  allow_truncated = "boolean", limits = "table", priority = "priority", tokens = "count", most_cost = "amount",
  idempotency_key = "string",
}

local known_limits = {
  connect = "seconds", handshake = "seconds", first_event = "seconds", silence = "seconds",
  data_silence = "seconds", deadline = "seconds", backoff_base = "seconds", backoff_max = "seconds",
  retry_after_max = "seconds", max_attempts = "count", max_request = "count", max_response = "count",
  max_event = "count", max_headers = "count", max_depth = "count",
}

local known_request = {
  method = "string", path = "string", body = "string|table", reply = "string",
  timeout = "seconds", headers = "table", max_attempts = "count", retry_unknown = "boolean",
  allow_truncated = "boolean", limits = "table", priority = "priority", tokens = "count", most_cost = "amount",
  idempotency_key = "string",
}

local replies = { auto = true, responses = true, chat = true, json = true, bytes = true }

--- @class xai.Client
--- @field model string
--- @field simulated boolean  the answers are invented here: say so wherever they are shown
--- @field base_url string
--- @field prices table       this client's own price book
local Client = {}
local mt = { __name = "xai.client", __index = Client }

-- What may hold a secret lies beside the clients, where no dump of one finds it: `ask`, the key function, and
-- `headers`, those of every call.
local hidden = setmetatable({}, { __mode = "k" })

-- ------------------------------------------------------------------ requests

local none = {} -- no options

local function copy(t)
  local c = {}
  for k, v in pairs(t or none) do c[k] = v end
  return c
end

-- The own `timeout` and `max_attempts` are limits of the core under friendlier names; nil: nothing is limited further.
local function limits_of(where, options, level)
  if not (options.limits or options.timeout or options.max_attempts) then return nil end
  local limits = {}
  if options.limits ~= nil then
    limits = copy(options_of.check(where .. ", limits", options.limits, known_limits, level + 1))
  end
  limits.deadline = options.timeout or limits.deadline
  limits.max_attempts = options.max_attempts or limits.max_attempts
  return limits
end

local function check_client(self, level)
  if getmetatable(self) == mt then return end
  error("this is a method of a client: call it with a colon, as in grok:respond(...)", level + 1)
end

-- The open link of a client; a call written with a dot has none.
local function link_of(self, level)
  check_client(self, level + 1)
  local link = self.link
  if not link.handle then error("this client has been closed", level + 1) end
  return link
end

local function either(a, b)
  if a == nil then return b end
  return a
end

-- Whose rate limits hold: the model that the body names.
local function model_of(body)
  local model = type(body) == "table" and body.model
  return type(model) == "string" and not model:find("\0", 1, true) and model or nil
end

local function allows_truncated(self, options)
  return either(options.allow_truncated, self.options.allow_truncated)
end

-- A request with all that the options say.
local function request_of(self, secret, fixed, body, model, options, level)
  local request = copy(fixed)
  request.body, request.model = body, model_of { model = model }
  request.limits = limits_of("call options", options, level + 1)
  requests.check_headers("call options", options.headers, level + 1)
  request.headers = requests.header_list(secret.headers, options.headers)
  request.priority, request.tokens = options.priority, options.tokens
  request.idempotency_key = options.idempotency_key
  request.retry_unknown = either(options.retry_unknown, self.options.retry_unknown)
  return request
end

local function ask_for_key(self, ask_key, level)
  local key, more = ask_key() -- what it raises goes on to who makes the call; it may close the client
  return keys.take(link_of(self, level + 1).handle, key, more)
end

-- Send one request; `level` points errors at the line of the program. What cannot be sent as it stands is the
-- program's mistake and raised, unless it lies in the values of the body.
local function send(self, secret, fixed, body, model, call, options, level)
  local bar = loop.bar_here()
  if bar then error(bar, level + 1) end
  local request = fixed
  if options ~= none or secret.adds then
    request = request_of(self, secret, fixed, body, model, options, level + 1)
  end
  if secret.ask then
    local known, fault = ask_for_key(self, secret.ask, level + 1)
    if not known then return nil, fault end
  end
  if secret.budget then
    local most, fault = secret.budget:most(request, call, options.most_cost, self)
    if fault then return nil, fault end
    request.most_cost, call.body, call.history = most, nil, nil
  end
  local started, err = self.link:start(request, call, body, model)
  if not started and err.kind == "usage" then error(err.message, level + 1) end
  return started, err
end

-- What each request to an endpoint has in common.
local endpoints = {
  responses = { path = "/responses", reply = "responses" },
  chat = { path = "/chat/completions", reply = "chat" },
}
local streams = {
  responses = { path = "/responses", reply = "responses", stream = true },
  chat = { path = "/chat/completions", reply = "chat", stream = true },
}

local function body_of(self, endpoint, given, level)
  local kind = type(given)
  if kind == "string" then
    if endpoint == "responses" then return { model = self.model, input = given } end
    return { model = self.model, messages = { { role = "user", content = given } } }
  end
  if kind ~= "table" then
    error("the body must be a string or a table of the API's fields, not a " .. kind, level + 1)
  end
  if given.model ~= nil and getmetatable(given) == nil then return given end
  local body = copy(given)
  if body.model == nil then body.model = self.model end
  return body
end

local function streamed_body(endpoint, body, given)
  if body == given then body = copy(body) end
  body.stream = true
  if endpoint == "chat" and body.stream_options == nil then body.stream_options = { include_usage = true } end
  return body
end

local no_tools = {}

-- What the model was offered; nil when that is not known, for an earlier answer may have brought tools along.
local function tools_of(body)
  local tools = body.tools or body.functions
  if tools and type(tools) == "table" then return tools end
  return body.previous_response_id == nil and no_tools or nil
end

-- on_end(value, err) is called as soon as the call has ended, before anybody who waits for it goes on. history: the
-- tokens that the answer of previous_response_id brings along, where they are known.
local function ask(self, endpoint, given, options, streamed, level, on_end, history)
  local link = link_of(self, level + 1)
  if options == nil then options = none
  else options_of.check("call options", options, known_call_options, level + 1) end
  local body = body_of(self, endpoint, given, level + 1)
  if streamed then
    body = streamed_body(endpoint, body, given)
  elseif body.stream == true then
    error("the body asks for a stream: use :stream or :chat_stream", level + 1)
  end
  local secret = hidden[self]
  local text, err = requests.encode(body, true, not secret.budget) -- a budget wants to know its size
  if not text then return nil, errors.from_core(err) end
  local call = { -- what comes later fits in, too: see xai.call
    link = link, id = 0, done = false, folded = true, chat = endpoint == "chat", tools = tools_of(body),
    on_end = on_end, allow_truncated = allows_truncated(self, options), book = self.prices, us = self.us,
  }
  if streamed then call.keep, call.streamed, call.schema = true, true, requests.wanted_schema(body) end
  if secret.budget then call.body, call.history = body, history end
  local started, fault = send(self, secret, (streamed and streams or endpoints)[endpoint], text, body.model, call,
    options, level + 1)
  return started, fault
end

local function finish(call, err)
  if not call then return nil, err end
  local value, fault = call:wait()
  return value, fault, call
end

local function whole(call, err)
  if not call then return nil, err end
  return call:wait()
end

local function streaming(call, err)
  if not call then return nil, err end
  return late("xai.stream").new(call)
end

-- ------------------------------------------------------------------ what the API does

--- Ask and wait for the whole answer.
--- @param body string|table          a question, or the API's own body
--- @param options xai.CallOptions?
--- @return xai.Response? response
--- @return xai.Error? err
function Client:respond(body, options)
  return whole(ask(self, "responses", body, options, false, 2))
end

--- Ask and get the answer as it arrives.
--- @param body string|table
--- @param options xai.CallOptions?
--- @return xai.Stream? stream
--- @return xai.Error? err
function Client:stream(body, options)
  return streaming(ask(self, "responses", body, options, true, 2))
end

--- The same over chat completions, the older endpoint.
--- @param body string|table          a question, or the API's own body
--- @param options xai.CallOptions?
--- @return xai.Response? response
--- @return xai.Error? err
function Client:chat(body, options)
  return whole(ask(self, "chat", body, options, false, 2))
end

--- Ask over chat completions and get the answer as it arrives.
--- @param body string|table
--- @param options xai.CallOptions?
--- @return xai.Stream? stream
--- @return xai.Error? err
function Client:chat_stream(body, options)
  return streaming(ask(self, "chat", body, options, true, 2))
end

local function path_fault(path)
  if type(path) ~= "string" or path:sub(1, 1) ~= "/" then return 'path must be a string that begins with "/"' end
  if path:find "[^\33-\126]" or path:find("#", 1, true) then
    return "path may hold visible ASCII only, without #: escape the rest as %XX"
  end
end

local function check_request(request, level)
  request = options_of.check("client:request", request, known_request, level + 1)
  local fault = path_fault(request.path)
  local method, reply = request.method, request.reply
  if method and not method:find "^%u+$" then fault = "method must be upper-case letters, such as GET" end
  if reply and not replies[reply] then fault = 'unknown reply "' .. reply .. '"' end
  if fault then error("client:request: " .. fault, level + 1) end
  return request
end

local listed_paths = { ["/responses"] = true, ["/chat/completions"] = true }

-- `tools`: what the answer's calls are held against, where another request offered it.
local function fetch(self, request, level, tools)
  link_of(self, level + 1)
  request = check_request(request, level + 1)
  local body, secret = request.body, hidden[self]
  local text, model = body, nil
  if type(body) == "table" then
    local listed = listed_paths[request.path]
    if listed then
      if getmetatable(body) ~= nil then body = copy(body) end
      tools = tools_of(body)
    end
    local encoded, err = requests.encode(body, listed, not secret.budget)
    if not encoded then return nil, errors.from_core(err) end
    text = encoded
    model = body.model
  end
  local fixed = { method = request.method, path = request.path, reply = request.reply or "auto" }
  local call = {
    tools = tools, body = secret.budget and request.body or nil,
    allow_truncated = allows_truncated(self, request), book = self.prices, us = self.us,
  }
  local started, fault = send(self, secret, fixed, text, model, call, request, level + 1)
  return started, fault
end

--- Any path that has no method of its own here.
--- @param request table  path; method (default POST with a body, else GET); body (table: sent as JSON; string:
---   as it is); reply ("auto", "json", "bytes", "responses", "chat"); and any of the call options
--- @return any value     the decoded answer (xai.null for an empty one), or its bytes
--- @return xai.Error? err
--- @return table? meta   status, headers, request_id, attempts
function Client:request(request)
  local value, err, call = finish(fetch(self, request, 2))
  return value, err, call and call:meta()
end

local function not_the_api(what)
  return errors.new {
    kind = "protocol", code = "protocol", message = "the answer breaks the API's protocol: " .. what,
    hint = "the answer was not the API's: check base_url and any proxy in between",
  }
end

-- The list in the API's answer, whose entries must be objects with an id.
local function model_list(reply)
  local list = type(reply) == "table" and (reply.data or reply.models)
  if type(list) ~= "table" or (next(list) ~= nil and #list == 0) then return nil, not_the_api "no list of models" end
  for i, entry in ipairs(list) do
    if type(entry) ~= "table" or type(entry.id) ~= "string" then
      return nil, not_the_api(("entry %d of the models has no id"):format(i))
    end
  end
  return list
end

--- The models that the key may use.
--- @return table[]? models  as GET /v1/models lists them
--- @return xai.Error? err
function Client:models()
  local reply, err = whole(fetch(self, { path = "/models" }, 2))
  if err then return nil, err end
  return model_list(reply)
end

--- Bring this client's price book up to date with the API's own list.
--- @return table? book
--- @return xai.Error? err
function Client:refresh_prices()
  local reply, err = whole(fetch(self, { path = "/language-models" }, 2))
  if err then return nil, err end
  local list, fault = model_list(reply)
  if not list then return nil, fault end
  self.prices = prices.refresh(reply, self.prices)
  return self.prices
end

local known_poll = copy(known_call_options)
known_poll.every, known_poll.patience = "seconds", "seconds"

-- What makes several calls has no one key for them.
local known_turns = copy(known_call_options)
known_turns.idempotency_key = nil

local function deferred_answer(self, response, call, tools)
  if type(response) ~= "table" or type(response.choices) ~= "table" then
    return nil, not_the_api "an answer without choices"
  end
  if responses.is(response) then return response end
  local meta = call:meta()
  meta.outcome, meta.book, meta.us, meta.tools = "complete", self.prices, self.us, tools
  return responses.wrap(response, meta)
end

--- A chat completion that the API works on by itself: ask, then poll for the result. The API hands it out
--- once and within 24 hours.
--- @param body string|table
--- @param options table?  call options, and: every (seconds between polls, 1), patience (seconds, 600)
--- @return xai.Response? response
--- @return xai.Error? err
function Client:chat_deferred(body, options)
  link_of(self, 2)
  options = copy(options_of.check("client:chat_deferred", options, known_poll))
  local every, patience = options.every or 1, options.patience or 600
  options.every, options.patience = nil, nil
  local given = body
  body = body_of(self, "chat", given, 2)
  if body == given then body = copy(given) end
  body.deferred = true
  local request, tools = copy(options), tools_of(body)
  request.path, request.body, request.reply = "/chat/completions", body, "json"
  local ticket, err = whole(fetch(self, request, 2))
  if err then return nil, err end
  local id = type(ticket) == "table" and ticket.request_id
  if type(id) ~= "string" or path_fault("/" .. id) then return nil, not_the_api "no request_id to ask again with" end
  request.path, request.body = "/chat/deferred-completion/" .. id, nil
  request.idempotency_key, request.tokens = nil, nil -- those were for the first call
  local limit = loop.now() + patience
  while loop.now() < limit do
    local response, failed, call = finish(fetch(self, request, 2, tools))
    if failed then return nil, failed end
    if response ~= core.null then return deferred_answer(self, response, call, tools) end
    loop.sleep(every)
  end
  return nil, errors.new {
    kind = "timeout", code = "deferred", retryable = true, request_id = id,
    message = "the deferred answer was not ready in time",
    hint = "ask for it again with the request id, or wait longer",
  }
end

--- Ask for a value that satisfies a schema: the answer is checked here, too, and mended by the model in further
--- turns where it does not fit.
--- @param request xai.ExtractRequest  schema, input, and the API's own fields
--- @param options xai.CallOptions?    for each turn
--- @return any value  nil only with an error. Where the schema allows a bare `false`, that is an answer, too: compare
---   with nil there, for `assert` would take it for a failure
--- @return xai.Response|xai.Error|nil response  with nil the error: kind "refused" (err.refusal), "truncated",
---   "schema" (err.errors), or what else a call ends with; the raw text is in err.text
--- @return xai.ExtractAccount? account  each turn, and what they cost together; also in err.account
function Client:extract(request, options)
  link_of(self, 2)
  options_of.check("call options", options, known_turns)
  return late("xai.extract")(self, request, options, 2)
end

--- A conversation: remembers what was said.
--- @param options xai.ConversationOptions?
--- @return xai.Conversation
function Client:conversation(options)
  link_of(self, 2)
  local conversation = late("xai.conversation").new(self, options, {
    start = function(endpoint, body, call_options, streamed, on_end, level, history)
      local call, err = ask(self, endpoint, body, call_options, streamed, level + 1, on_end, history)
      return call, err
    end,
    wait = whole,
    stream = streaming,
  })
  return conversation
end

-- ------------------------------------------------------------------ life

--- For frame loops: move what there is to move, waiting at most that long, and queue the events.
--- @param seconds number?  default 0: never waits
function Client:step(seconds)
  local link = link_of(self, 2)
  if seconds ~= nil and not (type(seconds) == "number" and seconds >= 0) then
    error("client:step: seconds must be a number, 0 or more", 2)
  end
  link:drive(seconds or 0)
end

--- A descriptor to watch for reading (-1: none), for other people's event loops.
--- @return integer descriptor
function Client:fd() return link_of(self, 2).handle:fd() end

--- Seconds until :step has something to do by the clock; nil: nothing is waited for.
--- @return number? seconds
function Client:timeout() return link_of(self, 2):due() end

--- Calls in flight.
--- @return integer count
function Client:pending() return link_of(self, 2).handle:pending() end

--- How the budget stands.
--- @return xai.BudgetState? state  nil without an error: there is no budget
--- @return xai.Error? err          kind "file"
function Client:budget()
  local link, budget = link_of(self, 2), hidden[self].budget
  if not budget then return nil end
  local state, err = link.handle:budget()
  if not state then return nil, errors.from_core(err) end
  return budget:state(state)
end

--- Another key from now on; calls that have started keep theirs.
--- @param key string|function|false  as the option api_key
--- @param name string?  as the option key_name; nil: as before
--- @return true? done
--- @return xai.Error? err  kind "auth", when it cannot be a key
function Client:set_key(key, name)
  local link = link_of(self, 2)
  if type(key) ~= "string" and type(key) ~= "function" and key ~= false then
    error("client:set_key: the key must be a string, a function or false, not a " .. type(key), 2)
  end
  if name ~= nil and type(name) ~= "string" then error("client:set_key: the name must be a string", 2) end
  if type(key) == "function" then
    hidden[self].ask = key
    return true
  end
  local done, err = keys.set(link.handle, key, name)
  if err and err.kind == "usage" then error("client:set_key: " .. err.message, 2) end
  if done then hidden[self].ask = nil end
  return done, err
end

--- End everything in flight as "cancelled", close the connections, forget the key. A second time is fine.
function Client:close()
  check_client(self, 2)
  self.link:close()
end

mt.__close = Client.close

function mt:__tostring()
  return "xai.client (" .. (self.simulated and "simulated" or self.base_url) .. ")"
end

-- ------------------------------------------------------------------ xai.new

local function environment(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

-- Texts that C reads up to their first NUL, and what the program itself wrote into its options.
local function check_texts(options, level)
  for _, name in ipairs { "base_url", "user_agent", "ca_file", "proxy", "api_key_file", "key_name", "share" } do
    if (options[name] or ""):find("\0", 1, true) then
      error(('xai.new: option "%s" holds a NUL byte'):format(name), level + 1)
    end
  end
  if options.http and options.http ~= "1.1" and options.http ~= "2" then
    error('xai.new: option "http" must be "1.1" or "2"', level + 1)
  end
  if options.api_key and options.api_key_file then
    error("xai.new: only one of the options api_key and api_key_file may be given", level + 1)
  end
  requests.check_headers("xai.new", options.headers, level + 1)
  for name in pairs(options.headers or {}) do
    if name:lower() == "idempotency-key" then
      error("xai.new, headers: an idempotency key belongs to one call: use its option idempotency_key", level + 1)
    end
  end
end

local off = { ["0"] = true, ["false"] = true, ["no"] = true, ["off"] = true }

local function wants_simulation(options)
  if options.simulate ~= nil then return options.simulate end
  local value = environment "XAI_SIMULATE"
  return value ~= nil and not off[value:lower()]
end

local function simulator(wish, seed, level)
  if type(wish) == "table" and type(wish.pump) == "function" then return wish end
  local settings = type(wish) == "table" and wish or { seed = seed }
  local sim = late("xai.sim").new(settings, level + 2)
  return sim
end

--- Make a client. Nothing is sent, nothing is waited for.
--- @param options xai.Options?
--- @param level integer?  whose line a mistake in the options is shown at; default 2, the caller's
--- @return xai.Client? client
--- @return xai.Error? err
local function new(options, level)
  level = level or 2
  options = copy(options_of.check("xai.new", options, known_options, level))
  check_texts(options, level)
  rates.check_rates(options.rates, level)
  rates.check_share(options, level)
  local wish = wants_simulation(options)
  local source, fault = keys.choose(options, wish)
  if not source then return nil, fault end
  local log, log_level = logs.choose(options, level)
  local budget = options.budget and late("xai.budget").new(options.budget, level, wish and true)
  local sim = wish and simulator(wish, options.seed, level) or nil
  local base_url = options.base_url or environment "XAI_BASE_URL" or DEFAULT_URL
  local host = loop.host()
  local link, err = links.new({
    api_key = source.text, api_key_file = source.file, key_name = options.key_name, log_level = log_level,
    base_url = base_url, user_agent = options.user_agent, ca_file = options.ca_file,
    proxy = options.proxy, seed = options.seed, max_calls = options.max_calls,
    max_connections = options.max_connections, http = options.http,
    require_staple = options.require_staple, limits = limits_of("xai.new", options, level),
    rates = options.rates, rates_fixed = options.learn_rates == false, share = options.share,
    budget = budget and budget.core,
    breaker = rates.check_breaker(options.breaker, level), max_ready = host and host.most,
    transport = sim and "scripted" or host and host.transport or "curl", clock = sim and "manual" or "system",
  }, sim, log, options.on_end)
  if not link and err.kind == "usage" and (options.base_url or err.code ~= "url") then
    error("xai.new: " .. err.message, level)
  end
  if not link then return nil, err end
  local client = setmetatable({
    link = link,
    options = options,
    model = options.model or DEFAULT_MODEL,
    base_url = base_url,
    simulated = sim ~= nil,
    sim = sim,
    prices = prices.new(),
    us = base_url:find("//us.api.x.ai", 1, true) ~= nil, -- the US host's tokens cost 10 % more
    random = random.new(options.seed),
  }, mt)
  hidden[client] = {
    ask = source.ask, headers = options.headers, budget = budget or nil,
    adds = (options.headers or budget or options.retry_unknown) and true or false, -- something to each request
  }
  for _, name in ipairs { "api_key", "headers", "proxy", "log" } do options[name] = nil end
  return client
end

return { new = new }
