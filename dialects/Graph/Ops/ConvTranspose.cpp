// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Lanes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <functional>

using namespace mlir;

namespace smelt::graph {

/// The filter's dims over which the window moves, and its output channels in one group.
static ArrayRef<int64_t> windowExtents(ArrayRef<int64_t> filter, Layout layout) {
  return layout == Layout::ChannelsFirst ? filter.drop_front(2) : filter.drop_back(2);
}
static int64_t inputsOf(ArrayRef<int64_t> filter, Layout layout) {
  return layout == Layout::ChannelsFirst ? filter[0] : filter[filter.size() - 2];
}
static int64_t outputsOf(ArrayRef<int64_t> filter, Layout layout) {
  return layout == Layout::ChannelsFirst ? filter[1] : filter.back();
}

/// The result's spatial extents; padding may be negative: it adds zeros.
static LogicalResult inferSpatial(std::optional<Location> location, ConvTransposeOp::Adaptor adaptor,
                                  SmallVectorImpl<int64_t> &spatial) {
  ArrayRef<int64_t> input = spatialDims(typeOf(adaptor.getInput()).getShape(), adaptor.getLayout());
  ArrayRef<int64_t> window = windowExtents(typeOf(adaptor.getFilter()).getShape(), adaptor.getLayout());
  Checks checks{location};
  constexpr int64_t kLeast = std::numeric_limits<int32_t>::min();
  if (failed(checks.attribute("window", window, input.size(), 1)) ||
      failed(checks.attribute("strides", adaptor.getStrides(), input.size(), 1)) ||
      failed(checks.attribute("dilations", adaptor.getDilations(), input.size(), 1)) ||
      failed(checks.attribute("low", adaptor.getLow(), input.size(), kLeast)) ||
      failed(checks.attribute("high", adaptor.getHigh(), input.size(), kLeast)) ||
      failed(checks.attribute("output_padding", adaptor.getOutputPadding(), input.size(), 0)))
    return failure();
  for (size_t dim = 0; dim < input.size(); ++dim) {
    int64_t reach = adaptor.getDilations()[dim] * (window[dim] - 1) + 1;
    int64_t border = reach - adaptor.getLow()[dim] - adaptor.getHigh()[dim] + adaptor.getOutputPadding()[dim];
    int64_t extent = 0;
    if (llvm::MulOverflow(input[dim] - 1, adaptor.getStrides()[dim], extent) ||
        llvm::AddOverflow(extent, border, extent) || extent < 0)
      return emitOptionalError(location, "spatial dim ", dim, " of the result would have ", extent, " elements");
    spatial.push_back(extent);
  }
  return success();
}

LogicalResult ConvTransposeOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                                SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  ArrayRef<int64_t> input = type.getShape(), filter = typeOf(adaptor.getFilter()).getShape();
  Layout layout = adaptor.getLayout();
  if (input.size() < 3 || filter.size() != input.size())
    return emitOptionalError(location, "the input ", inWords(input),
                             " needs batch, channels and spatial dims, and the filter ", inWords(filter), " as many");
  if (typeOf(adaptor.getFilter()).getElementType() != type.getElementType())
    return emitOptionalError(location, "the input has elements of type ", type.getElementType(),
                             " and the filter of another");
  if (failed(Checks{location}.element(type.getElementType(), Domain::Floats)))
    return failure();
  int64_t channels = channelsOf(input, layout), outputs = 0;
  auto groups = static_cast<int64_t>(adaptor.getGroups());
  if (groups < 1 || channels % groups != 0 || inputsOf(filter, layout) != channels)
    return emitOptionalError(location, "the input has ", channels, " channels, the filter reads ",
                             inputsOf(filter, layout), ", in ", groups, " groups");
  if (llvm::MulOverflow(outputsOf(filter, layout), groups, outputs))
    return emitOptionalError(location, "the result has too many channels");
  SmallVector<int64_t> spatial;
  if (failed(inferSpatial(location, adaptor, spatial)))
    return failure();
  return Checks{location}.result(shapeOf(layout, input[0], spatial, outputs), type.getElementType(), types);
}

namespace {
/// A transposed convolution on numbers, channels last: each input point is spread over the result.
struct HostConvTranspose {
  Window window;                            // of the convolution it is the gradient of: its result is our input
  int64_t batch, groups, channels, outputs; // channels and outputs of one group
  std::vector<double> input, filter;

