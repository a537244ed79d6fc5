# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# free-standing: the core takes 16 KB of code at most and needs no symbol from outside.
#   cmake -DNM=nm -DARCHIVE=libsmelt_runtime.a -P free-standing.cmake
set(LIMIT_BYTES 16384)
set(ALLOWED getauxval) # AArch64 Linux has no other way to name its instruction sets

execute_process(COMMAND ${NM} --format=posix --radix=d ${ARCHIVE} OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" lines "${listing}")

# A line is: name, kind, value, size.
set(text_bytes 0)
foreach(line ${lines})
  if(line MATCHES "^([^ ]+) U")
    list(APPEND needed ${CMAKE_MATCH_1})
  elseif(line MATCHES "^([^ ]+) ([A-Za-z]) [0-9]+ *([0-9]*)$")
    set(name ${CMAKE_MATCH_1})
    set(kind ${CMAKE_MATCH_2})
    set(size ${CMAKE_MATCH_3})
    list(APPEND defined ${name})
    if(kind MATCHES "[tTrR]" AND size)
      math(EXPR text_bytes "${text_bytes} + ${size}")
    elseif(kind MATCHES "[bBdDcC]" AND NOT name MATCHES "^\\.L|^[$]")
      message(SEND_ERROR "${name} is a variable: the core keeps no state")
    endif()
  endif()
endforeach()

list(REMOVE_ITEM needed ${defined} ${ALLOWED})
if(needed)
  message(SEND_ERROR "the core needs ${needed}")
endif()
if(NOT text_bytes OR text_bytes GREATER LIMIT_BYTES)
  message(SEND_ERROR "the core has ${text_bytes} bytes of code, 1 to ${LIMIT_BYTES} are allowed")
endif()
message("${text_bytes} bytes of code")
