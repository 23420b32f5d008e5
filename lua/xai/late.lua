--- Loads a module when it is first used, and again should its loading have broken off.
-- SPDX-License-Identifier: MIT
local loaded = package.loaded

-- A module of ours is a table or a function.
local function is_module(value)
  return type(value) == "table" or type(value) == "function"
end

-- LuaJIT takes a module whose loading broke off, for want of memory perhaps, for one that is still being loaded, and
-- refuses it for ever: it has left a mark in its place.
local function forget_marks()
  for name, value in pairs(loaded) do
    if not is_module(value) and tostring(name):sub(1, 4) == "xai." then loaded[name] = nil end
  end
end

--- @param name string  of a module of ours
--- @return any module  as require gives it
return function(name)
  local value = loaded[name]
  if is_module(value) then return value end
  forget_marks() -- now, and not when it failed: there may be memory again
  return require(name)
end
