// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/GraphBuilder.h"
#include "frontends/common/Import.h"
#include "frontends/common/Refusal.h"
#include "frontends/common/SymbolicFolding.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend {

// Numbers.

int64_t checkedAdd(int64_t a, int64_t b) {
  int64_t result = 0;
  if (llvm::AddOverflow(a, b, result))
    malformed(Twine(a) + " + " + Twine(b) + " overflows");
  return result;
}

int64_t checkedSub(int64_t a, int64_t b) {
  int64_t result = 0;
  if (llvm::SubOverflow(a, b, result))
    malformed(Twine(a) + " - " + Twine(b) + " overflows");
  return result;
}

int64_t checkedMul(int64_t a, int64_t b) {
  int64_t result = 0;
  if (llvm::MulOverflow(a, b, result))
    malformed(Twine(a) + " * " + Twine(b) + " overflows");
  return result;
}

std::string inWords(ArrayRef<int64_t> numbers) {
  return "[" + llvm::join(llvm::map_range(numbers, [](int64_t number) { return std::to_string(number); }), ", ") + "]";
}

std::string inWords(ArrayRef<graph::Extent> extents) { return "[" + graph::joined(extents) + "]"; }

std::string inWords(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

int64_t normalAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    malformed("axis " + Twine(axis) + " is none of a tensor of " + Twine(rank) + " dims");
  return axis < 0 ? axis + rank : axis;
}

SmallVector<int64_t> normalAxes(ArrayRef<int64_t> axes, int64_t rank) {
  SmallVector<int64_t> result;
  for (int64_t axis : axes)
    result.push_back(normalAxis(axis, rank));
  llvm::sort(result);
  if (std::adjacent_find(result.begin(), result.end()) != result.end())
    malformed("axes " + inWords(axes) + " hold one twice");
  return result;
}

static RankedTensorType checkedNumbers(ArrayRef<int64_t> dims, Type elementType) {
  if (dims.size() > kMostDims)
    unsupported("a tensor of " + Twine(dims.size()) + " dims; Smelt takes " + Twine(kMostDims));
  // Zeros do not hide an overflow: strides are products, too.
  int64_t most = 1;
  for (int64_t extent : dims) {
    if (extent < 0)
      malformed("a dim of " + Twine(extent) + " in " + inWords(dims));
    if (llvm::MulOverflow(most, std::max<int64_t>(extent, 1), most))
      malformed("the product of the dims " + inWords(dims) + " takes more than 63 bits");
  }
  if (most > kMostTensorBytes / std::max<int64_t>(graph::elementBytes(elementType), 1))
    unsupported("a tensor of dims " + inWords(dims) + " takes more than " + Twine(kMostTensorBytes >> 30) + " GiB");
  return RankedTensorType::get(dims, elementType);
}

RankedTensorType checkedType(ArrayRef<graph::Extent> dims, Type elementType) {
  if (std::optional<SmallVector<int64_t>> numbers = graph::asNumbers(dims))
    return checkedNumbers(*numbers, elementType);
  // What is known of the dims.
  SmallVector<int64_t> least;
  for (const graph::Extent &extent : dims)
    least.push_back(extent.asNumber().value_or(1));
  checkedNumbers(least, elementType);
  if ((graph::productOf(dims) * graph::elementBytes(elementType)).isTooLarge())
    unsupported("a tensor of dims " + inWords(dims) + " whose size is too long an expression");
  return graph::tensorOf(dims, elementType);
}

ArrayRef<int64_t> shapeOf(Value value) {
  RankedTensorType type = graph::typeOf(value);
  if (!type.hasStaticShape())
    unsupported("takes a tensor of dims " + inWords(extentsOf(value)) +
                " here, which must all be fixed; give them with --shape");
  return type.getShape();
}

