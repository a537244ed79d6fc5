// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Linear attention. Columns of the state, one for each element of the values, know nothing of each other: lanes run
// across them, and a few vectors of columns stay in scratch memory for all steps.

#include "dialects/Graph/Ops/Lanes.h"

using namespace mlir;

namespace smelt::graph {

static LogicalResult checkOperand(std::optional<Location> location, StringRef name, Value value, ArrayRef<Extent> shape,
                                  Type element) {
  if (!value || typeOf(value) == tensorOf(shape, element))
    return success();
  return emitOptionalError(location, name, " is of type ", typeOf(value), ", not ", tensorOf(shape, element));
}

LogicalResult LinearAttentionOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                                  Adaptor adaptor, SmallVectorImpl<Type> &types) {
  RankedTensorType query = typeOf(adaptor.getQuery()), value = typeOf(adaptor.getValue());
  if (query.getRank() != 5 || value.getRank() != 4)
    return emitOptionalError(location, "needs queries [b, t, h, g, k] and values [b, t, h, v], not ", query, " and ",
                             value);
  Type element = query.getElementType();
  Extents shape = extentsOf(query);
  const Extent &batch = shape[0], &steps = shape[1], &heads = shape[2], &size = shape[4];
  Extent columns = extentsOf(value)[3];
  if (!size.isNumber() || !columns.isNumber())
    return emitOptionalError(location, "has keys or values of an extent that is not known");
  auto lastOf = [](Value operand, const Extent &many) {
    return operand && typeOf(operand).getRank() > 0 && extentsOf(operand).back() == Extent(1) ? Extent(1) : many;
  };
  Extents state{batch, heads, size, columns};
  Checks checks{location};
  if (failed(checks.element(element, Domain::Floats)) ||
      failed(checkOperand(location, "key", adaptor.getKey(), {batch, steps, heads, size}, element)) ||
      failed(checkOperand(location, "value", adaptor.getValue(), {batch, steps, heads, columns}, element)) ||
      failed(checkOperand(location, "state", adaptor.getState(), state, element)) ||
      failed(checkOperand(location, "decay", adaptor.getDecay(),
                          {batch, steps, heads, lastOf(adaptor.getDecay(), size)}, element)) ||
      failed(checkOperand(location, "beta", adaptor.getBeta(), {batch, steps, lastOf(adaptor.getBeta(), heads)},
                          element)) ||
      failed(checks.result(Extents{batch, heads, steps, shape[3], columns}, element, types)))
    return failure();
  return checks.result(state, element, types);
}

LogicalResult LinearAttentionOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  ArrayRef<int64_t> shape = operands[0].shape();
  int64_t batch = shape[0], steps = shape[1], heads = shape[2], group = shape[3], size = shape[4];
  int64_t columns = operands[2].shape()[3];
  std::vector<double> q = elementsOf<double>(operands[0]), k = elementsOf<double>(operands[1]),
                      v = elementsOf<double>(operands[2]), state = elementsOf<double>(operands[3]), decay, beta;
  if (getDecay())
    decay = elementsOf<double>(operands[4]);
  if (getBeta())
    beta = elementsOf<double>(operands.back());
  std::vector<double> out(results[0].size());
  int64_t decays = getDecay() ? typeOf(getDecay()).getDimSize(3) : 1;
  int64_t betas = getBeta() ? typeOf(getBeta()).getDimSize(2) : 1;
  for (int64_t head = 0; head < batch * heads; ++head)
    for (int64_t column = 0; column < columns; ++column)
      for (int64_t step = 0; step < steps; ++step) {
        int64_t row = (head / heads * steps + step) * heads + head % heads; // of [b, t, h]
        auto at = [&](int64_t d) -> double & { return state[(head * size + d) * columns + column]; };
        double retrieved = 0, value = v[row * columns + column];
        for (int64_t d = 0; d < size; ++d) {
          at(d) *= decay.empty() ? 1 : decay[row * decays + d % decays];
          retrieved += at(d) * k[row * size + d];
        }
        if (!beta.empty())
          value = beta[row / heads * betas + head % heads % betas] * (value - retrieved);
        for (int64_t d = 0; d < size; ++d) {
          at(d) += k[row * size + d] * value;
          for (int64_t g = 0; g < group; ++g)
            out[((head * steps + step) * group + g) * columns + column] += q[(row * group + g) * size + d] * at(d);
        }
      }
  setElements<double>(results[0], out);
  setElements<double>(results[1], state);
  return success();
}

