#!/bin/sh
# curl8.sh - unpacks libcurl 8 beside the system's: curl8.sh FOLDER, where usr/include and usr/lib will be
# SPDX-License-Identifier: MIT
#
# Debian 12 has libcurl 7.88, and 8 in its backports. Neither apt's own lists nor what is installed are touched, so
# it needs no root. Where the system's libcurl is 8 already the folder stays empty, which is said.
set -eu

mkdir -p "$1"
cd "$1"
say() { echo "curl8: $*"; }

version=$(pkg-config --modversion libcurl)
case $version in
  [0-7].*) ;;
  *) say "the system's libcurl is $version already"; exit 0 ;;
esac
[ ! -e usr ] || exit 0

uri=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' | sed -n 's/^bookworm //p' | head -n 1)
[ -n "$uri" ] || { say "this is not Debian 12, whose backports it would take"; exit 1; }

mkdir -p apt/lists/partial apt/cache/archives/partial
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri bookworm-backports main" >apt/sources.list
cat >apt/conf <<END
Dir::Etc::sourcelist "$PWD/apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$PWD/apt/lists";
Dir::Cache "$PWD/apt/cache";
APT::Sandbox::User "";
END
export APT_CONFIG="$PWD/apt/conf"
apt-get -q update
apt-get -q download libcurl4/bookworm-backports libcurl4-openssl-dev/bookworm-backports
for package in libcurl4*.deb; do dpkg-deb -x "$package" unpacked; done
rm -r apt libcurl4*.deb
mv unpacked/usr usr # at last, so that half of it never counts
rmdir unpacked
say "$(sed -n 's/^#define LIBCURL_VERSION "\(.*\)"/libcurl \1/p' usr/include/*/curl/curlver.h) in $PWD/usr"