int64_t fixedDim(Value value, int64_t dim) {
  const graph::Extent extent = extentsOf(value)[dim];
  if (!extent.isNumber())
    unsupported("takes a tensor of dims " + inWords(extentsOf(value)) + " here, whose dim " + Twine(dim) +
                " must be fixed; give it with --shape");
  return extent.number();
}

graph::Extent dividedBy(const graph::Extent &extent, int64_t divisor) {
  if (divisor < 1 || (extent.isNumber() && extent.number() % divisor != 0))
    malformed("cannot divide " + extent.str() + " by " + Twine(divisor));
  std::optional<graph::Extent> quotient = extent.dividedBy(divisor);
  if (!quotient)
    unsupported("divides " + extent.str() + " by " + Twine(divisor) +
                ", which may leave a rest; give the shape with --shape");
  return *quotient;
}

graph::Extent elementsOf(ArrayRef<graph::Extent> extents) {
  graph::Extent product = graph::productOf(extents);
  if (product.isTooLarge())
    malformed("the product of " + inWords(extents) + " overflows");
  return product;
}

const graph::Extent &simplerOf(const graph::Extent &a, const graph::Extent &b) {
  if (a.isNumber() || b.isNumber())
    return a.isNumber() ? a : b;
  std::string left = a.str(), right = b.str();
  return std::pair(left.size(), left) <= std::pair(right.size(), right) ? a : b;
}

bool mayEqual(const graph::Extent &a, const graph::Extent &b) {
  graph::Extent difference = a - b;
  return !difference.isNumber() || difference == graph::Extent(0);
}

// Ops.

GraphBuilder::GraphBuilder(MLIRContext *context)
    : builder_(context), location_(builder_.getUnknownLoc()),
      placeholder_(RankedTensorType::get({}, builder_.getF32Type())), handler_(context, [this](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
          diagnostic_ = diagnostic.str();
        return success();
      }) {}

void GraphBuilder::refuse(Operation *op) {
  StringRef message = diagnostic_;
  message.consume_front("'" + op->getName().getStringRef().str() + "' op ");
  std::string text = message.empty() ? "its operands do not fit" : printable(message, 400);
  op->erase();
  malformed(text);
}

void GraphBuilder::inferTypes(Operation *op) {
  auto inference = dyn_cast<InferTypeOpInterface>(op);
  if (!inference)
    return;
  diagnostic_.clear();
  SmallVector<Type> types;
  if (failed(inference.inferReturnTypes(op->getContext(), op->getLoc(), op->getOperands(),
                                        op->getDiscardableAttrDictionary(), op->getPropertiesStorage(),
                                        op->getRegions(), types)) ||
      types.size() != op->getNumResults())
    refuse(op);
  for (auto [result, type] : llvm::zip_equal(op->getResults(), types))
    result.setType(type);
}

void GraphBuilder::check(Operation *op) {
  for (Type type : op->getResultTypes()) {
    try {
      auto tensor = llvm::cast<RankedTensorType>(type);
      checkedType(graph::extentsOf(tensor), tensor.getElementType());
    } catch (const Refusal &) {
      op->erase();
      throw;
    }
  }
  diagnostic_.clear();
  if (failed(op->getName().verifyInvariants(op)))
    refuse(op);
}

SmallVector<Value> GraphBuilder::finish(Operation *op) {
  inferTypes(op);
  check(op);
  SmallVector<Value> results(op->getResults());
  if (evaluate(op, results))
    op->erase();
  return results;
}

// Folding. What a file can make it cost is bounded three times: the elements an op makes, those it reads where each
// result depends on many, and all that one import evaluates.
constexpr int64_t kMostFoldedResult = 1 << 16;
constexpr int64_t kMostFoldedOperand = 1 << 16;
constexpr int64_t kMostContracted = 1 << 12; // each element of a contraction's result reads a row and a column
constexpr int64_t kMostFoldedElements = 1 << 24;

/// INT64_MAX where a dim is symbolic.
static int64_t countOf(Value value) { return graph::elementCount(graph::typeOf(value).getShape()).value_or(INT64_MAX); }

