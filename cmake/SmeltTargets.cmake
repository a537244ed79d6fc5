# MLIR and LLVM, and the functions that every folder's CMakeLists.txt uses.
include(CTest)
find_package(MLIR REQUIRED CONFIG)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)
# mlir_tablegen searches the folders of this directory property.
include_directories(SYSTEM ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})

# The compiler's own code; the C11 runtime does not link to it.
add_library(smelt_compiler_flags INTERFACE)
target_compile_options(smelt_compiler_flags INTERFACE -Wall -Wextra -Wno-unused-parameter -Wno-deprecated-declarations)
# Without times in it a precompiled header is the same for the same sources, which compiler caches need.
target_compile_options(smelt_compiler_flags INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
target_include_directories(smelt_compiler_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_include_directories(smelt_compiler_flags SYSTEM INTERFACE ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
# Only the shared libraries: a static libMLIR*.a beside them would duplicate their global state.
target_link_libraries(smelt_compiler_flags INTERFACE MLIR LLVM)

# MLIR's headers take most of a file's compile time: they are read once. A file still includes what it uses.
set(smelt_precompiled_headers
  <dialects/Graph/Graph.h> <mlir/Dialect/Arith/IR/Arith.h> <mlir/Dialect/Func/IR/FuncOps.h> <mlir/Dialect/MemRef/IR/MemRef.h>
  <mlir/Dialect/SCF/IR/SCF.h> <mlir/Dialect/Vector/IR/VectorOps.h> <mlir/IR/ImplicitLocOpBuilder.h> <mlir/IR/PatternMatch.h>
  <mlir/Pass/Pass.h> <mlir/Transforms/GreedyPatternRewriteDriver.h>)

# Lets a target of the compiler read them too; SmeltGraph makes them.
function(smelt_precompile name)
  if(name STREQUAL SmeltGraph)
    target_precompile_headers(${name} PRIVATE ${smelt_precompiled_headers})
  elseif(TARGET SmeltGraph)
    target_precompile_headers(${name} REUSE_FROM SmeltGraph)
  endif()
endfunction()

# smelt_library(NAME source... [LINK library...]): one static library of the compiler.
function(smelt_library name)
  cmake_parse_arguments(ARG "" "" "LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC smelt_compiler_flags ${ARG_LINK})
  smelt_precompile(${name})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# smelt_program(NAME source... [LINK library...] [INSTALL]): one executable in bin/, and one of the package.
function(smelt_program name)
  cmake_parse_arguments(ARG "INSTALL" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE smelt_compiler_flags ${ARG_LINK})
  if(ARG_INSTALL)
    # Debian keeps LLVM's libraries where the loader does not look.
    set_target_properties(${name} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
    install(TARGETS ${name} RUNTIME)
  endif()
endfunction()
