// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Graph/Ops/Cast.h"
#include "dialects/Graph/Ops/Windows.h"

using namespace mlir;

namespace smelt::graph {

/// The filter's dims over which the window moves.
static ArrayRef<int64_t> windowExtents(ArrayRef<int64_t> filter, Layout layout) {
  return layout == Layout::ChannelsFirst ? filter.drop_front(2) : filter.drop_back(2);
}

LogicalResult ConvOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location, Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  Extents input = extentsOf(adaptor.getInput());
  RankedTensorType filterType = typeOf(adaptor.getFilter());
  ArrayRef<int64_t> filter = filterType.getShape();
  Layout layout = adaptor.getLayout();
  if (input.size() < 3 || filter.size() != input.size())
    return emitOptionalError(location, "the input [", joined(input),
                             "] needs batch, channels and spatial dims, and the filter ", inWords(filter), " as many");
  if (!filterType.hasStaticShape())
    return emitOptionalError(location, "the filter ", inWords(filter), " has a dim that is not known");
  bool first = layout == Layout::ChannelsFirst;
  int64_t outputs = first ? filter[0] : filter.back(), taps = first ? filter[1] : filter[filter.size() - 2];
  auto groups = static_cast<int64_t>(adaptor.getGroups());
  if (groups < 1 || outputs % groups != 0)
    return emitOptionalError(location, outputs, " output channels are not divided by ", groups, " groups");
  int64_t reads = 0;
  if (llvm::MulOverflow(taps, groups, reads) || Extent(reads) != channelsOf(input, layout))
    return emitOptionalError(location, "the filter reads ", taps, " channels in each of ", groups,
                             " groups, but the input has ", channelsOf(input, layout).str());
  FailureOr<Window> window = inferWindow({location}, spatialDims(input, layout),
                                         {windowExtents(filter, layout), adaptor.getStrides(), adaptor.getDilations(),
                                          adaptor.getLow(), adaptor.getHigh()});
  if (failed(window))
    return failure();
  return Checks{location}.result(shapeOf(layout, input[0], outputsOf(*window), outputs),
                                 productType(typeOf(adaptor.getInput()).getElementType(), adaptor.getWide()), types);
}

LogicalResult ConvOp::verify() {
  Type element = typeOf(getInput()).getElementType();
  if (!isProductOf(element, typeOf(getFilter()).getElementType(), getWide()))
    return emitOpError("the input has elements of type ") << element << " and the filter of another";
  if (element.isInteger(1) || !isIn(Domain::Numbers, computeType(element)))
    return emitOpError("is not defined on elements of type ") << element;
  return success();
}

namespace {
/// A convolution on numbers, channels last.
template <typename T> struct HostConv {
  Window window;
  int64_t batch, groups, channels, outputs; // channels and outputs of one group
  std::vector<T> input, filter;

  std::vector<T> run() const {
    SmallVector<int64_t> spatial = *asNumbers(outputsOf(window));
    int64_t points = elementCount(spatial).value_or(0), width = groups * outputs;
    std::vector<T> result(batch * points * width, 0);
    for (int64_t n = 0; n < batch; ++n) {
      SmallVector<int64_t> at(spatial.size(), 0);
      for (int64_t point = 0; point < points; ++point, advance(at, spatial))
        addPoint(n, at, MutableArrayRef<T>(result).slice((n * points + point) * width, width));
    }
    return result;
  }

  void addPoint(int64_t n, ArrayRef<int64_t> at, MutableArrayRef<T> sums) const {
    forEachTap(window, n, at, [&](int64_t position, int64_t tap) { addTap(position, tap, sums); });
  }

  void addTap(int64_t position, int64_t tap, MutableArrayRef<T> sums) const {
    for (int64_t group = 0; group < groups; ++group)
      for (int64_t c = 0; c < channels; ++c) {
        T value = input[(position * groups + group) * channels + c];
        const T *weights = &filter[((tap * channels + c) * groups + group) * outputs];
        for (int64_t o = 0; o < outputs; ++o)
          sums[group * outputs + o] += value * weights[o];
      }
  }
};
} // namespace

