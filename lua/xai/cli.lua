--- The command line: reads the arguments, hands them to a command, and turns what goes wrong into one sentence.
-- SPDX-License-Identifier: MIT
local core = require "xai.core"
local real_host = require "xai.cli.host"
local words = require "xai.cli.words"

local OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

-- Help and version are no commands: their texts are noted, and the parser is left by an error.
local function leave_with(leaving, text)
  return function()
    leaving.text = text()
    error("leaving", 0)
  end
end

local function add_help(parser, leaving)
  parser:add_help(false)
  parser:flag("-h --help", "Show this and leave."):action(leave_with(leaving, function() return parser:get_help() end))
end

-- What an option must be is checked here, so that nothing behind it has to tell somebody at a shell.
local function seconds(text)
  local value = tonumber(text)
  if value and value > 0 then return value end
  return nil, ("the timeout must be a number of seconds above 0, not '%s'"):format(text)
end

local function whole(name)
  return function(text)
    local value = tonumber(text)
    if value and value % 1 == 0 then return value end
    return nil, ("the %s must be a whole number, not '%s'"):format(name, text)
  end
end

local function add_ask(parser, leaving)
  local ask = parser:command("ask", "Ask one question.")
  add_help(ask, leaving)
  ask:argument("text", "The question; from standard input when it is - or absent."):args "?"
  ask:option("-m --model", "The model to ask.")
  ask:option("-s --system", "Instructions that come before the question.")
  ask:option("-e --effort", "Reasoning effort: low, medium, high ...")
  ask:option("-t --timeout", "Seconds for the whole call."):convert(seconds)
  ask:flag("--json", "Print the API's own object instead of the text.")
  ask:flag("--no-stream", "Wait for the whole answer instead of showing it as it arrives.")
  ask:flag("--partial", "Print what arrived of an answer that is not whole, too; it stays a failure.")
end

local function add_chat(parser, leaving)
  local chat = parser:command("chat", "Talk; /help inside shows what it understands.")
  add_help(chat, leaving)
  chat:option("-m --model", "The model to talk to.")
  chat:option("-s --system", "Instructions that come before everything.")
end

local function add_models(parser, leaving)
  local models = parser:command("models", "List the models that the key may use, with their prices.")
  add_help(models, leaving)
  models:flag("--json", "Print the API's own list.")
end

local function add_doctor(parser, leaving)
  add_help(parser:command("doctor", "Look for what is wrong: key, network, TLS, versions, clock."), leaving)
end

local function add_sim(parser, leaving)
  local sim = parser:command("sim", "Serve the simulator of the API; the first line printed is its base URL.")
  add_help(sim, leaving)
  sim:option("-p --port", "The port; 0: any that is free."):default("0"):convert(whole "port")
  sim:option("--host", "The address to listen on."):default "127.0.0.1"
  sim:option("--seed", "Another seed, other answers."):convert(whole "seed")
  sim:option("--replay", "Answer with these recorded streams (.jsonl) in turn."):argname("<file>"):count "*"
end

local completions = { bash = "get_bash_complete", zsh = "get_zsh_complete", fish = "get_fish_complete" }

-- The script is made from this very parser, so it cannot know less.
local function add_completion(parser, leaving)
  local completion = parser:command("completion", "Print what teaches a shell our words.")
  add_help(completion, leaving)
  local shell = completion:argument("shell", "bash, zsh or fish."):choices { "bash", "zsh", "fish" }
  shell:action(function(_, _, name)
    leave_with(leaving, function() return (parser[completions[name]](parser):gsub("%s+$", "")) end)()
  end)
end

local function add_schema(parser, leaving)
  local schema = parser:command("schema", "Check files against JSON Schemas, and schemas against what the API knows.")
  add_help(schema, leaving)
  schema:command_target "action"
  schema:require_command(true)
  local check = schema:command("check", "Hold a JSON file against a schema; status 1 when it does not fit.")
  add_help(check, leaving)
  check:argument("file", "The JSON file; - is standard input.")
  check:argument("schema", "The schema, as a file.")
  check:flag("--formats", "Hold `format` against the values, too.")
  check:flag("--first", "Stop at the first violation.")
  check:option("--draft", "Of a schema that does not say: 2020-12 (the default), 2019-09, 7, 6 or 4.")
    :choices { "2020-12", "2019-09", "7", "6", "4" }
  check:option("--remote", "A schema that others refer to by this address; nothing is fetched.")
    :argname("<uri>=<file>"):count "*"
  local lint = schema:command("lint", "What the API would refuse of a schema, or not guarantee; status 1 if refused.")
  add_help(lint, leaving)
  lint:argument("schema", "The schema, as a file; - is standard input.")
  lint:flag("--strict", "Status 1 for anything found.")
