// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/driver/Compile.h"
#include "codegen/artifact/ContentCache.h"
#include "codegen/artifact/CustomFunctions.h"
#include "codegen/artifact/FromPlan.h"
#include "codegen/artifact/OutputFile.h"
#include "codegen/cpu/CompileKernels.h"
#include "codegen/cpu/Dots.h"
#include "codegen/cpu/Lower.h"
#include "codegen/cpu/Passes.h"
#include "codegen/cpu/Target.h"
#include "codegen/gpu/CompileKernels.h"
#include "codegen/gpu/Copies.h"
#include "dialects/Graph/Location.h"
#include "frontends/common/ImportError.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "tools/driver/Check.h"
#include "tools/driver/Errors.h"
#include "tools/driver/InputRanges.h"
#include "tools/driver/Passes.h"
#include "tools/driver/Progress.h"
#include "tools/driver/States.h"
#include "tools/driver/Target.h"
#include "tools/runner/File.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include <chrono>
#include <set>

using namespace mlir;

namespace smelt::driver {

namespace {

/// Times stages, tells the terminal about them, and remembers which pass failed.
class StageClock {
public:
  StageClock(CompileReport &report, Progress &progress) : report_(report), progress_(progress) {}

  void begin(StringRef name) {
    progress_.stage(name.str());
    start_ = std::chrono::steady_clock::now();
  }
  void end(StringRef name) {
    double milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count();
    auto known = llvm::find_if(report_.stages, [&](const auto &stage) { return stage.first == name; });
    if (known == report_.stages.end())
      report_.stages.emplace_back(name, milliseconds);
    else
      known->second += milliseconds;
  }

private:
  CompileReport &report_;
  Progress &progress_;
  std::chrono::steady_clock::time_point start_;
};

struct StageInstrumentation : PassInstrumentation {
  StageInstrumentation(StageClock &clock, std::string &failed) : clock(clock), failed(failed) {}

  void runBeforePass(Pass *pass, Operation *) override {
    if (!pass->getArgument().empty())
      clock.begin(pass->getArgument());
  }
  void runAfterPass(Pass *pass, Operation *) override {
    if (!pass->getArgument().empty())
      clock.end(pass->getArgument());
  }
  void runAfterPassFailed(Pass *pass, Operation *) override {
    if (failed.empty())
      failed = pass->getArgument().str();
  }

  StageClock &clock;
  std::string &failed;
};

} // namespace

/// What outputs and symbols are called by default.
static std::string stemOf(const CompileOptions &options) { return llvm::sys::path::stem(options.model).str(); }

static std::string outputOf(const CompileOptions &options, const char *suffix) {
  return options.output.empty() ? stemOf(options) + suffix : options.output;
}

namespace {
/// One compilation from file to file.
class Compilation {
public:
  Compilation(const CompileOptions &options, CompileReport &report)
      : options_(options), report_(report), progress_(options.model), clock_(report, progress_), read_{options.model} {
    options_.import.onWeightsFile = [this](StringRef path) { read_.push_back(path.str()); };
  }

  llvm::Error run();
  /// As far as options.afterLayout.
  llvm::Error runGraphStages();

private:
  llvm::Error begin();
  llvm::Error import();
  llvm::Error checkOverwriting() const;
  llvm::Error runPasses(const kernel::Machine &machine, StringRef target);
  llvm::Error runStages(PassManager &manager);
  llvm::Error dumpAfter(ArrayRef<PassManager *> managers);
  llvm::Error write(const cpu::Target &target);
  llvm::Error writeText(ModuleOp module);
  llvm::Expected<artifact::PlannedModel> plan(const cpu::Target &target);
  llvm::Error writeObjects(const cpu::Target &target, llvm::TargetMachine &machine);
  llvm::Error compileDeviceKernels();
  llvm::Error writeReadable(const cpu::Target &target, llvm::TargetMachine &machine);
  llvm::Expected<std::vector<cpu::KernelObject>> compileKernels(const cpu::Target &target);
  llvm::Error openCache();
  void closeCache();
  std::string output(const char *suffix) const { return outputOf(options_, suffix); }
  bool isText() const { return options_.emit == Emit::Llvm || options_.emit == Emit::Asm; }

