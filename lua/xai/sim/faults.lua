--- Spoils an exchange on purpose: statuses, delays, cuts, stalls, resets, wrong lengths, errors in mid-stream.
-- SPDX-License-Identifier: MIT
local errors  = require "xai.sim.errors"
local json    = require "xai.sim.json"
local ledger  = require "xai.sim.ledger"
local options = require "xai.options"

--- @class xai.sim.Fault  bytes are counted in the body, from its first; events from the first of the stream
--- @field status integer?      answer with this status and the documented body for it
--- @field error string?        answer with this error of the catalogue (xai.sim.errors.named)
--- @field body string?         with `status`: this body instead
--- @field html integer?        answer with this status and a proxy's HTML page
--- @field empty boolean?       200 without a body
--- @field unavailable boolean? 200 with the "unavailable" error as JSON, also where a stream was asked for
--- @field billed boolean?      with an answer of the above: the work was done all the same, and is billed
--- @field retry_after number|string|nil  header Retry-After
--- @field headers table?       further headers, name -> value
--- @field delay number?        seconds before the headers
--- @field cut integer?         close the connection after so many bytes, without the end of the body
--- @field clean_cut integer?   end the body in good order after so many bytes
--- @field stall integer?       send nothing more after so many bytes, and stay open
--- @field reset integer?       reset the connection after so many bytes
--- @field error_after integer? an error event after so many events; `shape`, `code`, `message` tell which
--- @field shape string?        "flat" (default), "failed", "nested" or "frame"
--- @field code string?
--- @field message string?
--- @field garbage integer?     an event that is not JSON after so many events
--- @field comments integer?    so many comment lines before each event
--- @field chunk integer?       send the body in pieces of so many bytes
--- @field length integer?      announce this Content-Length
--- @field refused boolean?     the connection is refused
--- @field resolve boolean?     the name does not resolve
--- @field tls boolean?         the certificate is no good
--- @field timeout boolean?     connecting takes too long
--- @field drop boolean?        the request is read and carried out, then the connection is reset without an answer

local KNOWN = {
  status = "number", error = "string", body = "string", html = "number", empty = "boolean", unavailable = "boolean",
  billed = "boolean", retry_after = "number|string", headers = "table", delay = "number", cut = "number",
  clean_cut = "number", stall = "number", reset = "number", error_after = "number", shape = "string",
  code = "string", message = "string", garbage = "number", comments = "number", chunk = "number", length = "number",
  refused = "boolean", resolve = "boolean", tls = "boolean", timeout = "boolean", drop = "boolean",
}

-- Whole numbers: the least and the most.
local RANGES = {
  status = { 200, 599 }, html = { 200, 599 }, cut = { 0, 2^53 }, clean_cut = { 0, 2^53 }, stall = { 0, 2^53 },
  reset = { 0, 2^53 }, error_after = { 0, 2^53 }, garbage = { 0, 2^53 }, length = { 0, 2^53 },
  comments = { 0, 1000 }, chunk = { 1, 2^53 },
}
local SHAPES = { flat = true, failed = true, nested = true, frame = true }
local LONGEST_DELAY = 1e9   -- seconds

--- What is wrong with one value of a fault that has the right type; nil when nothing is.
--- @return string? reason  to be read behind the name
local function fault_in(name, value)
  local range = RANGES[name]
  if range and not (value >= range[1] and value <= range[2] and value % 1 == 0) then
    if range[2] == 2^53 then return ("must be a whole number from %d on"):format(range[1]) end
    return ("must be a whole number from %d to %d"):format(range[1], range[2])
  end
  if name == "delay" and not (value >= 0 and value <= LONGEST_DELAY) then
    return "must be a number of seconds, 0 or more"
  end
  if name == "error" and not errors.is_name(value) then return "is no error of the catalogue" end
  if name == "shape" and not SHAPES[value] then return "must be flat, failed, nested or frame" end
end

