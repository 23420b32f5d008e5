--- Calls a function from a finalizer: what a careless program may do at any allocation.
-- SPDX-License-Identifier: MIT

--- A value, reachable from nowhere, that calls `fn` when it is collected. LuaJIT knows only userdata that do.
--- @param fn fun()
return function(fn)
  if not newproxy then -- luacheck: ignore
    setmetatable({}, { __gc = fn })
    return
  end
  getmetatable(newproxy(true)).__gc = fn -- luacheck: ignore
end