static int64_t mostOperandElements(Operation *op) {
  if (isa<graph::IndexedInterface>(op))
    return INT64_MAX; // reads no more than it makes
  return isa<graph::ScalarInterface, graph::LoopInterface>(op) ? kMostFoldedOperand : kMostContracted;
}

/// reshape(constant) is the same blob under another type, however large it is.
static Attribute reshapedBlob(Operation *op) {
  auto constant = isa<graph::ReshapeOp>(op) ? op->getOperand(0).getDefiningOp<graph::ConstantOp>() : nullptr;
  auto blob = constant ? dyn_cast<DenseResourceElementsAttr>(constant.getValue()) : nullptr;
  if (!blob)
    return nullptr;
  auto type = llvm::cast<RankedTensorType>(op->getResult(0).getType());
  // A dim that the run compares with the constant's stays to be compared.
  return type.hasStaticShape() ? DenseResourceElementsAttr::get(type, blob.getRawHandle()) : nullptr;
}

bool GraphBuilder::evaluate(Operation *op, SmallVectorImpl<Value> &results) {
  if (auto blob = dyn_cast_if_present<ElementsAttr>(reshapedBlob(op))) {
    results[0] = constant(blob);
    return true;
  }
  auto isSizes = [](Value operand) { return static_cast<bool>(operand.getDefiningOp<graph::SizesOp>()); };
  std::optional<graph::Extents> extents;
  if (llvm::any_of(op->getOperands(), isSizes))
    extents = symbolicResult(op, knownExtents);
  if (extents) {
    results[0] = sizes(*extents, graph::typeOf(results[0]));
    return true;
  }
  int64_t elements = 0, most = mostOperandElements(op);
  SmallVector<graph::HostTensor> operands;
  for (Value result : results)
    elements += std::min(countOf(result), kMostFoldedResult + 1);
  if (elements > kMostFoldedResult || op->getNumOperands() == 0)
    return false;
  for (Value operand : op->getOperands()) {
    if (countOf(operand) > most)
      return false;
    elements += std::min(countOf(operand), kMostFoldedOperand);
    std::optional<graph::HostTensor> value = graph::constantOf(operand);
    if (!value)
      return false;
    operands.push_back(*value);
  }
  if (foldedElements_ + elements > kMostFoldedElements)
    return false;
  foldedElements_ += elements;
  FailureOr<SmallVector<graph::HostTensor>> values = graph::evaluateOp(op, operands);
  if (failed(values))
    return false;
  for (auto [result, value] : llvm::zip_equal(results, *values))
    result = constant(value);
  return true;
}

void GraphBuilder::countComputed(int64_t bytes) {
  constexpr int64_t kMostComputedBytes = 1 << 28;
  if (bytes > kMostComputedBytes - computedBytes_)
    unsupported("what is computed while the model is imported takes more than " + Twine(kMostComputedBytes >> 20) +
                " MiB");
  computedBytes_ += bytes;
}

Value GraphBuilder::constant(const graph::HostTensor &tensor) {
  countComputed(static_cast<int64_t>(tensor.bytes().size()));
  return graph::makeConstant(builder_, location_, tensor);
}

// Sizes that the run finds.

graph::Extents GraphBuilder::bind(Value value, Sign sign, const graph::Extent &most) {
  auto count = static_cast<int64_t>(graph::elementCount(graph::typeOf(value).getShape()).value_or(0));
  MLIRContext *context = builder_.getContext();
  SmallVector<Attribute> symbols;
  graph::Extents found;
  for (int64_t i = 0; i < count; ++i) {
    std::string name = (sign == Sign::Any ? "$s" : "%s") + std::to_string(symbolCount_++);
    symbols.push_back(builder_.getStringAttr(name));
    found.push_back(graph::Extent::symbol(context, name));
  }
  if (count > 0)
    graph::BindSizesOp::create(builder_, location_, reshape(cast(value, builder_.getI64Type()), {count}),
                               builder_.getArrayAttr(symbols), graph::Extents(count, most));
  return found;
}

