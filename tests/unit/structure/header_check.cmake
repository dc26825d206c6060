# SPDX-License-Identifier: Apache-2.0
# millrace_check_headers(NAME [LIBS library...] HEADERS file...): an object library NAME in which
# every header is the only include of one translation unit, so that it compiles only if it stands
# alone. A header with a .cc beside it needs none: that .cc includes it first (include_table.py sees
# to it) and is such a unit. A header below an abi/ folder is compiled as C11 too. Built only on
# request.
function(millrace_check_headers name)
  cmake_parse_arguments(PARSE_ARGV 1 check "" "" "LIBS;HEADERS")
  set(units)
  foreach(header ${check_HEADERS})
    file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${header})
    string(REGEX REPLACE "\\.h$" ".cc" source ${header})
    if(EXISTS ${source})
      continue()
    endif()
    set(languages cc)
    if(path MATCHES "(^|/)abi/")
      list(APPEND languages c)
    endif()
    foreach(language ${languages})
      set(unit ${CMAKE_CURRENT_BINARY_DIR}/${path}.${language})
      file(CONFIGURE OUTPUT ${unit} CONTENT "#include \"${header}\"\n")
      list(APPEND units ${unit})
    endforeach()
  endforeach()
  if(units)
    add_library(${name} OBJECT EXCLUDE_FROM_ALL ${units})
    target_link_libraries(${name} PRIVATE ${check_LIBS})
    target_compile_options(${name} PRIVATE -O0 -g0)
  endif()
endfunction()
