--- Runs the specs on the installed library: `luarocks test`, or `luarocks test -- spec/json_spec.lua` for some.
-- SPDX-License-Identifier: MIT
--
-- LuaRocks does not tell a test where its tree is; `eval "$(luarocks path)"` tells the Lua.
local function missing(what, remedy)
  io.stderr:write(what, "\n", remedy, "\n")
  os.exit(false)
end

local found, xai = pcall(require, "xai")
if not found then
  missing(tostring(xai), 'Is the rock installed (luarocks make), and its tree known (eval "$(luarocks path)")?')
end
local known, runner = pcall(require, "busted.runner")
if not known then missing(tostring(runner), "The specs need busted: luarocks install busted") end

print(("xai %s in %s, on %s"):format(xai.version, package.searchpath("xai.core", package.cpath), _VERSION))
package.loaded.xai = nil -- it loads its parts when they are used, and a spec is to get all of them anew
if #arg == 0 then table.insert(arg, "spec") end
runner { standalone = false }
