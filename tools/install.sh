#!/bin/sh
# install.sh - puts what was built in place, or removes it again.
# SPDX-License-Identifier: MIT
#
# install.sh DESTDIR PREFIX BUILD VERSION LUA...      install.sh --remove DESTDIR PREFIX
# With PCRE2=0 in the environment what was built does without that library.
set -eu

# The directory name under lib/lua and share/lua: LuaJIT reads 5.1's.
lua_version() {
  case $1 in luajit) echo 5.1 ;; *) echo "${1#lua}" ;; esac
}

remove() {
  root=$1$2
  rm -f "$root/include/xai.h" "$root"/lib/libxai.a "$root"/lib/libxai.so "$root"/lib/libxai.so.* \
    "$root/lib/pkgconfig/xai.pc" "$root/bin/xai" "$root/share/man/man1/xai.1" \
    "$root/share/bash-completion/completions/xai" "$root/share/zsh/site-functions/_xai" \
    "$root/share/fish/vendor_completions.d/xai.fish"
  for version in 5.1 5.3 5.4; do
    rm -rf "$root/share/lua/$version/xai" "$root/lib/lua/$version/xai"
  done
}

if [ "$1" = --remove ]; then
  remove "$2" "$3"
  exit
fi

prefix=$2 build=$3 version=$4 root=$1$2
shift 4
pcre2=' libpcre2-8'
[ "${PCRE2:-1}" != 0 ] || pcre2=
install -d "$root/include" "$root/lib/pkgconfig" "$root/bin"
install -m 644 core/include/xai.h "$root/include/"
install -m 644 "$build/libxai.a" "$root/lib/"
install -m 755 "$build/libxai.so" "$root/lib/libxai.so.$version"
ln -sf "libxai.so.$version" "$root/lib/libxai.so.0"
ln -sf libxai.so.0 "$root/lib/libxai.so"
cat >"$root/lib/pkgconfig/xai.pc" <<END
prefix=$prefix
includedir=\${prefix}/include
libdir=\${prefix}/lib

Name: xai
Description: The Grok (xAI) API for C
Version: $version
Cflags: -I\${includedir}
Libs: -L\${libdir} -lxai
Requires.private: libcurl$pcre2
Libs.private: -lm
END

runner=lua
for lua in "$@"; do
  directory=$(lua_version "$lua")
  (cd lua && find xai -name '*.lua') | while read -r file; do
    install -D -m 644 "lua/$file" "$root/share/lua/$directory/$file"
  done
  install -D -m 755 "$build/$lua/xai/core.so" "$root/lib/lua/$directory/xai/core.so"
  # The last in the list is LuaJIT when it is there; Debian has the server part of `xai sim` for it alone.
  runner=$lua
done
# The command finds the library below its own prefix, wherever that is.
directory=$(lua_version "$runner")
{
  echo "#!/usr/bin/env $runner"
  echo "package.path = [[$prefix/share/lua/$directory/?.lua;$prefix/share/lua/$directory/?/init.lua;]] .. package.path"
  echo "package.cpath = [[$prefix/lib/lua/$directory/?.so;]] .. package.cpath"
  sed 1d bin/xai
} >"$root/bin/xai"
chmod 755 "$root/bin/xai"
install -D -m 644 bin/xai.1 "$root/share/man/man1/xai.1"

# completion SHELL FILE
completion() {
  mkdir -p "$(dirname "$root/share/$2")"
  "$build/bin/xai" completion "$1" >"$root/share/$2"
}
completion bash bash-completion/completions/xai
completion zsh zsh/site-functions/_xai
completion fish fish/vendor_completions.d/xai.fish
