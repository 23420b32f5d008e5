--- A conversation: what was said before goes along with what is said next, and stays a stable prefix for the cache.
-- SPDX-License-Identifier: MIT
--
-- Two ways to remember. "server": the API keeps each answer for 30 days and the next request names it. "client":
-- nothing is stored there, and the whole history goes along, encrypted reasoning included.
local core = require "xai.core"
local errors = require "xai.error"
local options_of = require "xai.options"
local prefix = require "xai.prefix"

--- @class xai.ConversationOptions
--- @field model string?            default: the client's
--- @field instructions string?     the system prompt
--- @field mode string?             "server" (default) or "client" (the only one for chat)
--- @field api string?              "responses" (default) or "chat"
--- @field tools table[]?           sent with every request, in this order
--- @field prompt_cache_key string? default: made up once, from the client's random numbers
--- @field body table?              further fields of the API for every request, e.g. reasoning
local known_options = {
  model = "string", instructions = "string", mode = "string", api = "string", tools = "table",
  prompt_cache_key = "string", body = "table",
}

local known_turn_options = {
  timeout = "seconds", headers = "table", max_attempts = "count", retry_unknown = "boolean",
  allow_truncated = "boolean", limits = "table", body = "table", priority = "priority", tokens = "count",
  idempotency_key = "string",
}

--- @class xai.Conversation
--- @field model string         may be changed between turns, as the next two; the cache report tells what it cost.
---   In mode "client" the encrypted reasoning of other models stays behind then: only its writer can read it.
--- @field instructions string?
--- @field tools table[]?
--- @field prompt_cache_key string
local Conversation = {}
local mt = { __name = "xai.conversation", __index = Conversation }

-- ------------------------------------------------------------------ items

local function copy(t)
  local c = {}
  for k, v in pairs(t or {}) do c[k] = v end
  return c
end

