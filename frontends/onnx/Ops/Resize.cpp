// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/common/TargetShape.h"
#include "frontends/onnx/Operators.h"
#include "frontends/onnx/Ops/ResizeByRun.h"
#include "frontends/onnx/Tensors.h"
#include <cmath>

using namespace mlir;
using llvm::APFloat, llvm::Twine;

namespace smelt::frontend::onnx {

using graph::Extent, graph::Extents, graph::NearestMode, graph::ResizeCoordinates, graph::ResizeMode;

/// floor(extent · scale), a scale of so many bits being a whole number by a power of two.
static Extent scaledSymbol(const Extent &extent, double scale) {
  constexpr int kMostBits = 30, kMostShift = 40;
  int exponent = 0;
  double mantissa = std::ldexp(std::frexp(scale, &exponent), kMostBits);
  exponent -= kMostBits;
  for (; mantissa != 0 && std::fmod(mantissa, 2) == 0; ++exponent)
    mantissa /= 2;
  if (!(scale > 0) || std::fmod(mantissa, 1) != 0 || exponent > kMostShift || exponent < -kMostShift)
    unsupported("scales a dim of " + extent.str() + " by " + Twine(std::to_string(scale)) +
                "; give the shape with --shape");
  Extent product = extent * static_cast<int64_t>(mantissa);
  int64_t power = int64_t(1) << std::abs(exponent);
  return exponent < 0 ? product.floorDiv(power) : product * power;
}

constexpr double kMostExtent = 0x1p62; // larger ones are no numbers of elements

static Extent scaledExtent(const Extent &given, double scale) {
  if (!given.isNumber())
    return scaledSymbol(given, scale);
  int64_t extent = given.number();
  double scaled = std::floor(static_cast<double>(extent) * scale);
  if (!(scale > 0) || !(scaled < kMostExtent))
    malformed("has a scale of " + Twine(std::to_string(scale)) + " for a dim of " + Twine(extent));
  return static_cast<int64_t>(scaled);
}

static Value resizeTo(NodeReader &node, Value x, ArrayRef<double> scales, ArrayRef<Extent> shape, const Resizing &how) {
  RankedTensorType type = checkedType(shape, elementOf(x));
  bool isSame = type == x.getType() && llvm::all_of(scales, [](double scale) { return scale == 1; });
  if (llvm::is_contained(extentsOf(x), Extent(0)) && !llvm::is_contained(shape, Extent(0)))
    malformed("resizes an empty tensor");
  if (how.crops || how.antialias)
    return resizeByWeights(node, x, scales, shape, how);
  return isSame ? x
                : node.builder().makeAs<graph::ResizeOp>(type, x, scales, how.mode, how.coordinates, how.nearest,
                                                         APFloat(how.cubic), how.excludeOutside);
}

static Value resizeBy(NodeReader &node, Value x, ArrayRef<double> scales, const Resizing &how) {
  if (static_cast<int64_t>(scales.size()) != rankOf(x))
    malformed("has " + Twine(scales.size()) + " scales for " + Twine(rankOf(x)) + " dims");
  Extents shape;
  for (auto [extent, scale] : llvm::zip_equal(extentsOf(x), scales))
    shape.push_back(scaledExtent(extent, scale));
  return resizeTo(node, x, scales, shape, how);
}

static SmallVector<double> toNumbers(const graph::HostTensor &tensor) {
  constexpr int64_t kMostNumbers = 128; // more than dims
  SmallVector<double> numbers;
  for (int64_t i = 0; i < std::min(tensor.size(), kMostNumbers); ++i)
    numbers.push_back(tensor.get(i).asFloat());
  return numbers;
}

/// Numbers that only the run knows, f32 of rank 1.
static Value listOf(GraphBuilder &b, Value numbers, size_t count, StringRef what) {
  return b.cast(b.expect(numbers, Extent(static_cast<int64_t>(count)), what), b.builder().getF32Type());
}

static Value elementOfList(GraphBuilder &b, Value list, size_t index) {
  return list ? b.reshape(b.sliceDim(list, 0, static_cast<int64_t>(index), 1), {}) : nullptr;
}

/// What a Resize is told while the model runs: scales, or sizes; and a region. Null where there are none.
struct RunNumbers {
  Value scales, sizes, roi;
};

/// Along `axes`, to floor(scale · extent), or to the sizes.
static Value resizeByNumbers(NodeReader &node, Value x, ArrayRef<int64_t> axes, const RunNumbers &numbers,
                             const Resizing &how) {
  GraphBuilder &b = node.builder();
  Extents from;
  for (int64_t axis : axes)
    from.push_back(extentsOf(x)[axis]);
  Value sizes = numbers.sizes;
  if (!sizes) {
    Type f64 = b.builder().getF64Type(), i64 = b.builder().getI64Type();
    Value extents = b.cast(b.sizes(from, checkedType({static_cast<int64_t>(axes.size())}, i64)), f64);
    sizes = b.cast(b.make<graph::FloorOp>(b.make<graph::MulOp>(extents, b.cast(numbers.scales, f64))), i64);
  }
  Extents to = b.sizesFrom(sizes, GraphBuilder::Sign::NotNegative);
  SmallVector<RunResizedDim> dims;
  for (auto [index, axis] : llvm::enumerate(axes))
    dims.push_back({axis, to[index], elementOfList(b, numbers.scales, index), elementOfList(b, numbers.roi, index),
                    elementOfList(b, numbers.roi, axes.size() + index)});
  return resizeByRun(node, x, dims, how);
}

constexpr std::pair<llvm::StringLiteral, ResizeMode> kOldModes[] = {
    {"nearest", ResizeMode::Nearest}, {"linear", ResizeMode::Linear}, {"bilinear", ResizeMode::Linear}};

// Upsample and the first Resize: asymmetric coordinates, rounded down                   ONNX Upsample 7–9, Resize 10
static Value upsampled(NodeReader &node, Value x) {
  Resizing how;
  how.mode = node.choice("mode", "nearest", kOldModes);
  SmallVector<double> scales;
  if (node.opset() < 9)
    return resizeBy(node, x, node.numbers("scales").value_or(scales), how);
  Value given = node.input(1, Floats);
  if (std::optional<graph::HostTensor> known = graph::constantOf(given))
    return resizeBy(node, x, toNumbers(*known), how);
  Integers all = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  return resizeByNumbers(node, x, all, {listOf(node.builder(), given, all.size(), "scales"), nullptr, nullptr}, how);
}

static Resizing readResizing(NodeReader &node) {
  Resizing how;
  how.mode = node.choice<ResizeMode>(
      "mode", "nearest",
      {{"nearest", ResizeMode::Nearest}, {"linear", ResizeMode::Linear}, {"cubic", ResizeMode::Cubic}});
  how.crops = node.text("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize";
  if (!how.crops)
    how.coordinates = node.choice<ResizeCoordinates>("coordinate_transformation_mode", "half_pixel",
                                                     {{"half_pixel", ResizeCoordinates::HalfPixel},
                                                      {"half_pixel_symmetric", ResizeCoordinates::HalfPixelSymmetric},
                                                      {"pytorch_half_pixel", ResizeCoordinates::PytorchHalfPixel},
                                                      {"align_corners", ResizeCoordinates::AlignCorners},
                                                      {"asymmetric", ResizeCoordinates::Asymmetric}});
  how.nearest = node.choice<NearestMode>("nearest_mode", "round_prefer_floor",
                                         {{"round_prefer_floor", NearestMode::RoundPreferFloor},
                                          {"round_prefer_ceil", NearestMode::RoundPreferCeil},
                                          {"floor", NearestMode::Floor},
                                          {"ceil", NearestMode::Ceil}});
  how.cubic = node.number("cubic_coeff_a", -0.75);
  how.excludeOutside = node.flag("exclude_outside", false);
  how.extrapolation = node.number("extrapolation_value", 0);
  how.antialias = node.opset() >= 18 && node.flag("antialias", false);
  return how;
}

/// The region that tf_crop_and_resize takes: all starts, then all ends, along `axes`; [0, 1] along others.
static void readRegion(NodeReader &node, Value x, ArrayRef<int64_t> axes, Resizing &how) {
  if (!how.crops) {
    node.optionalInput(1);
    return;
  }
  SmallVector<double> given = toNumbers(node.constantInput(1));
  if (given.size() != 2 * axes.size())
    malformed("has a roi of " + Twine(given.size()) + " numbers for " + Twine(axes.size()) + " axes");
  how.roi.assign(rankOf(x), {0.0, 1.0});
  for (auto [number, axis] : llvm::enumerate(axes))
    how.roi[axis] = {given[number], given[axes.size() + number]};
}

/// The extents that `sizes` asks for along `axes`, with the aspect ratio kept where `policy` says so.
static void applySizes(ArrayRef<Extent> sizes, ArrayRef<int64_t> axes, StringRef policy, MutableArrayRef<Extent> shape,
                       MutableArrayRef<double> scales) {
  const Extents from(shape.begin(), shape.end());
  auto isNone = [](const Extent &extent) { return extent.isNumber() && extent.number() < 1; };
  double common = policy == "not_smaller" ? 0 : HUGE_VAL;
  for (auto [axis, size] : llvm::zip_equal(axes, sizes)) {
    if (isNone(size) || isNone(from[axis]))
      malformed("resizes a dim of " + from[axis].str() + " to " + size.str());
    if (policy != "stretch" && !(size.isNumber() && from[axis].isNumber()))
      unsupported("keeps the aspect ratio of dims " + inWords(from) + "; give the shape with --shape");
    shape[axis] = size;
    scales[axis] = resizeScale(from[axis], size);
    common = policy == "not_smaller" ? std::max(common, scales[axis]) : std::min(common, scales[axis]);
  }
  if (policy == "stretch")
    return;
  for (int64_t axis : axes) {
    scales[axis] = common;
    double extent = std::floor(common * static_cast<double>(from[axis].number()) + 0.5);
    if (!(extent < kMostExtent))
      malformed("resizes a dim of " + from[axis].str() + " by " + Twine(std::to_string(common)));
    shape[axis] = static_cast<int64_t>(extent);
  }
}

/// Sizes with the aspect ratio kept, and the scale that makes them: the least, or the largest, of all.
static RunNumbers keepingAspect(GraphBuilder &b, Value x, ArrayRef<int64_t> axes, StringRef policy,
                                RunNumbers numbers) {
  Extents from;
  for (int64_t axis : axes)
    from.push_back(extentsOf(x)[axis]);
  Type f32 = b.builder().getF32Type(), i64 = b.builder().getI64Type();
  Value extents = b.cast(b.sizes(from, checkedType({static_cast<int64_t>(axes.size())}, i64)), f32);
  auto kind = policy == "not_larger" ? graph::ReduceKind::Min : graph::ReduceKind::Max;
  Value scales = b.make<graph::DivOp>(b.cast(numbers.sizes, f32), extents);
  Value common = b.make<graph::ReduceOp>(scales, kind, ArrayRef<int64_t>{0});
  Value rounded = b.make<graph::AddOp>(b.make<graph::MulOp>(common, extents), b.scalar(f32, 0.5));
  numbers.scales = b.broadcast(common, extentsOf(extents));
  numbers.sizes = b.cast(b.make<graph::FloorOp>(rounded), i64);
  return numbers;
}

/// Whether some axis is to change whose extent, or what it becomes, is not known now.
static bool changesOpenDim(Value x, ArrayRef<int64_t> axes, Value scales, Value sizes) {
  std::optional<graph::HostTensor> factors = scales ? graph::constantOf(scales) : std::nullopt;
  std::optional<Extents> extents = sizes ? knownExtents(sizes) : std::nullopt;
  for (auto [index, axis] : llvm::enumerate(axes)) {
    const Extent from = extentsOf(x)[axis];
    bool hasSize = extents && index < extents->size();
    bool stays = hasSize ? (*extents)[index] == from
                         : factors && static_cast<int64_t>(index) < factors->size() &&
                               factors->get(static_cast<int64_t>(index)).asFloat() == 1;
    bool isKnown = from.isNumber() && (hasSize ? (*extents)[index].isNumber() : factors.has_value());
    if (!stays && !isKnown)
      return true;
  }
  return false;
}

static Integers readAxes(NodeReader &node, Value x) {
  Integers axes = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  if (auto given = node.opset() < 18 ? std::nullopt : node.integers("axes")) {
    normalAxes(*given, rankOf(x)); // each once
    axes.clear();
    for (int64_t axis : *given)
      axes.push_back(normalAxis(axis, rankOf(x)));
  }
  return axes;
}

static std::string readPolicy(NodeReader &node) {
  std::string policy = node.opset() < 18 ? "stretch" : node.text("keep_aspect_ratio_policy", "stretch");
  if (policy != "stretch" && policy != "not_larger" && policy != "not_smaller")
    malformed("has keep_aspect_ratio_policy '" + printable(policy) + "'");
  return policy;
}

// Resize by scales or to sizes, of all dims or of some axes                              ONNX Resize, versions 11–19
static Value resized(NodeReader &node, Value x) {
  GraphBuilder &b = node.builder();
  Value roi = node.optionalInput(1, Floats);
  Value scalesInput = node.optionalInput(2, Floats), sizesInput = node.optionalInput(3, SignedIntegers);
  Resizing how = readResizing(node);
  std::string policy = readPolicy(node);
  Integers axes = readAxes(node, x);
  if (node.opset() < 13 && sizesInput && scalesInput && extentsOf(scalesInput) == Extents{0})
    scalesInput = nullptr;
  if (static_cast<bool>(scalesInput) == static_cast<bool>(sizesInput) || (how.crops && !roi))
    malformed("needs either scales or sizes, one for each of " + Twine(axes.size()) + " axes, and a roi to crop");
  auto isFound = [](Value value) { return value && !graph::constantOf(value); };
  bool isSized = sizesInput && (knownExtents(sizesInput) || policy == "stretch");
  bool isOpen =
      (how.crops || how.antialias) && ((how.crops && isFound(roi)) || changesOpenDim(x, axes, scalesInput, sizesInput));
  if (isFound(scalesInput) || isOpen || (sizesInput && !isSized)) {
    RunNumbers numbers;
    if (scalesInput)
      numbers.scales = listOf(b, scalesInput, axes.size(), "scales");
    else
      numbers.sizes = b.expect(sizesInput, Extent(static_cast<int64_t>(axes.size())), "sizes");
    if (how.crops)
      numbers.roi = listOf(b, roi, 2 * axes.size(), "a roi");
    if (policy != "stretch" && sizesInput)
      numbers = keepingAspect(b, x, axes, policy, numbers);
    return resizeByNumbers(node, x, axes, numbers, how);
  }
  readRegion(node, x, axes, how);
  SmallVector<double> scales(rankOf(x), 1.0);
  if (sizesInput) {
    Extents sizes = node.extentsInput(3, GraphBuilder::Sign::NotNegative), shape = extentsOf(x);
    if (sizes.size() != axes.size())
      malformed("needs either scales or sizes, one for each of " + Twine(axes.size()) + " axes");
    applySizes(sizes, axes, policy, shape, scales);
    return resizeTo(node, x, scales, shape, how);
  }
  SmallVector<double> given = toNumbers(*graph::constantOf(scalesInput));
  if (given.size() != axes.size())
    malformed("needs either scales or sizes, one for each of " + Twine(axes.size()) + " axes");
  for (auto [axis, scale] : llvm::zip_equal(axes, given))
    scales[axis] = scale;
  return resizeBy(node, x, scales, how);
}

/// Bools as bytes.
template <Value (*build)(NodeReader &, Value)> static Values ofAnyElements(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.input(0, Numbers | Bools);
  bool isBool = elementOf(x).isInteger(1);
  Type byte = b.builder().getIntegerType(8, /*isSigned=*/false);
  return {b.cast(build(node, isBool ? b.cast(x, byte) : x), elementOf(x))};
}

static constexpr Operator kOperators[] = {
    {"Resize", 10, ofAnyElements<upsampled>, "", 0,
     "align_corners with fractional scales counts the resized extent before it is rounded down, as the reference and "
     "ONNX's tests do; ONNX Runtime counts it after."},
    {"Resize", 11, ofAnyElements<resized>},
    {"Upsample", 7, ofAnyElements<upsampled>},
};

ArrayRef<Operator> resizeOperators() { return kOperators; }

} // namespace smelt::frontend::onnx
