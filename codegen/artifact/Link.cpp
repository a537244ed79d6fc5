// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/Link.h"

#include "codegen/artifact/WriteError.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/TargetParser/Triple.h"
#include <optional>

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

/// The linker's own words, in one line.
static std::string messagesIn(StringRef path) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> file = MemoryBuffer::getFile(path);
  if (!file)
    return "no message";
  std::string text = (*file)->getBuffer().trim().str();
  for (char &c : text)
    if (c == '\n')
      c = ' ';
  return text;
}

Error link(LinkResult result, const Triple &target, ArrayRef<StringRef> objects, StringRef output) {
  Expected<std::string> linker = linkerPath();
  if (!linker)
    return linker.takeError();

  SmallVector<StringRef> arguments = {"ld.lld", "-m", target.isAArch64() ? "aarch64linux" : "elf_x86_64"};
  if (result == LinkResult::Shared)
    arguments.append({"-shared", "--no-undefined", "--hash-style=gnu", "--build-id=none", "-z", "now", "-z", "relro"});
  else
    arguments.push_back("-r");
  arguments.append({"-nostdlib", "--threads=1", "-o", output});
  arguments.append(objects.begin(), objects.end());

  SmallString<128> log;
  if (std::error_code code = sys::fs::createTemporaryFile("smelt-link", "log", log))
    return environmentError("no temporary file can be made: " + code.message());
  FileRemover removeLog(log);
  const std::optional<StringRef> redirects[] = {StringRef(), StringRef(), StringRef(log)};
  std::string why;
  const int code = sys::ExecuteAndWait(*linker, arguments, std::nullopt, redirects, 0, 0, &why);
  if (code < 0) // it could not be started, or a signal ended it
    return environmentError(*linker + ": " + why);
  if (code > 0)
    return defect("the artefact does not link: " + messagesIn(log));
  return Error::success();
}

} // namespace smelt::artifact
