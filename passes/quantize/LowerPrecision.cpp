// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// lower-precision: products get operands of a narrower float, and sum up in f32 as before. All else stays in f32: what
// is added up along a model (residuals), statistics of normalisations, softmax.
//   matmul(a, b)            →   matmul(round(a), round(b)) {wide}
//   conv(x, w)              →   conv(round(x), round(w)) {wide}        depthwise for devices alone
//   gather(c, i)            →   cast(gather(round(c), i))              c a large constant: an embedding
// What is marked `graph.precision = "f32"` stays as it is, and what is marked "bf16" or "f16" gets that type. A
// processor that has no instruction for products of that type gains nothing from rounding what is computed: there only
// constants are. Devices do, of half the bytes to read (kernel::Machine::narrow), and so of depthwise convolutions.

#include "dialects/Graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassRegistry.h"
#include "passes/quantize/Passes.h"
#include "passes/quantize/Products.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace smelt;

namespace {

// Tables below this many elements are not worth a rounding.
constexpr int64_t kLeastTable = 1 << 12;

/// Rounds values of one function, each once.
class Rounding {
public:
  Rounding(FloatType type, bool constantsOnly, bool depthwise, RewriterBase &rewriter)
      : type_(type), constantsOnly_(constantsOnly), depthwise_(depthwise), rewriter_(rewriter) {}

  bool lower(graph::MatMulOp op);
  bool lower(graph::ConvOp op);
  void lower(graph::GatherOp op);

private:
  template <typename Op> bool lowerProduct(Op op);
  Value rounded(Value value);

  FloatType type_;
  bool constantsOnly_;
  bool depthwise_; // convolutions as well
  RewriterBase &rewriter_;
  DenseMap<Value, Value> rounded_;
};

} // namespace

static bool isF32(Value value) { return graph::typeOf(value).getElementType().isF32(); }
static bool isCodes(Value value) { return value.getDefiningOp<graph::DequantizeBlocksOp>() != nullptr; }
static bool isConstant(Value value) { return value.getDefiningOp<graph::ConstantOp>() != nullptr; }

Value Rounding::rounded(Value value) {
  if (constantsOnly_ && !isConstant(value))
    return value;
  Value &known = rounded_[value];
  if (!known) {
    OpBuilder::InsertionGuard guard(rewriter_);
    rewriter_.setInsertionPointAfterValue(value);
    known = graph::CastOp::create(rewriter_, value.getLoc(), value, type_);
  }
  return known;
}

/// The same op on rounded operands.
template <typename Op> bool Rounding::lowerProduct(Op op) {
  if (!isF32(op->getOperand(0)) || !isF32(op->getOperand(1)) || isCodes(op->getOperand(1)))
    return false;
  SmallVector<Value> operands{rounded(op->getOperand(0)), rounded(op->getOperand(1))};
  rewriter_.modifyOpInPlace(op, [&] {
    op->setOperands(operands);
    op.setWide(true);
  });
  return true;
}

bool Rounding::lower(graph::MatMulOp op) { return lowerProduct(op); }

bool Rounding::lower(graph::ConvOp op) { return (depthwise_ || !quantize::isDepthwise(op)) && lowerProduct(op); }

void Rounding::lower(graph::GatherOp op) {
  if (!isF32(op.getData()) || !isConstant(op.getData()) || graph::typeOf(op.getData()).getNumElements() < kLeastTable)
    return;
  quantize::gatherFrom(rewriter_, op, rounded(op.getData()));
}

