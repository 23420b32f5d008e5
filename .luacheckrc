-- What luacheck holds our Lua to: the names that every Lua we claim has, and lines of 120 columns.
std = "max"
max_line_length = 120
exclude_files = { "build" }

files["lua"] = { std = "lua51+lua52+lua53+lua54+luajit" }
files["lua/xai/ngx.lua"] = { std = "ngx_lua" }
files["lua/xai/ngx"] = { std = "ngx_lua" }
files["spec/hosts/nginx"] = { std = "ngx_lua" }
files["examples/nginx"] = { std = "ngx_lua" }
files["bench/load/relay.lua"] = { std = "ngx_lua" }
local vim = { other_fields = true, fields = { bo = { read_only = false, other_fields = true } } }
files["examples/neovim"] = { read_globals = { vim = vim } }
files["examples/love"] = { globals = { "love" } }
files["spec/hosts/love"] = { globals = { "love" } }
files["spec"] = { std = "max+busted" }
files["rockspec"] = { std = "+rockspec", ignore = { "631" } }
