#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build_functions.sh in_tree|build_tree|installed SOURCE BUILD WORK: builds functions/ without the
# host, with the SDK found that way, and checks what comes out.
set -euo pipefail
way=$1 source=$2 build=$3 work=$4
rm -rf "$work"
mkdir -p "$work"
options=(-G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O0 -DCMAKE_CXX_FLAGS=-O0)
project=$source/functions
case $way in
  in_tree)
    project=$work/project
    mkdir "$project"
    cat > "$project/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(in-tree LANGUAGES C CXX)
add_subdirectory($source/function-sdk sdk)
add_subdirectory($source/functions examples)
END
    ;;
  build_tree) options+=("-Dmillrace-sdk_DIR=$build/function-sdk") ;;
  installed)
    cmake --install "$build/function-sdk" --prefix "$work/prefix" > /dev/null
    options+=("-DCMAKE_PREFIX_PATH=$work/prefix")
    ;;
  *) echo "unknown way $way" >&2; exit 2 ;;
esac
cmake -S "$project" -B "$work/build" "${options[@]}" > /dev/null
cmake --build "$work/build" -j 2
"$(dirname "$0")/check_libraries.sh" "$work/build/functions"
[[ -f $work/build/functions/echo.yaml ]]
