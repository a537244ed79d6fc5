// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/kernels/Body.h"
#include "dialects/Graph/Graph.h"
#include "dialects/Graph/Ops/Cast.h"
#include "dialects/Graph/Ops/RoundedFormulas.h"
#include "dialects/Kernel/Scratch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using smelt::graph::LaneIndex;

namespace smelt::codegen {

namespace {
/// What an indexed op sees of the body it is fused into.
class BodyAccess : public graph::ElementAccess {
public:
  BodyAccess(Body &body, unsigned lanes) : ElementAccess(body.builder(), lanes), body_(body) {}
  Value fetch(Value tensor, ArrayRef<LaneIndex> index) override { return body_.read(tensor, index, lanes()); }
  graph::Count count(const graph::Extent &extent) override { return body_.count(extent); }

private:
  Body &body_;
};
} // namespace

static std::optional<int64_t> constantIndex(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantIndexOp>();
  return constant ? std::optional<int64_t>(constant.value()) : std::nullopt;
}

Type storageType(Type elementType) {
  if (graph::isStoredOnly(elementType))
    return graph::computeType(elementType);
  if (elementType.isBF16()) // LLVM calls a library for moves of bf16 itself
    return IntegerType::get(elementType.getContext(), 16);
  if (auto integer = dyn_cast<IntegerType>(elementType))
    return IntegerType::get(elementType.getContext(), std::max(8u, integer.getWidth()));
  return elementType;
}

Body::Body(kernel::FuncOp kernel, func::FuncOp function, ImplicitLocOpBuilder &builder, const kernel::Machine &machine)
    : kernel_(kernel), function_(function), builder_(builder), machine_(machine),
      roundsToBF16_(machine.dots & kernel::kBf16Dots) {
  Block &body = kernel.getBody().front();
  std::optional<ArrayAttr> sizes = kernel.getSizes();
  size_t number = 0;
  for (auto [argument, given] : llvm::zip_first(body.getArguments(), function.getArguments())) {
    if (isa<MemRefType>(argument.getType())) {
      buffers_[argument] = given;
      continue;
    }
    // A size lies in memory, as i64; devices are given it.
    Value size = isa<MemRefType>(given.getType()) ? memref::LoadOp::create(builder_, given, constant(0)).getResult()
                                                  : Value(given);
    sizes_[cast<StringAttr>((*sizes)[number++]).getValue()] =
        arith::IndexCastOp::create(builder_, builder_.getIndexType(), size);
  }
}

graph::Extents Body::stridesOf(Value kernelArgument) {
  return kernel::stridesOf(cast<MemRefType>(kernelArgument.getType()));
}

graph::Count Body::count(const graph::Extent &extent) {
  if (extent.isNumber())
    return extent.number();
  return value(extent);
}

Value Body::valueOf(graph::Atom atom) {
  if (atom.kind() == graph::Atom::Kind::Symbol)
    return sizes_.lookup(atom.symbol());
  Value a = value(atom.lhs()), b = value(atom.rhs());
  switch (atom.kind()) {
  case graph::Atom::Kind::Symbol:
    break;
  case graph::Atom::Kind::FloorDiv: { // b is positive
    Value quotient = arith::DivSIOp::create(builder_, a, b);
    if (atom.lhs().isAtLeast(0))
      return quotient;
    Value rest = arith::SubIOp::create(builder_, a, arith::MulIOp::create(builder_, quotient, b));
    Value isBelow = arith::CmpIOp::create(builder_, arith::CmpIPredicate::slt, rest, constant(0));
    return arith::AddIOp::create(builder_, quotient,
                                 arith::SelectOp::create(builder_, isBelow, constant(-1), constant(0)));
  }
  case graph::Atom::Kind::Min:
    return arith::MinSIOp::create(builder_, a, b);
  case graph::Atom::Kind::Max:
    return arith::MaxSIOp::create(builder_, a, b);
  case graph::Atom::Kind::Broadcast: {
    Value isOne = arith::CmpIOp::create(builder_, arith::CmpIPredicate::eq, a, constant(1));
    return arith::SelectOp::create(builder_, isOne, b, a);
  }
  case graph::Atom::Kind::Equal:
    return a;
  }
  return nullptr;
}

/// Computed where all of the function sees it, after the sizes and constants it is made of.
Value Body::value(const graph::Extent &extent) {
  if (extent.isNumber())
    return constant(extent.number());
  for (const auto &[known, value] : extents_)
    if (known == extent)
      return value;
  Operation *latest = nullptr;
  OpBuilder::InsertionGuard guard(builder_);
  for (auto &[name, size] : sizes_)
    if (!latest || latest->isBeforeInBlock(size.getDefiningOp()))
      latest = size.getDefiningOp();
  for (auto &[known, value] : extents_)
    if (value.getDefiningOp() && latest->isBeforeInBlock(value.getDefiningOp()))
      latest = value.getDefiningOp();
  builder_.setInsertionPointAfter(latest);
  Value sum = constant(0);
  for (const graph::Term &term : extent.terms()) {
    Value product = constant(term.factor);
    for (graph::Atom atom : term.atoms) {
      Value factor = valueOf(atom);
      product = constantIndex(product) == 1 ? factor : arith::MulIOp::create(builder_, product, factor).getResult();
    }
    sum = add(sum, product);
  }
  extents_.emplace_back(extent, sum);
  return sum;
}

std::optional<graph::Extent> Body::extentOf(Value value) const {
  if (std::optional<int64_t> number = constantIndex(value))
    return graph::Extent(*number);
  for (const auto &[extent, known] : extents_)
    if (known == value)
      return extent;
  return std::nullopt;
}

Value Body::constant(int64_t value) {
  Value &known = constants_[value];
  if (!known) {
    OpBuilder::InsertionGuard guard(builder_);
    builder_.setInsertionPointToStart(&function_.getBody().front());
    known = arith::ConstantIndexOp::create(builder_, value);
  }
  return known;
}

Value Body::add(Value a, Value b) {
  std::optional<int64_t> left = constantIndex(a), right = constantIndex(b);
  if (left && right)
    return constant(*left + *right);
  if (left && *left == 0)
    return b;
  if (right && *right == 0)
    return a;
  return arith::AddIOp::create(builder_, a, b, arith::IntegerOverflowFlags::nsw);
}

Value Body::subtract(Value a, Value b) {
  if (std::optional<int64_t> left = constantIndex(a), right = constantIndex(b); left && right)
    return constant(*left - *right);
  return arith::SubIOp::create(builder_, a, b, arith::IntegerOverflowFlags::nsw);
}

Value Body::scale(Value index, const graph::Extent &factor) {
  if (std::optional<int64_t> number = constantIndex(index))
    return value(factor * *number);
  if (factor == graph::Extent(0))
    return constant(0);
  return factor == graph::Extent(1)
             ? index
             : arith::MulIOp::create(builder_, index, value(factor), arith::IntegerOverflowFlags::nsw).getResult();
}

Value Body::stackBuffer(int64_t elements, Type type) {
  OpBuilder::InsertionGuard guard(builder_);
  builder_.setInsertionPointToStart(&function_.getBody().front());
  return memref::AllocaOp::create(builder_, MemRefType::get({elements}, type), builder_.getI64IntegerAttr(64));
}

SmallVector<Value> Body::scratch() {
  SmallVector<kernel::ScratchBlock> blocks = kernel::scratchBlocks(kernel_.getBody().front(), machine_);
  SmallVector<int64_t> offsets = kernel::scratchOffsets(blocks);
  SmallVector<Value> buffers;
  for (auto [block, offset] : llvm::zip(blocks, offsets)) {
    Type element = storageType(block.element);
    if (!kernel_.getScratch()) {
      buffers.push_back(stackBuffer(block.elements, element));
      continue;
    }
    Value memory = function_.getArgument(kernel_.getBody().getNumArguments());
    buffers.push_back(memref::ViewOp::create(builder_, MemRefType::get({block.elements}, element), memory,
                                             constant(offset), ValueRange()));
  }
  return buffers;
}

static Type like(Value value, Type scalar) {
  auto vector = dyn_cast<VectorType>(value.getType());
  return vector ? vector.clone(scalar) : scalar;
}

Value Body::toCompute(Value stored, Type elementType) {
  Type compute = graph::computeType(elementType);
  if (compute == getElementTypeOrSelf(stored.getType()))
    return stored;
  if (elementType.isBF16()) {
    graph::Expr bits = graph::Expr(builder_, stored).to<arith::ExtUIOp>(builder_.getI32Type());
    return graph::shiftLeft(bits, 16).asFloat().value();
  }
  if (isa<FloatType>(elementType))
    return arith::ExtFOp::create(builder_, like(stored, compute), stored);
  Value zero = arith::ConstantOp::create(builder_, builder_.getZeroAttr(stored.getType()));
  return arith::CmpIOp::create(builder_, arith::CmpIPredicate::ne, stored, zero);
}

Value Body::toStorage(Value computed, Type elementType) {
  Type storage = storageType(elementType);
  if (storage == getElementTypeOrSelf(computed.getType()))
    return computed;
  if (elementType.isBF16() && roundsToBF16_) {
    Value rounded = arith::TruncFOp::create(builder_, like(computed, elementType), computed);
    Type bits = like(computed, storage);
    return isa<VectorType>(bits) ? vector::BitCastOp::create(builder_, cast<VectorType>(bits), rounded).getResult()
                                 : arith::BitcastOp::create(builder_, bits, rounded).getResult();
  }
  if (elementType.isBF16()) {
    // Processors without such an instruction would call a library for it.
    graph::Expr rounded = graph::castTo(graph::Expr(builder_, computed), elementType);
    return graph::shiftRightUnsigned(rounded.asInteger(), 16).to<arith::TruncIOp>(storage).value();
  }
  if (isa<FloatType>(elementType))
    return arith::TruncFOp::create(builder_, like(computed, storage), computed);
  return arith::ExtUIOp::create(builder_, like(computed, storage), computed);
}

/// The element offset of lane 0, and the step from lane to lane.
std::pair<Value, graph::Extent> Body::linear(Value argument, ArrayRef<LaneIndex> index) {
  Value offset = constant(0);
  graph::Extent step = 0;
  auto type = cast<MemRefType>(argument.getType());
  for (auto [at, stride, extent] : llvm::zip_equal(index, stridesOf(argument), type.getShape())) {
    if (extent == 1)
      continue; // its only index is 0
    offset = add(offset, scale(at.base, stride));
    step += stride * at.laneStride;
  }
  return {offset, step};
}

Value Body::loadStored(Value argument, ArrayRef<LaneIndex> index, unsigned lanes) {
  auto [offset, step] = linear(argument, index);
  Value buffer = bufferOf(argument);
  Type element = cast<MemRefType>(argument.getType()).getElementType();
  if (lanes == 1)
    return memref::LoadOp::create(builder_, buffer, offset);
  auto vector = VectorType::get({lanes}, storageType(element));
  if (step == graph::Extent(1))
    return vector::LoadOp::create(builder_, vector, buffer, offset);
  SmallVector<Value> elements;
  for (unsigned lane = 0; lane < lanes; ++lane)
    elements.push_back(memref::LoadOp::create(builder_, buffer, add(offset, value(step * lane))));
  return vector::FromElementsOp::create(builder_, vector, elements);
}

Value Body::emitElementwise(Operation *op, ArrayRef<LaneIndex> index, unsigned lanes) {
  SmallVector<Value> operands;
  graph::Extents result = graph::extentsOf(op->getResult(0));
  BodyAccess access(*this, lanes);
  for (Value operand : op->getOperands()) {
    std::optional<SmallVector<LaneIndex>> at = graph::broadcastIndex(access, index, graph::extentsOf(operand), result);
    Value value = at ? read(operand, *at, lanes) : nullptr;
    if (!value)
      return nullptr;
    operands.push_back(value);
  }
  if (isa<graph::GeluOp>(op) && op->hasAttr(graph::kCoarse))
    return graph::roundedGelu(graph::Expr(builder_, operands.front())).value();
  return cast<graph::ScalarInterface>(op).emitScalar(builder_, operands);
}

Value Body::emit(Value tensor, ArrayRef<LaneIndex> index, unsigned lanes) {
  Operation *op = tensor.getDefiningOp();
  auto isUniform = [](const LaneIndex &at) { return at.isUniform(); };
  if (lanes > 1 && llvm::all_of(index, isUniform)) {
    Value scalar = read(tensor, index, 1);
    return scalar ? BodyAccess(*this, lanes).splat(scalar) : nullptr;
  }
  if (auto memory = dyn_cast<kernel::LoadOp>(op))
    return toCompute(loadStored(memory.getBuffer(), index, lanes), graph::typeOf(tensor).getElementType());
  if (auto constant = dyn_cast<graph::ConstantOp>(op)) {
    Type type = graph::computeType(graph::typeOf(tensor).getElementType());
    std::optional<graph::HostTensor> host = graph::HostTensor::of(constant.getValue());
    if (graph::isStoredOnly(host->elementType()))
      return BodyAccess(*this, lanes).number(type, static_cast<int8_t>(host->code(0)));
    graph::Scalar number = host->get(0);
    TypedAttr attribute = isa<FloatType>(type) ? TypedAttr(builder_.getFloatAttr(type, number.asFloat()))
                                               : builder_.getIntegerAttr(type, number.asSigned());
    return BodyAccess(*this, lanes).splat(arith::ConstantOp::create(builder_, attribute));
  }
  if (isa<graph::ScalarInterface>(op))
    return emitElementwise(op, index, lanes);
  if (auto indexed = dyn_cast<graph::IndexedInterface>(op)) {
    BodyAccess access(*this, lanes);
    return indexed.emitElement(access, index);
  }
  return nullptr;
}

/// Whether what was emitted earlier may be used here: its block encloses this one.
bool Body::isVisible(Value value) {
  Block *here = builder_.getInsertionBlock();
  Block *there = value.getParentBlock();
  while (here && here != there)
    here = here->getParentOp() ? here->getParentOp()->getBlock() : nullptr;
  return here != nullptr;
}

Value Body::read(Value tensor, ArrayRef<LaneIndex> index, unsigned lanes) {
  if (Value value = defined_.lookup(tensor))
    return value;
  auto same = [](const LaneIndex &a, const LaneIndex &b) { return a.base == b.base && a.laneStride == b.laneStride; };
  for (const Read &known : reads_)
    if (known.tensor == tensor && known.lanes == lanes && llvm::equal(known.index, index, same) &&
        isVisible(known.value))
      return known.value;
  Value value = emit(tensor, index, lanes);
  if (value)
    reads_.push_back({tensor, SmallVector<LaneIndex>(index), lanes, value});
  return value;
}

void Body::startPoint() {
  reads_.clear();
  defined_.clear();
}

void Body::define(Value tensor, Value value) { defined_[tensor] = value; }

bool Body::dependsOn(Value value, Value root) {
  if (value == root)
    return true;
  Operation *op = value.getDefiningOp();
  return op && llvm::any_of(op->getOperands(), [&](Value operand) { return dependsOn(operand, root); });
}

LogicalResult Body::store(Value root, ArrayRef<LaneIndex> index, unsigned lanes) {
  for (auto store : kernel_.getBody().getOps<kernel::StoreOp>())
    if (!root || dependsOn(store.getValue(), root))
      if (failed(write(store, index, lanes)))
        return failure();
  return success();
}

Value Body::reload(Value tensor, ArrayRef<LaneIndex> index) {
  for (auto store : kernel_.getBody().getOps<kernel::StoreOp>())
    if (store.getValue() == tensor)
      return toCompute(loadStored(store.getBuffer(), index, 1), graph::typeOf(tensor).getElementType());
  return nullptr;
}

LogicalResult Body::storeChannels(Value root, Value vector, ArrayRef<LaneIndex> outer, Value first, int64_t channels) {
  int64_t lanes = cast<VectorType>(vector.getType()).getNumElements();
  for (int64_t done = 0, size = lanes; done < channels; done += size) {
    while (done + size > channels)
      size /= 2;
    Value part = vector;
    if (size == 1)
      part = vector::ExtractOp::create(builder_, vector, done);
    else if (size < lanes)
      part = vector::ExtractStridedSliceOp::create(builder_, vector, ArrayRef<int64_t>{done}, ArrayRef<int64_t>{size},
                                                   ArrayRef<int64_t>{1});
    SmallVector<LaneIndex> index(outer);
    index.push_back({add(first, constant(done)), size > 1 ? 1 : 0});
    startPoint();
    define(root, part);
    if (failed(store(root, index, size)))
      return failure();
  }
  return success();
}

/// The value that a cast to a narrower float rounds, as exact as that needs.
Value Body::readForRounding(graph::CastOp cast, ArrayRef<LaneIndex> index, unsigned lanes) {
  auto gelu = cast.getInput().getDefiningOp<graph::GeluOp>();
  if (!gelu || gelu.getTanhForm() || !roundsToBF16_ || !cast.getTo().isBF16() || defined_.count(gelu))
    return read(cast.getInput(), index, lanes);
  Value x = read(gelu.getInput(), index, lanes);
  return x ? graph::roundedGelu(graph::Expr(builder_, x)).value() : nullptr;
}

/// A value as it is stored. What is only copied keeps its bits, which computing could change where it is NaN.
Value Body::stored(Value tensor, ArrayRef<LaneIndex> index, unsigned lanes) {
  auto memory = tensor.getDefiningOp<kernel::LoadOp>();
  auto isUniform = [](const LaneIndex &at) { return at.isUniform(); };
  if (memory && (lanes == 1 || !llvm::all_of(index, isUniform)))
    return loadStored(memory.getBuffer(), index, lanes);
  // Storing rounds, where elements are computed with as floats: those of 8 bits are codes.
  auto cast = tensor.getDefiningOp<graph::CastOp>();
  bool isRounding = cast && !defined_.count(tensor) && isa<FloatType>(graph::computeType(cast.getTo())) &&
                    graph::computeType(cast.getTo()) == graph::typeOf(cast.getInput()).getElementType() &&
                    graph::extentsOf(cast.getInput()) == graph::extentsOf(tensor);
  Value value = isRounding ? readForRounding(cast, index, lanes) : read(tensor, index, lanes);
  return value ? toStorage(value, graph::typeOf(tensor).getElementType()) : nullptr;
}

void Body::prefetch(Operation *root, ArrayRef<LaneIndex> index) {
  graph::Extents shape = graph::extentsOf(root->getResult(0));
  auto hint = [&](Value argument, bool isWrite) {
    constexpr uint32_t kNearest = 3;
    auto [offset, step] = linear(argument, index);
    memref::PrefetchOp::create(builder_, bufferOf(argument), ValueRange{offset}, isWrite, kNearest,
                               /*isDataCache=*/true);
  };
  for (Operation &op : kernel_.getBody().front()) {
    if (auto load = dyn_cast<kernel::LoadOp>(op)) {
      if (graph::extentsOf(load.getResult()) == shape && !llvm::is_contained(root->getOperands(), load.getResult()))
        hint(load.getBuffer(), /*isWrite=*/false);
    } else if (auto store = dyn_cast<kernel::StoreOp>(op)) {
      if (graph::extentsOf(store.getValue()) == shape)
        hint(store.getBuffer(), /*isWrite=*/true);
    }
  }
}

LogicalResult Body::write(kernel::StoreOp store, ArrayRef<LaneIndex> index, unsigned lanes) {
  Value value = stored(store.getValue(), index, lanes);
  if (!value)
    return failure();
  auto [offset, step] = linear(store.getBuffer(), index);
  Value buffer = bufferOf(store.getBuffer());
  if (lanes == 1) {
    memref::StoreOp::create(builder_, value, buffer, offset);
    return success();
  }
  if (step == graph::Extent(1)) {
    vector::StoreOp::create(builder_, value, buffer, offset);
    return success();
  }
  for (unsigned lane = 0; lane < lanes; ++lane)
    memref::StoreOp::create(builder_, vector::ExtractOp::create(builder_, value, lane), buffer,
                            add(offset, this->value(step * lane)));
  return success();
}

LogicalResult Body::writeInterleaved(kernel::StoreOp store, size_t dim, ArrayRef<LaneIndex> index, unsigned lanes) {
  constexpr int64_t kBytes = 4;
  auto words = VectorType::get({lanes}, builder_.getI32Type());
  auto repeated = [&](int64_t word) -> Value {
    return arith::ConstantOp::create(builder_,
                                     DenseElementsAttr::get(words, builder_.getI32IntegerAttr(int32_t(word))));
  };
  const int64_t count = graph::extentsOf(store.getValue())[dim].number();
  SmallVector<LaneIndex> at(index);
  VectorType bytes;
  Value all;
  for (int64_t place = 0; place < count; ++place) {
    at[dim] = {constant(place), 0};
    startPoint();
    Value value = stored(store.getValue(), at, lanes);
    if (!value)
      return failure();
    Type element = getElementTypeOrSelf(value.getType());
    bytes = VectorType::get({lanes * kBytes}, element);
    if (!isa<VectorType>(value.getType())) // the same for all lanes
      value = vector::BroadcastOp::create(builder_, VectorType::get({lanes}, element), value);
    Value word = arith::ExtUIOp::create(builder_, words, value);
    if (place > 0)
      word = arith::ShLIOp::create(builder_, word, repeated(8 * place));
    all = all ? arith::OrIOp::create(builder_, all, word).getResult() : word;
  }
  at[dim] = {constant(0), 0};
  Value offset = linear(store.getBuffer(), at).first, buffer = bufferOf(store.getBuffer());
  if (count < kBytes) {
    Value before = vector::BitCastOp::create(builder_, words, vector::LoadOp::create(builder_, bytes, buffer, offset));
    before = arith::AndIOp::create(builder_, before, repeated(-(int64_t(1) << (8 * count))));
    all = arith::OrIOp::create(builder_, all, before);
  }
  vector::StoreOp::create(builder_, vector::BitCastOp::create(builder_, bytes, all), buffer, offset);
  return success();
}

} // namespace smelt::codegen
