// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/OutputFile.h"
#include "codegen/artifact/WeightsObject.h"
#include "codegen/artifact/WriteError.h"

#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace smelt::artifact {

/// Where a file has the bytes of a symbol; nothing where it has none for it.
static Expected<std::optional<uint64_t>> placeOf(const object::ObjectFile &file, StringRef symbol, uint64_t bytes) {
  for (const object::SymbolRef &row : file.symbols()) {
    Expected<StringRef> name = row.getName();
    if (!name)
      return name.takeError();
    if (*name != symbol)
      continue;
    Expected<uint64_t> address = row.getAddress();
    if (!address)
      return address.takeError();
    Expected<object::section_iterator> section = row.getSection();
    if (!section)
      return section.takeError();
    if (*section == file.section_end())
      return std::nullopt;
    const object::ELFSectionRef holder(**section);
    const uint64_t begin = holder.getAddress();
    if (holder.isBSS() || *address < begin || *address - begin > holder.getSize() ||
        bytes > holder.getSize() - (*address - begin))
      return std::nullopt;
    return holder.getOffset() + (*address - begin);
  }
  return std::nullopt;
}

static Expected<uint64_t> findRoom(const OutputFile &linked, StringRef symbol, uint64_t bytes) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer =
      MemoryBuffer::getFile(linked.temporaryName(), /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return environmentError(linked.path() + ": " + buffer.getError().message());
  Expected<std::unique_ptr<object::ObjectFile>> file =
      object::ObjectFile::createELFObjectFile((*buffer)->getMemBufferRef());
  if (!file)
    return file.takeError();
  Expected<std::optional<uint64_t>> place = placeOf(**file, symbol, bytes);
  if (!place)
    return place.takeError();
  return *place ? Expected<uint64_t>(**place) : defect("the linked artefact has no room for the weights");
}

Error fillWeights(const Model &model, StringRef symbol, OutputFile &linked) {
  Expected<uint64_t> room = findRoom(linked, symbol, model.weightsBytes);
  if (!room)
    return room.takeError();
  int descriptor = -1;
  std::error_code code = sys::fs::openFileForWrite(linked.temporaryName(), descriptor, sys::fs::CD_OpenExisting);
  if (!code) {
    raw_fd_ostream os(descriptor, /*shouldClose=*/true);
    for (const WeightSegment &segment : model.weights) {
      os.seek(*room + segment.offset);
      os.write(segment.bytes.data(), segment.bytes.size());
    }
    os.close();
    code = os.error();
    os.clear_error();
  }
  return code ? environmentError(linked.path() + ": cannot be written: " + code.message()) : Error::success();
}

} // namespace smelt::artifact