// Emission.

namespace {
/// All steps of one head.
class LinearAttentionEmitter {
public:
  LinearAttentionEmitter(LinearAttentionOp op, TileAccess &access)
      : op_(op), access_(access), b_(access.builder()), shape_(extentsOf(op.getQuery())), size_(shape_[4].number()),
        columns_(typeOf(op.getValue()).getDimSize(3)), compute_(computeType(elementOf(op.getQuery()))),
        batch_(access.tile()[0]), head_(access.tile()[1]) {}

  LogicalResult emit() {
    if (columns_ == 0)
      return success();
    auto fit = static_cast<unsigned>(llvm::bit_floor(static_cast<uint64_t>(columns_)));
    unsigned lanes = std::min(access_.vectorLanes(compute_), fit), vectors = 1;
    auto bytes = [&] { return size_ * elementBytes(compute_) * lanes * vectors; };
    while (lanes > 1 && bytes() > TileAccess::kMostScratchBytes)
      lanes /= 2;
    vectors = 2;
    if (bytes() > kMostStateBytes)
      vectors = 1;
    scratch_ = scratchFor(access_, std::max<int64_t>(size_, 1) * lanes * vectors, compute_);
    if (!scratch_.buffer)
      return failure();
    LogicalResult done = forBlocks(access_, columns_, lanes, vectors, [&](Value base, unsigned width, unsigned count) {
      emitBlock({base, width, count});
      return success(done_);
    });
    return done;
  }

private:
  static constexpr int64_t kMostStateBytes = 16 << 10; // half of a small first-level cache

  struct Block {
    Value first;
    unsigned lanes, vectors;
  };

  LaneIndex column(const Block &block, unsigned vector) const {
    return along(vectorAt(access_, block.first, vector, block.lanes), block.lanes);
  }
  Expr read(Value operand, ArrayRef<LaneIndex> at, unsigned lanes) {
    Value value = access_.fetch(operand, at, lanes);
    done_ &= static_cast<bool>(value);
    return value ? Expr(b_, value) : repeat(b_, numberOf(compute_, 0), lanes);
  }
  /// One number of a row [b, t, h, …], in every lane.
  Expr readScalar(Value operand, ArrayRef<Value> inner, unsigned lanes) {
    Coordinates at{{batch_, 0}, {step_, 0}};
    for (Value index : inner)
      at.push_back({index, 0});
    for (size_t dim = 0; dim < at.size(); ++dim)
      if (extentsOf(operand)[dim] == Extent(1))
        at[dim] = {access_.indexConstant(0), 0};
    Expr scalar = read(operand, at, 1);
    return repeat(scalar, repeat(b_, numberOf(compute_, 0), lanes));
  }
  /// Where row d of the state of a block lies.
  Value place(const Block &block, Value d, unsigned vector) {
    Value row = arith::MulIOp::create(b_, d, access_.indexConstant(int64_t(block.lanes) * block.vectors));
    return vectorAt(access_, row, vector, block.lanes);
  }
  Coordinates stateAt(const Block &block, Value d, unsigned vector) const {
    return {{batch_, 0}, {head_, 0}, {d, 0}, column(block, vector)};
  }

  void emitBlock(const Block &block) {
    auto forState = [&](function_ref<void(Value, unsigned)> body) {
      access_.loop(size_, {}, [&](Value d, ValueRange) -> SmallVector<Value> {
        for (unsigned vector = 0; vector < block.vectors; ++vector)
          body(d, vector);
        return {};
      });
    };
    forState([&](Value d, unsigned vector) {
      Expr initial = read(op_.getState(), stateAt(block, d, vector), block.lanes);
      scratch_.store(access_, place(block, d, vector), initial.value());
    });
    access_.loop(access_.count(shape_[1]), {}, [&](Value step, ValueRange) -> SmallVector<Value> {
      step_ = step;
      emitStep(block);
      return {};
    });
    forState([&](Value d, unsigned vector) {
      Value last = scratch_.load(access_, place(block, d, vector), block.lanes).value();
      done_ &= succeeded(access_.store(1, last, stateAt(block, d, vector)));
    });
  }

