// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// From a plan and a module of kernels to files: kernels.o from LLVM, weights.o written directly, both joined as the
// form asks.
#include "codegen/artifact/Artifact.h"
#include "codegen/artifact/CustomFunctions.h"
#include "codegen/artifact/Header.h"
#include "codegen/artifact/JoinKernels.h"
#include "codegen/artifact/Link.h"
#include "codegen/artifact/OutputFile.h"
#include "codegen/artifact/PlanTable.h"
#include "codegen/artifact/WeightsObject.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;

namespace smelt::artifact {

static constexpr StringLiteral kSharedSymbol = "smelt_model";

/// Two models in one program must not share their weights.
static std::string weightsSymbol(StringRef modelSymbol) { return (modelSymbol + "_weights").str(); }

static Error prepare(const Model &model, StringRef symbol, Module &kernels, TargetMachine &machine) {
  kernels.setTargetTriple(machine.getTargetTriple());
  kernels.setDataLayout(machine.createDataLayout());
  kernels.setSourceFileName(model.name); // it becomes a symbol: no path of this machine
  return addPlanTable(model, symbol, weightsSymbol(symbol), kernels);
}

static Error emit(Module &kernels, TargetMachine &machine, CodeGenFileType type, raw_pwrite_stream &os) {
  legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, os, nullptr, type))
    return defect("no code can be emitted for " + machine.getTargetTriple().str());
  passes.run(kernels);
  return Error::success();
}

/// Code may rely on nothing but itself, the weights and custom functions: there may be no C library where it runs.
static Error checkSymbols(const object::ObjectFile &object, StringRef weights, ArrayRef<std::string> functions) {
  SmallVector<std::string> needed;
  for (const object::SymbolRef &symbol : object.symbols()) {
    Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    if (!(*flags & object::SymbolRef::SF_Undefined) || (*flags & object::SymbolRef::SF_FormatSpecific))
      continue;
    Expected<StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    if (!name->empty() && *name != weights && !is_contained(functions, *name))
      needed.push_back(("'" + *name + "'").str());
  }
  return needed.empty() ? Error::success() : defect("kernels need what no artefact has: " + join(needed, ", "));
}

static Sizes sizesOf(const object::ObjectFile &object, const Model &model) {
  Sizes sizes;
  for (const object::SectionRef &section : object.sections()) {
    const object::ELFSectionRef elf(section);
    if (elf.getFlags() & ELF::SHF_EXECINSTR)
      sizes.code += section.getSize();
    else if (elf.getFlags() & ELF::SHF_ALLOC)
      sizes.constants += section.getSize();
  }
  sizes.weights = model.weightsBytes;
  return sizes;
}

namespace {
/// The two objects of an artefact. The weights' lies in a file, because it can be large.
struct Objects {
  SmallVector<char, 0> kernels;
  OutputFile weights;
  Sizes sizes;

  StringRef kernelBytes() const { return {kernels.data(), kernels.size()}; }
};
} // namespace

/// `path` says which folder has room for the weights.
static Expected<Objects> makeObjects(const Model &model, StringRef symbol, Module &kernels, TargetMachine &machine,
                                     WeightsForm form, StringRef path) {
  if (!machine.getTargetTriple().isOSBinFormatELF())
    return defect("artefacts are ELF, not " + machine.getTargetTriple().str());
  if (Error error = checkNames(model, {symbol.str(), weightsSymbol(symbol)}))
    return std::move(error);
  if (Error error = prepare(model, symbol, kernels, machine))
    return std::move(error);
  Expected<OutputFile> weights = OutputFile::create(path);
  if (!weights)
    return weights.takeError();
  Objects objects{{}, std::move(*weights), {}};
  if (Error error =
          writeWeightsObject(model, weightsSymbol(symbol), machine.getTargetTriple(), form, objects.weights.stream()))
    return std::move(error);
  if (Error error = objects.weights.finish())
    return std::move(error);

  raw_svector_ostream os(objects.kernels);
  if (Error error = emit(kernels, machine, CodeGenFileType::ObjectFile, os))
    return std::move(error);
  if (!model.kernelObjects.empty())
    if (Error error = joinKernels(model.kernelObjects, machine.getTargetTriple(), path, objects.kernels))
      return std::move(error);
  Expected<std::unique_ptr<object::ObjectFile>> object =
      object::ObjectFile::createELFObjectFile(MemoryBufferRef(objects.kernelBytes(), "kernels.o"));
  if (!object)
    return object.takeError();
  if (Error error = checkSymbols(**object, weightsSymbol(symbol), model.customFunctions))
    return std::move(error);
  objects.sizes = sizesOf(**object, model);
  return std::move(objects);
}

