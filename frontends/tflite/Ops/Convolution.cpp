// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Convolutions. Channels come last in the file, and stay there; those of integers go through channels_first, in which
// form passes/quantize looks for them, and the layout pass turns them back.

#include "frontends/tflite/Operators.h"
#include "frontends/tflite/Ops/Activations.h"
#include "frontends/tflite/Ops/Products.h"
#include "frontends/tflite/Ops/Quantization.h"
#include "frontends/tflite/Ops/Windows.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Extent, graph::Extents, graph::Layout;

namespace {
/// A convolution with its filter as [oc, k…, c / groups], all operands as the node has them.
struct Convolution {
  Windows windows;
  int64_t groups = 1;
  int8_t activation = 0;
};
} // namespace

/// How many groups a filter of so many channels makes of an input; refuses what does not fit.
static int64_t groupsOf(GraphBuilder &b, Value &input, Value filter) {
  const int64_t of = fixedDim(filter, rankOf(filter) - 1), outputs = fixedDim(filter, 0);
  const int64_t last = rankOf(input) - 1;
  if (!extentsOf(input)[last].isNumber())
    input = b.withDim(input, last, of);
  const int64_t channels = fixedDim(input, last);
  if (of < 1 || channels < 1 || channels % of != 0 || outputs % (channels / of) != 0)
    malformed("a filter of dims " + inWords(shapeOf(filter)) + " does not fit " + Twine(channels) + " channels");
  return channels / of;
}

static void checkRanks(Value input, Value filter, int64_t rank) {
  if (rankOf(input) != rank || rankOf(filter) != rank)
    malformed("needs an input and a filter of " + Twine(rank) + " dims, not " + inWords(extentsOf(input)) + " and " +
              inWords(extentsOf(filter)));
}

/// [oc, k…, c] → [k…, c, oc]
static Value channelsLastFilter(GraphBuilder &b, Value filter) { return b.moveDim(filter, 0, rankOf(filter) - 1); }
/// [oc, k…, c] → [oc, c, k…]
static Value channelsFirstFilter(GraphBuilder &b, Value filter) { return b.moveDim(filter, rankOf(filter) - 1, 1); }

static Value bias(OperatorReader &node, Value result, unsigned index) {
  Value bias = node.optionalReal(index);
  if (!bias)
    return result;
  bias = node.builder().expect(bias, extentsOf(result).back(), "a bias");
  return node.builder().make<graph::AddOp>(result, bias);
}

/// In floats: activation(conv(x, w) + b)
static Value convolveFloats(OperatorReader &node, Value filter, Convolution how) {
  GraphBuilder &b = node.builder();
  Value input = node.real(0);
  input = how.windows.pad(b, input, b.scalarLike(input, 0));
  Value result = b.make<graph::ConvOp>(input, channelsLastFilter(b, filter), how.windows.strides, how.windows.dilations,
                                       how.windows.low, how.windows.high, how.groups, Layout::ChannelsLast);
  return activated(node, bias(node, result, 2), how.activation);
}

/// In integers: sums are exact, and rounded once.
static Value convolveIntegers(OperatorReader &node, Value filter, Convolution how, const IntegerProduct &product) {
  GraphBuilder &b = node.builder();
  const int64_t last = rankOf(node.input(0)) - 1;
  // What is outside the image stands for 0.
  Value integers = node.input(0);
  integers =
      how.windows.pad(b, integers, b.scalar(elementOf(integers), graph::Scalar::ofSigned(product.input.zeroPoint())));
  Value input = centred(b, b.moveDim(integers, last, 1), product.input);
  Value sums = b.make<graph::ConvOp>(input, channelsFirstFilter(b, filter), how.windows.strides, how.windows.dilations,
                                     how.windows.low, how.windows.high, how.groups);
  return b.moveDim(product.finish(node, sums, /*channels=*/1, how.activation), 1, last);
}

/// `filter` makes the filter that input 1 stands for, [oc, k…, c / groups].
static Values convolve(OperatorReader &node, int64_t rank, Convolution how, llvm::function_ref<Value(Value)> filterOf) {
  GraphBuilder &b = node.builder();
  std::optional<IntegerProduct> product = integerProduct(node);
  Value filter = product ? centred(b, node.input(1), product->weights) : node.real(1);
  Value input = node.input(0);
  checkRanks(input, filter, rank);
  filter = filterOf(filter);
  for (int64_t dim = 1; dim < rank - 1; ++dim)
    how.windows.kernel.push_back(fixedDim(filter, dim));
  how.windows.check();
  how.groups = groupsOf(b, input, filter);
  return {product ? convolveIntegers(node, filter, how, *product) : convolveFloats(node, filter, how)};
}