  Expr decayed(const Block &block, Value d, unsigned vector) {
    Expr state = scratch_.load(access_, place(block, d, vector), block.lanes);
    return op_.getDecay() ? state * readScalar(op_.getDecay(), {head_, d}, block.lanes) : state;
  }

  void emitStep(const Block &block) {
    SmallVector<Value> values;
    for (unsigned vector = 0; vector < block.vectors; ++vector)
      values.push_back(
          read(op_.getValue(), {{batch_, 0}, {step_, 0}, {head_, 0}, column(block, vector)}, block.lanes).value());
    if (op_.getBeta())
      values = correct(block, values);
    if (shape_[3] == Extent(1))
      return store(block, access_.indexConstant(0), overState(block, [&](Value d, Expr key, unsigned vector, Expr sum) {
                     return add(block, access_.indexConstant(0), d, update(block, d, key, values, vector), sum);
                   }));
    // The state is read once for each query that shares it.
    overState(block, [&](Value d, Expr key, unsigned vector, Expr sum) {
      update(block, d, key, values, vector);
      return sum;
    });
    access_.loop(access_.count(shape_[3]), {}, [&](Value query, ValueRange) -> SmallVector<Value> {
      store(block, query, overState(block, [&](Value d, Expr, unsigned vector, Expr sum) {
              return add(block, query, d, scratch_.load(access_, place(block, d, vector), block.lanes), sum);
            }));
      return {};
    });
  }

  /// Goes through the rows of the state with a sum for each vector of columns.
  SmallVector<Value> overState(const Block &block, function_ref<Expr(Value, Expr, unsigned, Expr)> body) {
    SmallVector<Value> zeros(block.vectors, repeat(b_, numberOf(compute_, 0), block.lanes).value());
    return access_.loop(size_, zeros, [&](Value d, ValueRange carried) {
      SmallVector<Value> next(carried);
      Expr key = readScalar(op_.getKey(), {head_, d}, block.lanes);
      for (unsigned vector = 0; vector < block.vectors; ++vector)
        next[vector] = body(d, key, vector, Expr(b_, next[vector])).value();
      return next;
    });
  }

  /// S + k ⊗ v'
  Expr update(const Block &block, Value d, Expr key, ArrayRef<Value> values, unsigned vector) {
    Expr old = op_.getBeta() ? scratch_.load(access_, place(block, d, vector), block.lanes) : decayed(block, d, vector);
    Expr state = fma(key, Expr(b_, values[vector]), old);
    scratch_.store(access_, place(block, d, vector), state.value());
    return state;
  }
  Expr add(const Block &block, Value query, Value d, Expr state, Expr sum) {
    return fma(readScalar(op_.getQuery(), {head_, query, d}, block.lanes), state, sum);
  }
  void store(const Block &block, Value query, ArrayRef<Value> sums) {
    for (unsigned vector = 0; vector < block.vectors; ++vector)
      done_ &= succeeded(
          access_.store(0, sums[vector], {{batch_, 0}, {head_, 0}, {step_, 0}, {query, 0}, column(block, vector)}));
  }

  /// beta · (v - Sᵀk); the state decays on the way.
  SmallVector<Value> correct(const Block &block, ArrayRef<Value> values) {
    SmallVector<Value> retrieved = overState(block, [&](Value d, Expr key, unsigned vector, Expr sum) {
      Expr state = decayed(block, d, vector);
      scratch_.store(access_, place(block, d, vector), state.value());
      return fma(key, state, sum);
    });
    Expr beta = readScalar(op_.getBeta(), head_, block.lanes);
    for (auto [vector, value] : llvm::enumerate(values))
      retrieved[vector] = (beta * (Expr(b_, value) - Expr(b_, retrieved[vector]))).value();
    return retrieved;
  }

  LinearAttentionOp op_;
  TileAccess &access_;
  ImplicitLocOpBuilder &b_;
  Extents shape_; // [b, t, h, g, k]
  int64_t size_, columns_;
  Type compute_;
  Value batch_, head_, step_;
  Scratch scratch_;
  bool done_ = true;
};
} // namespace

unsigned LinearAttentionOp::tiledDims() { return 2; }

LogicalResult LinearAttentionOp::emitTile(TileAccess &access) { return LinearAttentionEmitter(*this, access).emit(); }

} // namespace smelt::graph
