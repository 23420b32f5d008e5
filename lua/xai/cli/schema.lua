--- xai schema: holds a file against a schema, or a schema against what the API knows; findings as a linter prints them.
-- SPDX-License-Identifier: MIT
local places = require "xai.cli.place"
local schemas = require "xai.schema"

local function read(host, name)
  if name == "-" then return host:read_all() end
  local file, why = io.open(name, "rb")
  if not file then return nil, "cannot read " .. why end
  local text, fault = file:read "*a"
  file:close()
  if not text then return nil, ("cannot read %s: %s"):format(name, fault) end
  return text
end

local function shown(name)
  return name == "-" and "(standard input)" or name
end

local function remotes_of(host, args)
  local remotes = {}
  for _, pair in ipairs(args.remote) do
    local uri, name = pair:match "^(.+)=(.+)$"
    if not uri then return nil, "--remote must be URI=FILE, not " .. pair, 2 end
    local text, err = read(host, name)
    if not text then return nil, err end
    remotes[uri] = text
  end
  return remotes
end

local function compile(host, args)
  local remotes, err, status = remotes_of(host, args)
  if not remotes then return nil, err, status end
  local text, unreadable = read(host, args.schema)
  if not text then return nil, unreadable end
  local schema, wrong = schemas.compile(text, {
    remotes = remotes, draft = args.draft, format = args.formats and "assert" or nil,
  })
  if not schema then return nil, shown(args.schema) .. ": " .. wrong.message end
  return schema
end

local function check(args, host)
  if args.file == "-" and args.schema == "-" then return nil, "only one of the two can be standard input", 2 end
  local schema, err, status = compile(host, args)
  if not schema then return nil, err, status end
  local text, unreadable = read(host, args.file)
  if not text then return nil, unreadable end
  local _, violations = schema:check_text(text, { all = not args.first })
  if not violations then return true end
  local place = places.new(text)
  for _, violation in ipairs(violations) do
    local line, column = place:line(violation.offset or place:offset(violation.instance))
    host:print(("%s:%d:%d: %s"):format(shown(args.file), line, column, violation.message))
  end
end

local function lint(args, host)
  local text, unreadable = read(host, args.schema)
  if not text then return nil, unreadable end
  local findings, err = schemas.lint(text)
  local place = places.new(text)
  if not findings then
    local line, column = place:line(err.offset or 0)
    host:print(("%s:%d:%d: refused: %s"):format(shown(args.schema), line, column, err.message))
    return nil
  end
  local good = true
  for _, finding in ipairs(findings) do
    local line, column = place:line(place:offset(finding.schema))
    host:print(("%s:%d:%d: %s: %s"):format(shown(args.schema), line, column, (finding.level:gsub("_", " ")),
      finding.message))
    if finding.level == "refused" or args.strict then good = false end
  end
  return good or nil
end

local actions = { check = check, lint = lint }

--- @return true? done  nil: something was found, or
--- @return any err     what is in the way of looking
--- @return integer? status
return function(args, host)
  return actions[args.action](args, host)
end
