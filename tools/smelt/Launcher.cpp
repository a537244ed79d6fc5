// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The program `smelt`. Commands that run artefacts are here; those that compile are in the program smelt-compiler
// beside it, which this one becomes: the compiler's libraries alone take 90 MB, and a run may take its model's memory
// only.
#include "tools/smelt/Launcher.h"
#include "tools/runner/Crash.h"
#include "tools/runner/Error.h"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <new>
#include <unistd.h>

using smelt::runner::Error;
using smelt::runner::Exit;

static constexpr struct {
  const char *name;
  int (*run)(const std::vector<std::string> &arguments);
} kCommands[] = {{"run", smelt::runCommand}, {"bench", smelt::benchCommand}, {"profile", smelt::profileCommand}};

/// The compiler lies where this program does, by whatever name that was called.
static std::string compilerPath() {
  char buffer[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", buffer, sizeof buffer);
  const std::string self(buffer, length > 0 ? static_cast<size_t>(length) : 0);
  return self.substr(0, self.rfind('/') + 1) + "smelt-compiler";
}

[[noreturn]] static void becomeCompiler(char **argv) {
  const std::string path = compilerPath();
  execv(path.c_str(), argv);
  throw Error(Exit::Environment, path + ": cannot be started: " + std::strerror(errno));
}

static int dispatch(int argc, char **argv) {
  for (const auto &command : kCommands)
    if (argc > 1 && std::strcmp(argv[1], command.name) == 0)
      return command.run({argv + 2, argv + argc});
  becomeCompiler(argv);
}

static int fail(Exit code, const char *message) {
  std::fprintf(stderr, "smelt: error: %s\n", message);
  return static_cast<int>(code);
}

int main(int argc, char **argv) {
  smelt::runner::installCrashHandler(
      "smelt: error: the model crashed; this is a defect of Smelt, unless the artefact is "
      "damaged: please report it\n");
  try {
    const int code = dispatch(argc, argv);
    if (std::fflush(stdout) != 0 && errno == EPIPE)
      return static_cast<int>(Exit::Environment); // nobody wants to read more
    if (std::ferror(stdout))
      throw Error(Exit::Environment, std::string("standard output cannot be written: ") + std::strerror(errno));
    return code;
  } catch (const Error &error) {
    return fail(error.code(), error.what());
  } catch (const std::bad_alloc &) {
    return fail(Exit::Environment, "out of memory");
  }
}
