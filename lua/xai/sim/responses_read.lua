--- Reads a body of POST /v1/responses: checks it as the API does and turns its items into turns.
-- SPDX-License-Identifier: MIT
local check   = require "xai.sim.check"
local context = require "xai.sim.context"
local errors  = require "xai.sim.errors"
local json    = require "xai.sim.json"
local schema  = require "xai.sim.schema"
local seal    = require "xai.sim.seal"

local make, field = errors.make, json.field

local FIELDS = {
  model = "string", instructions = "string", previous_response_id = "string", store = "boolean", stream = "boolean",
  include = "array", max_output_tokens = "integer", max_turns = "integer", temperature = "number", top_p = "number",
  top_k = "integer", min_p = "number", logprobs = "boolean", top_logprobs = "integer", reasoning = "object",
  reasoning_effort = "string", text = "object", tools = "array", tool_choice = "string|object",
  parallel_tool_calls = "boolean", prompt_cache_key = "string", service_tier = "string", user = "string",
  safety_identifier = "string", guidelines = "array", background = "boolean", input = "string|array",
}

local UNTAGGED = "input: data did not match any variant of untagged enum ModelInput"
local IMAGE_TOKENS = { low = 258 }

-- the 422s -------------------------------------------------------------------------------------------------------

local ROLES = { user = true, assistant = true, system = true, developer = true }
local PARTS = { input_text = "text", output_text = "text", input_image = "image_url", input_file = false,
  refusal = "refusal", reasoning_text = "text" }
local REPLAYED = {}
for name in ([[message function_call reasoning web_search_call custom_tool_call file_search_call x_search_call
code_interpreter_call mcp_call shell_call image_generation_call tool_search_call tool_search_output compaction
function_call_output shell_call_output]]):gmatch "%S+" do REPLAYED[name] = true end

local function content_fits(content)
  if type(content) == "string" then return true end
  if not json.is_array(content) then return false end
  for _, part in ipairs(content) do
    local needs = json.is_object(part) and part.type ~= nil and PARTS[part.type]
    if not json.is_object(part) or needs == nil then return false end
    local value = field(part, needs or "type")
    if type(value) ~= "string" and not (value == nil and needs == "image_url" and field(part, "file_id")) then
      return false
    end
  end
  return true
end

local function summary_fits(summary)
  if not json.is_array(summary) then return false end
  for _, part in ipairs(summary) do
    if not json.is_object(part) or type(part.text) ~= "string" then return false end
  end
  return true
end

local function item_fits(item)
  if not json.is_object(item) then return false end
  local kind = field(item, "type") or "message"
  if not REPLAYED[kind] then return false end
  if kind == "message" then return ROLES[item.role] and content_fits(item.content) or false end
  if kind == "function_call" then
    return type(item.call_id) == "string" and type(item.name) == "string" and type(item.arguments) == "string"
  end
  if kind == "function_call_output" then
    return type(item.call_id) == "string" and content_fits(field(item, "output"))
  end
  if kind == "reasoning" then return summary_fits(item.summary) end
  return true
end

local FORMAT = { name = "string", description = "string", strict = "boolean", schema = "object" }

local function format_fault(format)
  if not format then return nil end
  if format.type ~= "text" and format.type ~= "json_object" and format.type ~= "json_schema" then
    return "text.format: " .. check.unknown_variant(format.type, { "text", "json_object", "json_schema" })
  end
  if format.type == "json_schema" and field(format, "schema") == nil then
    return "text.format: missing field `schema`"
  end
  return check.fields(format, FORMAT, "text.format.")
end

local function choice_fault(choice)
  if type(choice) == "table" and choice.type ~= "function" then
    return "tool_choice: " .. check.unknown_variant(choice.type, { "function" })
  end
end

