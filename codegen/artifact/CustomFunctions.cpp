// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/CustomFunctions.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Object/Archive.h"
#include "llvm/Object/Binary.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/TargetParser/Triple.h"

using namespace llvm;

namespace smelt::artifact {

Error checkNames(const Model &model, ArrayRef<std::string> taken) {
  for (const std::string &function : model.customFunctions)
    if (is_contained(taken, function))
      return usageError("the function '" + function +
                        "' of a custom operator has the name of something in the artefact; rename it");
  return Error::success();
}

/// Adds the names that an object defines for others.
static Error addSymbols(const object::ELFObjectFileBase &object, const Triple &target, StringSet<> &defined) {
  if (object.getArch() != target.getArch())
    return usageError("holds code for " + Triple::getArchTypeName(object.getArch()) + ", not for " +
                      Triple::getArchTypeName(target.getArch()));
  auto add = [&](const object::ELFSymbolRef &symbol) -> Error {
    Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    Expected<StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    if ((*flags & object::SymbolRef::SF_Global) && !(*flags & object::SymbolRef::SF_Undefined))
      defined.insert(*name);
    return Error::success();
  };
  const bool isShared = object.getEType() == ELF::ET_DYN;
  for (const object::ELFSymbolRef symbol : isShared ? object.getDynamicSymbolIterators() : object.symbols())
    if (Error error = add(symbol))
      return error;
  return Error::success();
}

static Error addSymbols(object::Archive &archive, const Triple &target, StringSet<> &defined) {
  Error walked = Error::success();
  for (const object::Archive::Child &child : archive.children(walked)) {
    Expected<std::unique_ptr<object::Binary>> member = child.getAsBinary();
    if (!member) {
      consumeError(member.takeError()); // a text among the objects
      continue;
    }
    const auto *object = dyn_cast<object::ELFObjectFileBase>(member->get());
    if (Error error = object ? addSymbols(*object, target, defined) : Error::success())
      return joinErrors(std::move(error), std::move(walked));
  }
  return walked;
}

static Error addSymbols(object::Binary &file, const Triple &target, StringSet<> &defined) {
  if (const auto *object = dyn_cast<object::ELFObjectFileBase>(&file))
    return addSymbols(*object, target, defined);
  if (auto *archive = dyn_cast<object::Archive>(&file))
    return addSymbols(*archive, target, defined);
  return usageError("is no object file");
}

static Error addSymbols(StringRef path, const Triple &target, StringSet<> &defined) {
  if (sys::fs::exists(path) && !sys::fs::is_regular_file(path))
    return environmentError(path + ": is not a regular file");
  ErrorOr<std::unique_ptr<MemoryBuffer>> bytes =
      MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!bytes)
    return environmentError(path + ": " + bytes.getError().message());
  Expected<std::unique_ptr<object::Binary>> file = object::createBinary(**bytes);
  Error error = file ? addSymbols(**file, target, defined) : file.takeError();
  return error ? usageError(path + ": " + toString(std::move(error)) +
                            "; wanted an object file, an archive or a shared object")
               : Error::success();
}

Error checkLibraries(const Model &model, const Triple &target) {
  StringSet<> defined;
  for (const std::string &library : model.libraries)
    if (Error error = addSymbols(library, target, defined))
      return error;
  for (const std::string &function : model.customFunctions)
    if (!defined.contains(function))
      return usageError("the function '" + function + "' of a custom operator is defined nowhere; name the object " +
                        "file or library that has it with --link, or make an artefact for a program that has it with " +
                        "--emit static");
  return Error::success();
}

} // namespace smelt::artifact