local function header(exchange, name, value)
  local headers = exchange.headers
  for i = #headers, 1, -1 do
    if headers[i][1] == name then table.remove(headers, i) end
  end
  if value then headers[#headers + 1] = { name, value } end
end

-- answers instead of the model's ---------------------------------------------------------------------------------

--- The answer that a fault puts in the place of the model's, if it does.
--- @return { status: integer, body: string, content_type: string? }?
local function instead(fault, model)
  if fault.error then
    return errors.named(fault.error,
      { status = fault.status, model = model, code = fault.code, retry_after = fault.retry_after })
  end
  if fault.html then return errors.html(fault.html, errors.titles[fault.html] or "Error") end
  if fault.unavailable then return errors.make.unavailable(200) end
  if fault.empty then return errors.answer(fault.status or 200, "", "application/json") end
  if fault.status and fault.body then return errors.answer(fault.status, fault.body, "application/json") end
  if fault.status == 429 then return errors.make.rate_limit(model, fault.retry_after) end
  if fault.status then return errors.for_status(fault.status, model) end
end

local CONNECTION = { "refused", "resolve", "tls", "timeout" }

--- How a connection fails before anything was sent, if it does.
local function no_connection(fault)
  for _, name in ipairs(CONNECTION) do
    if fault[name] then return name end
  end
end

-- the bytes ------------------------------------------------------------------------------------------------------

--- Keep the first `bytes` of the body. What was begun to be sent was generated, and stays billed.
local function keep_bytes(exchange, bytes)
  local kept, left = {}, bytes
  for _, step in ipairs(exchange.steps) do
    if left <= 0 then break end
    local n = #step.bytes
    if n > left then
      step = { wait = step.wait, bytes = step.bytes:sub(1, left), visible = step.visible, reasoning = step.reasoning }
    end
    kept[#kept + 1] = step
    left = left - n
  end
  ledger.settle(exchange, #kept)
  exchange.steps = kept
  return left <= 0
end

local function ends_at(exchange, bytes, finish)
  if keep_bytes(exchange, bytes) then exchange.finish = finish end
end

local function keep_events(exchange, count, bytes)
  ledger.settle(exchange, math.min(count, #exchange.steps))
  local kept = {}
  for i = 1, math.min(count, #exchange.steps) do kept[i] = exchange.steps[i] end
  kept[#kept + 1] = { wait = 0, bytes = bytes }
  exchange.steps = kept
end

local function put_garbage(exchange, after)
  table.insert(exchange.steps, math.min(after, #exchange.steps) + 1, { wait = 0, bytes = "data: {\"half\":\n\n" })
end

--- One text for all of them, so that many comments before many events take no room of their own.
local function put_comments(exchange, count)
  local comments, out = (": keepalive\n\n"):rep(count), {}
  for _, step in ipairs(exchange.steps) do
    out[#out + 1] = { wait = step.wait, bytes = comments, visible = step.visible, reasoning = step.reasoning }
    out[#out + 1] = { wait = 0, bytes = step.bytes }
  end
  exchange.steps = out
end

--- Split every step. The tokens stand with its first part: they were generated before it was sent.
local function in_chunks(exchange, size)
  local out = {}
  for _, step in ipairs(exchange.steps) do
    for at = 1, #step.bytes, size do
      out[#out + 1] = { wait = at == 1 and step.wait or 0, bytes = step.bytes:sub(at, at + size - 1),
        visible = at == 1 and step.visible or nil, reasoning = at == 1 and step.reasoning or nil }
    end
  end
  exchange.steps = out
end

local function size_of(steps)
  local n = 0
  for _, step in ipairs(steps) do n = n + #step.bytes end
  return n
end

local function announce(exchange, length)
  header(exchange, "content-length", ("%d"):format(length))
  local size = size_of(exchange.steps)
  if length > size then exchange.finish = "short" end
end

--- Spoil an exchange that the model has answered or that `instead` has.
--- @param exchange xai.sim.Exchange  changed in place
--- @param fault xai.sim.Fault
local function apply(exchange, fault)
  if fault.delay then exchange.delay = exchange.delay + fault.delay end
  if fault.retry_after then header(exchange, "retry-after", tostring(fault.retry_after)) end
  for _, name in ipairs(json.keys(fault.headers or {})) do header(exchange, name:lower(), fault.headers[name]) end
  if exchange.streaming then
    if fault.error_after then
      local sequence = math.min(fault.error_after, #exchange.steps)
      keep_events(exchange, sequence, exchange.failure(sequence, fault))
    end
    if fault.garbage then put_garbage(exchange, fault.garbage) end
    if fault.comments then put_comments(exchange, fault.comments) end
  end
  if fault.chunk then in_chunks(exchange, math.max(1, fault.chunk)) end
  if fault.length then announce(exchange, fault.length) end
  if fault.cut then ends_at(exchange, fault.cut, "short") end
  if fault.clean_cut then
    ends_at(exchange, fault.clean_cut, "done")
    header(exchange, "content-length", nil)
  end
  if fault.stall then ends_at(exchange, fault.stall, "stall") end
  if fault.reset then ends_at(exchange, fault.reset, "reset") end
end

-- the header form ------------------------------------------------------------------------------------------------

local KIND_WORDS = { boolean = "takes no value, or true", number = "must be a number" }

local function value_of(kind, text)
  if kind == "boolean" then return text == "" or text == "true" or text == "1" or nil end
  if kind:find "number" and tonumber(text) then return tonumber(text) end
  if kind:find "string" and text ~= "" then return text end
end

--- One "name=value" of the header form.
local function parse_part(part)
  local name, text = part:match "^%s*([%w_%-]+)%s*=?%s*(.-)%s*$"
  if not name then return nil, ("%q is no fault"):format(part) end
  name = name:gsub("-", "_")
  local kind = KNOWN[name]
  if not kind or kind == "table" then
    local near = options.nearest(name, KNOWN)
    return nil, "unknown fault " .. name .. (near and near ~= name and ", did you mean " .. near .. "?" or "")
  end
  local value = value_of(kind, text)
  local reason
  if value == nil then reason = KIND_WORDS[kind] or "needs a value" else reason = fault_in(name, value) end
  if reason then return nil, ("%s %s, not %q"):format(name, reason, text) end
  return name, value
end

--- Read a fault from the request header x-sim-fault: "status=503, retry_after=2" or "refused".
--- @param text string
--- @return xai.sim.Fault? fault
--- @return string? err
local function parse(text)
  local fault = {}
  for part in text:gmatch "[^,;]+" do
    local name, value = parse_part(part)
    if not name then return nil, "x-sim-fault: " .. value end
    fault[name] = value
  end
  return fault
end

return { KNOWN = KNOWN, fault_in = fault_in, instead = instead, no_connection = no_connection, apply = apply,
  parse = parse }
