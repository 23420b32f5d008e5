--- The API's refusals: status, body and content type, in the shapes it has for each.
-- SPDX-License-Identifier: MIT
local json = require "xai.sim.json"

local TEAM = "7e1f4c29-85d6-4b07-93ae-b2c6f0d8e514"
local JSON, TEXT, HTML = "application/json", "text/plain; charset=utf-8", "text/html; charset=UTF-8"

local function answer(status, body, content_type)
  return { status = status, body = body, content_type = content_type }
end

local function flat(status, code, text)
  return answer(status, json.encode(json.object("code", code, "error", text)), JSON)
end

local function invalid(text)
  return flat(400, "invalid-argument", text)
end

--- What a key looks like in an error: two characters at each end.
local function masked(key)
  if #key < 8 then return "***" end
  return key:sub(1, 2) .. "***" .. key:sub(-2)
end

local function html(status, title)
  local page = ("<!DOCTYPE html>\n<html>\n<head><title>api.x.ai | %d: %s</title></head>\n"
    .. "<body>\n<h1>Error %d</h1>\n<p>%s</p>\n</body>\n</html>\n"):format(status, title, status, title)
  return answer(status, page, HTML)
end

local make = {}

function make.wrong_key(key)
  return flat(400, "Client specified an invalid argument",
    ("Incorrect API key provided: %s. You can obtain an API key from https://console.x.ai."):format(masked(key)))
end

function make.no_key()
  return flat(401, "unauthenticated:no-credentials", "No credentials provided.")
end

function make.unknown_model(model)
  return invalid("Model not found: " .. model)
end

function make.no_such_model(model)
  return flat(404, "not-found", ("The model %s does not exist or your team %s does not have access to it. If you "
    .. "believe this is a mistake, please contact support and quote your team ID and the model name.")
    :format(model, TEAM))
end

function make.model_missing()
  return flat(404, "not-found", "Model not found")
end

function make.argument(name)
  return invalid("Argument not supported on this model: " .. name)
end

function make.parameter(model, name)
  return invalid(("Model %s does not support parameter %s."):format(model, name))
end

function make.prompt_too_long(limit, tokens)
  return invalid(("This model's maximum prompt length is %d but the request contains %d tokens.")
    :format(limit, tokens))
end

function make.no_credits()
  return flat(403, "permission-denied", "Your newly created team doesn't have any credits or licenses yet.")
end

function make.spending_limit(status)
  return flat(status or 403, "personal-team-blocked:spending-limit", ("Your team %s has either used all available "
    .. "credits or reached its monthly spending limit."):format(TEAM))
end

function make.content_policy(check)
  local text = "Content violates usage guidelines."
  if check then text = text .. " Failed check: SAFETY_CHECK_TYPE_" .. check end
  return flat(403, "permission-denied", text)
end

function make.permission()
  return flat(403, "permission-denied", "The API key does not have permission to use this endpoint or model.")
end

--- @param retry_after number|string|nil  what the header Retry-After says: seconds, or a date, of which this is silent
function make.rate_limit(model, retry_after)
  local seconds = tonumber(retry_after)
  local text = ("Too many requests for team %s and model %s. Your team's rate limit is \226\128\148 "
    .. "Requests per Second (actual/limit): 151/150, Requests per Minute (actual/limit): 7204/7200.")
    :format(TEAM, model or "grok-4.6")
  if seconds and math.abs(seconds) < 1e9 then text = text .. (" Resets in: %ds."):format(math.ceil(seconds)) end
  return flat(429, "resource-exhausted", text)
end

function make.free_quota()
  return flat(429, "subscription:free-usage-exhausted", "Free usage quota exceeded.")
end

function make.capacity(status)
  return flat(status or 429, "resource-exhausted",
    "The model is currently at capacity due to high demand. Please retry your request shortly.")
end

function make.queue(status)
  return flat(status or 503, "The service is currently unavailable", "Request timed out in queue, abort.")
end

function make.unavailable(status)
  return flat(status or 503, "The service is currently unavailable",
    "Service temporarily unavailable. The model did not respond to this request.")
end

function make.internal()
  return flat(500, "Internal error", "Internal error")
end

function make.syntax(text)
  return answer(400, "Failed to parse the request body as JSON: " .. text, TEXT)
end

