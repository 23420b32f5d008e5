#!/usr/bin/env bash
# rock.sh - packs this version as a source rock, which `luarocks install` builds anywhere, without a network: rock.sh FOLDER
# SPDX-License-Identifier: MIT
#
# What git knows of the tree goes in, changes included.
set -euo pipefail

folder=$(mkdir -p "$1" && cd "$1" && pwd)
version=$(sed -n 's/^#define XAI_VERSION "\(.*\)"/\1/p' core/include/xai.h)
source=$folder/xai-$version.tar.gz spec=$folder/xai-$version-1.rockspec

tree=$(git stash create 2>/dev/null || true) # empty when nothing is changed
git archive --prefix="xai-$version/" -o "$source" "${tree:-HEAD}"
lua5.4 tools/rockspec.lua --release "file://$source" >"$spec"
(cd "$folder" && luarocks pack "$spec" >/dev/null)
rm "$source" "$spec"
echo "$folder/xai-$version-1.src.rock"