  CompileOptions options_;
  CompileReport &report_;
  Progress progress_;
  StageClock clock_;
  std::optional<artifact::ContentCache> cache_;
  std::vector<std::string> read_;                // the files of the model
  runner::ValueRanges ranges_;                   // of its inputs
  std::optional<gpu::Profile> profile_;          // of the device to compile for, if any
  gpu::DeviceKernels device_;                    // what it computes
  std::unique_ptr<llvm::StdThreadPool> threads_; // outlives the context
  std::unique_ptr<MLIRContext> context_;
  OwningOpRef<ModuleOp> module_;
};

} // namespace

/// The operators of the graph as the model has them.
static void countOperators(ModuleOp module, CompileReport &report) {
  module.walk([&](Operation *op) {
    if (op->getDialect() && op->getDialect()->getNamespace() == "graph")
      ++report.operators[op->getName().stripDialect().str()];
  });
}

std::vector<std::string> outputsOf(const CompileOptions &options) {
  std::map<Emit, std::vector<std::string>> outputs = {
      {Emit::Shared, {outputOf(options, ".so")}},
      {Emit::Static, {outputOf(options, "") + ".a", outputOf(options, "") + ".h"}},
      {Emit::Object, {outputOf(options, ".o")}},
      {Emit::Mlir, {outputOf(options, ".mlir")}},
      {Emit::Llvm, {outputOf(options, ".ll")}},
      {Emit::Asm, {outputOf(options, ".s")}}};
  return outputs[options.emit];
}

llvm::Error Compilation::import() {
  clock_.begin("import");
  llvm::Expected<OwningOpRef<ModuleOp>> module = importGraph(options_, *context_);
  if (!module)
    return module.takeError();
  module_ = std::move(*module);
  ranges_ = inputRanges(*module_);
  if (llvm::Error error = keepStates(*module_, options_))
    return error;
  clock_.end("import");
  countOperators(*module_, report_);
  return llvm::Error::success();
}

/// What is written may not be what the model is read from, nor written twice.
llvm::Error Compilation::checkOverwriting() const {
  std::vector<std::string> written = outputsOf(options_);
  if (!options_.report.empty())
    written.push_back(options_.report);
  for (size_t i = 0; i < written.size(); ++i) {
    for (const std::string &read : read_)
      if (runner::isSameFile(written[i], read))
        return toolError(kUsage, written[i] + ": is a file of the model, and would be replaced; choose another name");
    for (size_t other = 0; other < i; ++other)
      if (runner::isSameFile(written[i], written[other]))
        return toolError(kUsage, written[i] + ": would be written twice; choose another name");
  }
  return llvm::Error::success();
}

/// The C functions that the kernels of a module call, in rising order.
static std::vector<std::string> customFunctions(ModuleOp module) {
  std::set<std::string> names;
  module.walk([&](graph::CustomOp op) { names.insert(op.getFunction().str()); });
  return {names.begin(), names.end()};
}

/// Adds the names of passes in a textual pipeline, each once.
static void addPassNames(OpPassManager &manager, std::vector<std::string> &names) {
  std::string text, name;
  llvm::raw_string_ostream os(text);
  manager.printAsTextualPipeline(os);
  int options = 0; // how deep in braces
  for (char c : text + ",") {
    if (options == 0 && (llvm::isAlnum(c) || c == '-' || c == '.')) {
      name += c;
      continue;
    }
    options += (c == '{') - (c == '}');
    bool isAnchor = name == "any" || StringRef(name).contains('.'); // what passes run on: func.func
    if (!name.empty() && !isAnchor && !llvm::is_contained(names, name))
      names.push_back(name);
    name.clear();
  }
}

static OpPrintingFlags readable() {
  constexpr int64_t kMostPrintedElements = 16;
  OpPrintingFlags flags;
  flags.elideLargeElementsAttrs(kMostPrintedElements).elideLargeResourceString(kMostPrintedElements);
  return flags;
}

llvm::Error Compilation::dumpAfter(ArrayRef<PassManager *> managers) {
  const std::string &wanted = options_.dumpAfter;
  std::vector<std::string> names{"import"};
  for (PassManager *manager : managers)
    addPassNames(*manager, names);
  if (!llvm::is_contained(names, wanted))
    return toolError(kUsage, "--dump-after: no stage '" + wanted + "'; there are " + llvm::join(names, ", "));
  if (wanted == "import")
    module_->print(llvm::errs(), readable());
  for (PassManager *manager : managers)
    manager->enableIRPrinting([](Pass *, Operation *) { return false; },
                              [&](Pass *pass, Operation *) { return pass->getArgument() == wanted; },
                              /*printModuleScope=*/false, /*printAfterOnlyOnChange=*/false,
                              /*printAfterOnlyOnFailure=*/false, llvm::errs(), readable());
  return llvm::Error::success();
}

namespace {
/// Keeps the errors that passes report, each with its source node.
class Messages {
public:
  explicit Messages(MLIRContext *context)
      : handler_(context, [this](Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
            std::string where = graph::describeLocation(diagnostic.getLocation());
            all_.push_back((where.empty() ? "" : where + ": ") + diagnostic.str());
          }
          return success();
        }) {}

