-- The example's own settings, in its own words.
-- SPDX-License-Identifier: MIT
dofile "examples/love/conf.lua"