static Expected<Sizes> linkObjects(const Model &model, StringRef symbol, Module &kernels, TargetMachine &machine,
                                   StringRef path, LinkResult result) {
  Expected<OutputFile> output = OutputFile::create(path);
  if (!output)
    return output.takeError();
  // A relocatable file keeps the section of the weights as it is in the object.
  const WeightsForm form = result == LinkResult::Shared ? WeightsForm::Reserved : WeightsForm::Whole;
  Expected<Objects> objects = makeObjects(model, symbol, kernels, machine, form, path);
  if (!objects)
    return objects.takeError();
  Expected<OutputFile> code = OutputFile::create(path);
  if (!code)
    return code.takeError();
  code->stream() << objects->kernelBytes();
  if (Error error = code->finish())
    return std::move(error);
  // Weights first: they end up before the kernels' constants, which then lie within reach of the code however many
  // weights there are.
  const StringRef files[] = {objects->weights.temporaryName(), code->temporaryName()};
  const bool linksLibraries = result == LinkResult::Shared;
  if (Error error = linksLibraries ? checkLibraries(model, machine.getTargetTriple()) : Error::success())
    return std::move(error);
  if (Error error = link(result, machine.getTargetTriple(), files, *output,
                         linksLibraries ? ArrayRef(model.libraries) : ArrayRef<std::string>(),
                         form == WeightsForm::Reserved ? model.weightsBytes : 0))
    return std::move(error);
  if (form == WeightsForm::Reserved)
    if (Error error = fillWeights(model, weightsSymbol(symbol), *output))
      return std::move(error);
  if (Error error = output->commit())
    return std::move(error);
  return objects->sizes;
}

Expected<Sizes> writeShared(const Model &model, Module &kernels, TargetMachine &machine, StringRef path) {
  return linkObjects(model, kSharedSymbol, kernels, machine, path, LinkResult::Shared);
}

Expected<Sizes> writeObject(const Model &model, Module &kernels, TargetMachine &machine, StringRef path) {
  return linkObjects(model, modelSymbol(model.name), kernels, machine, path, LinkResult::Relocatable);
}

static Error writeArchive(const Objects &objects, OutputFile &archive) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> weights =
      MemoryBuffer::getFile(objects.weights.temporaryName(), /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!weights)
    return environmentError(objects.weights.path() + ": " + weights.getError().message());
  SmallVector<NewArchiveMember, 2> members;
  members.emplace_back(MemoryBufferRef(objects.kernelBytes(), "kernels.o"));
  members.emplace_back(MemoryBufferRef((*weights)->getBuffer(), "weights.o"));
  if (Error error = writeArchiveToStream(archive.stream(), members, SymtabWritingMode::NormalSymtab,
                                         object::Archive::K_GNU, /*Deterministic=*/true, /*Thin=*/false))
    return error;
  return archive.finish();
}

Expected<Sizes> writeStatic(const Model &model, Module &kernels, TargetMachine &machine, StringRef stem) {
  const std::string path = (stem + ".a").str();
  Expected<OutputFile> archive = OutputFile::create(path);
  if (!archive)
    return archive.takeError();
  Expected<OutputFile> header = OutputFile::create((stem + ".h").str());
  if (!header)
    return header.takeError();
  Expected<Objects> objects = makeObjects(model, modelSymbol(model.name), kernels, machine, WeightsForm::Whole, path);
  if (!objects)
    return objects.takeError();
  if (Error error = writeArchive(*objects, *archive))
    return std::move(error);
  writeHeader(model, header->stream());
  if (Error error = header->finish())
    return std::move(error);
  if (Error error = archive->commit())
    return std::move(error);
  if (Error error = header->commit())
    return std::move(error);
  return objects->sizes;
}

/// `write` gives the text, which goes to the file or to the standard output.
static Error writeText(StringRef path, function_ref<Error(raw_pwrite_stream &)> write) {
  SmallVector<char, 0> text; // whole, because an emitter goes back in its stream, which a pipe cannot
  raw_svector_ostream os(text);
  if (Error error = write(os))
    return error;
  if (path == "-") {
    outs() << os.str();
    return Error::success();
  }
  return writeTextFile(path, os.str());
}

Error writeAssembly(const Model &model, Module &kernels, TargetMachine &machine, StringRef path) {
  if (Error error = prepare(model, kSharedSymbol, kernels, machine))
    return error;
  return writeText(path,
                   [&](raw_pwrite_stream &os) { return emit(kernels, machine, CodeGenFileType::AssemblyFile, os); });
}

Error writeIR(const Model &model, Module &kernels, TargetMachine &machine, StringRef path) {
  if (Error error = prepare(model, kSharedSymbol, kernels, machine))
    return error;
  return writeText(path, [&](raw_pwrite_stream &os) {
    kernels.print(os, nullptr);
    return Error::success();
  });
}

} // namespace smelt::artifact
