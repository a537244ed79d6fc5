// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "OperatorHarness.h"
#include "codegen/cpu/Lower.h"
#include "codegen/cpu/Passes.h"
#include "codegen/cpu/Target.h"
#include "dialects/Kernel/Kernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "passes/graph/Passes.h"
#include "passes/plan/Passes.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Target/TargetMachine.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using smelt::graph::HostTensor;
using smelt::graph::Scalar;

namespace smelt::test {

namespace {

constexpr size_t kAlignment = 64; // SMELT_ALIGNMENT

/// Memory whose last byte, up to alignment, is followed by a page that may not be touched.
class GuardedBuffer {
public:
  explicit GuardedBuffer(size_t bytes) : bytes_(bytes) {
    auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    size_t used = llvm::alignTo(bytes, kAlignment), pages = llvm::alignTo(used, page);
    mapped_ = pages + page;
    base_ = static_cast<char *>(mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_ + pages, page, PROT_NONE);
    data_ = base_ + pages - used;
  }
  GuardedBuffer(GuardedBuffer &&other) noexcept
      : base_(std::exchange(other.base_, nullptr)), data_(other.data_), bytes_(other.bytes_), mapped_(other.mapped_) {}
  ~GuardedBuffer() {
    if (base_)
      munmap(base_, mapped_);
  }
  char *data() const { return data_; }
  size_t size() const { return bytes_; }

private:
  char *base_;
  char *data_;
  size_t bytes_;
  size_t mapped_;
};

/// A plan and the code of its kernels.
class CompiledPlan {
public:
  /// Takes the module apart; what fails is said in `error`.
  static std::unique_ptr<CompiledPlan> make(ModuleOp module, const cpu::Target &target, Fusion fusion,
                                            std::string &error, int64_t strips = 0);
  Tensors run(ArrayRef<HostTensor> inputs);

private:
  using Kernel = void (*)(void *const *operands, int64_t first, int64_t last);

  void step(kernel::CallOp call, ArrayRef<ArrayRef<GuardedBuffer>> bases);