  std::vector<double> run() const {
    SmallVector<int64_t> from = llvm::map_to_vector(window, [](const WindowDim &dim) { return dim.output; });
    int64_t points = elementCount(from).value_or(0), resultPoints = 1;
    for (const WindowDim &dim : window)
      resultPoints *= dim.input;
    std::vector<double> result(batch * resultPoints * groups * outputs, 0);
    for (int64_t n = 0; n < batch; ++n) {
      SmallVector<int64_t> at(from.size(), 0);
      for (int64_t point = 0; point < points; ++point, advance(at, from))
        spread(n * points + point, n, at, result);
    }
    return result;
  }

  void spread(int64_t point, int64_t n, ArrayRef<int64_t> at, MutableArrayRef<double> result) const {
    SmallVector<int64_t> extents = llvm::map_to_vector(window, [](const WindowDim &dim) { return dim.window; });
    SmallVector<int64_t> tap(extents.size(), 0);
    int64_t number = 0, width = groups * outputs;
    do {
      int64_t position = n;
      bool inside = true;
      for (auto [dim, o, k] : llvm::zip_equal(window, at, tap)) {
        inside &= dim.isInside(dim.position(o, k));
        position = position * dim.input + dim.position(o, k);
      }
      if (inside)
        addTap(point, number, result.slice(position * width, width));
      ++number;
    } while (advance(tap, extents));
  }

  void addTap(int64_t point, int64_t tap, MutableArrayRef<double> sums) const {
    for (int64_t c = 0; c < groups * channels; ++c) {
      double value = input[point * groups * channels + c];
      const double *weights = &filter[(tap * groups * channels + c) * outputs];
      for (int64_t o = 0; o < outputs; ++o)
        sums[c / channels * outputs + o] += value * weights[o];
    }
  }
};
} // namespace

LogicalResult ConvTransposeOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  HostTensor input = operands[0], filter = operands[1];
  const HostTensor &result = results[0];
  if (result.size() == 0 || input.size() == 0)
    return success();
  if (getLayout() == Layout::ChannelsFirst) {
    input = transposed(input, aroundSpatial(input.rank(), {0}, {1}));
    filter = transposed(filter, aroundSpatial(filter.rank(), {}, {0, 1}));
  }
  ArrayRef<int64_t> shape = filter.shape();
  Window window = windowOf(spatialDims(result.shape(), getLayout()), spatialDims(operands[0].shape(), getLayout()),
                           {shape.drop_back(2), getStrides(), getDilations(), getLow(), getHigh()});
  auto groups = static_cast<int64_t>(getGroups());
  HostConvTranspose conv{window,
                         input.shape()[0],
                         groups,
                         shape[shape.size() - 2] / groups,
                         shape.back(),
                         elementsOf<double>(input),
                         elementsOf<double>(filter)};
  setElements<double>(result, getLayout(), conv.run());
  return success();
}

// Emission: each result gathers the taps that reach it. Lanes lie along channels where those come last.

namespace {
class ConvTransposeEmitter {
public:
  ConvTransposeEmitter(ConvTransposeOp op, TileAccess &access, const Window &window)
      : op_(op), access_(access), b_(access.builder()), window_(window),
        isFirst_(op.getLayout() == Layout::ChannelsFirst), type_(op.getType()),
        at_(tileCoordinates(access, type_.getRank())) {
    auto groups = static_cast<int64_t>(op.getGroups());
    channels_ = channelsOf(typeOf(op.getInput()).getShape(), op.getLayout()) / groups;
    outputs_ = channelsOf(type_.getShape(), op.getLayout()) / groups;
  }

  LogicalResult emit() {
    constexpr unsigned kMostVectors = 8;
    if (isFirst_)
      return emitGroup(arith::DivUIOp::create(b_, at_[1].base, constant(outputs_)),
                       arith::RemUIOp::create(b_, at_[1].base, constant(outputs_)), 1, 1);
    unsigned lanes = access_.vectorLanes(computeType(type_.getElementType()));
    LogicalResult done = success();
    nest(access_, {static_cast<int64_t>(op_.getGroups())}, {}, [&](ArrayRef<Value> group, ValueRange) {
      done = forBlocks(access_, outputs_, lanes, kMostVectors, [&](Value base, unsigned width, unsigned vectors) {
        return emitGroup(group[0], base, width, vectors);
      });
      return SmallVector<Value>();
    });
    return done;
  }

private:
  Value constant(int64_t number) { return access_.indexConstant(number); }
  size_t spatialDim(size_t spatial) const { return (isFirst_ ? 2 : 1) + spatial; }
  size_t channelDim() const { return isFirst_ ? 1 : type_.getRank() - 1; }

