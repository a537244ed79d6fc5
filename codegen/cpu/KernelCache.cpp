// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An entry is the number of tiles as text, a zero, and the object file.

#include "codegen/cpu/KernelCache.h"
#include "codegen/cpu/Dots.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;

namespace smelt::cpu {

namespace {
/// Hashes what is printed.
class HashStream : public llvm::raw_ostream {
public:
  ~HashStream() override { flush(); }
  artifact::ContentCache::Key result() {
    flush();
    return hash_.final();
  }

private:
  void write_impl(const char *bytes, size_t size) override { hash_.update(StringRef(bytes, size)); }
  uint64_t current_pos() const override { return 0; }

  llvm::SHA256 hash_;
};
} // namespace

/// Whether tiles and the order of loops depend on how fast the processor is, and not on its instruction sets alone.
static bool dependsOnSpeed(kernel::FuncOp kernel) {
  return kernel
      ->walk([](Operation *op) {
        return isa<kernel::ContractOp, kernel::WinogradOp, graph::ConvOp>(op) ? WalkResult::interrupt()
                                                                              : WalkResult::advance();
      })
      .wasInterrupted();
}

/// All of the row that the kernel's code depends on: --target native has the code of the row that it stands for, save
/// for instructions of integers that this kernel has no use for, and for products on processors that Target.cpp knows.
static void print(const Target &target, kernel::FuncOp kernel, llvm::raw_ostream &os) {
  const kernel::Machine &machine = target.machine;
  // isDevice and multiprocessors are no processor's, narrow of what kernels are made from, and what attentionChannels
  // decides is in the kernel.
  static_assert(sizeof machine == 8 * sizeof(unsigned) + 2 * sizeof(int64_t),
                "print the new fields of Machine here, too");
  for (StringRef text : {target.triple, target.cpu, target.features})
    os << text << '\0';
  unsigned dots = (machine.dots & ~kernel::kIntegerDots) | integerDotsOf(kernel, machine);
  const bool hasSpeed = dependsOnSpeed(kernel);
  for (uint64_t number : {target.cpuFeatures, uint64_t(machine.vectorBytes), uint64_t(machine.vectorRegisters),
                          uint64_t(dots), uint64_t(machine.byLane), uint64_t(hasSpeed ? machine.multiplyAdds : 0),
                          uint64_t(hasSpeed ? machine.secondCacheBytes : 0)})
    os << number << '\0';
}

/// Constants that the text only names.
static void printResources(kernel::FuncOp kernel, llvm::raw_ostream &os) {
  kernel->walk([&](Operation *op) {
    op->getAttrDictionary().walk([&](DenseResourceElementsAttr attribute) {
      if (const AsmResourceBlob *blob = attribute.getRawHandle().getBlob())
        os << blob->getData().size() << '\0' << StringRef(blob->getData().data(), blob->getData().size());
    });
  });
}

artifact::ContentCache::Key keyOf(kernel::FuncOp kernel, const Target &target, StringRef buildIdentity) {
  HashStream os;
  os << buildIdentity << '\0';
  print(target, kernel, os);
  OpPrintingFlags flags;
  kernel->print(os, flags.printGenericOpForm().useLocalScope());
  os << '\0';
  printResources(kernel, os);
  return os.result();
}

std::string toEntry(const KernelObject &object) {
  std::string entry = object.tiles.str();
  entry += '\0';
  entry += object.contents();
  return entry;
}

/// Whether it is an object of the target that defines the kernel: what everything behind relies on.
static bool isKernel(StringRef bytes, const Target &target) {
  llvm::Expected<std::unique_ptr<llvm::object::ObjectFile>> file =
      llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(bytes, "kernel.o"));
  if (!file) {
    llvm::consumeError(file.takeError());
    return false;
  }
  bool isDefined = false;
  for (const llvm::object::SymbolRef &symbol : (*file)->symbols()) {
    llvm::Expected<StringRef> name = symbol.getName();
    if (name)
      isDefined |= *name == kKernelSymbol;
    else
      llvm::consumeError(name.takeError());
  }
  return isDefined && (*file)->getArch() == llvm::Triple(target.triple).getArch() && (*file)->isRelocatableObject();
}

std::optional<KernelObject> fromEntry(StringRef bytes, const Target &target, MLIRContext *context) {
  auto [tiles, code] = bytes.split('\0');
  std::optional<graph::Extent> extent = graph::Extent::parse(context, tiles);
  if (!extent)
    return std::nullopt;
  KernelObject object;
  object.tiles = *extent;
  object.bytes.assign(code.begin(), code.end()); // aligned, as readers of ELF want it
  return isKernel(object.contents(), target) ? std::optional(std::move(object)) : std::nullopt;
}

} // namespace smelt::cpu
