#!/bin/sh
# curl8.sh - unpacks libcurl 8 beside the system's: curl8.sh FOLDER, where usr/include and usr/lib will be
# SPDX-License-Identifier: MIT
#
# Debian 12 has libcurl 7.88, and 8 in its backports. Neither apt's own lists nor what is installed are touched, so
# it needs no root. Where the system's libcurl is 8 already, or the backports cannot be had, the folder stays without
# usr, which is said and is no failure; what was had and cannot be unpacked is one.
set -eu

say() { echo "curl8: $*"; }

# not_run WHY...: with what apt complained of first, if it did
not_run() {
  why=
  [ ! -s apt/log ] || why=$(sed -n 's/^[EW]: //p' apt/log | head -n 1)
  say "not run: $*${why:+ ($why)}"
  rm -rf apt
  exit 0
}

mkdir -p "$1"
cd "$1"
[ ! -e usr ] || exit 0
rm -rf apt unpacked libcurl4*.deb # what an interrupted run left

version=$(pkg-config --modversion libcurl) || { say "there is no libcurl: make deps"; exit 1; }
case $version in
  [0-7].*) ;;
  *) say "not run: the system's libcurl is $version already"; exit 0 ;;
esac
command -v apt-get >/dev/null || not_run "there is no apt-get, and so no backports"
uri=$(apt-get indextargets --format '$(ORIGIN) $(RELEASE) $(REPO_URI)' | sed -n 's/^Debian bookworm //p' | head -n 1)
[ -n "$uri" ] || not_run "apt does not know Debian 12, whose backports it would take"

mkdir -p apt/lists/partial apt/cache/archives/partial
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri bookworm-backports main" >apt/sources.list
cat >apt/conf <<END
Dir::Etc::sourcelist "$PWD/apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$PWD/apt/lists";
Dir::Cache "$PWD/apt/cache";
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
Acquire::Retries "3";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
END
export APT_CONFIG="$PWD/apt/conf"
apt-get -q update >apt/log 2>&1 || not_run "the backports of Debian 12 cannot be had from $uri"
apt-get -q download libcurl4/bookworm-backports libcurl4-openssl-dev/bookworm-backports >apt/log 2>&1 ||
  not_run "the backports of Debian 12 have no libcurl that can be had"
for package in libcurl4*.deb; do dpkg-deb -x "$package" unpacked; done
rm -r apt libcurl4*.deb
mv unpacked/usr usr # at last, so that half of it never counts
rmdir unpacked
say "$(sed -n 's/^#define LIBCURL_VERSION "\(.*\)"/libcurl \1/p' usr/include/*/curl/curlver.h) in $PWD/usr"
