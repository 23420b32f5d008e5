--- Follows the links of the pages below a folder, as far as they stay on this machine: doc_links.lua FOLDER
-- SPDX-License-Identifier: MIT
local folder = assert(arg[1], "usage: doc_links.lua FOLDER")

local function read(path)
  local handle = io.open(path)
  local text = handle and handle:read "a"
  if handle then handle:close() end
  return text
end

local function unescape(text)
  return (text:gsub("&#(%d+);", function(n) return string.char(tonumber(n)) end):gsub("&amp;", "&"))
end

local anchors = {}

local function has_anchor(path, name)
  if not anchors[path] then
    anchors[path] = {}
    for _, attribute in ipairs { "id", "name" } do
      for found in read(path):gmatch(attribute .. '%s*=%s*"([^"]+)"') do anchors[path][unescape(found)] = true end
    end
  end
  return anchors[path][name]
end

local count, broken = 0, 0
local pages = assert(io.popen(("find %s -name '*.html'"):format(folder)))
for page in pages:lines() do
  for link in read(page):gmatch 'href%s*=%s*"([^"]+)"' do
    if not link:find "^%a+:" then
      local file, anchor = unescape(link):match "^([^#]*)#?(.*)$"
      local path = file == "" and page or page:match "^.*/" .. file
      local text = read(path)
      local good = (text or os.execute(("test -d '%s'"):format(path))) and (anchor == "" or has_anchor(path, anchor))
      count = count + 1
      if not good then
        broken = broken + 1
        print(page .. ": leads nowhere: " .. link)
      end
    end
  end
end
pages:close()
print(("%d links in %s, %d of them lead nowhere"):format(count, folder, broken))
os.exit(count > 0 and broken == 0)