graph::Extents GraphBuilder::sizesFrom(Value value, Sign sign, unsigned depth) {
  constexpr unsigned kDeepest = 32;
  if (std::optional<graph::Extents> known = knownExtents(value))
    return *known;
  if (auto found = sizes_.find(value); found != sizes_.end())
    return found->second;
  std::optional<graph::Extents> extents;
  if (Operation *op = value.getDefiningOp(); op && depth < kDeepest)
    extents = symbolicResult(op, [&](Value operand) {
      return isSmallInteger(operand) ? std::optional(sizesFrom(operand, Sign::Any, depth + 1)) : std::nullopt;
    });
  if (!extents)
    extents = bind(value, sign);
  return sizes_[value] = *extents;
}

graph::Extent GraphBuilder::countFrom(Value value, const graph::Extent &most) {
  std::optional<graph::Extents> known = knownExtents(value);
  return known ? known->front() : bind(value, Sign::NotNegative, most).front();
}

graph::Extent GraphBuilder::named(const graph::Extent &extent, Sign sign) {
  if (extent.isTooLarge())
    unsupported("a size that it computes is too long an expression");
  bool isBare = sign == Sign::Any || extent.isAtLeast(0);
  if (extent.isNumber() || (isBare && !extent.asSymbol().empty()))
    return extent;
  bool isCount = sign == Sign::NotNegative || extent.isAtLeast(0);
  std::string name = (isCount ? "%s" : "$s") + std::to_string(symbolCount_++);
  graph::DefineSizesOp::create(builder_, location_, builder_.getStrArrayAttr({name}), extent);
  return graph::Extent::symbol(builder_.getContext(), name);
}

Value GraphBuilder::countAlong(ArrayRef<graph::Extent> shape, int64_t dim, const graph::Extent &first) {
  return makeAs<graph::IotaOp>(checkedType(shape, builder_.getI64Type()), number(first), number(1), dim);
}

Value GraphBuilder::reshape(Value value, ArrayRef<graph::Extent> shape) {
  RankedTensorType type = checkedType(shape, elementOf(value));
  return type == value.getType() ? value : makeAs<graph::ReshapeOp>(type, value);
}

Value GraphBuilder::transpose(Value value, ArrayRef<int64_t> permutation) {
  bool isIdentity = llvm::equal(permutation, llvm::seq<int64_t>(0, rankOf(value)));
  return isIdentity ? value : make<graph::TransposeOp>(value, permutation);
}

Value GraphBuilder::moveDim(Value value, int64_t from, int64_t to) {
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(value)));
  order.erase(order.begin() + from);
  order.insert(order.begin() + to, from);
  return transpose(value, order);
}

Value GraphBuilder::flat(Value value) { return reshape(value, elementsOf(extentsOf(value))); }

Value GraphBuilder::broadcast(Value value, ArrayRef<graph::Extent> shape) {
  RankedTensorType type = checkedType(shape, elementOf(value));
  return type == value.getType() ? value : makeAs<graph::BroadcastOp>(type, value);
}

Value GraphBuilder::repeat(Value value, ArrayRef<graph::Extent> counts) {
  graph::Extents split, repeated, joined;
  for (auto [extent, count] : llvm::zip_equal(extentsOf(value), counts)) {
    if (count != graph::Extent(1)) {
      split.push_back(1);
      repeated.push_back(count);
    }
    split.push_back(extent);
    repeated.push_back(extent);
    joined.push_back(extent * count);
  }
  checkedType(joined, elementOf(value));
  return reshape(broadcast(reshape(value, split), repeated), joined);
}

