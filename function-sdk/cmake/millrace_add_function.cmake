# SPDX-License-Identifier: Apache-2.0

# millrace_add_function(name source...): <build>/functions/name.so with one exported symbol. The
# function's suggested name is the target's, with - for _. A name.yaml beside the CMakeLists.txt is
# copied beside the library.
function(millrace_add_function name)
  set(exports ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/exports.map)
  add_library(${name} MODULE ${ARGN})
  string(REPLACE "_" "-" suggested_name ${name})
  target_link_libraries(${name} PRIVATE millrace::sdk)
  target_compile_definitions(${name} PRIVATE MILLRACE_LIBRARY_NAME="${suggested_name}")
  target_compile_options(${name} PRIVATE -fvisibility=hidden
    $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_options(${name} PRIVATE -Wl,-z,now,-z,relro
    LINKER:--version-script=${exports})
  # A sanitizer's own symbols are found in the program that loads the library.
  get_directory_property(options COMPILE_OPTIONS)
  if(NOT "${options} ${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize=")
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  set_target_properties(${name} PROPERTIES PREFIX "" LINK_DEPENDS ${exports}
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/functions)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${name}.yaml)
    configure_file(${name}.yaml ${CMAKE_BINARY_DIR}/functions/${name}.yaml COPYONLY)
  endif()
endfunction()