  kernel::PlanOp plan_;
  bool packs_ = false; // elements of less than a byte, at the borders of the model
  llvm::StringMap<int64_t> tiles_;
  std::unique_ptr<llvm::orc::LLJIT> code_;
};

} // namespace

static func::FuncOp functionOf(ModuleOp module) { return *module.getOps<func::FuncOp>().begin(); }

/// All ops of a function in one kernel.
static void fuseWhole(func::FuncOp function) {
  Block &body = function.getBody().front();
  Operation *end = body.getTerminator();
  OpBuilder builder(end);
  auto dispatch = kernel::DispatchOp::create(builder, function.getLoc(), end->getOperandTypes(), body.getArguments());
  Block *inner = builder.createBlock(&dispatch.getBody());
  IRMapping mapping;
  for (BlockArgument argument : body.getArguments())
    mapping.map(argument, inner->addArgument(argument.getType(), argument.getLoc()));
  for (Operation &op : body)
    if (&op != end && &op != dispatch)
      builder.clone(op, mapping);
  SmallVector<Value> results =
      llvm::map_to_vector(end->getOperands(), [&](Value value) { return mapping.lookup(value); });
  kernel::YieldOp::create(builder, function.getLoc(), results);
  end->setOperands(dispatch.getResults());
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
    if (&op != end && &op != dispatch)
      op.erase();
}

static bool lower(ModuleOp module, const kernel::Machine &machine, Fusion fusion, std::string &error,
                  int64_t strips = 0) {
  ScopedDiagnosticHandler handler(module.getContext(),
                                  [&](Diagnostic &diagnostic) { error += diagnostic.str() + "\n"; });
  PassManager passes(module.getContext());
  if (fusion == Fusion::Whole) {
    fuseWhole(functionOf(module));
    passes.addPass(plan::createPlaceBuffersPass(machine));
    passes.addPass(plan::createCollapseDimsPass());
  } else {
    passes.nest<func::FuncOp>().addPass(plan::createPackContractionsPass(machine));
    if (strips)
      passes.addPass(graph::createFoldConstantsPass()); // what packs weights would stand between others
    plan::buildPlanPipeline(passes, machine, strips);
  }
  cpu::buildCpuPipeline(passes, machine, "a test");
  return succeeded(passes.run(module));
}

std::unique_ptr<CompiledPlan> CompiledPlan::make(ModuleOp module, const cpu::Target &target, Fusion fusion,
                                                 std::string &error, int64_t strips) {
  auto fail = [&](llvm::Error reason) {
    error += toString(std::move(reason));
    return nullptr;
  };
  if (!lower(module, target.machine, fusion, error, strips))
    return nullptr;
  auto compiled = std::make_unique<CompiledPlan>();
  compiled->plan_ = *module.getOps<kernel::PlanOp>().begin();
  compiled->packs_ = fusion == Fusion::Planned;
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    if (auto tiles = function->getAttrOfType<graph::ExtentsAttr>("kernel.tiles"))
      compiled->tiles_[function.getName()] = tiles.extents().front().number();

  auto machine = cpu::makeTargetMachine(target);
  if (!machine)
    return fail(machine.takeError());
  auto context = std::make_unique<llvm::LLVMContext>();
  auto ir = cpu::translateKernels(module, *context, **machine);
  if (!ir)
    return fail(ir.takeError());
  llvm::orc::JITTargetMachineBuilder builder((*machine)->getTargetTriple());
  builder.setCPU(target.cpu);
  builder.addFeatures({target.features});
  builder.getOptions().AllowFPOpFusion = (*machine)->Options.AllowFPOpFusion;
  auto code = llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(builder).create();
  if (!code)
    return fail(code.takeError());
  compiled->code_ = std::move(*code);
  if (auto failed = compiled->code_->addIRModule(llvm::orc::ThreadSafeModule(std::move(*ir), std::move(context))))
    return fail(std::move(failed));
  return compiled;
}

/// What a buffer of the plan holds of a tensor, and back.
static std::string bytesOf(const HostTensor &tensor, bool packs) {
  if (packs && graph::isPackable(tensor.elementType()))
    return graph::packElements(tensor.bytes(), tensor.elementType());
  return {tensor.bytes().begin(), tensor.bytes().end()};
}
static HostTensor tensorOf(RankedTensorType type, const GuardedBuffer &buffer, bool packs) {
  HostTensor tensor = HostTensor::zeros(type);
  if (packs && graph::isPackable(type.getElementType()))
    graph::unpackElements({buffer.data(), buffer.size()}, type.getElementType(), tensor.mutableBytes());
  else
    std::memcpy(tensor.mutableBytes().data(), buffer.data(), buffer.size());
  return tensor;
}

void CompiledPlan::step(kernel::CallOp call, ArrayRef<ArrayRef<GuardedBuffer>> bases) {
  auto symbol = llvm::cantFail(code_->lookup(call.getCallee()));
  SmallVector<void *> operands;
  for (auto [base, index, offset] : llvm::zip_equal(call.getBases(), call.getIndices(), call.getOffsets()))
    operands.push_back(bases[base][index].data() + offset.number());
  int64_t tiles = tiles_.lookup(call.getCallee());
  // In two halves, as two threads would.
  auto *kernel = symbol.toPtr<Kernel>();
  kernel(operands.data(), tiles / 2, tiles);
  kernel(operands.data(), 0, tiles / 2);
}

static RankedTensorType typeOf(Attribute type) { return cast<RankedTensorType>(cast<TypeAttr>(type).getValue()); }

Tensors CompiledPlan::run(ArrayRef<HostTensor> inputs) {
  std::vector<GuardedBuffer> arena, weights, in, out;
  arena.emplace_back(plan_.getArenaBytes());
  // What the arena holds before a run is nobody's zero.
  std::memset(arena[0].data(), 0xa5, arena[0].size());
  weights.emplace_back(plan_.getWeightsBytes());
  for (auto [attribute, offset] : llvm::zip_equal(plan_.getWeights(), plan_.getWeightOffsets())) {
    std::optional<HostTensor> weight = HostTensor::of(cast<ElementsAttr>(attribute));
    std::memcpy(weights[0].data() + offset, weight->bytes().data(), weight->bytes().size());
  }
  for (const HostTensor &input : inputs) {
    std::string bytes = bytesOf(input, packs_);
    in.emplace_back(bytes.size());
    std::memcpy(in.back().data(), bytes.data(), bytes.size());
  }
  for (Attribute type : plan_.getOutputTypes())
    out.emplace_back(bytesOf(HostTensor::zeros(typeOf(type)), packs_).size());

  ArrayRef<GuardedBuffer> bases[] = {arena, weights, in, out};
  for (auto call : plan_.getBody().getOps<kernel::CallOp>())
    step(call, bases);

  Tensors results;
  for (auto [type, buffer] : llvm::zip_equal(plan_.getOutputTypes(), out))
    results.push_back(tensorOf(typeOf(type), buffer, packs_));
  return results;
}

HostTensor tensor(RankedTensorType type, ArrayRef<double> elements) {
  HostTensor result = HostTensor::zeros(type);
  EXPECT_EQ(result.size(), static_cast<int64_t>(elements.size())) << spelling(type);
  for (int64_t i = 0; i < std::min<int64_t>(result.size(), elements.size()); ++i)
    result.set(i, isa<FloatType>(type.getElementType()) ? Scalar::ofFloat(elements[i])
                                                        : Scalar::ofSigned(static_cast<int64_t>(elements[i])));
  return result;
}

HostTensor randomTensor(RankedTensorType type, unsigned seed, Range range) {
  std::mt19937 generator(seed);
  HostTensor result = HostTensor::zeros(type);
  bool isFloat = isa<FloatType>(type.getElementType());
  auto span = static_cast<uint64_t>(range.high) - static_cast<uint64_t>(range.low);
  for (int64_t i = 0; i < result.size(); ++i) {
    // Sum of uniform numbers: the standard's distributions differ from library to library.
    double sum = -6;
    for (int draw = 0; draw < 12; ++draw)
      sum += generator() / 4294967296.0;
    if (isFloat)
      result.set(i, Scalar::ofFloat(sum));
    else
      result.set(i, Scalar::ofSigned(static_cast<int64_t>(static_cast<uint64_t>(range.low) + generator() % span)));
  }
  return result;
}

std::vector<double> numbers(const HostTensor &tensor) {
  std::vector<double> result;
  for (int64_t i = 0; i < tensor.size(); ++i)
    result.push_back(tensor.get(i).asFloat());
  return result;
}

std::string spelling(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

static std::unique_ptr<MLIRContext> makeContext() {
  DialectRegistry registry;
  cpu::registerTranslations(registry);
  auto context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadDialect<graph::GraphDialect, kernel::KernelDialect, func::FuncDialect>();
  return context;
}

static OwningOpRef<ModuleOp> parse(MLIRContext &context, StringRef text, std::string &error) {
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) { error += diagnostic.str() + "\n"; });
  return parseSourceString<ModuleOp>(text, &context);
}

