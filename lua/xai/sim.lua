--- A simulator of the API: answers as it does, deterministically, and keeps the bill it would have sent.
-- SPDX-License-Identifier: MIT
local chat      = require "xai.sim.chat"
local dates     = require "xai.sim.dates"
local errors    = require "xai.sim.errors"
local faults    = require "xai.sim.faults"
local json      = require "xai.sim.json"
local ledger    = require "xai.sim.ledger"
local models    = require "xai.sim.models"
local options   = require "xai.options"
local prices    = require "xai.prices"
local rand      = require "xai.sim.rand"
local replay    = require "xai.sim.replay"
local responses = require "xai.sim.responses"
local script    = require "xai.sim.script"
local shelf     = require "xai.sim.shelf"
local wire      = require "xai.sim.wire"
local work      = require "xai.sim.work"

local object, make = json.object, errors.make

local EPOCH = 1790000000   -- what the simulator's calendar shows first
local STORED_BYTES = 64 * 2^20    -- of request bodies behind stored responses, and of prompts in the cache
local LONGEST_BODY = 32 * 2^20
local ATTEMPTS = 10000            -- calls whose attempts are counted, the latest ones
local ENDS = 2^15                 -- bytes at either end of a body by which it is known again
local USER = "0d9b6a5e-71c8-4f23-b0a4-e5c2d8f91736"

--- @class xai.Sim
--- @field ledger xai.sim.Entry[]
local Sim = {}
local mt = { __name = "xai.sim", __index = Sim }

--- @class xai.sim.Exchange
--- @field status integer?     nil: no answer, the connection fails as `finish` says
--- @field headers string[][]  { name, value }
--- @field steps table[]       { wait = seconds, bytes = string }: the body
--- @field delay number        seconds before the headers
--- @field finish string       "done", "short", "reset", "stall", "refused", "resolve", "tls" or "timeout"

local OPTIONS = {
  seed = "number", keep = "count", keep_entries = "count", scenario = "any", faults = "any", models = "table",
  price_book = "table", replay = "string|table",
  done_marker = "boolean", keys = "table", latency = "number", deferred_polls = "number", clock = "any",
  unknown_model_status = "number",
}

--- @class xai.sim.Options
--- @field seed integer?          another seed, other words and identifiers (default 1)
--- @field keep integer?          responses that stay stored, the latest ones (default 1000)
--- @field keep_entries integer?  entries that the ledger shows at least, the latest ones (default 10000)
--- @field scenario table|function|nil  what to say and do: a list used up one entry a request, or a function of it
--- @field faults table|function|nil    the same for what goes wrong, on top of the scenario
--- @field models string[]?       the models that keys may use; default: all
--- @field price_book table?      as made by xai.prices; default: the one of the library
--- @field replay string|string[]|nil  recordings to play instead of answering
--- @field done_marker boolean?   end streams of /v1/responses with "data: [DONE]" (the API does not)
--- @field keys string[]?         keys to accept; default: any that begins with "xai-"
--- @field latency number?        seconds between tokens (default 0)
--- @field deferred_polls integer?  polls answered 202 before a deferred completion is ready (default 2)
--- @field clock fun(): integer   Unix seconds; default: a calendar of its own that moves with each request
--- @field unknown_model_status integer?  400 (default) or 404

local function accepted(keys)
  if not keys then return nil end
  local set = {}
  for _, key in ipairs(keys) do set[key] = true end
  return set
end

--- Raises for a number that has the right type and no sense.
local function check_numbers(o, level)
  if o.seed and (o.seed % 1 ~= 0 or math.abs(o.seed) > rand.GREATEST_SEED) then
    error(('xai.sim.new: option "seed" must be a whole number up to 2^40, not %s'):format(tostring(o.seed)), level + 1)
  end
  for _, name in ipairs { "latency", "deferred_polls" } do
    if o[name] and not (o[name] >= 0 and o[name] < math.huge) then
      error(('xai.sim.new: option "%s" must be 0 or more, not %s'):format(name, tostring(o[name])), level + 1)
    end
  end
end