Value GraphBuilder::leastLike(Value like) {
  Type element = elementOf(like);
  if (isa<FloatType>(element))
    return scalar(element, graph::Scalar::ofFloat(-std::numeric_limits<double>::infinity()));
  if (graph::isUnsignedElement(element))
    return scalar(element, graph::Scalar::ofUnsigned(0));
  return scalar(element, graph::Scalar::ofSigned(llvm::minIntN(element.getIntOrFloatBitWidth())));
}

Value GraphBuilder::cast(Value value, Type elementType) {
  return elementOf(value) == elementType ? value : make<graph::CastOp>(value, elementType);
}

Value GraphBuilder::matMul(Value lhs, Value rhs) {
  if (rankOf(lhs) == 0 || rankOf(rhs) == 0)
    malformed("multiplies a scalar");
  bool isRow = rankOf(lhs) == 1, isColumn = rankOf(rhs) == 1;
  if (isRow)
    lhs = reshape(lhs, {1, extentsOf(lhs)[0]});
  if (isColumn)
    rhs = reshape(rhs, {extentsOf(rhs)[0], 1});
  const graph::Extent columns = extentsOf(lhs).back(), rows = extentsOf(rhs)[rankOf(rhs) - 2];
  lhs = withDim(lhs, rankOf(lhs) - 1, simplerOf(columns, rows));
  rhs = withDim(rhs, rankOf(rhs) - 2, simplerOf(columns, rows));
  Value product = make<graph::MatMulOp>(lhs, rhs);
  graph::Extents shape = extentsOf(product);
  if (isColumn)
    shape.pop_back();
  if (isRow)
    shape.erase(shape.end() - (isColumn ? 1 : 2));
  return reshape(product, shape);
}

Value GraphBuilder::withDim(Value value, int64_t dim, const graph::Extent &extent) {
  graph::Extents shape = extentsOf(value);
  if (shape[dim] == extent || !mayEqual(shape[dim], extent))
    return value;
  shape[dim] = extent;
  return reshape(value, shape);
}

Value GraphBuilder::withShape(Value value, ArrayRef<graph::Extent> shape) {
  for (auto [dim, extent] : llvm::enumerate(shape.take_front(rankOf(value))))
    value = withDim(value, static_cast<int64_t>(dim), extent);
  return value;
}

Value GraphBuilder::expect(Value value, ArrayRef<graph::Extent> shape, StringRef what) {
  if (rankOf(value) == static_cast<int64_t>(shape.size()))
    value = withShape(value, shape);
  if (extentsOf(value) != graph::Extents(shape))
    malformed("needs " + what + " of dims " + inWords(shape) + ", not " + inWords(extentsOf(value)));
  return value;
}

Value GraphBuilder::alignedTo(Value value, ArrayRef<graph::Extent> shape) {
  graph::Extents own = extentsOf(value);
  if (own.size() > shape.size())
    return value;
  for (auto [dim, extent] : llvm::enumerate(shape.take_back(own.size())))
    if (own[dim] != graph::Extent(1))
      value = withDim(value, static_cast<int64_t>(dim), extent);
  return value;
}

Value GraphBuilder::concat(ArrayRef<Value> values, int64_t dim) {
  if (values.size() == 1)
    return values.front();
  graph::Extents shape = extentsOf(values.front());
  for (Value value : values)
    for (auto [extent, other] : llvm::zip(shape, extentsOf(value)))
      extent = simplerOf(extent, other);
  SmallVector<Value> operands;
  for (Value value : values) {
    graph::Extents own = extentsOf(value), wanted = shape;
    if (own.size() == shape.size()) {
      wanted[dim] = own[dim];
      value = withShape(value, wanted);
    }
    operands.push_back(value);
  }
  return make<graph::ConcatOp>(operands, dim);
}

