-- :Grok - asks Grok about the lines of the range, and streams its answer into a window beside them.
-- SPDX-License-Identifier: MIT
vim.api.nvim_create_user_command("Grok", function(command)
  local lines = command.range > 0 and vim.api.nvim_buf_get_lines(0, command.line1 - 1, command.line2, true) or {}
  require("grok").ask(command.args, lines)
end, { nargs = "+", range = true, desc = "Ask Grok about the selection" })