  std::string text() const { return llvm::join(all_, "; "); }

private:
  std::vector<std::string> all_;
  ScopedDiagnosticHandler handler_;
};
} // namespace

llvm::Error Compilation::runStages(PassManager &manager) {
  std::string failedPass;
  manager.addInstrumentation(std::make_unique<StageInstrumentation>(clock_, failedPass));
  Messages messages(context_.get());
  if (succeeded(manager.run(*module_)))
    return llvm::Error::success();
  // These two are where an operator turns out to have no code for its element types.
  if (failedPass == "emit-kernels" || failedPass == "place-buffers")
    return toolError(kUnsupported, options_.model + ": " + messages.text());
  return toolError(kDefect,
                   options_.model + ": " + messages.text() + " (after " + failedPass + "); this is a defect of Smelt");
}

llvm::Error Compilation::runPasses(const kernel::Machine &machine, StringRef target) {
  PassManager graphStages(context_.get()), kernelStages(context_.get());
  buildGraphStages(graphStages);
  quantize::RoundedWeights rounded;
  buildKernelStages(kernelStages, machine, options_.precision, &rounded, options_.strips);
  if (isText())
    cpu::buildCpuPipeline(kernelStages, machine, target);
  if (!options_.dumpAfter.empty())
    if (llvm::Error error = dumpAfter({&graphStages, &kernelStages}))
      return error;
  if (llvm::Error error = runStages(graphStages))
    return error;
  if (options_.afterLayout)
    if (llvm::Error error = options_.afterLayout(*module_))
      return error;
  if (llvm::Error error = runStages(kernelStages))
    return error;
  report_.weightsInFewBits = rounded.taken;
  report_.weightsForFewBits = rounded.all;
  return llvm::Error::success();
}

