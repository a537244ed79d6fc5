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
target_compile_options(smelt_compiler_flags INTERFACE -Wall -Wextra -Wno-unused-parameter)
target_include_directories(smelt_compiler_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_include_directories(smelt_compiler_flags SYSTEM INTERFACE ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
# Only the shared libraries: a static libMLIR*.a beside them would duplicate their global state.
target_link_libraries(smelt_compiler_flags INTERFACE MLIR LLVM)

# smelt_library(NAME source... [LINK library...]): one static library of the compiler.
function(smelt_library name)
  cmake_parse_arguments(ARG "" "" "LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC smelt_compiler_flags ${ARG_LINK})
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
