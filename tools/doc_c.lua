--- Writes the C header as a page: doc_c.lua HEADER PAGE. Fails when a public name has no comment.
-- SPDX-License-Identifier: MIT
--
-- The header is a manual already, in sections under banners; here each group of declarations stands below its comment.
-- A group ends at an empty line or where another comment begins; a declaration may also have its comment on its line.
local header, target = arg[1], assert(arg[2], "usage: doc_c.lua HEADER PAGE")

local function lines_of(path)
  local handle = assert(io.open(path))
  local text = handle:read "a"
  handle:close()
  return text
end

-- The header as a list of { comment } and { code }, with { blank = true } between.
local function pieces_of(text)
  local pieces, at = {}, 1
  while at <= #text do
    local blank = text:match("^[ \t]*\n()", at)
    local first = text:match("^/%*.-%*/[ \t]*\n()", at)
    if blank then
      pieces[#pieces + 1] = { blank = true }
      at = blank
    elseif first then
      pieces[#pieces + 1] = { comment = text:sub(at + 2, first - 1):gsub("%*/%s*$", "") }
      at = first
    else
      local stop, depth = at, 0
      repeat -- up to where a line ends outside of braces, parentheses, comments and a macro
        local line = text:match("^[^\n]*", stop)
        local code = line:gsub("/%*.-%*/", "")
        local open = code:match "/%*"
        for brace in code:gsub("/%*.*", ""):gmatch "[{}()]" do depth = depth + (brace:find "[{(]" and 1 or -1) end
        stop = stop + #line + 1
        if open then stop = assert(text:match("%*/[^\n]*\n()", stop)) end
        local more = code:find "\\$" or depth > 0 or (not code:find "^#" and not code:find ";%s*$" and not open)
      until not more or stop > #text
      pieces[#pieces + 1] = { code = text:sub(at, stop - 2) }
      at = stop
    end
  end
  return pieces
end

local function words_of(comment)
  return (comment:gsub("\n %* ?", "\n"):gsub("^%s+", ""):gsub("%s+$", ""))
end

-- HTML in which Markdown finds nothing to do, neither emphasis nor links.
local function escape(text)
  return (text:gsub("[&<>_*`%[%]]", function(c) return ("&#%d;"):format(c:byte()) end))
end

-- To Markdown an empty line ends everything, and four spaces begin a piece of code.
local function verbatim(text)
  return "<pre>" .. escape(text):gsub("\n%f[\n]", "\n&nbsp;"):gsub("\n    ", "\n&nbsp;   ") .. "</pre>\n"
end

-- What a declaration gives a name to.
local function name_of(code)
  return code:match "^XAI_API[^(]-([%w_]+)%s*%(" or code:match "^typedef struct ([%w_]+)" or
    code:match "^typedef enum ([%w_]+)" or code:match "^#define ([%w_]+)" or code:match "^enum%s*{%s*([%w_]+)"
end

-- Not for programs: guards, and what only holds the header together.
local function is_inner(code)
  return code:find "^#[%sa-ce-z]" or code:find "^#define XAI_H$" or code:find "^#define XAI_SIZED" or
    code:find "^#define XAI_API"
end

local out, faults, count = {}, {}, 0

local function put(text) out[#out + 1] = text end

local function flush(group)
  if #group.code == 0 then
    if group.comment then put("<p>" .. escape(words_of(group.comment)):gsub("\n\n", "</p><p>") .. "</p>\n") end
    return
  end
  local names, has_words = {}, group.comment or table.concat(group.code):find("/*", 1, true)
  for _, code in ipairs(group.code) do
    local name = name_of(code)
    count = count + (name and 1 or 0)
    if name then names[#names + 1] = name end
    if name and not has_words then
      faults[#faults + 1] = header .. ": " .. name .. " has no comment"
    end
  end
  local anchors = {}
  for i, name in ipairs(names) do anchors[i] = ('<a id="%s"></a>'):format(escape(name)) end
  put(table.concat(anchors) .. verbatim(table.concat(group.code, "\n")))
  if group.comment then put("<p>" .. escape(words_of(group.comment)):gsub("\n\n", "</p><p>") .. "</p>\n") end
end

local text = lines_of(header)
local head, body = text:match "^/%*(.-)%*/\n(.*)$"
put "# The C library\n"
put(verbatim(words_of(head):gsub("SPDX[^\n]*\n+", "")))
local group = { code = {} }
body = body:gsub("#ifdef __cplusplus\n[^\n]+\n#endif\n", "")
for _, piece in ipairs(pieces_of(body)) do
  local banner = piece.comment and piece.comment:match "^%s*%-%-%-%-+%s*(.-)%s*$"
  if piece.blank or piece.comment then
    flush(group)
    group = { code = {} }
  end
  if banner then put("## " .. banner:sub(1, 1):upper() .. banner:sub(2) .. "\n")
  elseif piece.comment then group.comment = piece.comment
  elseif piece.code and not is_inner(piece.code) then table.insert(group.code, piece.code) end
end
flush(group)

for _, fault in ipairs(faults) do print(fault) end
local handle = assert(io.open(target, "w"))
handle:write(table.concat(out, "\n"))
handle:close()
print(("%d names in %s, %d faults"):format(count, header, #faults))
os.exit(#faults == 0)