--- The body has the wrong shape. `chat` endpoints say so in plain text, the others in JSON.
function make.shape(reason, body, chat)
  local lines, last = 1, 0
  for at in body:gmatch "()\n" do lines, last = lines + 1, at end
  local text = ("Failed to deserialize the JSON body into the target type: %s at line %d column %d")
    :format(reason, lines, #body - last)
  if chat then return answer(422, text, TEXT) end
  return flat(422, "invalid-argument", text)
end

function make.live_search()
  return flat(410, "invalid-argument", "Live search is deprecated. Please switch to the Agent Tools API")
end

function make.stream_and_deferred()
  return answer(400, json.encode "A request may either be streaming or deferred, but not both.", JSON)
end

function make.image(message)
  return answer(400, json.encode(json.object("error", json.object("message", message,
    "type", "invalid_request_error", "param", json.null, "code", "invalid_image"))), JSON)
end

function make.no_response(id)
  return flat(404, "not-found", ("Response with id=%s not found"):format(id))
end

function make.not_found(what)
  return flat(404, "Some requested entity was not found", what .. " not found")
end

function make.no_route(path)
  return answer(404, ("No handler found on route. Please double check your URL %s"):format(path), TEXT)
end

function make.method()
  return answer(405, "", nil)
end

function make.media_type()
  return answer(415, "Expected request with `Content-Type: application/json`", TEXT)
end

function make.too_large()
  return flat(413, "invalid-argument", "The request body is too large.")
end

--- The documented body for a bare status, as a fault asks for it.
local by_status = {
  [400] = function() return invalid "Invalid request." end,
  [401] = make.no_key,
  [402] = function() return make.spending_limit(402) end,
  [403] = make.permission,
  [404] = function(model) return make.no_such_model(model or "grok-9") end,
  [405] = make.method,
  [410] = make.live_search,
  [413] = make.too_large,
  [415] = make.media_type,
  [429] = make.rate_limit,
  [500] = make.internal,
  [503] = function() return make.unavailable() end,
  [529] = function() return make.capacity(529) end,
}

local titles = {
  [502] = "Bad gateway", [504] = "Gateway time-out", [520] = "Web server is returning an unknown error",
  [521] = "Web server is down", [522] = "Connection timed out", [523] = "Origin is unreachable",
  [524] = "A timeout occurred", [525] = "SSL handshake failed", [526] = "Invalid SSL certificate",
  [530] = "Error 1016",
}

--- @param status integer
--- @param model? string
local function for_status(status, model)
  if by_status[status] then return by_status[status](model) end
  if titles[status] then return html(status, titles[status]) end
  if status < 400 then return answer(status, "", nil) end
  return flat(status, "invalid-argument", "The request failed with status " .. status .. ".")
end

--- Errors that can be asked for by name, with what each needs to be told.
local by_name = {
  wrong_key = function() return make.wrong_key "xai-0000000000000000Zq" end,
  no_key = make.no_key,
  unknown_model = function(o) return make.unknown_model(o.model or "grok-9") end,
  no_such_model = function(o) return make.no_such_model(o.model or "grok-9") end,
  argument = function() return make.argument "presencePenalty" end,
  parameter = function(o) return make.parameter(o.model or "grok-4.20-0309-reasoning", "reasoningEffort") end,
  prompt_too_long = function() return make.prompt_too_long(500000, 637815) end,
  no_credits = make.no_credits,
  spending_limit = function(o) return make.spending_limit(o.status) end,
  content_policy = function(o) return make.content_policy(o.code) end,
  permission = make.permission,
  rate_limit = function(o) return make.rate_limit(o.model, o.retry_after) end,
  free_quota = make.free_quota,
  capacity = function(o) return make.capacity(o.status) end,
  queue = function(o) return make.queue(o.status) end,
  unavailable = function(o) return make.unavailable(o.status) end,
  internal = make.internal,
  live_search = make.live_search,
  stream_and_deferred = make.stream_and_deferred,
  image = function() return make.image "bad image" end,
  too_large = make.too_large,
}

--- @param name string
--- @param o { status: integer?, model: string?, code: string?, retry_after: number|string|nil }
local function named(name, o)
  return by_name[name](o)
end

return {
  TEAM = TEAM, answer = answer, flat = flat, invalid = invalid, html = html, make = make, titles = titles,
  for_status = for_status, named = named, is_name = function(name) return by_name[name] ~= nil end,
}
