#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check_libraries.sh DIR: every .so in DIR exports exactly millrace_function and carries a note that
# readelf accepts, whose first line is the ABI.
set -euo pipefail
shopt -s nullglob
libraries=("$1"/*.so)
((${#libraries[@]} > 0)) || { echo "no library in $1" >&2; exit 1; }
for library in "${libraries[@]}"; do
  symbols=$(nm -D --defined-only "$library" | awk '{ print $3 }')
  [[ $symbols == millrace_function ]] || {
    echo "$library exports: $symbols" >&2
    exit 1
  }
  notes=$(readelf -n -W "$library" 2>&1)
  if grep -qi -e warning -e corrupt <<<"$notes" || ! grep -q '^ *millrace ' <<<"$notes"; then
    echo "$library: readelf does not accept its note: $notes" >&2
    exit 1
  fi
  text=$(readelf -p .note.millrace "$library")
  name=$(basename "$library" .so)
  for line in 'abi 1\.[0-2]' "name ${name//_/-}" 'state_version 1 1' 'use output'; do
    grep -q "$line" <<<"$text" || { echo "$library: no line '$line' in its note: $text" >&2; exit 1; }
  done
done
echo "${#libraries[@]} libraries"