Value GraphBuilder::stack(ArrayRef<Value> values, int64_t dim) {
  SmallVector<Value> parts;
  for (Value value : values) {
    if (rankOf(value) != rankOf(values.front()))
      malformed("stacks tensors of dims " + inWords(extentsOf(values.front())) + " and " + inWords(extentsOf(value)));
    graph::Extents shape = extentsOf(value);
    shape.insert(shape.begin() + dim, 1);
    parts.push_back(reshape(value, shape));
  }
  return concat(parts, dim);
}

Value GraphBuilder::padDim(Value value, int64_t dim, const graph::Extent &before, const graph::Extent &after,
                           Value number) {
  if (before.isNumber() && after.isNumber() && graph::typeOf(value).hasStaticShape()) {
    SmallVector<int64_t> low(rankOf(value), 0), high(rankOf(value), 0);
    low[dim] = before.number();
    high[dim] = after.number();
    return make<graph::PadOp>(value, number, low, high);
  }
  auto border = [&](const graph::Extent &count) {
    graph::Extents shape = extentsOf(value);
    shape[dim] = count;
    return broadcast(number, shape);
  };
  SmallVector<Value> parts;
  if (before != graph::Extent(0))
    parts.push_back(border(before));
  parts.push_back(value);
  if (after != graph::Extent(0))
    parts.push_back(border(after));
  return parts.size() == 1 ? value : make<graph::ConcatOp>(parts, dim);
}

Value GraphBuilder::number(const graph::Extent &extent) {
  return sizes(extent, checkedType(ArrayRef<graph::Extent>(), builder_.getI64Type()));
}

Value GraphBuilder::sliceDim(Value value, int64_t dim, const graph::Extent &start, const graph::Extent &extent) {
  graph::Extents shape = extentsOf(value);
  graph::Extents starts(shape.size(), 0), steps(shape.size(), 1);
  if (start == graph::Extent(0) && extent == shape[dim])
    return value;
  starts[dim] = start;
  shape[dim] = extent;
  return makeAs<graph::SliceOp>(checkedType(shape, elementOf(value)), value, starts, steps);
}

Value GraphBuilder::reverseDim(Value value, int64_t dim, const graph::Extent &start, const graph::Extent &extent) {
  graph::Extents shape = extentsOf(value);
  graph::Extents starts(shape.size(), 0), steps(shape.size(), 1);
  starts[dim] = start + extent - 1;
  steps[dim] = -1;
  shape[dim] = extent;
  return makeAs<graph::SliceOp>(checkedType(shape, elementOf(value)), value, starts, steps);
}

Value GraphBuilder::reverse(Value value, ArrayRef<int64_t> dims) {
  const graph::Extents shape = extentsOf(value);
  graph::Extents starts(shape.size(), 0), steps(shape.size(), 1);
  for (int64_t dim : dims) {
    starts[dim] = shape[dim] - 1;
    steps[dim] = -1;
  }
  return makeAs<graph::SliceOp>(checkedType(shape, elementOf(value)), value, starts, steps);
}

Value GraphBuilder::dropDim(Value value, int64_t dim) {
  graph::Extents shape = extentsOf(value);
  shape.erase(shape.begin() + dim);
  return reshape(value, shape);
}

Value GraphBuilder::isOnDiagonal(const graph::Extent &rows, const graph::Extent &columns, int64_t offset) {
  const graph::Extents column{rows, 1}, row{1, columns};
  return make<graph::EqualOp>(countAlong(column, 0, graph::Extent(offset)), countAlong(row, 1));
}

Value GraphBuilder::sizes(ArrayRef<graph::Extent> extents, RankedTensorType type) {
  std::optional<SmallVector<int64_t>> numbers = graph::asNumbers(extents);
  if (!numbers)
    return graph::SizesOp::create(builder_, location_, type, extents);
  graph::HostTensor tensor = graph::HostTensor::zeros(type);
  for (auto [position, number] : llvm::enumerate(*numbers))
    tensor.set(static_cast<int64_t>(position), graph::Scalar::ofSigned(number));
  return constant(tensor);
}

} // namespace smelt::frontend
