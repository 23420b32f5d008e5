--- A small plugin: the answer to a question about some lines streams into a window of its own. `q` or <C-c> there
--- cancels it, and so does closing the window. The editor goes on meanwhile.
-- SPDX-License-Identifier: MIT
--
-- In init.lua:  vim.opt.runtimepath:append "…/examples/neovim"   and the key in XAI_API_KEY.
local xai = require "xai"
require("xai.uv").attach()

local api = vim.api
local grok -- one client for the editor's whole life, made by the first question

local function append(buffer, text)
  local last = api.nvim_buf_get_lines(buffer, -2, -1, true)[1]
  api.nvim_buf_set_lines(buffer, -2, -1, true, vim.split(last .. text, "\n", { plain = true }))
end

local function open_window()
  vim.cmd "botright new"
  local buffer = api.nvim_get_current_buf()
  vim.bo[buffer].buftype, vim.bo[buffer].bufhidden, vim.bo[buffer].filetype = "nofile", "wipe", "markdown"
  return buffer
end

local function cancel_by(buffer, stream)
  local function cancel() stream:cancel() end
  for _, key in ipairs { "q", "<C-c>" } do vim.keymap.set("n", key, cancel, { buffer = buffer }) end
  api.nvim_create_autocmd("BufWipeout", { buffer = buffer, callback = cancel })
end

local function show(buffer, stream)
  for text in stream:deltas() do
    if api.nvim_buf_is_valid(buffer) then append(buffer, text) end
  end
  local answer, err = stream:result()
  if not api.nvim_buf_is_valid(buffer) then return end
  append(buffer, "\n\n" .. (err and "(" .. tostring(err) .. ")" or "(" .. xai.prices.format(answer:cost()) .. ")"))
end

--- @param question string
--- @param lines string[]  what it is about; may be empty
--- @return integer? buffer  where the answer comes
local function ask(question, lines)
  local err
  if not grok then grok, err = xai.new() end
  if not grok then return vim.notify(tostring(err), vim.log.levels.ERROR) end
  local stream
  stream, err = grok:stream(#lines > 0 and question .. "\n\n" .. table.concat(lines, "\n") or question)
  if not stream then return vim.notify(tostring(err), vim.log.levels.ERROR) end
  local buffer = open_window()
  if grok.simulated then append(buffer, "(simulated: no model has seen the question)\n\n") end
  cancel_by(buffer, stream)
  xai.spawn(show, buffer, stream)
  return buffer
end

return { ask = ask }
