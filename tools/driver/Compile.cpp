// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/driver/Compile.h"
#include "codegen/artifact/FromPlan.h"
#include "codegen/artifact/OutputFile.h"
#include "codegen/cpu/Lower.h"
#include "codegen/cpu/Target.h"
#include "dialects/Graph/Location.h"
#include "frontends/common/ImportError.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "tools/driver/Errors.h"
#include "tools/driver/Passes.h"
#include "tools/driver/Progress.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include <chrono>

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

/// One compilation from file to file.
class Compilation {
public:
  Compilation(const CompileOptions &options, CompileReport &report)
      : options_(options), report_(report), progress_(options.model), clock_(report, progress_) {}

  llvm::Error run();

private:
  llvm::Error import();
  llvm::Error importText();
  llvm::Error runPasses(const kernel::Machine &machine);
  llvm::Error checkDumpName(PassManager &manager);
  llvm::Error write(const cpu::Target &target);
  llvm::Error writeText(ModuleOp module);
  std::string stem() const;

  const CompileOptions &options_;
  CompileReport &report_;
  Progress progress_;
  StageClock clock_;
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

std::string Compilation::stem() const { return llvm::sys::path::stem(options_.model).str(); }

llvm::Error Compilation::importText() {
  std::string message;
  ScopedDiagnosticHandler handler(context_.get(), [&](Diagnostic &diagnostic) {
    if (message.empty())
      message = diagnostic.str();
    return success();
  });
  module_ = parseSourceFile<ModuleOp>(options_.model, context_.get());
  if (!module_)
    return toolError(kMalformed, options_.model + ": " + message);
  return llvm::Error::success();
}

llvm::Error Compilation::import() {
  clock_.begin("import");
  if (StringRef(options_.model).ends_with(".mlir")) {
    if (llvm::Error error = importText())
      return error;
  } else {
    llvm::Expected<OwningOpRef<ModuleOp>> module = frontend::importModel(options_.model, options_.import, *context_);
    if (!module)
      return module.takeError();
    module_ = std::move(*module);
  }
  clock_.end("import");
  countOperators(*module_, report_);
  return llvm::Error::success();
}

/// The names of passes in a textual pipeline, each once.
static std::vector<std::string> passNames(OpPassManager &manager) {
  std::string text, name;
  llvm::raw_string_ostream os(text);
  manager.printAsTextualPipeline(os);
  std::vector<std::string> names{"import"};
  for (char c : text + " ") {
    if (llvm::isAlnum(c) || c == '-') {
      name += c;
      continue;
    }
    if (StringRef(name).contains('-') && !llvm::is_contained(names, name))
      names.push_back(name);
    name.clear();
  }
  return names;
}

llvm::Error Compilation::checkDumpName(PassManager &manager) {
  std::vector<std::string> names = passNames(manager);
  if (options_.dumpAfter.empty() || llvm::is_contained(names, options_.dumpAfter))
    return llvm::Error::success();
  return toolError(kUsage, "--dump-after: no stage '" + options_.dumpAfter + "'; there are " + llvm::join(names, ", "));
}

static OpPrintingFlags readable() {
  constexpr int64_t kMostPrintedElements = 16;
  OpPrintingFlags flags;
  flags.elideLargeElementsAttrs(kMostPrintedElements).elideLargeResourceString(kMostPrintedElements);
  return flags;
}

llvm::Error Compilation::runPasses(const kernel::Machine &machine) {
  PassManager manager(context_.get());
  if (options_.emit == Emit::Mlir)
    buildPlanStages(manager, machine);
  else
    buildAllStages(manager, machine);
  if (llvm::Error error = checkDumpName(manager))
    return error;
  if (options_.dumpAfter == "import")
    module_->print(llvm::errs(), readable());
  else if (!options_.dumpAfter.empty())
    manager.enableIRPrinting([](Pass *, Operation *) { return false; },
                             [&](Pass *pass, Operation *) { return pass->getArgument() == options_.dumpAfter; },
                             /*printModuleScope=*/false, /*printAfterOnlyOnChange=*/false,
                             /*printAfterOnlyOnFailure=*/false, llvm::errs(), readable());
  std::string failedPass;
  manager.addInstrumentation(std::make_unique<StageInstrumentation>(clock_, failedPass));

  std::vector<std::string> messages;
  ScopedDiagnosticHandler handler(context_.get(), [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
      std::string where = graph::describeLocation(diagnostic.getLocation());
      messages.push_back((where.empty() ? "" : where + ": ") + diagnostic.str());
    }
    return success();
  });
  if (succeeded(manager.run(*module_)))
    return llvm::Error::success();
  std::string all = llvm::join(messages, "; ");
  // These two are where an operator turns out to have no code for its element types.
  if (failedPass == "emit-kernels" || failedPass == "place-buffers")
    return toolError(kUnsupported, options_.model + ": " + all);
  return toolError(kDefect, options_.model + ": " + (all.empty() ? "a pass failed" : all) + " (after " + failedPass +
                                "); this is a defect of Smelt");
}

