#!/bin/sh
# deps.sh - installs what building and testing need and is missing: deps.sh [build] [test] [check] [hosts]
# SPDX-License-Identifier: MIT
#
# Quick and silent when nothing is missing. Debian and Ubuntu: through apt, with sudo only when not root.
# Elsewhere it installs nothing and says what to look for.
set -eu

# Debian packages. luajit2, never luajit: nginx's Lua module conflicts with the latter. A command after
# "name:" counts as well as the package, for those that people get from other places.
build="gcc:gcc make:make pkg-config:pkg-config libc6-dev libcurl4-openssl-dev libpcre2-dev ca-certificates
  lua5.4 liblua5.4-dev lua-argparse luajit2 libluajit2-5.1-dev lua-http"
tests="g++:g++ lua5.3 liblua5.3-dev lua-busted lua-cjson luarocks libssl-dev locales curl:curl zip:zip unzip:unzip git:git"
check="clang:clang libclang-rt-dev clang-format:clang-format clang-tidy:clang-tidy llvm:llvm-symbolizer
  lua-check:luacheck lua-ldoc:ldoc lua-discount groff-base:nroff valgrind:valgrind lcov:lcov universal-ctags:ctags nodejs:node npm:npm libssl-dev openssl:openssl"
# The hosts that `make hosts` runs us in. nginx is used with configurations of our own, never as a service.
hosts="nginx:nginx libnginx-mod-http-lua openssl:openssl curl:curl neovim:nvim lua-luv lua-cqueues love:love xvfb:Xvfb
  procps:pgrep universal-ctags:ctags"

# What `make bench` measures beside us, as far as npm does not have it.
bench="g++:g++ libssl-dev lua5.3 liblua5.3-dev lua-cjson lua-curl libjansson-dev libsimdjson-dev nodejs:node npm:npm
  nginx:nginx libnginx-mod-http-lua openssl:openssl curl:curl"

# The same for other systems: commands, then pkg-config modules as "pc/name".
commands_build="cc make pkg-config pc/libcurl pc/libpcre2-8 lua5.4 pc/lua5.4"
commands_test="c++ lua5.3 luajit pc/lua5.3 pc/luajit pc/openssl busted luarocks zip unzip"
commands_bench="c++ pc/openssl node npm openssl curl"
commands_hosts="nginx openssl curl nvim love Xvfb pgrep ctags"
commands_check="clang clang-format clang-tidy luacheck ldoc nroff valgrind lcov ctags node npm"

say() { echo "deps: $*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }

installed() {
  case $(dpkg-query -W -f '${db:Status-Status} ' "$1" 2>/dev/null) in
    installed\ *) return 0 ;; # several when the machine has several architectures
    *) return 1 ;;
  esac
}

known() {
  apt-cache show --no-all-versions "$1" >/dev/null 2>&1
}

# The packages among "$@" that are neither installed nor replaced by their command.
missing_packages() {
  for entry in "$@"; do
    case $entry in
      *:*) has "${entry#*:}" && continue ;;
    esac
    installed "${entry%%:*}" || printf '%s ' "${entry%%:*}"
  done
}

# Ubuntu's older releases lack some names; whoever needs the part says so then.
only_known() {
  for package in "$@"; do
    if known "$package"; then printf '%s ' "$package"; else say "$package: no such package here, left out"; fi
  done
}

all_known() {
  for package in "$@"; do known "$package" || return 1; done
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif has sudo; then sudo "$@"
  else say "not root and no sudo; run as root: $*"; exit 1
  fi
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@" </dev/null >&2
}

# A service that a package brings is not started: who wants nginx as a service has it already. An administrator's
# own policy stands.
without_services() {
  policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
  status=0
  "$@" || status=$?
  as_root rm -f "$policy"
  case " $* " in
    *" nginx "*) ! has systemctl || as_root systemctl disable nginx >/dev/null 2>&1 || true ;; # nor at the next start
  esac
  return $status
}

# --no-remove: never take away what somebody chose (luajit, another curl) to install ours.
apt_install() {
  without_services apt install -y --no-install-recommends --no-remove "$@"
}

with_apt() {
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  say "installing $missing"
  # shellcheck disable=SC2086
  all_known $missing || apt update || say "apt-get update failed, going on with what is known"
  # shellcheck disable=SC2086
  missing=$(only_known $missing)
  [ -n "$missing" ] || return 0
  # A list from yesterday names files that are gone today: one more try with a fresh one.
  # shellcheck disable=SC2086
  apt_install $missing || { apt update && apt_install $missing; } || {
    say "could not install: $missing"
    exit 1
  }
}

without_apt() {
  lacking=
  for need in "$@"; do
    case $need in
      pc/*) has pkg-config && pkg-config --exists "${need#pc/}" || lacking="$lacking ${need#pc/} (headers)" ;;
      *) has "$need" || lacking="$lacking $need" ;;
    esac
  done
  [ -z "$lacking" ] && return 0
  say "this is not Debian or Ubuntu, so nothing is installed by itself. Not found:$lacking"
  say "install them with the system's package manager (libcurl 7.85 or later, PCRE2 10.34 or later, Lua 5.4, LuaJIT 2.1) or LuaRocks"
  exit 1
}

packages= commands=
for set in "${@:-build}"; do
  case $set in
    build) packages="$packages $build" commands="$commands $commands_build" ;;
    test) packages="$packages $tests" commands="$commands $commands_test" ;;
    check) packages="$packages $check" commands="$commands $commands_check" ;;
    hosts) packages="$packages $hosts" commands="$commands $commands_hosts" ;;
    bench) packages="$packages $bench" commands="$commands $commands_bench" ;;
    *) say "no such set: $set (build, test, check, hosts, bench)"; exit 2 ;;
  esac
done

if has apt-get && has dpkg-query; then
  # shellcheck disable=SC2086
  with_apt $packages
else
  # shellcheck disable=SC2086
  without_apt $commands
fi