/// The plan and its kernels, before they become code.
llvm::Error Compilation::writeText(ModuleOp module) {
  if (output(".mlir") == "-") {
    module.print(llvm::outs(), readable());
    return llvm::Error::success();
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  module.print(os, readable());
  return artifact::writeTextFile(output(".mlir"), text);
}

llvm::Error Compilation::openCache() {
  if (options_.cache.empty())
    return llvm::Error::success();
  llvm::Expected<artifact::ContentCache> cache = artifact::ContentCache::open(options_.cache);
  if (!cache)
    return cache.takeError();
  cache_.emplace(std::move(*cache));
  return llvm::Error::success();
}

/// A compilation that cannot keep its kernels is none the worse.
void Compilation::closeCache() {
  cache_->trim();
  const std::string warning = cache_->warning();
  if (warning.empty())
    return;
  progress_.clear();
  llvm::errs() << "smelt: warning: --cache: " << warning << "; the model is compiled all the same\n";
}

/// Marks the kernels that the device computes.
llvm::Error Compilation::compileDeviceKernels() {
  clock_.begin("compile-device-kernels");
  llvm::Expected<gpu::DeviceKernels> compiled = gpu::compileKernels(*module_, *profile_);
  if (!compiled)
    return compiled.takeError();
  SymbolTable kernels(*module_);
  auto word = IntegerType::get(context_.get(), 32);
  for (auto [number, name] : llvm::enumerate(compiled->names)) {
    Operation *kernel = kernels.lookup(name);
    kernel->setAttr(artifact::kDeviceKernel, IntegerAttr::get(word, number));
    if (auto measures = compiled->measures.find(name); measures != compiled->measures.end())
      kernel->setAttr(artifact::kDeviceMeasures, graph::ExtentsAttr::get(context_.get(), measures->second));
    else
      kernel->setAttr(artifact::kDeviceAlone, UnitAttr::get(context_.get()));
  }
  report_.device.emplace();
  for (gpu::LeftOut &kernel : compiled->leftOut)
    report_.device->leftOut.emplace_back(std::move(kernel.kernel), std::move(kernel.why));
  report_.kernels = compiled->names.size() - compiled->measures.size(); // those are the processor's as well
  device_ = std::move(*compiled);
  clock_.end("compile-device-kernels");
  return llvm::Error::success();
}

llvm::Expected<std::vector<cpu::KernelObject>> Compilation::compileKernels(const cpu::Target &target) {
  clock_.begin("compile-kernels");
  cpu::CompileKernelsOptions options;
  options.threads = options_.threads ? options_.threads : llvm::hardware_concurrency().compute_thread_count();
  options.progress = [&](size_t done, size_t all) {
    progress_.stage(("kernels: " + llvm::Twine(done) + " of " + llvm::Twine(all)).str());
  };
  options.cache = cache_ ? &*cache_ : nullptr;
  options.elsewhere = artifact::kDeviceAlone;
  Messages messages(context_.get());
  llvm::Expected<std::vector<cpu::KernelObject>> objects = cpu::compileKernels(*module_, target, options);
  if (!objects && !messages.text().empty()) {
    llvm::consumeError(objects.takeError());
    return toolError(kUnsupported, options_.model + ": " + messages.text());
  }
  if (!objects)
    return objects.takeError();
  if (cache_)
    closeCache();
  SymbolTable kernels(*module_);
  for (const cpu::KernelObject &object : *objects)
    kernels.lookup(object.name)->setAttr("kernel.tiles", graph::ExtentsAttr::get(context_.get(), object.tiles));
  clock_.end("compile-kernels");
  report_.kernels += objects->size();
  report_.kernelsCached = llvm::count_if(*objects, [](const cpu::KernelObject &object) { return object.isFromCache; });
  return objects;
}

static void countDeviceSteps(const artifact::Model &model, DeviceReport &report) {
  for (const artifact::Step &step : model.steps) {
    report.steps += step.kind == artifact::StepKind::Device;
    report.processorSteps += step.kind == artifact::StepKind::Kernel;
  }
}

/// The descriptor of the artefact to be.
llvm::Expected<artifact::PlannedModel> Compilation::plan(const cpu::Target &target) {
  llvm::Expected<artifact::PlannedModel> planned = artifact::fromPlan(*module_);
  if (!planned)
    return planned.takeError();
  artifact::Model &model = planned->model;
  model.name = stemOf(options_);
  if (options_.emit == Emit::Static && !options_.output.empty())
    model.name = llvm::sys::path::filename(options_.output).str(); // the C symbol is what the user asked for
  model.target = profile_ ? options_.target : target.name;
  const bool isUsed = llvm::any_of(
      model.steps, [](const artifact::Step &step) { return step.kind == artifact::StepKind::Kernel || step.isShared; });
  model.cpuFeatures = isUsed || !profile_ ? target.cpuFeatures : 0;
  report_.arenaBytes = model.arenaBytes;
  report_.arenaLowerBound = planned->liveBytes;
  report_.steps = model.steps.size();
  if (llvm::Error error = checkSizes(model))
    return toolError(kUnsupported, options_.model + ": " + explain(std::move(error)).message);
  return planned;
}

llvm::Error Compilation::writeReadable(const cpu::Target &target, llvm::TargetMachine &machine) {
  llvm::Expected<artifact::PlannedModel> planned = plan(target);
  if (!planned)
    return planned.takeError();
  llvm::LLVMContext llvmContext;
  llvm::Expected<std::unique_ptr<llvm::Module>> kernels = cpu::translateKernels(*module_, llvmContext, machine);
  if (!kernels)
    return kernels.takeError();
  return options_.emit == Emit::Llvm ? artifact::writeIR(planned->model, **kernels, machine, output(".ll"))
                                     : artifact::writeAssembly(planned->model, **kernels, machine, output(".s"));
}

llvm::Error Compilation::writeObjects(const cpu::Target &target, llvm::TargetMachine &machine) {
  if (profile_)
    if (llvm::Error error = compileDeviceKernels())
      return error;
  llvm::Expected<std::vector<cpu::KernelObject>> objects = compileKernels(target);
  if (!objects)
    return objects.takeError();
  llvm::Expected<artifact::PlannedModel> planned = plan(target);
  if (!planned)
    return planned.takeError();
  artifact::Model &model = planned->model;
  model.device = std::move(device_.vulkan);
  model.cuda = std::move(device_.cuda);
  if (profile_) {
    const gpu::Copies copies = gpu::countCopies(*module_);
    report_.device->copies = copies.count;
    report_.device->copiedBytes = copies.bytes;
    countDeviceSteps(model, *report_.device);
  }
  std::vector<std::string> kernels;
  for (const cpu::KernelObject &object : *objects) {
    model.kernelObjects.push_back(object.contents());
    kernels.push_back(object.name);
  }
  model.customFunctions = customFunctions(*module_);
  if (options_.emit == Emit::Shared)
    model.ranges = rangeTable(model, ranges_);
  else
    model.work.clear(); // nobody could find it in a program
  model.libraries = options_.libraries;
  if (llvm::Error error = artifact::checkNames(model, kernels))
    return error;
  llvm::LLVMContext llvmContext;
  llvm::Module empty("plan", llvmContext);
  clock_.begin("write");
  llvm::Expected<artifact::Sizes> sizes =
      options_.emit == Emit::Shared   ? artifact::writeShared(model, empty, machine, output(".so"))
      : options_.emit == Emit::Static ? artifact::writeStatic(model, empty, machine, output(""))
                                      : artifact::writeObject(model, empty, machine, output(".o"));
  if (!sizes)
    return sizes.takeError();
  clock_.end("write");
  report_.sizes = *sizes;
  return llvm::Error::success();
}

llvm::Error Compilation::write(const cpu::Target &target) {
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> machine = cpu::makeTargetMachine(target);
  if (!machine)
    return machine.takeError();
  return isText() ? writeReadable(target, **machine) : writeObjects(target, **machine);
}

/// Until there is a module.
llvm::Error Compilation::begin() {
  DialectRegistry registry;
  registerDialects(registry);
  context_ = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  if (options_.threads != 1) {
    threads_ = std::make_unique<llvm::StdThreadPool>(llvm::hardware_concurrency(options_.threads));
    context_->setThreadPool(*threads_);
  }
  context_->loadAllAvailableDialects();
  if (llvm::Error error = openCache())
    return error;
  llvm::append_range(read_, options_.libraries);
  return import();
}

llvm::Error Compilation::runGraphStages() {
  if (llvm::Error error = begin())
    return error;
  PassManager stages(context_.get());
  buildGraphStages(stages);
  if (llvm::Error error = runStages(stages))
    return error;
  return options_.afterLayout(*module_);
}

/// What devices have code for.
constexpr quantize::Precision kDevicePrecisions[] = {quantize::Precision::F32, quantize::Precision::F16,
                                                     quantize::Precision::BF16, quantize::Precision::Int8,
                                                     quantize::Precision::Int8Dynamic};

static std::string devicePrecisions() {
  return llvm::join(
      llvm::map_range(kDevicePrecisions, [](auto precision) { return quantize::nameOf(precision).str(); }), ", ");
}

llvm::Error Compilation::run() {
  llvm::Expected<ChosenTarget> chosen = chooseTarget(options_.target, options_.processor);
  if (!chosen)
    return chosen.takeError();
  profile_ = chosen->device;
  cpu::Target target = std::move(chosen->processor);
  if (profile_ && options_.emit != Emit::Shared && options_.emit != Emit::Mlir)
    return toolError(kUsage, "--target " + options_.target + " goes with --emit shared, or mlir");
  if (profile_ && !llvm::is_contained(kDevicePrecisions, options_.precision))
    return toolError(kUnsupported, "--target " + options_.target + " does not compute in --precision " +
                                       quantize::nameOf(options_.precision).str() + "; it has " + devicePrecisions());
  constexpr unsigned kFirstWithTf32 = 80;
  if (options_.tf32 && (!profile_ || profile_->architecture < kFirstWithTf32))
    return toolError(kUnsupported,
                     "--precision tf32 is of tensor cores: it goes with --target cuda, of sm_80 and newer");
  if (options_.tf32)
    profile_->multipliesTf32 = true;
  if (profile_) { // kernels that the device lacks have its tiles
    target.machine = gpu::machineOf(*profile_);
    target.dots = 0;
  }
  target.machine.narrow |= options_.narrow;
  if (options_.precision != quantize::Precision::F32)
    target = cpu::withDots(std::move(target));
  if (!options_.libraries.empty() && options_.emit != Emit::Shared)
    return toolError(kUsage, "--link goes with --emit shared; of other forms the program is linked with what it names");
  if (llvm::Error error = begin())
    return error;
  if (llvm::Error error = checkOverwriting())
    return error;
  if (llvm::Error error = runPasses(target.machine, target.name))
    return error;
  if (cpu::integerDotsOf(module_->getOperation(), target.machine) != 0)
    target = cpu::withIntegerDots(std::move(target));
  return options_.emit == Emit::Mlir ? writeText(*module_) : write(target);
}

CompileOptions forThisMachine(CompileOptions options, quantize::Precision precision, std::string output) {
  if (llvm::Expected<ChosenTarget> chosen = chooseTarget(options.target); !chosen)
    llvm::consumeError(chosen.takeError()); // which whoever compiles for it says
  else if (chosen->device)
    options.narrow = gpu::machineOf(*chosen->device).narrow; // as the device does
  options.precision = precision;
  options.tf32 = false;
  options.output = std::move(output);
  options.emit = Emit::Shared;
  options.target = "native";
  options.processor.clear();
  options.report.clear();
  options.dumpAfter.clear();
  options.afterLayout = nullptr;
  return options;
}

llvm::Error lookAtGraph(const CompileOptions &options, std::function<llvm::Error(ModuleOp)> look) {
  CompileOptions all = options;
  all.afterLayout = std::move(look);
  CompileReport report;
  return Compilation(all, report).runGraphStages();
}

llvm::Error compile(const CompileOptions &options, CompileReport &report) { return Compilation(options, report).run(); }

} // namespace smelt::driver