LogicalResult ConvOp::evaluate(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results) {
  HostTensor input = operands[0], filter = operands[1];
  const HostTensor &result = results[0];
  if (result.size() == 0)
    return success();
  if (getLayout() == Layout::ChannelsFirst) {
    input = transposed(input, aroundSpatial(input.rank(), {0}, {1}));
    filter = transposed(filter, aroundSpatial(input.rank(), {}, {1, 0}));
  }
  ArrayRef<int64_t> shape = filter.shape();
  WindowAttributes attributes{shape.drop_back(2), getStrides(), getDilations(), getLow(), getHigh()};
  Window window = windowOf(toExtents(operands[0].shape()), toExtents(result.shape()), getLayout(), attributes);
  auto groups = static_cast<int64_t>(getGroups());
  return onNumbers(result.elementType(), [&](auto zero) {
    using T = formula::Modular<decltype(zero)>;
    HostConv<T> conv{window,
                     input.shape()[0],
                     groups,
                     shape[shape.size() - 2],
                     shape.back() / groups,
                     elementsOf<T>(input),
                     elementsOf<T>(filter)};
    setElements<T>(result, getLayout(), conv.run());
  });
}

// Emission of what no faster kernel takes.

namespace {
class ConvEmitter : public WindowEmitter {
public:
  ConvEmitter(ConvOp op, TileAccess &access, const Window &window)
      : WindowEmitter(access, window, op.getLayout(), op.getType()), op_(op) {
    auto groups = static_cast<int64_t>(op.getGroups());
    channels_ = channelsOf(typeOf(op.getInput()).getShape(), layout_) / groups;
    outputs_ = channelsOf(result_.getShape(), layout_) / groups;
  }

private:
  LogicalResult emitGroup(const WindowGroup &group) override {
    Type compute = computeType(result_.getElementType());
    SmallVector<Value> sums(group.vectors, repeat(b_, numberOf(compute, 0), group.lanes).value());
    bool readable = true;
    sums = forTaps(group, sums, [&](ArrayRef<Value> tap, ValueRange carried) {
      return access_.loop(channels_, carried, [&](Value channel, ValueRange inner) {
        SmallVector<Value> next(inner);
        for (unsigned vector = 0; vector < group.vectors; ++vector)
          readable &= succeeded(addProduct(group, tap, channel, vector, next[vector]));
        return next;
      });
    });
    for (unsigned vector = 0; readable && vector < group.vectors; ++vector)
      readable = succeeded(access_.store(0, sums[vector], resultAt(group, vector)));
    return success(readable);
  }

  LogicalResult addProduct(const WindowGroup &group, ArrayRef<Value> tap, Value channel, unsigned vector, Value &sum) {
    bool first = layout_ == Layout::ChannelsFirst;
    LaneIndex output = resultAt(group, vector)[channelDim()];
    Value number = arith::DivUIOp::create(b_, first ? output.base : group.channel, access_.indexConstant(outputs_));
    Value start = arith::MulIOp::create(b_, number, access_.indexConstant(channels_));
    Coordinates at = inputAt(group, tap, vector), weightAt;
    at[channelDim()] = {arith::AddIOp::create(b_, start, channel), 0};
    if (first)
      weightAt.append({output, {channel, 0}});
    for (Value index : tap)
      weightAt.push_back({index, 0});
    if (!first)
      weightAt.append({{channel, 0}, output});
    Value x = access_.fetch(op_.getInput(), at, first ? group.lanes : 1);
    Value weight = access_.fetch(op_.getFilter(), weightAt, first ? 1 : group.lanes);
    if (!x || !weight)
      return failure();
    Expr total(b_, sum), left = widened(x, op_.getInput(), total), right = widened(weight, op_.getFilter(), total);
    sum = (left.isFloat() ? fma(left, right, total) : left * right + total).value();
    return success();
  }

  /// An operand's element as one of the sums', in each lane.
  Expr widened(Value element, Value operand, Expr like) {
    return repeat(castTo({b_, element, isUnsignedElement(typeOf(operand).getElementType())}, like.element()), like);
  }

  ConvOp op_;
  int64_t channels_, outputs_; // of one group
};
} // namespace

unsigned ConvOp::tiledDims() { return WindowEmitter::tiledDims(getLayout(), getType().getRank()); }

LogicalResult ConvOp::emitTile(TileAccess &access) {
  Window window = windowOf(
      extentsOf(getInput()), extentsOf(getType()), getLayout(),
      {windowExtents(typeOf(getFilter()).getShape(), getLayout()), getStrides(), getDilations(), getLow(), getHigh()});
  return ConvEmitter(*this, access, window).emit(static_cast<int64_t>(getGroups()));
}

} // namespace smelt::graph