local function joined(a, b)
  local list = core.array()
  for _, value in ipairs(a) do list[#list + 1] = value end
  for _, value in ipairs(b) do list[#list + 1] = value end
  return list
end

-- All of it, arrays still marked: what somebody does to the original later is not done to the copy. What comes
-- here has been JSON, so it ends.
local function deep_copy(value)
  if type(value) ~= "table" then return value end
  local c, mark = {}, getmetatable(value)
  for k, v in pairs(value) do c[k] = deep_copy(v) end
  return type(mark) == "table" and setmetatable(c, mark) or c
end

-- What may be said: a text, one item, or an array of items.
local function items_of(input, level)
  if type(input) == "string" then return { { role = "user", content = input } } end
  if type(input) ~= "table" then
    error("say: a text, an item or an array of items is needed, not a " .. type(input), level + 1)
  end
  if input.role or input.type then return { input } end
  return joined(input, {})
end

-- The status of a reasoning item is output only; everything else goes back as it came.
local function replayed(item)
  item = deep_copy(item)
  if item.type == "reasoning" then item.status = nil end
  return item
end

local sent_back = { "role", "content", "reasoning_content", "tool_calls" }

local function is_there(value)
  return value ~= nil and value ~= core.null
end

local function table_in(t, name)
  local value = t[name]
  return type(value) == "table" and value or {}
end

local function chat_message(response)
  local message = table_in(table_in(table_in(response, "choices"), 1), "message")
  local item = { role = "assistant" }
  for _, name in ipairs(sent_back) do
    if is_there(message[name]) then item[name] = deep_copy(message[name]) end
  end
  if item.content == nil and item.tool_calls == nil then item.content = "" end
  return item
end

local function answer_items(self, response)
  if self.api == "chat" then return { chat_message(response) } end
  local items = {}
  for _, item in ipairs(table_in(response, "output")) do
    if type(item) == "table" then items[#items + 1] = replayed(item) end -- anything else is nothing the API takes
  end
  return items
end

-- Encrypted reasoning can be read by the model that wrote it alone.
local function readable(self, item, model)
  if type(item) ~= "table" or item.type ~= "reasoning" or not is_there(item.encrypted_content) then return true end
  local writer = self.writers[item]
  return not writer or writer.asked == model or writer.answered == model
end

local function items_for(self, model)
  local list = core.array()
  for _, item in ipairs(self.items) do
    if readable(self, item, model) then list[#list + 1] = item end
  end
  return list
end

local function system_item(text)
  return { role = "system", content = text }
end

-- ------------------------------------------------------------------ requests

-- Instructions are the first item and not the field of that name: that one is not inherited through
-- previous_response_id and not allowed beside it. New ones in a stored conversation come as a further item.
local function lead(self)
  if not self.instructions then return {} end
  if self.mode == "server" and self.previous and self.told == self.instructions then return {} end
  return { system_item(self.instructions) }
end

local function common_body(self, turn)
  local body = copy(self.body)
  for name, value in pairs(turn or {}) do body[name] = value end
  if body.model == nil then body.model = self.model end
  if body.tools == nil then body.tools = self.tools end
  if body.prompt_cache_key == nil then body.prompt_cache_key = self.prompt_cache_key end
  return body
end

local function encrypted_reasoning(include)
  local list = core.array(joined(type(include) == "table" and include or {}, {}))
  for _, value in ipairs(list) do
    if value == "reasoning.encrypted_content" then return list end
  end
  list[#list + 1] = "reasoning.encrypted_content"
  return list
end

local function request_body(self, new_items, turn)
  local body = common_body(self, turn)
  local ahead = lead(self)
  if self.api == "chat" then
    body.messages = joined(joined(ahead, self.items), new_items)
  elseif self.mode == "client" then
    body.input = joined(joined(ahead, items_for(self, body.model)), new_items)
    body.store = false
    body.include = encrypted_reasoning(body.include)
  else
    body.input = joined(ahead, new_items)
    body.previous_response_id = self.previous
  end
  return body
end

-- What the model sees: in a stored conversation the earlier items, too, although they are not sent.
local function view_of(self, body, new_items)
  local text = type(body.text) == "table" and body.text.format or body.response_format
  local instructions = self.instructions
  if self.mode == "server" then instructions = self.first_told or instructions end
  return prefix.view {
    model = body.model, cache_key = body.prompt_cache_key, instructions = instructions, format = text,
    tools = body.tools, items = joined(self.items, new_items),
  }
end

-- ------------------------------------------------------------------ turns

local function number(value)
  return type(value) == "number" and value or nil
end

local function report(self, view, response)
  local used = response:tokens() or {}
  local input, cached = number(used.input), number(used.cached)
  table.insert(self.turns, {
    input_tokens = input,
    cached_tokens = cached,
    share = input and cached and input > 0 and cached / input or nil,
    broken = self.view and prefix.broken(self.view, view) or nil,
  })
  self.view = view
end

-- What the API keeps can only be gone on with by its id.
local function objection_to(self, response)
  if self.mode == "client" or type(response.id) == "string" then return nil end
  return errors.new {
    kind = "protocol", code = "protocol", message = "the answer breaks the API's protocol: it has no id to go on from",
    hint = 'ask again, or use mode = "client"',
  }
end

local function commit(self, turn, response)
  report(self, turn.view, response)
  local answer = answer_items(self, response)
  for _, item in ipairs(answer) do self.writers[item] = { asked = turn.body.model, answered = response.model } end
  self.items = joined(joined(self.items, turn.items), answer)
  self.previous = response.id
  self.carried = type(response.usage) == "table" and number(response.usage.total_tokens) or nil
  self.told = self.instructions
  self.first_told = self.first_told or self.instructions
end

local function begin(self, input, options, level)
  options = copy(options_of.check("conversation", options, known_turn_options, level + 1))
  if self.turn and self.turn.call.done then self.turn = nil end -- its end was met by a lack of memory
  if self.turn then error("this conversation waits for an answer: one turn at a time", level + 1) end
  local items = items_of(input, level + 1)
  local body = request_body(self, items, options.body)
  options.body = nil
  return { items = items, body = body, view = view_of(self, body, items), call = nil }, options
end

local function check(self)
  if getmetatable(self) == mt then return end
  error("this is a method of a conversation: call it with a colon, as in talk:say(...)", 3)
end

-- From here to its end the turn stands in the way of others.
local function take_turn(self, streamed, input, options, level)
  local turn, call_options = begin(self, input, options, level + 1)
  local function on_end(response)
    self.turn = nil
    local objection = response and objection_to(self, response)
    if response and not objection then commit(self, turn, response) end
    return objection
  end
  local goes_on = self.previous ~= nil and turn.body.previous_response_id == self.previous
  local call, err = self.ask.start(self.api, turn.body, call_options, streamed, on_end, level + 1,
    goes_on and self.carried or nil)
  if call then turn.call, self.turn = call, turn end
  return call, err
end

--- Say something and wait for the answer. When that fails, the conversation stays as it was.
--- @param input string|table     a text, an item (such as a function_call_output) or an array of items
--- @param options xai.CallOptions?  and `body`: fields of the API for this turn alone
--- @return xai.Response? response
--- @return xai.Error? err
function Conversation:say(input, options)
  check(self)
  local response, err = self.ask.wait(take_turn(self, false, input, options, 2))
  return response, err
end

--- Say something and get the answer as it arrives. It becomes part of the conversation when the stream has
--- ended well; until then nothing else can be said.
--- @param input string|table
--- @param options xai.CallOptions?
--- @return xai.Stream? stream
--- @return xai.Error? err
function Conversation:stream(input, options)
  check(self)
  local stream, err = self.ask.stream(take_turn(self, true, input, options, 2))
  return stream, err
end

--- Everything said so far, by both sides, as the API's own items (messages, for chat); without instructions. A
--- copy: changing it changes nothing in the conversation.
--- @return table[]
function Conversation:history()
  check(self)
  return deep_copy(self.items)
end

--- @class xai.CacheTurn
--- @field input_tokens integer?
--- @field cached_tokens integer?
--- @field share number?   cached part of the input, 0 to 1
--- @field broken string?  what made this request's start differ from the one before: "tools[2].description changed"

--- How well the prompt cache served each turn, and what broke the prefix where something did.
--- @return xai.CacheTurn[]
function Conversation:cache_report()
  check(self)
  local list = {}
  for i, turn in ipairs(self.turns) do list[i] = copy(turn) end
  return list
end

local function mode_of(options, api)
  local mode = options.mode or (api == "chat" and "client" or "server")
  if mode ~= "server" and mode ~= "client" then
    error('conversation: mode must be "server" or "client"', 4)
  end
  if api == "chat" and mode == "server" then
    error('conversation: chat completions are not stored, so its mode is "client"', 4)
  end
  return mode
end

--- @param client xai.Client
--- @param options xai.ConversationOptions?
--- @param ask table  how requests are made: start(endpoint, body, options, streamed, on_end, level) -> call | nil,
---   err; then wait(call, err) or stream(call, err)
--- @return xai.Conversation
local function new(client, options, ask)
  options = options_of.check("conversation", options, known_options, 3)
  local api = options.api or "responses"
  if api ~= "responses" and api ~= "chat" then error('conversation: api must be "responses" or "chat"', 3) end
  return setmetatable({
    ask = ask,
    api = api,
    mode = mode_of(options, api),
    model = options.model or client.model,
    instructions = options.instructions,
    tools = options.tools,
    body = options.body or {},
    prompt_cache_key = options.prompt_cache_key or "xai-lua-" .. client.random:hex(24),
    items = core.array(), -- said so far, without instructions
    writers = setmetatable({}, { __mode = "k" }), -- item -> the model that wrote it: as asked for, as it answered
    previous = nil,    -- id of the last answer
    carried = nil,     -- tokens that this and all before it had, if it told
    told = nil,        -- the instructions the server knows
    first_told = nil,  -- ... and those that its prefix begins with
    turn = nil,        -- the one that waits for its answer
    turns = {},        -- of the cache report
    view = nil,        -- the last request as the cache saw it
  }, mt)
end

return { new = new }
