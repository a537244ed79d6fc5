// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Linear quantisation on plain integers and floats; LiteRT's fixed-point arithmetic rounds within a step of it.

#include "frontends/tflite/Ops/Quantization.h"
#include "frontends/common/Linear.h"
#include "frontends/tflite/Importer.h"

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Extents, graph::HostTensor;

static Type f32(GraphBuilder &b) { return b.builder().getF32Type(); }

Value spreadScales(GraphBuilder &b, ArrayRef<float> scales, int64_t axis, int64_t rank) {
  if (scales.size() == 1)
    return b.scalar(f32(b), scales.front());
  SmallVector<int64_t> shape(rank, 1);
  shape[axis] = static_cast<int64_t>(scales.size());
  HostTensor tensor = HostTensor::zeros(RankedTensorType::get(shape, f32(b)));
  llvm::copy(scales, tensor.asMutable<float>().begin());
  return b.constant(tensor);
}

static Value spreadZeroPoints(GraphBuilder &b, const Quantisation &how, int64_t rank) {
  Type i32 = b.builder().getI32Type();
  if (llvm::all_equal(how.zeroPoints))
    return b.scalar(i32, graph::Scalar::ofSigned(how.zeroPoint()));
  SmallVector<int64_t> shape(rank, 1);
  shape[how.axis] = static_cast<int64_t>(how.zeroPoints.size());
  HostTensor tensor = HostTensor::zeros(RankedTensorType::get(shape, i32));
  for (auto [at, zeroPoint] : llvm::enumerate(how.zeroPoints))
    tensor.set(static_cast<int64_t>(at), graph::Scalar::ofSigned(zeroPoint));
  return b.constant(tensor);
}

/// The axis of a tensor that still has the dims which the file declares.
static void checkAxis(const Quantisation &how, Value x) {
  if (how.isPerAxis() &&
      (how.axis >= rankOf(x) || extentsOf(x)[how.axis] != graph::Extent(static_cast<int64_t>(how.scales.size()))))
    malformed("has " + Twine(how.scales.size()) + " scales along axis " + Twine(how.axis) + " of " +
              inWords(extentsOf(x)));
}

Value centred(GraphBuilder &b, Value integers, const Quantisation &how) {
  checkAxis(how, integers);
  Value wide = b.cast(integers, b.builder().getI32Type());
  if (llvm::all_of(how.zeroPoints, [](int64_t zeroPoint) { return zeroPoint == 0; }))
    return wide;
  return b.make<graph::SubOp>(wide, spreadZeroPoints(b, how, rankOf(integers)));
}

Value quantised(GraphBuilder &b, Value real, const Quantisation &how, Type to) {
  if (how.isPerAxis())
    unsupported("makes a tensor that is quantised with a scale for each channel; only weights may be");
  if (!(how.scale() > 0))
    malformed("makes a tensor that is quantised with a scale of 0");
  Value steps = b.make<graph::DivOp>(real, b.scalarLike(real, how.scale()));
  Value zeroPoint =
      how.zeroPoint() == 0 ? Value() : b.scalar(b.builder().getI32Type(), graph::Scalar::ofSigned(how.zeroPoint()));
  return saturate(b, b.make<graph::RoundOp>(steps), zeroPoint, to);
}

Value dequantised(Importer &importer, Value integers, const Quantisation &how) {
  GraphBuilder &b = importer.builder();
  checkAxis(how, integers);
  // Zero points as the list that scales are.
  SmallVector<int64_t> list;
  if (how.isPerAxis())
    list.push_back(static_cast<int64_t>(how.scales.size()));
  if (graph::constantOf(integers)) {
    HostTensor scales = HostTensor::zeros(RankedTensorType::get(list, f32(b)));
    HostTensor points = HostTensor::zeros(RankedTensorType::get(list, elementOf(integers)));
    for (auto [at, scale] : llvm::enumerate(how.scales)) {
      scales.set(static_cast<int64_t>(at), graph::Scalar::ofFloat(scale));
      points.set(static_cast<int64_t>(at), graph::Scalar::ofSigned(how.zeroPoints[at]));
    }
    if (std::optional<HostTensor> constant =
            dequantisedConstant(integers, b.constant(scales), b.constant(points), how.axis))
      return importer.derivedConstant(*constant);
  }
  Value scale = spreadScales(b, how.scales, how.axis, rankOf(integers));
  return b.make<graph::MulOp>(b.cast(centred(b, integers, how), f32(b)), scale);
}

/// f16 as f32.
static Value widened(OperatorReader &node, Value x) {
  GraphBuilder &b = node.builder();
  std::optional<HostTensor> constant = graph::constantOf(x);
  if (!constant)
    return b.cast(x, f32(b));
  HostTensor wide = HostTensor::zeros(constant->type().clone(f32(b)));
  MutableArrayRef<float> to = wide.asMutable<float>();
  for (int64_t at = 0; at < constant->size(); ++at)
    to[at] = static_cast<float>(constant->get(at).asFloat());
  return node.importer().derivedConstant(wide);
}

// DEQUANTIZE: integers, or floats of 16 bits, as f32
static Values dequantize(OperatorReader &node) {
  Value x = node.input(0);
  if (isa<FloatType>(elementOf(x)))
    return {widened(node, x)};
  if (!node.quantisation(0))
    malformed("takes integers that are not quantised");
  return {node.real(0)};
}

// QUANTIZE: floats as integers, or integers under another scale
static Values quantize(OperatorReader &node) {
  if (!node.outputQuantisation(0))
    malformed("makes integers that are not quantised");
  return {node.real(0)};
}

// DENSIFY: a sparse constant, whose zeros are written out when it is read
static Values densify(OperatorReader &node) { return {node.input(0)}; }

// FAKE_QUANT: the nearest of 2^bits numbers that lie evenly in a range, moved so that 0 is one of them
static Values fakeQuant(OperatorReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.real(0);
  const auto &options = node.options<schema::FakeQuantOptions>();
  if (options.num_bits() < 2 || options.num_bits() > 16 || !(options.min() <= 0) || !(options.max() >= 0) ||
      !(options.max() > options.min()))
    malformed("has a range of [" + Twine(std::to_string(options.min())) + ", " + Twine(std::to_string(options.max())) +
              "] in " + Twine(options.num_bits()) + " bits");
  const float least = options.narrow_range() ? 1 : 0, most = static_cast<float>((1 << options.num_bits()) - 1);
  const float scale = (options.max() - options.min()) / (most - least);
  const float place = std::round(std::min(std::max(least - options.min() / scale, least), most));
  auto number = [&](float value) { return b.scalarLike(x, value); };
  Value inside = b.make<graph::ClampOp>(x, number((least - place) * scale), number((most - place) * scale));
  Value steps = b.make<graph::DivOp>(b.make<graph::SubOp>(inside, number((least - place) * scale)), number(scale));
  Value whole = b.make<graph::FloorOp>(b.make<graph::AddOp>(steps, number(0.5F)));
  return {b.make<graph::AddOp>(b.make<graph::MulOp>(whole, number(scale)), number((least - place) * scale))};
}

static constexpr Operator kOperators[] = {
    {"DENSIFY", densify},
    {"DEQUANTIZE", dequantize},
    {"FAKE_QUANT", fakeQuant},
    {"QUANTIZE", quantize},
};

ArrayRef<Operator> quantizationOperators() { return kOperators; }

} // namespace smelt::frontend::tflite