--- A simulator, for `xai.new { simulate = ... }` or for a server of your own.
--- @param given xai.sim.Options?
--- @param level integer?  whose line a mistake in the options is shown at; default 2, the caller's
--- @return xai.Sim
local function new(given, level)
  level = level or 2
  local o = options.check("xai.sim.new", given, OPTIONS, level)
  check_numbers(o, level)
  local keep = o.keep or 1000
  local book = o.price_book or prices.new()
  local recordings, unplayable
  if o.replay then recordings, unplayable = replay.open(o.replay) end
  if unplayable then error(unplayable, 0) end   -- as it is: the command shows it to its user
  return setmetatable({
    seed           = o.seed or 1,
    latency        = o.latency or 0,
    done_marker    = o.done_marker or false,
    deferred_polls = o.deferred_polls or 2,
    unknown_model_status = o.unknown_model_status or 400,
    book       = book,
    models     = models.new(o.models, book),
    keys       = accepted(o.keys),
    clock      = o.clock,      -- fun(): integer, nil: our own calendar
    scenario   = script.new("scenario", o.scenario, level),
    faults     = script.new("faults", o.faults, level),
    recordings = recordings,   -- nil: the model answers
    ledger     = ledger.new(o.keep_entries or 10000),
    stored     = shelf.new(keep, STORED_BYTES),   -- response id -> what chaining and GET need
    deferred   = shelf.new(keep, STORED_BYTES),   -- request id -> completion and polls left
    cache      = shelf.new(keep, STORED_BYTES),   -- model and key -> the last prompt
    attempts   = shelf.new(ATTEMPTS),             -- call -> how often it was sent
    players    = setmetatable({}, { __mode = "k" }),   -- client handle -> player
    requests   = 0,
    played     = 0,            -- recordings played so far
  }, mt)
end

--- The calendar, in Unix seconds.
--- @return integer
function Sim:seconds()
  if self.clock then return self.clock() end
  return EPOCH + 100 * (self.requests - 1)
end

--- Total ticks billed so far.
--- @return integer
function Sim:billed()
  return self.ledger:total()
end

-- who asks -------------------------------------------------------------------------------------------------------

--- @private
--- @return table? refusal
function Sim:check_key(request)
  local header = request.headers["authorization"]
  local key = header and header:match "^[Bb]earer%s+(%S+)%s*$"
  if not key then return make.no_key() end
  local known = self.keys and self.keys[key]
  if not self.keys then known = key:match "^xai%-." ~= nil end
  if not known then return make.wrong_key(key) end
end

--- @private
function Sim:find_model(request)
  local name = json.field(request.decoded, "model") or "latest"
  local entry, effort = self.models:resolve(name)
  if entry then return entry, effort end
  return nil, nil, self.unknown_model_status == 404 and make.no_such_model(name) or make.unknown_model(name)
end

-- routes ---------------------------------------------------------------------------------------------------------

local function listing(value)
  return { status = 200, content_type = "application/json", steps = { { wait = 0, bytes = json.encode(value) } } }
end

local function list(sim, key, form)
  local out = json.array {}
  for i, entry in ipairs(sim.models.list) do out[i] = sim.models[form](sim.models, entry) end
  if key == "models" then return listing(object("models", out)) end
  return listing(object("object", "list", "data", out))
end

local function one(sim, name, form)
  local entry = sim.models:resolve(name)
  if not entry then return nil, make.model_missing() end
  return listing(sim.models[form](sim.models, entry))
end

local function redacted(request)
  return "xai-..." .. request.headers["authorization"]:sub(-4)
end

local function api_key(_, _, request)
  local time = "2026-03-02T09:15:27.104Z"
  return listing(object("redacted_api_key", redacted(request), "user_id", USER, "name", "simulator",
    "create_time", time, "modify_time", time, "modified_by", USER, "team_id", errors.TEAM,
    "acls", json.array { "api-key:model:*", "api-key:endpoint:*" },
    "api_key_id", "c5a80e73-4b19-4d62-8f07-d1e93b6a2c58", "team_blocked", false, "api_key_blocked", false,
    "api_key_disabled", false))
end

local function me(_, _, request)
  return listing(object("user_id", USER, "team_id", errors.TEAM, "zdr_status", "no_zdr", "team_blocked", false,
    "api_key", object("redacted_api_key", redacted(request), "api_key_id", "c5a80e73-4b19-4d62-8f07-d1e93b6a2c58",
      "blocked", false, "disabled", false)))
end

local EMPTY = function() return listing(object("models", json.array {})) end

