-- What LÖVE reads before the game begins.
-- SPDX-License-Identifier: MIT
function love.conf(t)
  t.identity = "xai-talk"
  t.version = "11.4"
  t.window.title = "A character who talks"
  t.window.width, t.window.height = 640, 360
  t.window.vsync = 1
  t.modules.physics, t.modules.joystick, t.modules.video = false, false, false
end