namespace {
struct LowerPrecision : PassWrapper<LowerPrecision, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerPrecision)
  LowerPrecision(quantize::Precision precision, const kernel::Machine &machine) {
    type_ = quantize::nameOf(precision).str();
    dots_ = machine.dots;
    narrow_ = machine.narrow;
  }
  LowerPrecision(const LowerPrecision &other) : PassWrapper(other) {} // a copy has options of its own
  StringRef getArgument() const override { return "lower-precision"; }
  StringRef getDescription() const override { return "operands of products → a narrower float"; }

  void runOnOperation() override {
    Builder builder(&getContext());
    IRRewriter rewriter(&getContext());
    Rounding toBf16 = roundingTo(builder.getBF16Type(), rewriter), toF16 = roundingTo(builder.getF16Type(), rewriter);
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops) {
      StringRef type = type_;
      if (auto precision = op->getAttrOfType<StringAttr>(quantize::kPrecision))
        if (precision == "bf16" || precision == "f16")
          type = precision.getValue();
        else if (precision == "f32" || precision.getValue().ends_with("-weights")) // whose products are in f32
          type = "f32";
      if (type == "f32")
        continue;
      Rounding &rounding = type == "f16" ? toF16 : toBf16;
      if (auto matmul = dyn_cast<graph::MatMulOp>(op))
        rounding.lower(matmul);
      else if (auto conv = dyn_cast<graph::ConvOp>(op))
        rounding.lower(conv);
      else if (auto gather = dyn_cast<graph::GatherOp>(op))
        rounding.lower(gather);
    }
  }

private:
  Rounding roundingTo(FloatType type, RewriterBase &rewriter) const {
    kernel::Machine machine;
    machine.dots = dots_;
    machine.narrow = narrow_;
    return {type, !machine.rounds(type), narrow_ != 0 && machine.rounds(type), rewriter};
  }

  Option<std::string> type_{*this, "type", llvm::cl::desc("bf16, f16, or f32"), llvm::cl::init("bf16")};
  Option<unsigned> dots_{*this, "dots", llvm::cl::desc("dot instructions, a mask of kernel::Dot"), llvm::cl::init(0)};
  Option<unsigned> narrow_{*this, "narrow", llvm::cl::desc("what else is rounded to, a mask of kernel::Narrow"),
                           llvm::cl::init(0)};
};
} // namespace

static constexpr std::pair<llvm::StringLiteral, quantize::Precision> kPrecisions[] = {
    {"f32", quantize::Precision::F32},
    {"bf16", quantize::Precision::BF16},
    {"f16", quantize::Precision::F16},
    {"int8", quantize::Precision::Int8},
    {"int8-dynamic", quantize::Precision::Int8Dynamic},
    {"int8-weights", quantize::Precision::Int8Weights},
    {"int4-weights", quantize::Precision::Int4Weights}};

StringRef quantize::nameOf(Precision precision) {
  for (const auto &[name, known] : kPrecisions)
    if (known == precision)
      return name;
  return ""; // all are in the table
}

std::optional<quantize::Precision> quantize::precisionOf(StringRef name) {
  const auto *found = llvm::find_if(kPrecisions, [&](const auto &entry) { return entry.first == name; });
  return found == std::end(kPrecisions) ? std::nullopt : std::optional(found->second);
}

std::string quantize::precisionNames() {
  return llvm::join(llvm::map_range(kPrecisions, [](const auto &entry) { return entry.first.str(); }), ", ");
}

std::unique_ptr<Pass> quantize::createLowerPrecisionPass(Precision precision, const kernel::Machine &machine) {
  return std::make_unique<LowerPrecision>(precision, machine);
}

void quantize::registerQuantizePasses() {
  registerPass([] { return createLowerPrecisionPass(); });
  registerPass(createQuantizeProductsPass);
  registerPass([] { return createQuantizeWeightsPass(); });
  registerPass(createQuantizeDynamicallyPass);
  registerPass(createKeepCodesPass);
  registerPass([] { return createKeepNarrowFloatsPass(); });
  registerPass(createHoistCastsPass);
  registerPass(createShareRoundingsPass);
  registerPass(createCoarsenFunctionsPass);
  registerPass(createSinkDequantisationPass);
  registerPass(createUnscaleProductsPass);
  registerPass(createNarrowProductsPass);
  registerPass(createFuseQuantisationPass);
  registerPass([] { return createSuitProductsPass(); });
}
