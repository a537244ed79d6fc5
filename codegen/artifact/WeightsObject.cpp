// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/artifact/WeightsObject.h"
#include "codegen/artifact/RangeTable.h"
#include "codegen/artifact/WorkTable.h"

#include "smelt/smelt.h"

#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELFTypes.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"
#include <algorithm>
#include <array>

using namespace llvm;
using Elf = object::ELF64LE;

namespace smelt::artifact {

namespace {
// Sections, in the order of their headers.
enum Section : unsigned {
  Null,
  Weights,
  WeightsEnd,
  Symbols,
  Strings,
  SectionNames,
  NoExecutableStack,
  Work,
  Ranges,
  SectionCount
};

// Offsets into it are the headers' names.
constexpr char kSectionNames[] =
    "\0.rodata.smelt_weights\0.symtab\0.strtab\0.shstrtab\0.note.GNU-stack\0.smelt.work\0.smelt.ranges";

constexpr char kWeightsSection[] = ".rodata.smelt_weights";
constexpr uint64_t kSymbolCount = 2; // none, the weights

unsigned sectionName(StringRef name) { return StringRef(kSectionNames, sizeof kSectionNames).find(name); }
} // namespace

static uint64_t alignUp(uint64_t value, uint64_t alignment) { return (value + alignment - 1) / alignment * alignment; }

template <typename T> static void writeStruct(const T &value, raw_ostream &os) {
  os.write(reinterpret_cast<const char *>(&value), sizeof value);
}

static void writeZeros(uint64_t count, raw_ostream &os) {
  constexpr uint64_t kMost = 1u << 30; // write_zeros takes an unsigned
  for (; count > kMost; count -= kMost)
    os.write_zeros(kMost);
  os.write_zeros(static_cast<unsigned>(count));
}

static Elf::Ehdr fileHeader(unsigned machine, uint64_t sectionHeaders, unsigned sections) {
  Elf::Ehdr header{};
  std::copy_n(ELF::ElfMagic, 4, header.e_ident);
  header.e_ident[ELF::EI_CLASS] = ELF::ELFCLASS64;
  header.e_ident[ELF::EI_DATA] = ELF::ELFDATA2LSB;
  header.e_ident[ELF::EI_VERSION] = ELF::EV_CURRENT;
  header.e_type = ELF::ET_REL;
  header.e_machine = machine;
  header.e_version = ELF::EV_CURRENT;
  header.e_shoff = sectionHeaders;
  header.e_ehsize = sizeof(Elf::Ehdr);
  header.e_shentsize = sizeof(Elf::Shdr);
  header.e_shnum = sections;
  header.e_shstrndx = SectionNames;
  return header;
}

static Elf::Shdr section(StringRef name, unsigned type, uint64_t offset, uint64_t bytes, uint64_t alignment) {
  Elf::Shdr header{};
  header.sh_name = sectionName(name);
  header.sh_type = type;
  header.sh_offset = offset;
  header.sh_size = bytes;
  header.sh_addralign = alignment;
  return header;
}

/// Segments in order, inside the weights; `Error` otherwise.
static Error checkSegments(const Model &model) {
  uint64_t end = 0;
  for (const WeightSegment &segment : model.weights) {
    if (segment.offset < end || segment.offset > model.weightsBytes ||
        segment.bytes.size() > model.weightsBytes - segment.offset)
      return defect("weights at " + Twine(segment.offset) + " overlap others or lie outside");
    end = segment.offset + segment.bytes.size();
  }
  return Error::success();
}

static void writeSegments(const Model &model, raw_ostream &os) {
  uint64_t position = 0;
  for (const WeightSegment &segment : model.weights) {
    writeZeros(segment.offset - position, os);
    os.write(segment.bytes.data(), segment.bytes.size());
    position = segment.offset + segment.bytes.size();
  }
  writeZeros(model.weightsBytes - position, os);
}

Error writeWeightsObject(const Model &model, StringRef symbol, const Triple &target, WeightsForm form,
                         raw_ostream &os) {
  if (target.getArch() != Triple::x86_64 && target.getArch() != Triple::aarch64)
    return defect("no weights can be written for " + target.str());
  if (Error error = checkSegments(model))
    return error;

  // In the file: header, weights, symbols, their names, the sections' names, the steps' work, the inputs' ranges,
  // the sections' headers.
  const std::string strings = (Twine('\0') + symbol + Twine('\0')).str();
  const uint64_t weightsAt = alignUp(sizeof(Elf::Ehdr), SMELT_ALIGNMENT);
  const bool isWhole = form == WeightsForm::Whole;
  const uint64_t weightsEnd = weightsAt + (isWhole ? model.weightsBytes : 0);
  const uint64_t symbolsAt = alignUp(weightsEnd, alignof(uint64_t));
  const uint64_t stringsAt = symbolsAt + kSymbolCount * sizeof(Elf::Sym);
  const uint64_t namesAt = stringsAt + strings.size();
  const uint64_t namesEnd = namesAt + sizeof kSectionNames;
  const uint64_t workAt = alignUp(namesEnd, alignof(uint64_t));
  const uint64_t rangesAt = alignUp(workAt + model.work.size(), alignof(uint64_t));
  const uint64_t headersAt = alignUp(rangesAt + model.ranges.size(), alignof(uint64_t));
  const unsigned sectionCount = !model.ranges.empty() ? SectionCount : model.work.empty() ? Work : Ranges;

  std::array<Elf::Shdr, SectionCount> sections{};
  sections[Weights] = section(kWeightsSection, isWhole ? ELF::SHT_PROGBITS : ELF::SHT_NOBITS, weightsAt,
                              model.weightsBytes, SMELT_ALIGNMENT);
  sections[Weights].sh_flags = ELF::SHF_ALLOC;
  // With it the linked section takes its bytes in the file, whatever else is in it.
  sections[WeightsEnd] = section(kWeightsSection, ELF::SHT_PROGBITS, weightsEnd, 0, 1);
  sections[WeightsEnd].sh_flags = ELF::SHF_ALLOC;
  sections[Symbols] =
      section(".symtab", ELF::SHT_SYMTAB, symbolsAt, kSymbolCount * sizeof(Elf::Sym), alignof(uint64_t));
  sections[Symbols].sh_link = Strings;
  sections[Symbols].sh_info = 1; // the first global symbol
  sections[Symbols].sh_entsize = sizeof(Elf::Sym);
  sections[Strings] = section(".strtab", ELF::SHT_STRTAB, stringsAt, strings.size(), 1);
  sections[SectionNames] = section(".shstrtab", ELF::SHT_STRTAB, namesAt, sizeof kSectionNames, 1);
  // Without it GNU ld makes the whole program's stack executable.
  sections[NoExecutableStack] = section(".note.GNU-stack", ELF::SHT_PROGBITS, namesEnd, 0, 1);
  sections[Work] = section(kWorkSection, ELF::SHT_PROGBITS, workAt, model.work.size(), alignof(uint64_t));
  sections[Ranges] = section(kRangesSection, ELF::SHT_PROGBITS, rangesAt, model.ranges.size(), alignof(uint64_t));

  Elf::Sym weights{};
  weights.st_name = 1;
  weights.setBindingAndType(ELF::STB_GLOBAL, ELF::STT_OBJECT);
  weights.setVisibility(ELF::STV_HIDDEN);
  weights.st_shndx = Weights;
  weights.st_size = model.weightsBytes;

  writeStruct(
      fileHeader(target.getArch() == Triple::x86_64 ? ELF::EM_X86_64 : ELF::EM_AARCH64, headersAt, sectionCount), os);
  writeZeros(weightsAt - sizeof(Elf::Ehdr), os);
  if (isWhole)
    writeSegments(model, os);
  writeZeros(symbolsAt - weightsEnd, os);
  writeStruct(Elf::Sym{}, os);
  writeStruct(weights, os);
  os << strings << StringRef(kSectionNames, sizeof kSectionNames);
  writeZeros(workAt - namesEnd, os);
  os << model.work;
  writeZeros(rangesAt - workAt - model.work.size(), os);
  os << model.ranges;
  writeZeros(headersAt - rangesAt - model.ranges.size(), os);
  for (const Elf::Shdr &header : ArrayRef(sections).take_front(sectionCount))
    writeStruct(header, os);
  return Error::success();
}

} // namespace smelt::artifact
