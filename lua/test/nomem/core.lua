--- Every part of xai.core once while allocations fail, and each result needed. See test_nomem.c.
-- SPDX-License-Identifier: MIT
local arm = ...
local core = require "xai.core"

local wide = {}
for i = 1, 40 do wide["k" .. i] = { i, tostring(i), { x = i / 3 } } end

-- A failure must be out of memory, as data or raised.
local function need(value, err)
  if value ~= nil then return value end
  if err.code ~= "nomem" then error("unexpected: " .. err.message) end
  error("out of memory, as data")
end

local function client()
  return need(core.client { transport = "scripted", clock = "manual", api_key = "k", base_url = "http://w/v1",
    seed = 3 })
end

local function answer(handle, status, body)
  need(handle:step(0))
  local wire = handle:wire_next()
  if not wire then return end
  handle:wire_status(wire.id, status)
  handle:wire_header(wire.id, "content-type", "application/json")
  handle:wire_body(wire.id, body)
  handle:wire_finish(wire.id, "done")
  need(handle:step(0))
end

local function pull(handle)
  while handle:next() do handle:header "content-type" end
end

arm(function() assert(core.encode(core.decode '{"a":[1]}') == '{"a":[1]}') end)
arm(true)

local text = need(core.encode(wide))
need(core.decode(text))
need(core.decode("[1e999," .. ("["):rep(60) .. ("]"):rep(60) .. "]"))
core.decode "[1,"
core.encode { print }
core.encode(wide, { max_bytes = 1000 })
core.decode(text, { max_depth = 9 })
core.array()
core.number "1e9"

need(core.decode(text, { order = true }))

local schema = need(core.schema('{"items":{"minimum":3},"pattern":"a","$ref":"u:r"}', {
  draft = "2020-12", format = "assert", remotes = { { "u:r", '{"maxItems":2}' } },
}))
local function found(ok, list, err)
  if not ok and err.code ~= "invalid" then need(nil, err) end
  return ok or list
end
found(schema:check "[3]")
found(schema:check "[1,2,3]")
found(schema:check("[1,2,3]", true))

local coming = need(schema:stream())
found(coming:feed '[3,{"a":"b')
need(coming:value())
found(coming:feed '"},1')
found(coming:finish())

coming = need(need(core.schema "true"):stream())
found(coming:feed('[3,{"k":' .. ("[0,"):rep(20) .. '["x'))
local partial = need(coming:value())
found(coming:feed('y"]' .. ("]"):rep(20) .. "},1 "))
assert(need(coming:value()) == partial and #partial == 3)

collectgarbage() -- here, for Lua loses an object whose finalizer finds no memory to be called with

local parser = need(core.sse { max_event = 1000 })
need(parser:feed(("data: xyz\nid: 1\n\n"):rep(20) .. "data: cu"))
need(parser:feed "t\n\n")
parser:finish()
parser:reset()

local handle = client()
local id = need(handle:start { path = "/responses", body = "{}", stream = true, headers = { { "a", "b" } } })
answer(handle, 503, '{"error":"busy"}')
pull(handle)
handle:advance(10)
answer(handle, 200, text)
handle:response(id)
pull(handle)
id = need(handle:start { path = "/responses", body = "{}" })
handle:cancel(id)
pull(handle)
handle:close()

handle = client()
handle:start { path = "/responses", body = "{}", stream = true }

arm(false)
