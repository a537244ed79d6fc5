// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// smelt profile: the module smelt.profile of the Python package, which lies where this program was built or installed.
#include "tools/runner/Error.h"
#include "tools/smelt/Launcher.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

using smelt::runner::Error;
using smelt::runner::Exit;

namespace smelt {

// What is missing is said in one line, as all errors are.
constexpr const char *kStart = R"(
import sys
try:
    from smelt.profile.command import main
except ImportError as error:
    print(f"smelt: error: profile: {error}; {sys.executable} needs the package numpy, or SMELT_PYTHON names a Python "
          "that has it", file=sys.stderr)
    sys.exit(5)
sys.exit(main())
)";

static std::string thisProgram() {
  char buffer[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", buffer, sizeof buffer);
  return {buffer, length > 0 ? static_cast<size_t>(length) : 0};
}

/// The first of several places beside this program's folder that is there; empty where none is.
static std::string besideThis(std::initializer_list<const char *> places, int mode) {
  const std::string self = thisProgram(), folder = self.substr(0, self.rfind('/') + 1);
  for (const char *place : places)
    if (const std::string path = folder + place; access(path.c_str(), mode) == 0)
      return path;
  return "";
}

static std::string findPython() {
  if (const char *named = std::getenv("SMELT_PYTHON"))
    return named;
  const std::string own = besideThis({"../../.venv/bin/python"}, X_OK);
  return own.empty() ? "python3" : own;
}

int profileCommand(const std::vector<std::string> &arguments) {
  const std::string package = besideThis({"../../tools/python", "../share/smelt/python"}, R_OK);
  if (package.empty())
    throw Error(Exit::Environment, "profile: the Python package of Smelt is not where this program was installed; "
                                   "install it anew");
  const char *known = std::getenv("PYTHONPATH");
  setenv("PYTHONPATH", known && *known ? (package + ":" + known).c_str() : package.c_str(), 1);
  setenv("SMELT_COMPILER", thisProgram().c_str(), 0);
  const std::string python = findPython();
  std::vector<std::string> words{python, "-c", kStart};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char *> argv;
  for (std::string &word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  execvp(python.c_str(), argv.data());
  throw Error(Exit::Environment, "profile needs Python 3 with numpy: " + python + " cannot be started: " +
                                     std::strerror(errno) + "; SMELT_PYTHON names another one");
}

} // namespace smelt
