--- xai ask: one question. A terminal sees the answer arrive; a pipe gets the text alone, and only when it is whole.
-- SPDX-License-Identifier: MIT
local json = require "xai.json"
local prices = require "xai.prices"
local words = require "xai.cli.words"

local function question(args, host)
  local text = args.text
  if not text and host.is_keyboard then
    return nil, "nothing to ask: give the question as an argument, or pipe it in"
  end
  if not text or text == "-" then text = host:read_all() end
  if not text or not text:find "%S" then return nil, "nothing to ask: the question is empty" end
  return text
end

local function body_of(args, text)
  return {
    input = text,
    model = args.model,
    instructions = args.system,
    reasoning = args.effort and { effort = args.effort } or nil,
  }
end

-- Shows text as it comes; gives the answer at its end.
local function watch(stream, host)
  local last = "\n"
  for event in stream:events() do
    if event.type == "text" or event.type == "refusal" then
      host:show_foreign(event.text)
      last = event.text:sub(-1)
    elseif event.type == "retry" then
      host:complain(("xai: trying again in %.1f s: %s"):format(event.wait, event.error.message))
    end
  end
  if last ~= "\n" then host:show "\n" end
end

local function fetch(grok, args, host, body)
  if args.no_stream then return grok:respond(body, { timeout = args.timeout }) end
  local stream, err = grok:stream(body, { timeout = args.timeout })
  if not stream then return nil, err end
  if host.is_screen and not args.json then watch(stream, host) end
  return stream:result()
end

local function bill(response)
  local tokens = response:tokens()
  if not tokens then return "xai: the answer states no usage" end
  return ("xai: %d tokens in, %d out, %s"):format(tokens.input, tokens.output, prices.format(response:cost()))
end

local function text_of(response)
  local text = response:text()
  return text == "" and response:refusal() or text
end

local function is_shown(args, host)
  return host.is_screen and not args.json and not args.no_stream
end

local function print_answer(args, host, response)
  if args.json then return host:print(assert(json.encode(response))) end
  if is_shown(args, host) then return end
  local text = text_of(response)
  host:print(host.is_screen and words.harmless(text) or text)
end

-- A part is nothing to work on with, so a pipe gets it only when it was asked for.
local function print_part(args, host, err)
  local response = err.response
  if type(response) ~= "table" or is_shown(args, host) then return end
  if args.partial then return print_answer(args, host, response) end
  local count = words.length(text_of(response))
  if count > 0 then host:complain(("xai: %d character(s) had arrived; --partial prints them"):format(count)) end
end

--- @return true? done
--- @return any err
--- @return integer? status
return function(args, host)
  local text, wrong = question(args, host)
  if not text then return nil, wrong, 2 end
  local grok, err = host:client()
  if not grok then return nil, err end
  local response, fault = fetch(grok, args, host, body_of(args, text))
  grok:close()
  if not response then
    print_part(args, host, fault)
    return nil, fault
  end
  print_answer(args, host, response)
  if host.is_screen and not args.json then host:complain(bill(response)) end
  return true
end
