# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# find_package(Smelt) gives Smelt::runtime and, where there are threads, Smelt::threads.
find_package(Threads QUIET)
include(${CMAKE_CURRENT_LIST_DIR}/SmeltTargets.cmake)