-- pattern of the path -> method -> fun(sim, id, request, query); a table instead of a function generates
local ROUTES = {
  { "^/models$", GET = function(sim) return list(sim, "data", "brief") end },
  { "^/models/([^/]+)$", GET = function(sim, id) return one(sim, id, "brief") end },
  { "^/language%-models$", GET = function(sim) return list(sim, "models", "full") end },
  { "^/language%-models/([^/]+)$", GET = function(sim, id) return one(sim, id, "full") end },
  { "^/embedding%-models$", GET = EMPTY },
  { "^/api%-key$", GET = api_key },
  { "^/me$", GET = me },
  { "^/responses$", POST = responses },
  { "^/responses/([^/]+)$", GET = function(sim, id) return responses.get(sim, id) end,
    DELETE = function(sim, id) return responses.delete(sim, id) end },
  { "^/responses/([^/]+)/input_items$",
    GET = function(sim, id, _, query) return responses.input_items(sim, id, query) end },
  { "^/chat/completions$", POST = chat },
  { "^/chat/deferred%-completion/([^/]+)$", GET = function(sim, id) return chat.fetch(sim, id) end },
}

local function query_of(text)
  local out = {}
  for name, value in (text or ""):gmatch "([^&=]+)=([^&]*)" do out[name] = value end
  return out
end

local function route(method, path)
  for _, entry in ipairs(ROUTES) do
    local id = path:match(entry[1])
    if id then
      if not entry[method] then return nil, nil, make.method() end
      return entry[method], id
    end
  end
  return nil, nil, make.no_route(path)
end

-- answering ------------------------------------------------------------------------------------------------------

--- Checks in the API's order, then the model's answer.
--- @private
function Sim:generate(endpoint, request)
  if not (request.headers["content-type"] or ""):match "^application/json" then return nil, make.media_type() end
  if request.too_large then return nil, make.too_large() end
  if request.decoded == nil then return nil, make.syntax(request.syntax) end
  local reason = endpoint.shape_fault(request.decoded)
  if reason then return nil, make.shape(reason, request.body, endpoint == chat) end
  local model, preset, unknown = self:find_model(request)
  if not model then return nil, unknown end
  request.model = model.id
  local refusal = self:check_key(request)
  if refusal then return nil, refusal end
  local ask, refused = endpoint.arguments(self, request, request.decoded, model, preset)
  if not ask then return nil, refused end
  local tokens = work.prompt_tokens(ask)
  if tokens > model.context then return nil, make.prompt_too_long(model.context, tokens) end
  return endpoint.create(self, request, ask)
end

--- @private
function Sim:play(request)
  self.played = self.played + 1
  request.model = json.is_object(request.decoded) and json.field(request.decoded, "model") or nil
  return replay.play(self.recordings, self.played, self.latency)
end

--- @private
function Sim:serve_route(request)
  local target, id, refusal = route(request.method, request.route)
  if not target then return nil, refusal end
  if type(target) == "table" then
    if self.recordings then return self:play(request) end
    return self:generate(target, request)
  end
  local wrong = self:check_key(request)
  if wrong then return nil, wrong end
  return target(self, id, request, request.query)
end

