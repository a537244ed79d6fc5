// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/CompileKernels.h"
#include "codegen/cpu/KernelCache.h"
#include "codegen/cpu/Lower.h"
#include "codegen/cpu/Passes.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include <atomic>
#include <mutex>
#include <thread>

using namespace mlir;

namespace smelt::cpu {

namespace {

/// What one thread compiles with.
class Worker {
public:
  Worker(MLIRContext *context, const Target &target, std::unique_ptr<llvm::TargetMachine> machine)
      : passes_(context), target_(target), machine_(std::move(machine)) {
    passes_.enableVerifier(false); // costs as much as the passes; smelt-opt and the tests verify
    buildCpuPipeline(passes_, target.machine, target.name);
    // The first run registers dialects and patterns with the context, which no two threads may do at a time.
    OwningOpRef<ModuleOp> empty = ModuleOp::create(UnknownLoc::get(context));
    (void)passes_.run(*empty);
  }

  /// Fails with no message where the errors are diagnostics.
  llvm::Expected<KernelObject> compile(kernel::FuncOp kernel);

private:
  llvm::Error emit(llvm::Module &module, KernelObject &object);

  PassManager passes_;
  const Target &target_;
  std::unique_ptr<llvm::TargetMachine> machine_;
};

} // namespace

llvm::Error Worker::emit(llvm::Module &module, KernelObject &object) {
  for (llvm::Function &function : module)
    if (!function.isDeclaration() && function.hasExternalLinkage())
      function.setVisibility(llvm::GlobalValue::HiddenVisibility);
  module.setSourceFileName(""); // it becomes a symbol
  llvm::legacy::PassManager manager;
  llvm::raw_svector_ostream os(object.bytes);
  if (machine_->addPassesToEmitFile(manager, os, nullptr, llvm::CodeGenFileType::ObjectFile))
    return llvm::createStringError("no code can be emitted for " + target_.triple);
  manager.run(module);
  return llvm::Error::success();
}

llvm::Expected<KernelObject> Worker::compile(kernel::FuncOp kernel) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(kernel.getLoc());
  kernel::FuncOp copy = kernel.clone();
  copy.setSymName(kKernelSymbol);
  module->push_back(copy);
  KernelObject object;
  if (failed(passes_.run(*module)))
    return llvm::createStringError("");
  if (auto function = module->lookupSymbol(kKernelSymbol))
    if (auto tiles = function->getAttrOfType<graph::ExtentsAttr>("kernel.tiles"))
      object.tiles = tiles.extents().front();
  llvm::LLVMContext context;
  llvm::Expected<std::unique_ptr<llvm::Module>> code = translateKernels(*module, context, *machine_);
  if (!code)
    return code.takeError();
  if (llvm::Error error = emit(**code, object))
    return std::move(error);
  return object;
}

/// Gives the kernel the name that the plan calls it by.
static llvm::Error rename(KernelObject &object, StringRef name) {
  llvm::Expected<std::unique_ptr<llvm::object::ObjectFile>> file =
      llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(object.contents(), "kernel.o"));
  if (!file)
    return file.takeError();
  llvm::objcopy::ConfigManager config;
  config.Common.SymbolsToRename[kKernelSymbol] = name;
  SmallVector<char, 0> renamed;
  llvm::raw_svector_ostream os(renamed);
  if (llvm::Error error = llvm::objcopy::executeObjcopyOnBinary(config, **file, os))
    return error;
  object.name = name.str();
  object.bytes = std::move(renamed);
  return llvm::Error::success();
}

namespace {

/// Kernels are taken one by one by whatever thread is free; results have their kernel's place.
class Compilation {
public:
  Compilation(ModuleOp module, const Target &target, const CompileKernelsOptions &options)
      : context_(module.getContext()), target_(target), options_(options), diagnostics_(context_) {
    for (auto kernel : module.getOps<kernel::FuncOp>())
      if (options.elsewhere.empty() || !kernel->hasAttr(options.elsewhere))
        kernels_.push_back(kernel);
    objects_.resize(kernels_.size());
  }

  llvm::Expected<std::vector<KernelObject>> run();

private:
  using Key = artifact::ContentCache::Key;

  void findInCache();
  llvm::Error compileMissing();
  void work(Worker &worker);

  SmallVector<kernel::FuncOp> kernels_;
  MLIRContext *context_;
  const Target &target_;
  const CompileKernelsOptions &options_;
  ParallelDiagnosticHandler diagnostics_; // gives the errors on in the kernels' order
  std::vector<KernelObject> objects_;
  std::vector<Key> keys_;       // of all kernels, where there is a cache
  std::vector<size_t> missing_; // the kernels to compile
  std::atomic<size_t> next_{0}; // of those
  std::mutex mutex_;            // of what follows
  llvm::Error error_ = llvm::Error::success();
  size_t done_ = 0;
};

} // namespace

void Compilation::findInCache() {
  std::string identity = options_.cache ? artifact::buildIdentity() : "";
  for (auto [number, kernel] : llvm::enumerate(kernels_)) {
    std::optional<KernelObject> object;
    if (options_.cache) {
      OwningOpRef<kernel::FuncOp> copy = kernel.clone();
      copy->setSymName(kKernelSymbol);
      keys_.push_back(keyOf(*copy, target_, identity));
      if (std::optional<std::string> entry = options_.cache->find(keys_.back()))
        object = fromEntry(*entry, target_, context_);
    }
    if (!object) {
      missing_.push_back(number);
      continue;
    }
    objects_[number] = std::move(*object);
    objects_[number].isFromCache = true;
    ++done_;
  }
}

void Compilation::work(Worker &worker) {
  for (size_t next = next_++; next < missing_.size(); next = next_++) {
    size_t number = missing_[next];
    diagnostics_.setOrderIDForThread(number);
    llvm::Expected<KernelObject> object = worker.compile(kernels_[number]);
    diagnostics_.eraseOrderIDForThread();
    if (object && options_.cache)
      options_.cache->keep(keys_[number], toEntry(*object));
    std::lock_guard<std::mutex> lock(mutex_);
    if (object)
      objects_[number] = std::move(*object);
    else
      error_ = llvm::joinErrors(std::move(error_), object.takeError());
    if (options_.progress)
      options_.progress(++done_, kernels_.size());
  }
}

llvm::Error Compilation::compileMissing() {
  size_t count = std::min<size_t>(std::max(1u, options_.threads), missing_.size());
  std::vector<std::unique_ptr<Worker>> workers;
  for (size_t number = 0; number < count; ++number) {
    llvm::Expected<std::unique_ptr<llvm::TargetMachine>> machine = makeTargetMachine(target_);
    if (!machine)
      return machine.takeError();
    workers.push_back(std::make_unique<Worker>(context_, target_, std::move(*machine)));
  }
  std::vector<std::thread> others;
  for (size_t number = 1; number < count; ++number)
    others.emplace_back([&, number] { work(*workers[number]); });
  if (count > 0)
    work(*workers.front());
  for (std::thread &other : others)
    other.join();
  return std::move(error_);
}

llvm::Expected<std::vector<KernelObject>> Compilation::run() {
  findInCache();
  if (llvm::Error error = compileMissing())
    return std::move(error);
  for (auto [object, kernel] : llvm::zip_equal(objects_, kernels_))
    if (llvm::Error error = rename(object, kernel.getSymName()))
      return std::move(error);
  return std::move(objects_);
}

llvm::Expected<std::vector<KernelObject>> compileKernels(ModuleOp module, const Target &target,
                                                         const CompileKernelsOptions &options) {
  return Compilation(module, target, options).run();
}

} // namespace smelt::cpu
