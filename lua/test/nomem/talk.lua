--- A conversation, a structured answer with a turn of mending, and a schema while allocations fail.
-- SPDX-License-Identifier: MIT
local arm = ...
local core = require "xai.core"
local helper = require "spec.helper"
local wire = require "lua.test.nomem.wire"
local xai = require "xai"

local need, s = wire.need, xai.schema
local ticket = s.object { { "name", s.string { min = 1 } }, { "hp", s.integer { min = 1, max = 99 } } }

local function answer(text) return { 200, "application/json", core.encode(helper.response(text)) } end

local good, bad, hello = answer '{"name":"Bog","hp":7}', answer '{"name":"Bog","hp":700}', answer "Hello"
local asked = 0

arm "fork"

local grok = wire.client(function(request)
  if not request.body:find("json_schema", 1, true) then return hello end
  asked = asked + 1
  return asked % 2 == 1 and bad or good
end)

local talk = grok:conversation { instructions = "Be brief.", mode = "client" }

arm(function()
  asked = 0
  wire.settle(grok) -- a turn whose wait was broken off comes to its end, too
  assert(grok:extract { schema = ticket, input = "Invent one." }.hp == 7)
  assert(talk:say "Once more":text() == "Hello")
end)
arm(true)

assert(need(talk:say "a"):text() == "Hello")
assert(need(talk:say { { role = "user", content = "b" } }):text() == "Hello")
local value, err = grok:extract { schema = ticket, input = "Invent one." }
assert(need(value, err).hp == 7)
local monsters = need(s.compile(s.array(ticket)))
local list, wrong = monsters:check { { name = "Bog", hp = 700 } }
assert(not list and #wrong > 0)

arm(false)
