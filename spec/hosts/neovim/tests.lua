--- What is tested in Neovim: the scenario beside the editor's own timer, a plain call, and the example plugin.
-- SPDX-License-Identifier: MIT
local vim = _G.vim
package.path = "spec/hosts/?.lua;" .. package.path
local meters = require "meter"
local metered_uv = require "metered_uv"
local scenario = require "scenario"
local xai = require "xai"

local api, uv = vim.api, vim.uv or vim.loop
local meter, passed, failed = meters.new(), 0, {}

-- All that runs of ours is run by luv or by the editor's queue.
require("xai.uv").attach {
  uv = metered_uv(uv, meter),
  schedule = function(fn) vim.schedule(meter:timed(fn)) end,
}
vim.opt.runtimepath:append "examples/neovim"
vim.cmd "runtime plugin/grok.lua"

local function check(what, ok, why)
  if ok then passed = passed + 1 else failed[#failed + 1] = what .. ": " .. tostring(why) end
end

local function await(what, is_so)
  check(what, vim.wait(20000, is_so, 5), "not so after 20 s")
end

local function text_of(buffer) return table.concat(api.nvim_buf_get_lines(buffer, 0, -1, true), "\n") end

local function scenario_in_a_task(grok)
  local over, longest, before, timer = false, 0, uv.hrtime(), uv.new_timer()
  uv.timer_start(timer, 2, 2, function()
    longest, before = math.max(longest, uv.hrtime() - before), uv.hrtime()
  end)
  xai.spawn(function()
    local good, bad = scenario.run(grok)
    passed = passed + good
    vim.list_extend(failed, bad)
    over = true
  end)
  await("the scenario ends", function() return over end)
  uv.close(timer)
  return longest / 1e6
end

local function a_plain_call(grok)
  local went_on = 0
  local timer = uv.new_timer()
  uv.timer_start(timer, 5, 5, vim.schedule_wrap(function() went_on = went_on + 1 end))
  local answer, err = grok:respond "Why?"
  uv.close(timer)
  check("a plain call gives its answer", answer and #answer:text() > 0, err)
  check("... and the editor goes on meanwhile", went_on > 3, went_on)
end

-- A selection, a question: the window fills with the answer to both.
local function ask_about_a_selection()
  api.nvim_buf_set_lines(0, 0, -1, true, { "not this", "local tides = 2", "print(tides)", "nor this" })
  vim.cmd "2,3Grok What does it print?"
  local buffer = api.nvim_get_current_buf()
  check("the answer has a window of its own", vim.bo[buffer].buftype == "nofile" and #api.nvim_list_wins() == 2)
  local seen = {}
  await("the answer streams in", function()
    seen[#text_of(buffer)] = true
    return text_of(buffer):find "%(%$%d[%d.]*%)$"
  end)
  check("... word by word", vim.tbl_count(seen) > 3, vim.tbl_count(seen))
  check("it is about the selection", text_of(buffer):lower():find "tides", text_of(buffer))
  vim.cmd "close"
end

local function cancel_by_key(key)
  vim.cmd "Grok Tell me a long story"
  local buffer = api.nvim_get_current_buf()
  await("a story begins", function() return #text_of(buffer) > 10 end)
  api.nvim_feedkeys(api.nvim_replace_termcodes(key, true, false, true), "xm", false)
  await(key .. " cancels it", function() return text_of(buffer):find "cancelled" end)
  vim.cmd "close"
end

local function leave_in_the_middle()
  vim.cmd "Grok Tell me a long story"
  local buffer = api.nvim_get_current_buf()
  await("a story begins", function() return #text_of(buffer) > 10 end)
  vim.cmd "close"
  vim.wait(100)
  check("closing the window is no error", not api.nvim_buf_is_valid(buffer) and vim.v.errmsg == "", vim.v.errmsg)
end

local ok, why = xpcall(function()
  local grok = assert(xai.new())
  local gap = scenario_in_a_task(grok)
  a_plain_call(grok)
  ask_about_a_selection()
  cancel_by_key "q"
  cancel_by_key "<C-c>"
  leave_in_the_middle()
  local note = ("of %d functions that the editor called; its own timer of 2 ms took %.1f ms at most"):format(
    meter.count, gap)
  if not meters.report(passed, failed, meter, note) then vim.cmd "cquit" end
end, debug.traceback)
if not ok then
  print("FAILED  " .. why)
  vim.cmd "cquit"
end
vim.cmd "qall!"