local function add_limits(headers)
  local limits = { { "x-ratelimit-limit-requests", "7200" }, { "x-ratelimit-remaining-requests", "7199" },
    { "x-ratelimit-limit-tokens", "50000000" }, { "x-ratelimit-remaining-tokens", "49990000" } }
  for _, pair in ipairs(limits) do headers[#headers + 1] = pair end
end

local function headers_of(exchange, chance, seconds)
  local headers = {}
  if exchange.content_type then headers[1] = { "content-type", exchange.content_type } end
  if not exchange.streaming then
    local size = 0
    for _, step in ipairs(exchange.steps) do size = size + #step.bytes end
    headers[#headers + 1] = { "content-length", ("%d"):format(size) }
  end
  headers[#headers + 1] = { "date", dates.http(seconds) }
  headers[#headers + 1] = { "x-request-id", chance:uuid() }
  headers[#headers + 1] = { "x-zero-data-retention", "false" }
  headers[#headers + 1] = { "x-data-retention", "general" }
  headers[#headers + 1] = { "server", "cloudflare" }
  headers[#headers + 1] = { "cf-ray", chance:hex(16) .. "-ZRH" }
  if exchange.work then add_limits(headers) end
  return headers
end

local function refused(refusal)
  local steps = {}
  if refusal.body ~= "" then steps[1] = { wait = 0, bytes = refusal.body } end
  return { status = refusal.status, content_type = refusal.content_type, steps = steps }
end

--- How often this call was sent: clients that name a call are believed, others are known by what they ask.
--- @private
function Sim:count_attempt(request)
  local name = request.headers["x-client-request-id"]
  if not name then
    local ends = request.body:sub(1, ENDS) .. request.body:sub(math.max(ENDS + 1, #request.body - ENDS))
    name = ("%s %s %d %d %d"):format(request.method, request.path, #request.body, rand.hash(ends),
      rand.hash(ends, 65599))   -- two, for one alone is too short to tell ten thousand bodies apart
  end
  local count = (self.attempts:get(name) or 0) + 1
  self.attempts:put(name, count)
  return count
end

--- @private
function Sim:prepare(given)
  self.requests = self.requests + 1
  local path, query = (given.path or "/"):match "^([^?]*)%??(.*)$"
  local request = {
    number = self.requests, method = given.method or "GET", path = path, query = query_of(query),
    route = path:gsub("^/v1%f[/%z]", ""), headers = given.headers or {}, body = given.body or "",
    decoded = nil, syntax = nil, script = nil, model = nil, chance = rand.new(self.seed, self.requests),
  }
  request.too_large = #request.body > LONGEST_BODY
  if not request.too_large then request.decoded, request.syntax, request.too_large = json.read(request.body) end
  request.script = script.join(self.scenario:pick(request), self.faults:pick(request))
  return request
end

--- The model's answer or a refusal, and what it costs.
--- @private
function Sim:carry_out(request, entry)
  local exchange, refusal = self:serve_route(request)
  exchange = exchange or refused(refusal)
  entry.model = request.model
  local usage = exchange.work and exchange.work.usage or exchange.usage
  if usage and usage.cost_in_usd_ticks then self.ledger:charge(entry, usage, usage.cost_in_usd_ticks) end
  if exchange.streaming and exchange.work then exchange.entry, exchange.ledger = entry, self.ledger end
  return exchange
end

--- A fault that stands in the place of the answer. Nothing is generated unless the fault says that it was.
--- @private
function Sim:stand_in(request, entry, refusal)
  local fault = request.script
  if fault.billed then self:carry_out(request, entry) end
  if fault.error == "content_policy" and request.route == "/responses" then
    self.ledger:charge(entry, entry.usage, self.book.violation_fee or 0)
  end
  return refused(refusal)
end

local function model_name(request)
  if not json.is_object(request.decoded) then return nil end
  local name = json.field(request.decoded, "model")
  return type(name) == "string" and name or nil
end

local function unconnected(finish)
  return { status = nil, headers = {}, steps = {}, delay = 0, finish = finish }
end

local function fault_of(request)
  local text = request.headers["x-sim-fault"]
  if not text then return end
  local fault, err = faults.parse(text)
  if not fault then return nil, errors.invalid(err) end
  request.script = script.join(request.script, fault)
end

--- Answer one request. Pure: nothing waits and nothing is sent; what is to happen when is in the exchange.
--- @param given { method: string, path: string, headers: table<string, string>, body: string }
---   path with or without the /v1 in front; header names in lower case
--- @return xai.sim.Exchange
function Sim:answer(given)
  local request = self:prepare(given)
  local entry = self.ledger:open(request.number, request.method, request.path, self:count_attempt(request))
  local _, bad = fault_of(request)
  local fault = request.script
  local finish = faults.no_connection(fault)
  if finish then return unconnected(finish) end
  local instead = bad or faults.instead(fault, model_name(request))
  local exchange = instead and self:stand_in(request, entry, instead) or self:carry_out(request, entry)
  if fault.drop then return unconnected "reset" end
  exchange.headers = headers_of(exchange, request.chance, self:seconds())
  exchange.delay, exchange.finish = exchange.delay or 0, "done"
  entry.status = exchange.status
  faults.apply(exchange, fault)
  return exchange
end

--- Play what a client of this process has asked for, as far as its clock allows. Call it beside the client's step.
--- @param handle table  a client of xai.core with transport = "scripted"
--- @return number? seconds  until the next thing is due; nil: nothing is
function Sim:pump(handle)
  local player = self.players[handle]
  if not player then
    player = wire.new(self, handle)
    self.players[handle] = player
  end
  return player:pump()
end

--- Answer over HTTP until stopped; needs the rock `http`.
--- @param given xai.sim.ServeOptions
--- @return true? served
--- @return string? fault  why it could not
local function serve(given)
  return require("xai.sim.server").serve(given, new, LONGEST_BODY)
end

--- @class xai.sim
local module = { new = new, serve = serve }

return module