/// Over images, as options of CONV_2D and DEPTHWISE_CONV_2D say.
template <typename Options> static Convolution overImages(const Options &options) {
  Convolution how;
  how.windows.strides = {options.stride_h(), options.stride_w()};
  how.windows.dilations = {options.dilation_h_factor(), options.dilation_w_factor()};
  how.windows.isSame = isSame(options.padding());
  how.activation = options.fused_activation_function();
  return how;
}

static Values conv2d(OperatorReader &node) {
  return convolve(node, 4, overImages(node.options<schema::Conv2DOptions>()), [](Value filter) { return filter; });
}

static Values conv3d(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  const auto &options = node.options<schema::Conv3DOptions>();
  Convolution how;
  how.windows.strides = {options.stride_d(), options.stride_h(), options.stride_w()};
  how.windows.dilations = {options.dilation_d_factor(), options.dilation_h_factor(), options.dilation_w_factor()};
  how.windows.isSame = isSame(options.padding());
  how.activation = options.fused_activation_function();
  // Its filter is [d, h, w, c, oc].
  return convolve(node, 5, how, [&](Value filter) { return b.moveDim(filter, 4, 0); });
}

// DEPTHWISE_CONV_2D: a filter [1, h, w, oc]; each channel makes oc / c of the outputs
static Values depthwiseConv2d(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  return convolve(node, 4, overImages(node.options<schema::DepthwiseConv2DOptions>()), [&](Value filter) {
    if (extentsOf(filter)[0] != Extent(1))
      malformed("needs a filter whose first dim is 1, not " + inWords(extentsOf(filter)));
    return b.transpose(filter, {3, 1, 2, 0});
  });
}

/// Refuses a result that no convolution of these windows would make the input of.
static void checkWanted(int64_t wanted, int64_t extent, const Windows &windows, size_t dim) {
  const int64_t stride = windows.strides[dim];
  const int64_t most =
      windows.isSame ? checkedMul(extent, stride) : checkedAdd(checkedMul(extent, stride), windows.kernel[dim] - 1);
  const int64_t least = checkedSub(most, stride - 1);
  if (extent < 1 || wanted < std::max<int64_t>(least, 1) || wanted > most)
    malformed("cannot make a dim of " + Twine(wanted) + " of one of " + Twine(extent) + ", which makes " +
              Twine(least) + (least < most ? " to " + std::to_string(most) : std::string()) +
              " with its strides, filter and padding");
}

/// How many more places there are than are wanted; fewer are negative. Those of open dims must differ by a number that
/// suits the windows, whatever the dims are.
static int64_t surplusOf(const Extent &wanted, const Extent &extent, const Windows &windows, size_t dim) {
  const int64_t stride = windows.strides[dim], kernel = windows.kernel[dim];
  if (wanted.isNumber() && extent.isNumber()) {
    const int64_t full = checkedAdd(checkedMul(extent.number() - 1, stride), kernel);
    const int64_t surplus = checkedSub(full, wanted.number());
    checkWanted(wanted.number(), extent.number(), windows, dim);
    return surplus;
  }
  const Extent surplus = (extent - 1) * stride + kernel - wanted;
  const int64_t least = windows.isSame ? kernel - stride : 1 - stride;
  if (!surplus.isNumber() || surplus.number() < least || surplus.number() >= least + stride)
    unsupported("makes a dim of " + wanted.str() + " of one of " + extent.str() + "; give the shape with --shape");
  return surplus.number();
}

/// The gradient of a convolution, to a result of given spatial dims: what SAME cuts off, or what its end lacks.
static Value transposed(GraphBuilder &b, Value input, Value filter, ArrayRef<Extent> wanted, const Windows &windows) {
  Integers low, high, added;
  for (size_t dim = 0; dim < windows.dims(); ++dim) {
    const int64_t total = surplusOf(wanted[dim], extentsOf(input)[dim + 1], windows, dim);
    // SAME cuts both ends, VALID the last one alone.
    const int64_t cut = std::max<int64_t>(total, 0), before = windows.isSame ? cut / 2 : 0;
    low.push_back(before);
    high.push_back(cut - before);
    added.push_back(std::max<int64_t>(-total, 0));
  }
  return b.make<graph::ConvTransposeOp>(input, channelsLastFilter(b, filter), windows.strides, windows.dilations, low,
                                        high, added, /*groups=*/1, Layout::ChannelsLast);
}

/// Refuses dims of a result that are not those of its images and its filter, [oc, …].
static void checkResult(ArrayRef<Extent> shape, Value input, Value filter) {
  const Extent batch = extentsOf(input)[0];
  if (shape.back() != extentsOf(filter)[0] || !mayEqual(shape.front(), batch))
    malformed("says that its result's dims are " + inWords(shape) + ", of " + batch.str() + " images and a filter " +
              inWords(extentsOf(filter)));
}

