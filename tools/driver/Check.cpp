// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/driver/Check.h"
#include "codegen/artifact/FromPlan.h"
#include "codegen/cpu/Passes.h"
#include "dialects/Graph/Location.h"
#include "frontends/common/ImportError.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "tools/driver/Errors.h"
#include "tools/driver/Passes.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <map>

using namespace mlir;

namespace smelt::driver {

/// The node that an error is about: "MatMul, opset 17" is its operator and version.
static frontend::UnsupportedNode nodeOf(Diagnostic &diagnostic) {
  constexpr llvm::StringLiteral kOpset = ", opset ";
  frontend::UnsupportedNode node;
  node.node = graph::sourceNames(diagnostic.getLocation());
  node.reason = diagnostic.str();
  const std::string kind = graph::sourceOperator(diagnostic.getLocation());
  auto [name, version] = StringRef(kind).split(kOpset);
  node.operatorName = name.str();
  if (version.getAsInteger(10, node.version))
    node.version = 0;
  return node;
}

std::vector<frontend::UnsupportedNode> findUnsupported(ModuleOp module, const cpu::Target &target) {
  std::vector<frontend::UnsupportedNode> found;
  ScopedDiagnosticHandler handler(module.getContext(), [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      found.push_back(nodeOf(diagnostic));
    return success();
  });
  PassManager plan(module.getContext()), emission(module.getContext());
  buildPlanStages(plan, target.machine);
  emission.addPass(cpu::createEmitKernelsPass(target.machine, target.name));
  if (failed(plan.run(module)))
    return found;
  llvm::Expected<artifact::PlannedModel> planned = artifact::fromPlan(module);
  llvm::Error error = planned ? checkSizes(planned->model) : planned.takeError();
  if (error)
    found.push_back({"", "", "", explain(std::move(error)).message, 0});
  (void)emission.run(module); // whose failures are among the errors
  return found;
}

/// The step that uses the largest gap between the places of buffers first.
static StringRef largestBufferOf(const artifact::Model &model) {
  std::map<int64_t, StringRef> places; // of buffers → the first step that uses them
  for (const artifact::Step &step : model.steps)
    for (const artifact::Operand &operand : step.operands)
      if (operand.base == artifact::Base::Arena)
        places.try_emplace(operand.offset, step.name);
  auto end = static_cast<int64_t>(model.arenaBytes), largest = int64_t(0);
  StringRef name;
  for (auto place = places.rbegin(); place != places.rend(); ++place) {
    if (end - place->first > largest) {
      largest = end - place->first;
      name = place->second;
    }
    end = place->first;
  }
  return name;
}

llvm::Error checkSizes(const artifact::Model &model) {
  const bool arena = model.arenaBytes > kMostArtifactBytes;
  if (!arena && model.weightsBytes <= kMostArtifactBytes)
    return llvm::Error::success();
  std::string text;
  llvm::raw_string_ostream os(text);
  if (arena)
    os << "node '" << frontend::printable(largestBufferOf(model)) << "': ";
  os << (arena ? "the model would work in " : "the weights would take ")
     << llvm::format("%.1f GiB, more than the %llu",
                     static_cast<double>(arena ? model.arenaBytes : model.weightsBytes) / (1 << 30),
                     static_cast<unsigned long long>(kMostArtifactBytes >> 30))
     << " GiB that Smelt takes";
  return toolError(kUnsupported, text);
}

} // namespace smelt::driver