  /// Results of some output channels of a group, from `output` on.
  LogicalResult emitGroup(Value group, Value output, unsigned lanes, unsigned vectors) {
    TypedAttr zero = numberOf(computeType(type_.getElementType()), 0);
    SmallVector<Value> sums(vectors, repeat(b_, zero, lanes).value());
    bool readable = true;
    Coordinates input = at_;
    SmallVector<Value> tap;
    sums = forTaps(input, tap, sums, [&](ValueRange carried) {
      return access_.loop(channels_, carried, [&](Value channel, ValueRange inner) {
        SmallVector<Value> next(inner);
        Value start = arith::MulIOp::create(b_, group, constant(channels_));
        input[channelDim()] = {arith::AddIOp::create(b_, start, channel), 0};
        for (unsigned vector = 0; vector < vectors; ++vector) {
          LaneIndex lane = along(offset(access_, output, vector * lanes), lanes);
          readable &= succeeded(addProduct(input, tap, lane, lanes, next[vector]));
        }
        return next;
      });
    });
    for (unsigned vector = 0; readable && vector < vectors; ++vector) {
      Coordinates at = at_;
      Value start = arith::MulIOp::create(b_, group, constant(outputs_));
      Value channel = arith::AddIOp::create(b_, start, offset(access_, output, vector * lanes));
      at[channelDim()] = along(channel, lanes);
      readable = succeeded(access_.store(0, sums[vector], at));
    }
    return success(readable);
  }

  LogicalResult addProduct(ArrayRef<LaneIndex> input, ArrayRef<Value> tap, LaneIndex output, unsigned lanes,
                           Value &sum) {
    Coordinates weightAt;
    for (Value index : tap)
      weightAt.push_back({index, 0});
    weightAt.insert(isFirst_ ? weightAt.begin() : weightAt.end(), {input[channelDim()], output});
    Value x = access_.fetch(op_.getInput(), input, 1);
    Value weight = access_.fetch(op_.getFilter(), weightAt, lanes);
    if (!x || !weight)
      return failure();
    Expr total(b_, sum);
    sum = fma(repeat({b_, x}, total), {b_, weight}, total).value();
    return success();
  }

  /// Emits `body` for each tap that reads an input: position · stride = result + low - tap · dilation.
  SmallVector<Value> forTaps(Coordinates &input, SmallVector<Value> &tap, ValueRange initial,
                             function_ref<SmallVector<Value>(ValueRange)> body) {
    size_t spatial = tap.size();
    if (spatial == window_.size())
      return body(initial);
    const WindowDim &dim = window_[spatial];
    auto level = [&](Value number, ValueRange carried) {
      Value back = arith::MulIOp::create(b_, number, constant(dim.dilation));
      Value reach = offset(access_, at_[spatialDim(spatial)].base, dim.low);
      Value scaled = arith::SubIOp::create(b_, reach, back);
      // As unsigned numbers, those before the input are beyond its end.
      Value position = arith::DivUIOp::create(b_, scaled, constant(dim.stride));
      Value rest = arith::SubIOp::create(b_, scaled, arith::MulIOp::create(b_, position, constant(dim.stride)));
      Value isWhole = arith::CmpIOp::create(b_, arith::CmpIPredicate::eq, rest, constant(0));
      Value isInside = arith::CmpIOp::create(b_, arith::CmpIPredicate::ult, position, constant(dim.output));
      auto choice = scf::IfOp::create(b_, carried.getTypes(), arith::AndIOp::create(b_, isWhole, isInside),
                                      /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(b_);
      b_.setInsertionPointToStart(choice.elseBlock());
      scf::YieldOp::create(b_, carried);
      b_.setInsertionPointToStart(choice.thenBlock());
      input[spatialDim(spatial)] = {position, 0};
      tap.push_back(number);
      scf::YieldOp::create(b_, forTaps(input, tap, carried, body));
      tap.pop_back();
      return SmallVector<Value>(choice.getResults());
    };
    return access_.loop(dim.window, initial, level);
  }

  ConvTransposeOp op_;
  TileAccess &access_;
  ImplicitLocOpBuilder &b_;
  Window window_; // of the convolution it is the gradient of: its result is our input
  bool isFirst_;
  RankedTensorType type_;
  Coordinates at_;
  int64_t channels_, outputs_; // of one group
};
} // namespace

unsigned ConvTransposeOp::tiledDims() {
  return getLayout() == Layout::ChannelsFirst ? getType().getRank() : getType().getRank() - 1;
}

LogicalResult ConvTransposeOp::emitTile(TileAccess &access) {
  ArrayRef<int64_t> filter = windowExtents(typeOf(getFilter()).getShape(), getLayout());
  Window window =
      windowOf(spatialDims(getType().getShape(), getLayout()), spatialDims(typeOf(getInput()).getShape(), getLayout()),
               {filter, getStrides(), getDilations(), getLow(), getHigh()});
  return ConvTransposeEmitter(*this, access, window).emit();
}

} // namespace smelt::graph
