--- Browser <-> nginx <-> API: passes a stream on as it comes, and accounts for it however it ends.
-- SPDX-License-Identifier: MIT
--
-- What has come goes out at once, and what comes next is not taken before the browser's socket has room: so a slow
-- reader slows the API's server down and costs no memory here. With `lua_check_client_abort on` a browser that
-- goes away ends the call at the API at once; without it, as soon as the next event cannot be written.
local core = require "xai.core"
local errors = require "xai.error"
local options_of = require "xai.options"

--- @class xai.ngx.Relay
--- @field client xai.Client
--- @field api string?            "responses" (default) or "chat": which of the API's streams; chat completions go out
---   as the API writes them, without names of events and with data: [DONE] at their end, as clients of it expect
--- @field body string|table?     what to ask; default: the JSON object in the request's body
--- @field prepare (fun(body: table): table?, string?)?  makes of the browser's body what is sent, or nil and why
---   not (status 400). Without it the browser decides what your key pays for.
--- @field options xai.CallOptions?
--- @field on_end fun(report: xai.ngx.Report)?  called once, whatever happens; may not raise (that is only logged)
local known = { client = "table", api = "string", body = "string|table", prepare = "function", options = "table",
  on_end = "function" }

--- What a relay came to: for the log, the ledger, the bill.
--- @class xai.ngx.Report
--- @field outcome string      "complete", "incomplete", "refused", "failed", "cancelled", or "rejected" by prepare
--- @field client_gone boolean the browser went away
--- @field usage table?        the API's own, as far as it was seen; nil: unknown, not zero
--- @field cost number?        in ticks; nil: unknown
--- @field error xai.Error?
--- @field request_id string?  the API's
--- @field events integer      passed on
--- @field bytes integer       likewise
--- @field first number?       seconds until the first one
--- @field seconds number      in all

-- What a browser is told before the stream begins. The particulars of our account are for the log alone.
local statuses = {
  rate = 429, overloaded = 503, limit = 503, timeout = 504,
  invalid_request = 400, usage = 400, context_length = 400, policy = 400, too_large = 413, not_found = 400,
}
local words = {
  [429] = "too many requests, try again later", [502] = "the service is not available",
  [503] = "the service is busy, try again later", [504] = "the service did not answer in time",
}

local function error_object(err)
  local status = statuses[err.kind] or 502
  return { kind = err.kind, message = words[status] or err.message }, status
end

local function refuse(err)
  local object, status = error_object(err)
  ngx.status = status
  ngx.header.content_type = "application/json"
  if err.retry_after then ngx.header.retry_after = math.ceil(err.retry_after) end
  ngx.say(core.encode { error = object })
end

-- ------------------------------------------------------------------ what to ask

local function invalid(message)
  return nil, errors.new { kind = "invalid_request", code = "body", message = message }
end

local function read_body()
  ngx.req.read_body()
  local text = ngx.req.get_body_data()
  if not text and ngx.req.get_body_file() then
    return nil, errors.new { kind = "too_large", code = "body", message = "the body is too large",
      hint = "raise client_body_buffer_size to client_max_body_size: a body in a file is not read, for that blocks" }
  end
  local body = core.decode(text or "")
  if type(body) ~= "table" or #body > 0 then return invalid "the body is no JSON object" end
  return body
end

local function body_of(given)
  local body, err = given.body, nil
  if body == nil then body, err = read_body() end
  if not body or not given.prepare then return body, err end
  local prepared, why = given.prepare(body)
  if not prepared then return invalid(why or "this cannot be asked here") end
  return prepared
end

-- ------------------------------------------------------------------ the stream

-- How each of the API's streams is asked for and written; `last` ends one that is whole.
local streams = {
  responses = { ask = "stream", name = true, error = "error" },
  chat = { ask = "chat_stream", name = false, last = "data: [DONE]\n\n" },
}

local function lines_of(name, data)
  if data:find("\n", 1, true) then data = data:gsub("\n", "\ndata: ") end
  return (name and "event: " .. name .. "\n" or "") .. "data: " .. data .. "\n\n"
end

local print, flush = ngx.print, ngx.flush -- asked for with every event

-- False when the browser is gone. Of strings nginx takes each once, of a table it asks for each twice.
local function write(...)
  return print(...) and flush(true) or false
end

local function begin()
  ngx.header.content_type = "text/event-stream"
  ngx.header.cache_control = "no-store"
  ngx.header.x_accel_buffering = "no" -- a further nginx in front of us
end

-- The same event by event, where the stream is simulated.
local function pass_one_by_one(stream, named, pass)
  for event in stream:events() do
    if event.raw then -- no news of a further attempt
      local text = lines_of(named and event.name, event.raw)
      pass({ text }, #text, 1)
    end
  end
end

local function pass_on(stream, way, report, started)
  local function pass(lines, bytes, count)
    if report.client_gone then return end
    if report.events == 0 then
      begin()
      report.first = core.now() - started
    end
    if write(unpack(lines)) then
      report.events, report.bytes = report.events + count, report.bytes + bytes
    else
      report.client_gone = true
      stream:cancel()
    end
  end
  if not stream.call:pass(way.name, pass) then pass_one_by_one(stream, way.name, pass) end
end

local function account(report, response, err)
  local answer = response or err and err.response
  report.outcome = response and "complete" or err.outcome or "failed"
  report.error = err
  report.request_id = answer and answer.id or err and err.request_id
  report.usage = answer and type(answer.usage) == "table" and answer.usage or nil -- null while it is in progress
  report.cost = report.usage and answer.cost and answer:cost() or nil
end

local function end_badly(way, report, err)
  if report.client_gone then return end
  if report.events == 0 then return refuse(err) end
  local object = error_object(err)
  if err.kind == "truncated" then object.message = "the answer broke off" end
  if way.error then object.type = way.error else object = { error = object } end
  report.client_gone = not write(lines_of(way.error, core.encode(object)))
end

local function end_well(way, report)
  if report.client_gone or report.events == 0 or not way.last then return end
  report.client_gone = not write(way.last)
end

local function run(given, report, started)
  local body, err = body_of(given)
  if not body then
    report.outcome, report.error = "rejected", err
    return refuse(err)
  end
  local way = streams[given.api or "responses"]
  local stream, fault = given.client[way.ask](given.client, body, given.options)
  if not stream then
    report.error = fault
    return refuse(fault)
  end
  -- Where clients are not checked, or the handler has a callback of its own, writing fails soon enough.
  ngx.on_abort(function()
    report.client_gone = true
    stream:cancel()
  end)
  pass_on(stream, way, report, started)
  local response, failure = stream:result()
  account(report, response, failure)
  if failure then end_badly(way, report, failure) else end_well(way, report) end
end

--- Answer the request that nginx handles now with a stream of the API's own events.
--- @param given xai.ngx.Relay
--- @return xai.ngx.Report
return function(given)
  given = options_of.check("xai.ngx.relay", given, known)
  if not given.client then error("xai.ngx.relay: a client is needed", 2) end
  if given.api and not streams[given.api] then error('xai.ngx.relay: api must be "responses" or "chat"', 2) end
  local started = core.now()
  local report = { outcome = "failed", client_gone = false, events = 0, bytes = 0, seconds = 0 }
  local ok, fault = pcall(run, given, report, started)
  report.seconds = core.now() - started
  if given.on_end then
    local told, why = pcall(given.on_end, report)
    if not told then ngx.log(ngx.ERR, "xai.ngx.relay: on_end: ", tostring(why)) end
  end
  if not ok then error(fault, 0) end
  return report
end
