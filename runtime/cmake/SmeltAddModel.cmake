# Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# What `smelt compile --target` is told where the project does not say it. A program for the building machine itself may use all of its
# instruction sets, as the compiler does by default.
function(_smelt_default_target result)
  if(NOT CMAKE_CROSSCOMPILING)
    set(target native)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    set(target aarch64)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    set(target x86-64-v3)
  else()
    message(FATAL_ERROR "smelt_add_model: no default for the processor '${CMAKE_SYSTEM_PROCESSOR}'; name one with TARGET_CPU (see smelt compile --help)")
  endif()
  set(${result} ${target} PARENT_SCOPE)
endfunction()

# smelt_add_model(TARGET MODEL
#                 [SHAPES INPUT=1x3x224x224...]   fix inputs' extents, which stay open where the file leaves them so
#                 [TARGET_CPU NAME]               as `smelt compile --target`; say it when the program leaves this machine
#                 [PRECISION NAME]                as `smelt compile --precision`
#                 [CUSTOM FILE...]                declarations of custom operators, whose functions the program has
#                 [CACHE FOLDER]                  as `smelt compile --cache`: kernels compiled before are not compiled again
#                 [OPTIONS WORD...]               anything else for `smelt compile`
#                 [DEPENDS FILE...])              further files that the model consists of: its external data
#
# Compiles a model when the project is built, and again when the model or the compiler changes. TARGET becomes a library to link with: it
# brings the model's code and weights, the folder of its header TARGET.h, and the runtime. The compiler is SMELT_COMPILER.
function(smelt_add_model TARGET MODEL)
  cmake_parse_arguments(PARSE_ARGV 2 ARG "" "TARGET_CPU;PRECISION;CACHE" "SHAPES;CUSTOM;OPTIONS;DEPENDS")
  if(ARG_UNPARSED_ARGUMENTS OR ARG_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "smelt_add_model(${TARGET}): what is '${ARG_UNPARSED_ARGUMENTS}${ARG_KEYWORDS_MISSING_VALUES}'?")
  endif()
  if(NOT SMELT_COMPILER)
    message(FATAL_ERROR "smelt_add_model(${TARGET}): the program smelt is not found; name it with -DSMELT_COMPILER=...")
  endif()
  if(NOT ARG_TARGET_CPU)
    _smelt_default_target(ARG_TARGET_CPU)
  endif()
  set(flags --target ${ARG_TARGET_CPU})
  foreach(shape IN LISTS ARG_SHAPES)
    list(APPEND flags --shape "${shape}")
  endforeach()
  foreach(file IN LISTS ARG_CUSTOM)
    cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    list(APPEND flags --custom ${file})
    list(APPEND ARG_DEPENDS ${file})
  endforeach()
  if(ARG_PRECISION)
    list(APPEND flags --precision ${ARG_PRECISION})
  endif()
  if(ARG_CACHE)
    cmake_path(ABSOLUTE_PATH ARG_CACHE BASE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
    list(APPEND flags --cache ${ARG_CACHE})
  endif()

  # A file of the sources, or one that the build makes.
  cmake_path(ABSOLUTE_PATH MODEL BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE model)
  if(NOT EXISTS ${model})
    cmake_path(ABSOLUTE_PATH MODEL BASE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR} OUTPUT_VARIABLE model)
  endif()
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/smelt/${TARGET})
  file(MAKE_DIRECTORY ${folder})
  # The program leaves the compiling to another one beside it.
  set(compiler ${SMELT_COMPILER})
  if(EXISTS ${SMELT_COMPILER}-compiler)
    list(APPEND compiler ${SMELT_COMPILER}-compiler)
  endif()
  add_custom_command(OUTPUT ${folder}/${TARGET}.a ${folder}/${TARGET}.h
    COMMAND ${SMELT_COMPILER} compile ${model} --emit static -o ${folder}/${TARGET} ${flags} ${ARG_OPTIONS}
    DEPENDS ${model} ${compiler} ${ARG_DEPENDS}
    COMMENT "Compiling the model ${TARGET} for ${ARG_TARGET_CPU}" VERBATIM)
  add_custom_target(${TARGET}_model DEPENDS ${folder}/${TARGET}.a ${folder}/${TARGET}.h)

  add_library(${TARGET} STATIC IMPORTED GLOBAL)
  add_dependencies(${TARGET} ${TARGET}_model)
  set_target_properties(${TARGET} PROPERTIES IMPORTED_LOCATION ${folder}/${TARGET}.a)
  target_include_directories(${TARGET} INTERFACE ${folder})
  target_link_libraries(${TARGET} INTERFACE Smelt::runtime)
endfunction()
