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
                                  Extents &spatial) {
  Extents input = spatialDims(extentsOf(adaptor.getInput()), adaptor.getLayout());
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
    Extent extent = (input[dim] - 1) * adaptor.getStrides()[dim] + border;
    if (extent.isTooLarge() || (extent.isNumber() && extent.number() < 0))
      return emitOptionalError(location, "spatial dim ", dim, " of the result would have ", extent.str(), " elements");
    spatial.push_back(extent);
  }
  return success();
}

LogicalResult ConvTransposeOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                                SmallVectorImpl<Type> &types) {
  RankedTensorType type = typeOf(adaptor.getInput());
  Extents input = extentsOf(type);
  RankedTensorType filterType = typeOf(adaptor.getFilter());
  ArrayRef<int64_t> filter = filterType.getShape();
  Layout layout = adaptor.getLayout();
  if (input.size() < 3 || filter.size() != input.size())
    return emitOptionalError(location, "the input [", joined(input),
                             "] needs batch, channels and spatial dims, and the filter ", inWords(filter), " as many");
  if (!filterType.hasStaticShape())
    return emitOptionalError(location, "the filter ", inWords(filter), " has a dim that is not known");
  if (filterType.getElementType() != type.getElementType())
    return emitOptionalError(location, "the input has elements of type ", type.getElementType(),
                             " and the filter of another");
  if (failed(Checks{location}.element(type.getElementType(), Domain::Floats)))
    return failure();
  int64_t channels = inputsOf(filter, layout), outputs = 0;
  auto groups = static_cast<int64_t>(adaptor.getGroups());
  if (groups < 1 || channels % groups != 0 || channelsOf(input, layout) != Extent(channels))
    return emitOptionalError(location, "the input has ", channelsOf(input, layout).str(),
                             " channels, the filter reads ", channels, ", in ", groups, " groups");
  if (llvm::MulOverflow(outputsOf(filter, layout), groups, outputs))
    return emitOptionalError(location, "the result has too many channels");
  Extents spatial;
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
    SmallVector<int64_t> from = *asNumbers(outputsOf(window));
    int64_t points = elementCount(from).value_or(0), resultPoints = 1;
    for (const WindowDim &dim : window)
      resultPoints *= dim.input.number();
    std::vector<double> result(batch * resultPoints * groups * outputs, 0);
    for (int64_t n = 0; n < batch; ++n) {
      SmallVector<int64_t> at(from.size(), 0);
      for (int64_t point = 0; point < points; ++point, advance(at, from))
        spread(n * points + point, n, at, result);
    }
    return result;
  }

  void spread(int64_t point, int64_t n, ArrayRef<int64_t> at, MutableArrayRef<double> result) const {
    int64_t width = groups * outputs;
    forEachTap(window, n, at,
               [&](int64_t position, int64_t tap) { addTap(point, tap, result.slice(position * width, width)); });
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
  Window window = windowOf(toExtents(result.shape()), toExtents(operands[0].shape()), getLayout(),
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

// Emission: each result gathers the taps that reach it. Lanes lie along channels where those come last. Results one
// stride apart have the same taps along the last dim, at neighbouring inputs: as many of them as registers allow are
// computed together, so that each weight is read once for all.

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
    if (isFirst_) {
      Value output = arith::RemUIOp::create(b_, at_[1].base, constant(outputs_));
      group_ = arith::DivUIOp::create(b_, at_[1].base, constant(outputs_));
      return emitColumns(0, window_.back().input, 1,
                         [&](Value column) { return emitGroup({column, 1, {}}, {output, 1, 1}); });
    }
    LogicalResult done = success();
    nest(access_, {Extent(static_cast<int64_t>(op_.getGroups()))}, {}, [&](ArrayRef<Value> group, ValueRange) {
      group_ = group[0];
      done = emitChannels();
      return SmallVector<Value>();
    });
    return done;
  }

private:
  /// A tap of the last dim: result number stride · j + phase reads input j + shift through it.
  struct PhaseTap {
    int64_t tap, shift;
  };
  /// Results [column, column + stride, …) that are computed together; without taps it is one, and they are found when
  /// it runs.
  struct Columns {
    Value first;
    unsigned count;
    SmallVector<PhaseTap> taps;
  };
  /// Output channels of the group.
  struct Channels {
    Value first;
    unsigned lanes, vectors;

    Value of(TileAccess &access, unsigned vector) const { return vectorAt(access, first, vector, lanes); }
  };
  using ColumnBody = function_ref<LogicalResult(Value column)>;

  Value constant(int64_t number) { return access_.indexConstant(number); }
  size_t spatialDim(size_t spatial) const { return (isFirst_ ? 2 : 1) + spatial; }
  size_t channelDim() const { return isFirst_ ? 1 : type_.getRank() - 1; }

  LogicalResult emitChannels() {
    constexpr int64_t kMostPhases = 8; // each has code of its own
    constexpr unsigned kMostVectors = 2;
    unsigned lanes = access_.vectorLanes(computeType(type_.getElementType()));
    return forBlocks(access_, outputs_, lanes, kMostVectors, [&](Value base, unsigned width, unsigned vectors) {
      Channels channels{base, width, vectors};
      const WindowDim &last = window_.back();
      if (last.stride > kMostPhases)
        return emitColumns(0, last.input, 1, [&](Value column) { return emitGroup({column, 1, {}}, channels); });
      int64_t phases = last.input.isNumber() ? std::min(last.stride, last.input.number()) : last.stride;
      for (int64_t phase = 0; phase < phases; ++phase)
        if (failed(emitPhase(phase, channels)))
          return failure();
      return success();
    });
  }

  /// Results phase, phase + stride, …
  LogicalResult emitPhase(int64_t phase, const Channels &channels) {
    const WindowDim &last = window_.back();
    Extent count = (last.input - phase).ceilDiv(last.stride), end = count;
    int64_t least = 0;
    SmallVector<PhaseTap> taps;
    for (int64_t tap = 0; tap < last.window; ++tap) {
      int64_t reach = phase + last.low - tap * last.dilation;
      if (reach % last.stride != 0)
        continue;
      int64_t shift = reach / last.stride;
      taps.push_back({tap, shift});
      least = std::max(least, -shift);
      end = Extent::min(end, last.output - shift);
    }
    const Extent first = Extent::min(least, count);
    end = Extent::max(first, end);
    auto border = [&](Value column) { return emitGroup({column, 1, {}}, channels); };
    auto column = [&](const Extent &number) { return number * last.stride + phase; };
    // Accumulators take all registers but those of the weights and of an input.
    unsigned registers = channels.lanes == 8 ? 12 : 24, together = registers / channels.vectors;
    const Extent blocks = (end - first).floorDiv(together), rest = end - first - blocks * together;
    auto columns = [&](unsigned number) {
      return [&, number](Value start) { return emitGroup({start, number, taps}, channels); };
    };
    if (failed(emitColumns(column(0), column(first), last.stride, border)) ||
        failed(emitColumns(column(first), column(end - rest), together * last.stride, columns(together))))
      return failure();
    // One column at a time where their number is not known.
    unsigned several = rest.isNumber() ? rest.number() : 1;
    if (several && failed(emitColumns(column(end - rest), column(end), several * last.stride, columns(several))))
      return failure();
    return emitColumns(column(end), column(count), last.stride, border);
  }

  /// Emits a loop from `first` on.
  LogicalResult emitColumns(const Extent &first, const Extent &end, int64_t step, ColumnBody body) {
    if (first == end || (first.isNumber() && end.isNumber() && first.number() > end.number()))
      return success();
    auto loop = scf::ForOp::create(b_, access_.count(first).in(b_), access_.count(end).in(b_), constant(step));
    OpBuilder::InsertionGuard guard(b_);
    b_.setInsertionPointToStart(loop.getBody());
    return body(loop.getInductionVar());
  }

  LogicalResult emitGroup(const Columns &columns, const Channels &channels) {
    TypedAttr zero = numberOf(computeType(type_.getElementType()), 0);
    SmallVector<Value> sums(size_t(columns.count) * channels.vectors, repeat(b_, zero, channels.lanes).value());
    bool readable = true;
    Coordinates input = at_;
    SmallVector<Value> tap;
    at_[spatialDim(window_.size() - 1)] = {columns.first, 0};
    sums = forTaps(columns, input, tap, sums, [&](ValueRange carried) {
      return access_.loop(channels_, carried, [&](Value channel, ValueRange inner) {
        SmallVector<Value> next(inner);
        readable &= succeeded(addProducts(input, tap, channel, columns, channels, next));
        return next;
      });
    });
    for (unsigned number = 0; readable && number < sums.size(); ++number) {
      Coordinates at = at_;
      Value start = arith::MulIOp::create(b_, group_, constant(outputs_));
      Value channel = arith::AddIOp::create(b_, start, channels.of(access_, number % channels.vectors));
      at[channelDim()] = along(channel, channels.lanes);
      int64_t column = number / channels.vectors * window_.back().stride;
      at[spatialDim(window_.size() - 1)] = {offset(access_, columns.first, column), 0};
      readable = succeeded(access_.store(0, sums[number], at));
    }
    return success(readable);
  }

  /// Adds what one input channel gives to each sum, column by column.
  LogicalResult addProducts(Coordinates input, ArrayRef<Value> tap, Value channel, const Columns &columns,
                            const Channels &channels, MutableArrayRef<Value> sums) {
    Value start = arith::MulIOp::create(b_, group_, constant(channels_));
    input[channelDim()] = {arith::AddIOp::create(b_, start, channel), 0};
    SmallVector<Value> weights;
    for (unsigned vector = 0; vector < channels.vectors; ++vector) {
      Coordinates at;
      for (Value index : tap)
        at.push_back({index, 0});
      LaneIndex output = along(channels.of(access_, vector), channels.lanes);
      at.insert(isFirst_ ? at.begin() : at.end(), {input[channelDim()], output});
      weights.push_back(access_.fetch(op_.getFilter(), at, channels.lanes));
      if (!weights.back())
        return failure();
    }
    size_t last = spatialDim(window_.size() - 1);
    Value position = input[last].base;
    for (unsigned column = 0; column < columns.count; ++column) {
      input[last] = {offset(access_, position, column), 0};
      Value x = access_.fetch(op_.getInput(), input, 1);
      if (!x)
        return failure();
      for (auto [vector, weight] : llvm::enumerate(weights)) {
        Value &sum = sums[size_t(column) * channels.vectors + vector];
        Expr total(b_, sum);
        sum = fma(repeat({b_, x}, total), {b_, weight}, total).value();
      }
    }
    return success();
  }

  using TapsBody = function_ref<SmallVector<Value>(ValueRange)>;

  /// Emits `body` for each tap that reads an input: position · stride = result + low - tap · dilation.
  SmallVector<Value> forTaps(const Columns &columns, Coordinates &input, SmallVector<Value> &tap, ValueRange initial,
                             TapsBody body) {
    size_t spatial = tap.size();
    if (spatial == window_.size())
      return body(initial);
    if (spatial + 1 == window_.size() && !columns.taps.empty())
      return forPhaseTaps(columns, input, tap, initial, body);
    const WindowDim &dim = window_[spatial];
    return access_.loop(dim.window, initial, [&](Value number, ValueRange carried) {
      Value back = arith::MulIOp::create(b_, number, constant(dim.dilation));
      Value reach = offset(access_, at_[spatialDim(spatial)].base, dim.low);
      Value scaled = arith::SubIOp::create(b_, reach, back);
      // As unsigned numbers, those before the input are beyond its end.
      Value position = arith::DivUIOp::create(b_, scaled, constant(dim.stride));
      Value rest = arith::SubIOp::create(b_, scaled, arith::MulIOp::create(b_, position, constant(dim.stride)));
      Value isWhole = arith::CmpIOp::create(b_, arith::CmpIPredicate::eq, rest, constant(0));
      Value isInside = arith::CmpIOp::create(b_, arith::CmpIPredicate::ult, position, access_.count(dim.output).in(b_));
      auto choice = scf::IfOp::create(b_, carried.getTypes(), arith::AndIOp::create(b_, isWhole, isInside),
                                      /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(b_);
      b_.setInsertionPointToStart(choice.elseBlock());
      scf::YieldOp::create(b_, carried);
      b_.setInsertionPointToStart(choice.thenBlock());
      input[spatialDim(spatial)] = {position, 0};
      tap.push_back(number);
      scf::YieldOp::create(b_, forTaps(columns, input, tap, carried, body));
      tap.pop_back();
      return SmallVector<Value>(choice.getResults());
    });
  }

  SmallVector<Value> forPhaseTaps(const Columns &columns, Coordinates &input, SmallVector<Value> &tap,
                                  ValueRange initial, TapsBody body) {
    SmallVector<Value> sums(initial);
    Value number = arith::DivUIOp::create(b_, columns.first, constant(window_.back().stride));
    for (const PhaseTap &known : columns.taps) {
      input[spatialDim(window_.size() - 1)] = {offset(access_, number, known.shift), 0};
      tap.push_back(constant(known.tap));
      sums = body(sums);
      tap.pop_back();
    }
    return sums;
  }

  ConvTransposeOp op_;
  TileAccess &access_;
  ImplicitLocOpBuilder &b_;
  Window window_; // of the convolution it is the gradient of: its result is our input
  bool isFirst_;
  RankedTensorType type_;
  Coordinates at_;
  Value group_;
  int64_t channels_, outputs_; // of one group
};
} // namespace

unsigned ConvTransposeOp::tiledDims() {
  return getLayout() == Layout::ChannelsFirst ? getType().getRank() - 1 : getType().getRank() - 2;
}
LogicalResult ConvTransposeOp::emitTile(TileAccess &access) {
  ArrayRef<int64_t> filter = windowExtents(typeOf(getFilter()).getShape(), getLayout());
  Window window = windowOf(extentsOf(getType()), extentsOf(getInput()), getLayout(),
                           {filter, getStrides(), getDilations(), getLow(), getHigh()});
  return ConvTransposeEmitter(*this, access, window).emit();
}

} // namespace smelt::graph
