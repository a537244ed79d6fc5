// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Lanes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace smelt::graph {

LogicalResult LrnOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                      SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  types.push_back(type);
  if (type.getRank() < 2)
    return emitOptionalError(location, "the input [", joined(extentsOf(type)), "] needs batch and channels");
  if (static_cast<int64_t>(adaptor.getSize()) < 1)
    return emitOptionalError(location, "needs a size of 1 or more, not ", static_cast<int64_t>(adaptor.getSize()));
  return Checks{location}.element(type.getElementType(), Domain::Floats);
}

/// How many channels before and after a channel count in its sum.
static std::pair<int64_t, int64_t> neighbours(uint64_t size) { return {(size - 1) / 2, size / 2}; }

LogicalResult LrnOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  Lines lines(operands[0].shape(), 1);
  auto [before, after] = neighbours(getSize());
  double alpha = getAlpha().convertToDouble(), beta = getBeta().convertToDouble(), bias = getBias().convertToDouble();
  std::vector<double> elements = elementsOf<double>(operands[0]), output(elements.size());
  for (int64_t outer = 0; outer < lines.outer; ++outer)
    for (int64_t channel = 0; channel < lines.extent; ++channel)
      for (int64_t inner = 0; inner < lines.inner; ++inner) {
        int64_t first = std::max<int64_t>(0, channel - before), last = std::min(lines.extent - 1, channel + after);
        double sum = 0;
        for (int64_t c = first; c <= last; ++c)
          sum += elements[lines.at(outer, c, inner)] * elements[lines.at(outer, c, inner)];
        int64_t at = lines.at(outer, channel, inner);
        output[at] = elements[at] / std::pow(bias + alpha / double(getSize()) * sum, beta);
      }
  setElements<double>(results[0], output);
  return success();
}

namespace {
/// One tile is a channel; lanes lie across its elements.
class LrnEmitter {
public:
  LrnEmitter(LrnOp op, TileAccess &access) : op_(op), access_(access), b_(access.builder()) {
    auto [before, after] = neighbours(op.getSize());
    Value channel = access.tile()[1];
    Extent channels = extentsOf(op.getType())[1];
    int64_t most = channels.asNumber().value_or(std::numeric_limits<int32_t>::max());
    Value first = offset(access, channel, -std::min(before, most));
    Value end = offset(access, channel, std::min(after, most) + 1);
    first_ = arith::MaxSIOp::create(b_, first, access.indexConstant(0));
    end_ = arith::MinSIOp::create(b_, end, access.count(channels).in(b_));
  }

  LogicalResult emit() {
    return forLines(access_, op_.getInput(), 1, [&](ArrayRef<LaneIndex> at, unsigned lanes) -> LogicalResult {
      Coordinates here = moved(at, 1, access_.tile()[1]);
      std::optional<Expr> sum = sumOfSquares(here, lanes);
      if (!sum)
        return failure();
      double alpha = op_.getAlpha().convertToDouble() / static_cast<double>(op_.getSize());
      Expr base = fma(*sum, alpha, sum->real(op_.getBias().convertToDouble()));
      Expr x(b_, access_.fetch(op_.getInput(), here, lanes));
      return access_.store(0, (x * pow(base, sum->real(-op_.getBeta().convertToDouble()))).value(), here);
    });
  }

private:
  std::optional<Expr> sumOfSquares(ArrayRef<LaneIndex> at, unsigned lanes) {
    Value zero = repeat(b_, numberOf(computeType(op_.getType().getElementType()), 0), lanes).value();
    auto loop = scf::ForOp::create(b_, first_, end_, access_.indexConstant(1), zero);
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(loop.getBody());
    Value x = access_.fetch(op_.getInput(), moved(at, 1, loop.getInductionVar()), lanes);
    if (!x)
      return std::nullopt;
    scf::YieldOp::create(b_, fma({b_, x}, {b_, x}, {b_, loop.getRegionIterArgs()[0]}).value());
    return Expr(b_, loop.getResult(0));
  }

  LrnOp op_;
  TileAccess &access_;
  ImplicitLocOpBuilder &b_;
  Value first_, end_; // of the channels that count
};
} // namespace

unsigned LrnOp::tiledDims() { return 2; }

LogicalResult LrnOp::emitTile(TileAccess &access) { return LrnEmitter(*this, access).emit(); }

} // namespace smelt::graph
