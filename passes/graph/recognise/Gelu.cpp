// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GELU, x · ½ · (1 + erf(x / √2)), and its tanh form, x · ½ · (1 + tanh(√(2/π) (x + 0.044715 x³))), in whatever order
// the three factors are multiplied.

#include "passes/graph/Match.h"
#include "passes/graph/recognise/Recognise.h"

using namespace mlir;
using namespace smelt;
using namespace smelt::graph;

constexpr double kSqrtTwo = 1.4142135623730951;
constexpr double kTanhScale = 0.7978845608028654; // √(2/π)
constexpr double kTanhCubic = 0.044715;

/// x where value = number · x
static Value scaledBy(Value value, double number) {
  if (auto product = value.getDefiningOp<MulOp>())
    return besideNumber(product, number);
  auto quotient = value.getDefiningOp<DivOp>();
  return quotient && isNear(quotient.getRhs(), 1 / number) ? quotient.getLhs() : Value();
}

/// x where value = x / √2
static Value fromErf(Value argument) { return scaledBy(argument, 1 / kSqrtTwo); }

static bool isSquare(Value value, Value x) {
  auto product = value.getDefiningOp<MulOp>();
  return product && product.getLhs() == x && product.getRhs() == x;
}

/// Whether value = number · x³, multiplied in any order.
static bool isCubic(Value value, Value x, double number) {
  constexpr size_t kMostFactors = 4; // x, x, x and the number
  SmallVector<Value, kMostFactors> factors{value};
  int cubes = 0, numbers = 0;
  for (size_t next = 0; next < factors.size(); ++next) {
    auto product = factors[next].getDefiningOp<MulOp>();
    auto power = factors[next].getDefiningOp<PowOp>();
    if (factors[next] == x)
      cubes += 1;
    else if (isNear(factors[next], number))
      numbers += 1;
    else if (power && power.getLhs() == x && isNumber(power.getRhs(), 3))
      cubes += 3;
    else if (product && factors.size() < 2 * kMostFactors)
      factors.append({product.getLhs(), product.getRhs()});
    else
      return false;
  }
  return cubes == 3 && numbers == 1;
}

/// x where value = √(2/π) · (x + 0.044715 x³), or √(2/π) · x · (1 + 0.044715 x²)
static Value fromTanh(Value argument) {
  Value sum = scaledBy(argument, kTanhScale);
  if (auto add = sum ? sum.getDefiningOp<AddOp>() : AddOp())
    for (unsigned side : {0u, 1u}) {
      Value x = add->getOperand(side);
      if (isCubic(add->getOperand(1 - side), x, kTanhCubic))
        return x;
    }
  auto product = argument.getDefiningOp<MulOp>();
  if (!product)
    return nullptr;
  for (unsigned side : {0u, 1u}) {
    Value x = scaledBy(product->getOperand(side), kTanhScale);
    auto add = product->getOperand(1 - side).getDefiningOp<AddOp>();
    Value square = x && add && isNumber(add.getRhs(), 1) ? scaledBy(add.getLhs(), kTanhCubic) : Value();
    if (square && isSquare(square, x))
      return x;
  }
  return nullptr;
}

namespace {

struct Form {
  Value x;
  bool byTanh = false;
};

} // namespace

/// The form whose bell this is: value = 1 + erf(…) or 1 + tanh(…), times `factor`.
static Form bellOf(Value value, double factor) {
  auto sum = value.getDefiningOp<AddOp>();
  if (!sum || !isNear(sum.getRhs(), factor))
    return {};
  Value function = factor == 1 ? sum.getLhs() : scaledBy(sum.getLhs(), factor);
  Operation *made = function ? function.getDefiningOp() : nullptr;
  if (isa_and_nonnull<ErfOp>(made))
    return {fromErf(made->getOperand(0)), false};
  if (isa_and_nonnull<TanhOp>(made))
    return {fromTanh(made->getOperand(0)), true};
  return {};
}

/// x where value = ½ · x
static Value halved(Value value) { return scaledBy(value, 0.5); }

/// The form of a · b: x · (½ bell), (½ x) · bell.
static Form formOf(Value a, Value b) {
  Form form = bellOf(b, 0.5);
  if (form.x && form.x == a)
    return form;
  if (Value bell = halved(b)) {
    form = bellOf(bell, 1);
    if (form.x && form.x == a)
      return form;
  }
  form = bellOf(b, 1);
  return form.x && form.x == halved(a) ? form : Form();
}

namespace {

struct Gelu : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MulOp op, PatternRewriter &rewriter) const override {
    Form form = matchOperands(op.getLhs(), op.getRhs());
    if (!form.x)
      if (auto whole = halved(op.getResult()))
        form = matchWhole(whole);
    if (!form.x || form.x.getType() != op.getType())
      return failure();
    rewriter.replaceOpWithNewOp<GeluOp>(op, form.x, form.byTanh);
    return success();
  }

private:
  static Form matchOperands(Value a, Value b) {
    Form form = formOf(a, b);
    return form.x ? form : formOf(b, a);
  }

  /// ½ · (x · bell)
  static Form matchWhole(Value value) {
    auto product = value.getDefiningOp<MulOp>();
    if (!product)
      return {};
    for (unsigned side : {0u, 1u}) {
      Form form = bellOf(product->getOperand(1 - side), 1);
      if (form.x && form.x == product->getOperand(side))
        return form;
    }
    return {};
  }
};

} // namespace

void graph::addGeluPatterns(RewritePatternSet &patterns) { patterns.add<Gelu>(patterns.getContext()); }
