// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/Link.h"

#include "codegen/artifact/OutputFile.h"
#include "codegen/artifact/WriteError.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/TargetParser/Triple.h"
#include <algorithm>
#include <optional>
#include <sys/mman.h>
#include <unistd.h>

using namespace llvm;

namespace smelt::artifact {

static Expected<std::string> linkerPath() {
  if (sys::fs::can_execute(SMELT_LINKER))
    return std::string(SMELT_LINKER);
  for (StringRef name : {"ld.lld-22", "ld.lld"})
    if (ErrorOr<std::string> found = sys::findProgramByName(name))
      return *found;
  return environmentError("the linker ld.lld is missing; install lld-22");
}

namespace {
/// What another program prints, in memory: a file of its own could be left behind.
class Log {
public:
  Log() : descriptor_(memfd_create("smelt-link", MFD_CLOEXEC)), path_("/proc/self/fd/" + std::to_string(descriptor_)) {}
  Log(const Log &) = delete;
  Log &operator=(const Log &) = delete;
  ~Log() { close(descriptor_); }

  bool isOpen() const { return descriptor_ >= 0; }
  /// What the program opens: it has the descriptor as well until it begins.
  StringRef path() const { return path_; }
  /// In one line.
  std::string text() const {
    ErrorOr<std::unique_ptr<MemoryBuffer>> file = MemoryBuffer::getFile(path_);
    std::string text = file ? (*file)->getBuffer().trim().str() : "no message";
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
  }

private:
  int descriptor_;
  std::string path_;
};
} // namespace

/// A name that is no option, nor a file of arguments, whatever it begins with.
static std::string asArgument(StringRef path) { return (sys::path::is_absolute(path) ? "" : "./") + path.str(); }

static SmallVector<std::string> argumentsFor(LinkResult result, const Triple &target, ArrayRef<StringRef> objects,
                                             ArrayRef<std::string> libraries, const OutputFile &output) {
  SmallVector<std::string> arguments = {"ld.lld", "-m", target.isAArch64() ? "aarch64linux" : "elf_x86_64"};
  if (result == LinkResult::Shared)
    arguments.append({"-shared", "--hash-style=gnu", "--build-id=none", "-z", "now", "-z", "relro"});
  else
    arguments.emplace_back("-r");
  if (libraries.empty())
    arguments.emplace_back("--no-undefined");
  else // what they define is the artefact's own, whatever else of the name is in the process
    arguments.append({"-Bsymbolic", "--as-needed"});
  arguments.append({"-nostdlib", "--threads=1", "--whole-archive", "-o", asArgument(output.temporaryName())});
  for (StringRef object : objects)
    arguments.push_back(asArgument(object));
  arguments.emplace_back("--no-whole-archive");
  for (const std::string &library : libraries)
    arguments.push_back(asArgument(library));
  return arguments;
}

/// The linker maps its output, and a full disk ends it with a signal. What it writes is about as large as what it
/// reads.
static Error checkRoom(ArrayRef<StringRef> objects, uint64_t reserved, OutputFile &output) {
  uint64_t sum = reserved, bytes = 0;
  for (StringRef object : objects)
    if (!sys::fs::file_size(object, bytes))
      sum += bytes;
  return output.checkRoom(sum);
}

Error link(LinkResult result, const Triple &target, ArrayRef<StringRef> objects, OutputFile &output,
           ArrayRef<std::string> libraries, uint64_t reserved) {
  constexpr int kSignal = -2; // of ExecuteAndWait; -1 is a program that cannot be started
  Expected<std::string> linker = linkerPath();
  if (!linker)
    return linker.takeError();
  if (Error error = checkRoom(objects, reserved, output))
    return error;
  const Log log;
  if (!log.isOpen())
    return environmentError("no room for the linker's messages: " + errnoAsErrorCode().message());
  const SmallVector<std::string> texts = argumentsFor(result, target, objects, libraries, output);
  const SmallVector<StringRef> arguments(texts.begin(), texts.end());
  const std::optional<StringRef> redirects[] = {StringRef(), StringRef(), log.path()};
  std::string why;
  const int code = sys::ExecuteAndWait(*linker, arguments, std::nullopt, redirects, 0, 0, &why);
  if (code == kSignal)
    return environmentError(output.path() + ": cannot be written: the linker ended early (" + why +
                            "); is the disk full?");
  if (code < 0)
    return environmentError(*linker + ": " + why);
  if (code > 0 && !libraries.empty())
    return usageError("the artefact does not link with " + join(libraries, ", ") + ": " + log.text());
  if (code > 0)
    return defect("the artefact does not link: " + log.text());
  return Error::success();
}

} // namespace smelt::artifact