local function shape_fault(body)
  if not json.is_object(body) then return "invalid type: sequence, expected struct ModelRequest" end
  local reason = check.fields(body, FIELDS)
  if reason then return reason end
  local input = field(body, "input")
  if input == nil then return "missing field `input`" end
  if type(input) == "table" then
    for _, item in ipairs(input) do
      if not item_fits(item) then return UNTAGGED end
    end
  end
  reason = check.fields(field(body, "reasoning") or {}, { effort = "string", summary = "string" }, "reasoning.")
    or check.fields(field(body, "text") or {}, { format = "object" }, "text.")
  if reason then return reason end
  for _, name in ipairs(field(body, "include") or {}) do
    if type(name) ~= "string" then return check.wrong_type("include", name, "string") end
  end
  return format_fault(field(body, "text") and field(body.text, "format"))
    or check.tools(field(body, "tools"), false) or choice_fault(field(body, "tool_choice"))
end

-- items to turns -------------------------------------------------------------------------------------------------

local function text_of(content)
  if content == nil or content == json.null then return "", 0 end
  if type(content) == "string" then return content, 0 end
  local out, images = {}, 0
  for _, part in ipairs(content) do
    out[#out + 1] = part.text or part.refusal
    if part.type == "input_image" then images = images + (IMAGE_TOKENS[part.detail] or 1026) end
  end
  return table.concat(out, "\n"), images
end

local function summary_of(item)
  local out = {}
  for _, part in ipairs(item.summary or {}) do out[#out + 1] = part.text end
  return table.concat(out, "\n")
end

--- @return xai.sim.Turn
local function turn_of(item)
  local kind = field(item, "type") or "message"
  if kind == "message" then
    local text, images = text_of(item.content)
    return { kind = "message", role = item.role, text = text, images = images }
  elseif kind == "function_call" then
    return { kind = "call", id = item.call_id, name = item.name, text = item.arguments }
  elseif kind == "function_call_output" then
    return { kind = "result", id = item.call_id, text = (text_of(item.output)) }
  elseif kind == "reasoning" then
    return { kind = "reasoning", text = summary_of(item) }
  end
  return { kind = "other", text = json.encode(item) }
end

local function images_of(input, visit)
  for _, item in ipairs(type(input) == "table" and input or {}) do
    for _, part in ipairs(type(item.content) == "table" and item.content or {}) do
      if part.type == "input_image" and type(part.image_url) == "string" then
        local fault = visit(part.image_url)
        if fault then return fault end
      end
    end
  end
end

--- Input as a list of items, whichever form it came in.
local function items_of(input)
  if type(input) == "string" then
    return json.array { json.object("type", "message", "role", "user", "content", input) }
  end
  return input
end

local function turns_of(body, before)
  local turns = {}
  local instructions = field(body, "instructions")
  if instructions then turns[1] = { kind = "message", role = "system", text = instructions } end
  for _, turn in ipairs(before) do turns[#turns + 1] = turn end
  for _, item in ipairs(items_of(body.input)) do turns[#turns + 1] = turn_of(item) end
  return turns
end

-- the 400s -------------------------------------------------------------------------------------------------------

local function functions_of(body)
  local out = {}
  for _, tool in ipairs(field(body, "tools") or {}) do
    if tool.type == "function" then
      out[#out + 1] = { name = tool.name, description = field(tool, "description"), parameters = tool.parameters }
    end
  end
  return out
end

local function hosted_of(body)
  local out = {}
  for _, tool in ipairs(field(body, "tools") or {}) do
    if tool.type ~= "function" then out[#out + 1] = tool.type end
  end
  return out
end

local function includes(body, wanted)
  for _, name in ipairs(field(body, "include") or {}) do
    if name == wanted then return true end
  end
  return false
end

local function limit_fault(body, model)
  if body.max_tokens ~= nil then
    return errors.invalid "Argument not supported: max_tokens. Use max_output_tokens instead."
  end
  if field(body, "background") then return errors.invalid "Background mode is not supported." end
  local limit = field(body, "max_output_tokens")
  if limit and limit < 1 then return errors.invalid "max_output_tokens must be greater than 0." end
  if limit and model.multi_agent then return make.parameter(model.id, "maxOutputTokens") end
  local reason = check.sampling(body)
  if reason then return errors.invalid(reason) end
  if field(body, "instructions") and field(body, "previous_response_id") then
    return errors.invalid "Instructions cannot be combined with previous_response_id."
  end
end

local function tools_fault(body, model)
  local functions = functions_of(body)
  if model.multi_agent and #functions > 0 then
    return errors.invalid("Client side tools are not supported on model " .. model.id .. ".")
  end
  local reason = check.tool_conflict(functions, #(field(body, "tools") or {}))
  if reason then return errors.invalid(reason) end
end

local function content_fault(body, model)
  local fault = images_of(body.input, check.image)
  if fault then return make.image(fault) end
  for _, item in ipairs(type(body.input) == "table" and body.input or {}) do
    if item.type == "reasoning" and not seal.opens(field(item, "encrypted_content"), model.id) then
      return errors.invalid("Could not decrypt the provided encrypted_content.")
    end
  end
  local format = field(body, "text") and field(body.text, "format")
  local reason = format and format.type == "json_schema" and schema.refuse(format.schema)
  if reason then return errors.invalid("Invalid schema for response format: " .. reason .. ".") end
end

--- A result must answer a call that is in the context: 422 of its own, found only now that the chain is known.
local function results_fault(turns)
  local calls = context.calls_in(turns)
  for _, turn in ipairs(turns) do
    if turn.kind == "result" and not calls[turn.id] then
      return ("No tool call found for function call output with call_id %s."):format(turn.id)
    end
  end
end

local function choice_of(body, functions)
  local choice = field(body, "tool_choice")
  if type(choice) == "table" then
    local name = choice.name or (json.is_object(choice["function"]) and choice["function"].name)
    for _, tool in ipairs(functions) do
      if tool.name == name then return "=" .. name end
    end
    return nil, errors.invalid(("Tool choice names an unknown function: %s."):format(tostring(name)))
  end
  if choice == "required" or choice == "none" then return choice end
  return "auto"
end

local function effort_asked(body)
  local reasoning = field(body, "reasoning")
  if reasoning then return field(reasoning, "effort") end
  return field(body, "reasoning_effort")
end

--- What of a request stays the same for every turn of its conversation.
local function cache_key(body, request, root)
  return field(body, "prompt_cache_key") or request.headers["x-grok-conv-id"] or root
end

local TIERS = { priority = "priority", fast = "priority" }

--- Everything that can be refused once model and key are known.
--- @param sim xai.Sim
--- @return xai.sim.Ask? ask
--- @return table? refusal
local function arguments(sim, request, body, model, preset)
  if field(body, "search_parameters") then return nil, make.live_search() end
  local refusal = limit_fault(body, model) or tools_fault(body, model) or content_fault(body, model)
  if refusal then return nil, refusal end
  local effort, reason = check.effort(model, effort_asked(body), preset)
  if reason then return nil, errors.invalid(reason) end
  local functions = functions_of(body)
  local choice, unknown = choice_of(body, functions)
  if not choice then return nil, unknown end
  local chain = field(body, "previous_response_id")
  local before = chain and sim.stored:get(chain)
  if chain and not before then return nil, make.no_response(chain) end
  local turns = turns_of(body, before and before.turns or {})
  local unanswered = results_fault(turns)
  if unanswered then return nil, errors.flat(422, "invalid-argument", unanswered) end
  return {
    endpoint = "responses", model = model, turns = turns, tools = functions, choice = choice,
    hosted = hosted_of(body), no_links = includes(body, "no_inline_citations"),
    parallel = field(body, "parallel_tool_calls") ~= false,
    format = field(body, "text") and field(body.text, "format") or { type = "text" },
    effort = effort, limit = field(body, "max_output_tokens"), tier = TIERS[field(body, "service_tier")],
    cache_key = cache_key(body, request, before and before.root), count = 1, root = before and before.root,
  }
end

return { shape_fault = shape_fault, arguments = arguments, items_of = items_of, turn_of = turn_of,
  includes = includes }