/// The plan and its kernels, before they become code.
llvm::Error Compilation::writeText(ModuleOp module) {
  std::string output = options_.output.empty() ? stem() + ".mlir" : options_.output;
  if (output == "-") {
    module.print(llvm::outs(), readable());
    return llvm::Error::success();
  }
  llvm::Expected<artifact::OutputFile> file = artifact::OutputFile::create(output);
  if (!file)
    return file.takeError();
  module.print(file->stream(), readable());
  if (llvm::Error error = file->finish())
    return error;
  return file->commit();
}

llvm::Error Compilation::write(const cpu::Target &target) {
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> machine = cpu::makeTargetMachine(target);
  if (!machine)
    return machine.takeError();
  llvm::Expected<artifact::PlannedModel> planned = artifact::fromPlan(*module_);
  if (!planned)
    return planned.takeError();
  artifact::Model &model = planned->model;
  model.name = stem();
  if (options_.emit == Emit::Static && !options_.output.empty())
    model.name = llvm::sys::path::filename(options_.output).str(); // the C symbol is what the user asked for
  model.target = target.name;
  model.cpuFeatures = target.cpuFeatures;
  report_.arenaBytes = model.arenaBytes;
  report_.arenaLowerBound = planned->liveBytes;
  report_.steps = model.steps.size();

  llvm::LLVMContext llvmContext;
  clock_.begin("optimise");
  llvm::Expected<std::unique_ptr<llvm::Module>> kernels = cpu::translateKernels(*module_, llvmContext, **machine);
  if (!kernels)
    return kernels.takeError();
  clock_.end("optimise");
  report_.kernels =
      llvm::count_if(**kernels, [](const llvm::Function &function) { return function.hasExternalLinkage(); });

  auto output = [&](const char *suffix) { return options_.output.empty() ? stem() + suffix : options_.output; };
  llvm::Expected<artifact::Sizes> sizes = artifact::Sizes();
  llvm::Error error = llvm::Error::success();
  clock_.begin("write");
  switch (options_.emit) {
  case Emit::Shared:
    sizes = artifact::writeShared(model, **kernels, **machine, output(".so"));
    break;
  case Emit::Static:
    sizes = artifact::writeStatic(model, **kernels, **machine, output(""));
    break;
  case Emit::Object:
    sizes = artifact::writeObject(model, **kernels, **machine, output(".o"));
    break;
  case Emit::Llvm:
    error = artifact::writeIR(model, **kernels, **machine, output(".ll"));
    break;
  case Emit::Asm:
  case Emit::Mlir:
    error = artifact::writeAssembly(model, **kernels, **machine, output(".s"));
    break;
  }
  if (error)
    return error;
  if (!sizes)
    return sizes.takeError();
  clock_.end("write");
  report_.sizes = *sizes;
  return llvm::Error::success();
}

llvm::Error Compilation::run() {
  std::optional<cpu::Target> target = cpu::findTarget(options_.target);
  if (!target)
    return toolError(kUsage, "--target: no target '" + options_.target + "'; there are " + cpu::targetNames());
  DialectRegistry registry;
  registerDialects(registry);
  context_ = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  if (options_.threads != 1) {
    threads_ = std::make_unique<llvm::StdThreadPool>(llvm::hardware_concurrency(options_.threads));
    context_->setThreadPool(*threads_);
  }
  context_->loadAllAvailableDialects();
  if (llvm::Error error = import())
    return error;
  if (llvm::Error error = runPasses(target->machine))
    return error;
  return options_.emit == Emit::Mlir ? writeText(*module_) : write(*target);
}

llvm::Error compile(const CompileOptions &options, CompileReport &report) { return Compilation(options, report).run(); }

} // namespace smelt::driver
