// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/JoinKernels.h"
#include "codegen/artifact/Link.h"
#include "codegen/artifact/OutputFile.h"
#include "codegen/artifact/WriteError.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace smelt::artifact {

static Error writeMembers(ArrayRef<StringRef> kernels, StringRef plan, OutputFile &archive) {
  SmallVector<std::string> names; // members refer to them
  for (size_t number = 0; number < kernels.size(); ++number)
    names.push_back("kernel" + utostr(number) + ".o");
  SmallVector<NewArchiveMember> members;
  members.emplace_back(MemoryBufferRef(plan, "plan.o"));
  for (auto [object, name] : zip_equal(kernels, names))
    members.emplace_back(MemoryBufferRef(object, name));
  if (Error error = writeArchiveToStream(archive.stream(), members, SymtabWritingMode::NoSymtab, object::Archive::K_GNU,
                                         /*Deterministic=*/true, /*Thin=*/false))
    return error;
  return archive.finish();
}

/// Hidden symbols become local; the weights, which are undefined, stay as they are.
static Error localise(MemoryBufferRef joined, SmallVectorImpl<char> &result) {
  Expected<std::unique_ptr<object::ObjectFile>> object = object::ObjectFile::createELFObjectFile(joined);
  if (!object)
    return object.takeError();
  objcopy::ConfigManager config;
  config.ELF.LocalizeHidden = true;
  result.clear();
  raw_svector_ostream os(result);
  return objcopy::executeObjcopyOnBinary(config, **object, os);
}

Error joinKernels(ArrayRef<StringRef> kernels, const Triple &target, StringRef path, SmallVectorImpl<char> &plan) {
  Expected<OutputFile> archive = OutputFile::create(path);
  if (!archive)
    return archive.takeError();
  if (Error error = writeMembers(kernels, StringRef(plan.data(), plan.size()), *archive))
    return error;
  Expected<OutputFile> joined = OutputFile::create(path);
  if (!joined)
    return joined.takeError();
  if (Error error = link(LinkResult::Relocatable, target, {archive->temporaryName()}, *joined))
    return error;
  ErrorOr<std::unique_ptr<MemoryBuffer>> bytes =
      MemoryBuffer::getFile(joined->temporaryName(), /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!bytes)
    return environmentError(path + ": " + bytes.getError().message());
  return localise((*bytes)->getMemBufferRef(), plan);
}

} // namespace smelt::artifact