end

-- In the order of the help.
local commands = {
  { "ask", add_ask }, { "chat", add_chat }, { "models", add_models }, { "doctor", add_doctor }, { "sim", add_sim },
  { "schema", add_schema }, { "completion", add_completion },
}

local function is_alone(name)
  if name == "completion" then return false end -- its script knows all
  for _, command in ipairs(commands) do
    if command[1] == name then return true end
  end
  return false
end

-- `first` is the first argument: the name of a command leaves nothing for the others to do.
local function new_parser(leaving, first)
  local argparse = require "argparse"
  local parser = argparse("xai", "The Grok (xAI) API from the command line. The key comes from XAI_API_KEY, or from "
    .. "the file that XAI_API_KEY_FILE names; with XAI_SIMULATE=1 answers are simulated, without key and network. "
    .. "XAI_LOG=info or debug writes log lines to the standard error.")
  add_help(parser, leaving)
  parser:flag("--version", "Show the version and leave."):action(
    leave_with(leaving, function() return "xai " .. core.version end))
  parser:command_target "command"
  parser:require_command(true)
  local alone = is_alone(first)
  for _, command in ipairs(commands) do
    if not alone or command[1] == first then command[2](parser, leaving) end
  end
  return parser
end

local takes_number = { ["-t"] = "--timeout", ["--timeout"] = "--timeout", ["-p"] = "--port", ["--port"] = "--port",
  ["--seed"] = "--seed" }

-- A negative number would be taken for an option.
local function bind_negatives(args)
  local list, i = {}, 1
  while i <= #args do
    local option, value = takes_number[args[i]], args[i + 1]
    local bound = option and value and value:find "^%-%.?%d"
    list[#list + 1] = bound and option .. "=" .. value or args[i]
    i = i + (bound and 2 or 1)
  end
  return list
end

-- A question and no options, what most people type, is clear without the parser, whose loading alone takes 1 ms of 13.
local function plain_question(args)
  local text = args[2]
  if #args ~= 2 or args[1] ~= "ask" or text:find "^%-" then return nil end
  return { command = "ask", text = text }
end

-- The options; or nil and what is wrong with them; or nil, nil and a text to leave with.
local function parse(args)
  local question = plain_question(args)
  if question then return question end
  local leaving = {}
  local parser = new_parser(leaving, args[1])
  local called, ok, result = pcall(parser.pparse, parser, bind_negatives(args))
  if leaving.text then return nil, nil, leaving.text end
  if not called then error(ok, 0) end
  if ok then return result end
  return nil, result
end

-- The interpreter raises this at Ctrl-C; some libraries hand it on as a text.
local function is_interrupt(fault)
  return type(fault) == "string" and fault:find "interrupted!%s*$" ~= nil
end

local function fail(host, fault, status)
  if is_interrupt(fault) then return INTERRUPTED end
  host:complain("xai: " .. words.sentence(fault))
  return status
end

local function obey(options, host)
  local done, err, status = require("xai.cli." .. options.command)(options, host)
  host:flush()
  if done then return OK end
  if err then return fail(host, err, status or FAILED) end
  return status or FAILED
end

-- The parser's words, and where to read on.
local function wrong_words(wrong, args)
  local command = is_alone(args[1]) and args[1] .. " " or ""
  if args[1] == "ask" and wrong == "too many arguments" then wrong = wrong .. ": put the question in quotes" end
  wrong = wrong:gsub("\n", ". ")
  return wrong .. (wrong:find "%?$" and " See" or "; see") .. " xai " .. command .. "--help"
end

local function run(args, host)
  local options, wrong, text = parse(args)
  if options then return obey(options, host) end
  if wrong then return fail(host, wrong_words(wrong, args), USAGE) end
  host:print(text)
  host:flush()
  return OK
end

local function with_traceback(fault)
  if is_interrupt(fault) then return { interrupted = true } end
  return type(fault) == "string" and debug.traceback(fault, 2) or fault
end

--- @param args string[]  as `arg`
--- @param host table?    where to read and write; default: the terminal or whatever stands in its place
--- @return integer status  0: well; 1: the world's fault; 2: wrong arguments; 130: stopped by Ctrl-C
local function main(args, host)
  host = host or real_host.new()
  local list = {}
  for i, value in ipairs(args) do list[i] = value end
  local ok, result = xpcall(function() return run(list, host) end, with_traceback)
  if ok then return result end
  if type(result) == "table" and result.interrupted then return INTERRUPTED end
  if type(result) ~= "table" or not result.output then error(result, 0) end
  return fail(host, "could not write the output: " .. result.output .. "; see who reads it and what room is left",
    FAILED)
end

return { main = main }
