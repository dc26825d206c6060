# SPDX-License-Identifier: Apache-2.0
include(${CMAKE_CURRENT_LIST_DIR}/millrace-sdk-targets.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/millrace_add_function.cmake)
