#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# follow_readme.sh SOURCE WORK: writes the files that function-sdk/README.md shows (fences whose info
# string names a file) and runs its commands (fences `sh`), in order, in WORK/totals.
set -euo pipefail
source=$1 work=$2
rm -rf "$work"
mkdir -p "$work/totals"
cd "$work/totals"
awk '
  /^```/ && open { open = 0; next }
  /^```sh$/ { open = 1; to = "../commands.sh"; next }
  /^```[a-z]+ [A-Za-z_.]+$/ { open = 1; to = $2; next }
  /^```/ { print "a fence that no test executes: " $0 > "/dev/stderr"; exit 1 }
  open { print > to }
' "$source/function-sdk/README.md"
export MILLRACE=$source PREFIX=$work/prefix CMAKE_GENERATOR=Ninja
bash -euxo pipefail ../commands.sh