/// What TRANSPOSE_CONV and CONV_3D_TRANSPOSE make of an image and a filter [oc, …, c]: input 0 has the result's dims,
/// input 3 may be a bias.
static Values transposedTo(OperatorReader &node, Value input, Value filter, Integers strides, int8_t padding,
                           int8_t activation) {
  const Extents shape = node.extentsInput(0), taps = extentsOf(filter);
  if (static_cast<int64_t>(shape.size()) != rankOf(input))
    malformed("needs " + Twine(rankOf(input)) + " dims of its result, not " + inWords(shape));
  Windows windows;
  for (size_t dim = 1; dim + 1 < taps.size(); ++dim)
    windows.kernel.push_back(fixedDim(filter, static_cast<int64_t>(dim)));
  windows.strides = std::move(strides);
  windows.dilations.assign(windows.kernel.size(), 1);
  windows.isSame = isSame(padding);
  windows.check();
  if (extentsOf(input).back() != taps.back())
    malformed("a filter of dims " + inWords(taps) + " does not fit " + extentsOf(input).back().str() + " channels");
  checkResult(shape, input, filter);
  Value result = transposed(node.builder(), input, filter, ArrayRef(shape).drop_front().drop_back(), windows);
  return {activated(node, bias(node, result, 3), activation)};
}

// TRANSPOSE_CONV: inputs are the result's dims, a filter [oc, h, w, c], the image, perhaps a bias
static Values transposeConv(OperatorReader &node) {
  const auto &options = node.options<schema::TransposeConvOptions>();
  Value filter = node.real(1), input = node.real(2);
  checkRanks(input, filter, 4);
  return transposedTo(node, input, filter, {options.stride_h(), options.stride_w()}, options.padding(),
                      options.fused_activation_function());
}

// CONV_3D_TRANSPOSE: the same of three dims, with a filter [d, h, w, oc, c]
static Values conv3dTranspose(OperatorReader &node) {
  const auto &options = node.options<schema::Conv3DOptions>();
  Value filter = node.real(1), input = node.real(2);
  checkRanks(input, filter, 5);
  if (options.dilation_d_factor() != 1 || options.dilation_h_factor() != 1 || options.dilation_w_factor() != 1)
    unsupported("has dilations other than 1");
  return transposedTo(node, input, node.builder().moveDim(filter, 3, 0),
                      {options.stride_d(), options.stride_h(), options.stride_w()}, options.padding(),
                      options.fused_activation_function());
}

/// The parameters that MediaPipe writes for its transposed convolution, TfLiteTransposeConvParams: padding (1 is SAME,
/// 2 VALID) and strides.
struct TransposeBiasOptions {
  int32_t padding, strideWidth, strideHeight;
};

// Convolution2DTransposeBias of MediaPipe: the image, a filter [oc, h, w, c], a bias; SAME results are strides times as
// long
static Values transposeConvBias(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  TransposeBiasOptions options{};
  if (node.customOptions().size() < sizeof options)
    malformed("has options of " + Twine(node.customOptions().size()) + " bytes, fewer than " + Twine(sizeof options));
  std::memcpy(&options, node.customOptions().data(), sizeof options);
  Value input = node.real(0), filter = node.real(1);
  checkRanks(input, filter, 4);
  if (options.padding != 1 && options.padding != 2)
    malformed("has padding " + Twine(options.padding) + ", which there is not");
  Windows windows{{fixedDim(filter, 1), fixedDim(filter, 2)}, {options.strideHeight, options.strideWidth}, {1, 1}};
  windows.isSame = options.padding == 1;
  windows.check();
  if (extentsOf(input).back() != extentsOf(filter).back())
    malformed("a filter of dims " + inWords(extentsOf(filter)) + " does not fit " + extentsOf(input).back().str() +
              " channels");
  Extents wanted;
  for (size_t dim = 0; dim < 2; ++dim) {
    const Extent extent = extentsOf(input)[dim + 1];
    const int64_t stride = windows.strides[dim];
    wanted.push_back(windows.isSame ? extent * stride : (extent - 1) * stride + windows.kernel[dim]);
  }
  return {bias(node, transposed(b, input, filter, wanted, windows), 2)};
}

static constexpr Operator kOperators[] = {
    {"CONV_2D", conv2d},
    {"CONV_3D", conv3d},
    {"CONV_3D_TRANSPOSE", conv3dTranspose},
    {"Convolution2DTransposeBias", transposeConvBias, /*isCustom=*/true},
    {"DEPTHWISE_CONV_2D", depthwiseConv2d},
    {"TRANSPOSE_CONV", transposeConv},
};

ArrayRef<Operator> convolutionOperators() { return kOperators; }

} // namespace smelt::frontend::tflite