std::string diagnosticOf(StringRef text) {
  std::unique_ptr<MLIRContext> context = makeContext();
  std::string error;
  parse(*context, text, error);
  return error;
}

Operator::Operator(StringRef text) : context_(makeContext()) {
  std::string error;
  module_ = parse(*context_, text, error);
  EXPECT_TRUE(module_) << error << text.str();
}

Operator::~Operator() = default;

RankedTensorType Operator::inputType(unsigned index) {
  return cast<RankedTensorType>(functionOf(*module_).getArgumentTypes()[index]);
}

Tensors Operator::randomInputs(Range range, unsigned seed) {
  Tensors inputs;
  for (Type type : functionOf(*module_).getArgumentTypes())
    inputs.push_back(randomTensor(cast<RankedTensorType>(type), seed++, range));
  return inputs;
}

Tensors Operator::evaluate(ArrayRef<HostTensor> inputs) {
  DenseMap<Value, HostTensor> values;
  Block &body = functionOf(*module_).getBody().front();
  auto valuesOf = [&](ValueRange operands) {
    return Tensors(llvm::map_range(operands, [&](Value value) { return values.lookup(value); }));
  };
  for (auto [argument, input] : llvm::zip_equal(body.getArguments(), inputs))
    values[argument] = input;
  for (Operation &op : body.without_terminator()) {
    if (auto constant = dyn_cast<graph::ConstantOp>(op)) {
      values[constant] = *HostTensor::of(constant.getValue());
      continue;
    }
    FailureOr<SmallVector<HostTensor>> results = graph::evaluateOp(&op, valuesOf(op.getOperands()));
    if (failed(results)) {
      ADD_FAILURE() << op.getName().getStringRef().str() << " has no evaluation for its types";
      return {};
    }
    for (auto [value, result] : llvm::zip_equal(op.getResults(), *results))
      values[value] = result;
  }
  return valuesOf(body.getTerminator()->getOperands());
}

bool Operator::compiles(StringRef target) {
  OwningOpRef<ModuleOp> copy = module_->clone();
  std::string error;
  return lower(*copy, cpu::findTarget(target)->machine, Fusion::Planned, error);
}

