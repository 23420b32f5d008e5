#!/usr/bin/env bash
# doc.sh - writes the reference: doc.sh FOLDER. Fails when a public name has no words of its own.
# SPDX-License-Identifier: MIT
set -euo pipefail

folder=$1 src=$1/src
for needed in lua5.4 ldoc nroff; do
  command -v "$needed" >/dev/null || {
    echo "make doc needs $needed: make deps SETS=\"build check\"" >&2
    exit 1
  }
done
rm -rf "$folder"
mkdir -p "$src/lua"

lua5.4 tools/doc_names.lua --check
lua5.4 tools/doc_c.lua core/include/xai.h "$src/xai.h.md"
lua5.4 tools/doc_lua.lua "$src/lua"
mv "$src/lua/places.ld" "$src"

# The manual as a terminal shows it.
{
  printf '# The command\n\n<pre>\n'
  nroff -mandoc -Tutf8 bin/xai.1 | sed -e 's/\x1b\[[0-9;]*m//g' -e 's/.\x08//g' -e 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g' |
    sed -e '1d;$d' -e 's/^$/\&nbsp;/' -e 's/^    /\&nbsp;   /' -e 's/_/\&#95;/g; s/\*/\&#42;/g; s/`/\&#96;/g'
  printf '</pre>\n'
} >"$src/xai.1.md"

# Links between the pages stay among the pages; the others lead to the files of the tree.
pages=(README.md doc/*.md CHANGELOG.md)
for page in "${pages[@]}"; do
  [[ -e $page ]] || continue
  sed -E -e 's#\]\(([a-z]+://[^)]*)\)#](<\1>)#g' \
    -e 's#\]\(core/include/xai\.h\)#](<xai.h.md.html>)#g' -e 's#\]\(bin/xai\.1\)#](<xai.1.md.html>)#g' \
    -e 's#\]\(((\.\./)?doc/|\.\./)?(README|CHANGELOG|[a-z]+)\.md\)#](<\3.md.html>)#g' \
    -e 's#\]\(\.\./([^<)]*)\)#](<../../../\1>)#g' -e 's#\]\(([^<)]*)\)#](<../../../\1>)#g' \
    -e 's#\]\(<([^>]*)>\)#](\1)#g' "$page" >"$src/$(basename "$page")"
done

{
  cat doc/config.ld
  printf 'readme = {'
  for page in README hosts xai.h xai.1 CHANGELOG; do [[ ! -e $src/$page.md ]] || printf ' "%s",' "$src/$page.md"; done
  printf ' }\n'
  cat "$src/places.ld"
} >"$src/config.ld"
ldoc -q --fatalwarnings -c "$src/config.ld" -d "$folder" "$src/lua"
lua5.4 tools/doc_links.lua "$folder"
# LDoc takes another Markdown when this one is missing, and says nothing.
if ! grep -q '<table' "$folder/guide/README.md.html"; then
  echo "make doc needs Discount for Lua (Debian: lua-discount): the README's tables are not tables" >&2
  exit 1
fi
echo "$folder/index.html"