Tensors Operator::compileAndRun(ArrayRef<HostTensor> inputs, StringRef target, Fusion fusion) {
  OwningOpRef<ModuleOp> copy = module_->clone();
  std::string error;
  std::unique_ptr<CompiledPlan> compiled = CompiledPlan::make(*copy, *cpu::findTarget(target), fusion, error);
  if (!compiled) {
    ADD_FAILURE() << "for " << target.str() << ": " << error;
    return {};
  }
  return compiled->run(inputs);
}

Tensors Operator::runInStrips(ArrayRef<HostTensor> inputs, int64_t strips) {
  OwningOpRef<ModuleOp> copy = module_->clone();
  std::string error;
  auto compiled = CompiledPlan::make(*copy, *cpu::findTarget("native"), Fusion::Planned, error, strips);
  if (!compiled) {
    ADD_FAILURE() << "in " << strips << " strips: " << error;
    return {};
  }
  return compiled->run(inputs);
}

/// Empty, or where two tensors differ.
static std::string difference(const HostTensor &actual, const HostTensor &expected, Tolerance tolerance) {
  for (int64_t i = 0; i < expected.size(); ++i) {
    Scalar got = actual.get(i), want = expected.get(i);
    double a = got.asFloat(), b = want.asFloat();
    bool isSame = want.isFloat() ? a == b || (std::isnan(a) && std::isnan(b)) : got.asSigned() == want.asSigned();
    if (!isSame && !(std::abs(a - b) <= tolerance.absolute + tolerance.relative * std::abs(b)))
      return "element " + std::to_string(i) + " of " + spelling(expected.type()) + " is " + std::to_string(a) +
             ", not " + std::to_string(b);
  }
  return "";
}

std::vector<std::string> Operator::runnableTargets() {
  std::optional<cpu::Target> native = cpu::findTarget("native");
  if (!native)
    return {};
  std::vector<std::string> targets{"native"};
  if (native->cpu == "x86-64-v4")
    targets.emplace_back("x86-64-v3");
  return targets;
}

void Operator::expectCompiledMatches(ArrayRef<HostTensor> inputs, Tolerance tolerance, Fusion fusion) {
  Tensors expected = evaluate(inputs);
  for (const std::string &target : runnableTargets()) {
    Tensors actual = compileAndRun(inputs, target, fusion);
    ASSERT_EQ(actual.size(), expected.size());
    for (auto [result, reference] : llvm::zip_equal(actual, expected)) {
      ASSERT_EQ(result.type(), reference.type().clone(result.elementType()));
      EXPECT_EQ(difference(result, reference, tolerance), "")
          << "for " << target << (fusion == Fusion::Whole ? ", all in one kernel" : "");
    }
  }
}

std::string oneOp(StringRef name, StringRef attributes, ArrayRef<StringRef> operands, StringRef result) {
  std::string arguments, values, types;
  for (auto [number, type] : llvm::enumerate(operands)) {
    std::string separator = number ? ", " : "", value = "%a" + std::to_string(number);
    arguments += separator + value + ": " + type.str();
    values += separator + value;
    types += separator + type.str();
  }
  return "func.func @f(" + arguments + ") -> " + result.str() + " {\n  %r = " + name.str() + " " + values + " " +
         attributes.str() + " : (" + types + ") -> " + result.str() + "\n  return %r : " + result.str() + "\n}\n";
}

static void expectBothMatch(Operator &op, ArrayRef<HostTensor> inputs, Tolerance tolerance) {
  op.expectCompiledMatches(inputs, tolerance);
  auto isFusable = [](Operation &inner) {
    return isa<graph::ScalarInterface, graph::IndexedInterface, graph::ConstantOp>(inner);
  };
  if (llvm::all_of(functionOf(op.module()).getBody().front().without_terminator(), isFusable))
    op.expectCompiledMatches(inputs, tolerance, Fusion::Whole);
}

void expectValues(StringRef text, ArrayRef<std::vector<double>> inputs, ArrayRef<double> expected,
                  Tolerance tolerance) {
  SCOPED_TRACE(text.str());
  Operator op(text);
  if (!op.isValid())
    return;
  Tensors tensors;
  for (auto [number, elements] : llvm::enumerate(inputs))
    tensors.push_back(tensor(op.inputType(number), elements));
  Tensors results = op.evaluate(tensors);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(difference(results[0], tensor(results[0].type(), expected), tolerance), "") << "by the reference";
  expectBothMatch(op, tensors, tolerance);
}

void expectCodeMatches(StringRef text, Range range, Tolerance tolerance) {
  SCOPED_TRACE(text.str());
  Operator op(text);
  if (op.isValid())
    expectBothMatch(op, op.randomInputs(range), tolerance);
}

} // namespace smelt::test
