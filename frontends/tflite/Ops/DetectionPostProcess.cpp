// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// TFLite_Detection_PostProcess, the custom operator that detectors of TensorFlow end with: boxes relative to anchors
// become corners, and those that overlap better ones of their kind are left out.

#include "frontends/tflite/Ops/DetectionPostProcess.h"
#include <flatbuffers/flexbuffers.h>

using namespace mlir;
using llvm::Twine;

namespace smelt::frontend::tflite {

using graph::Extent, graph::Extents;

namespace {
/// What the operator's map of options says.
struct PostProcessOptions {
  int64_t most = 0, classes = 0, classesPerBox = 1, boxesPerClass = 100;
  bool isRegular = false;
  float threshold = 0, overlap = 0, y = 1, x = 1, h = 1, w = 1;
};

/// Boxes and scores of all anchors, and what is chosen of them.
class PostProcess {
public:
  explicit PostProcess(OperatorReader &node);
  Values run();

private:
  Value corners(Value encoded, Value anchors);
  Value column(Value boxes, int64_t at) { return b_.sliceDim(boxes, 1, at, 1); }
  Value chosen(Value scores, const Extent &classes, int64_t most);
  Values fast();
  Values regular();
  Values listed(Value places, Value classes, Value scores, Value count);

  GraphBuilder &b_;
  PostProcessOptions options_;
  Value boxes_, scores_; // [n, 4] corners; [n, classes] without the background
  Extent count_;         // n
};
} // namespace

static PostProcessOptions readOptions(ArrayRef<char> bytes) {
  const auto *data = reinterpret_cast<const uint8_t *>(bytes.data());
  if (bytes.empty() || !flexbuffers::VerifyBuffer(data, bytes.size()))
    malformed("has options that are no sound map");
  const flexbuffers::Reference root = flexbuffers::GetRoot(data, bytes.size());
  if (!root.IsMap())
    malformed("has options that are no map");
  const flexbuffers::Map map = root.AsMap();
  auto has = [&](const char *key) { return !map[key].IsNull(); };
  PostProcessOptions options;
  options.most = map["max_detections"].AsInt64();
  options.classes = map["num_classes"].AsInt64();
  options.classesPerBox = map["max_classes_per_detection"].AsInt64();
  if (has("detections_per_class"))
    options.boxesPerClass = map["detections_per_class"].AsInt64();
  options.isRegular = has("use_regular_nms") && map["use_regular_nms"].AsBool();
  options.threshold = map["nms_score_threshold"].AsFloat();
  options.overlap = map["nms_iou_threshold"].AsFloat();
  options.y = map["y_scale"].AsFloat();
  options.x = map["x_scale"].AsFloat();
  options.h = map["h_scale"].AsFloat();
  options.w = map["w_scale"].AsFloat();
  auto isCount = [](int64_t number) { return number > 0 && number <= graph::kMostExtent; };
  if (!isCount(options.most) || !isCount(options.classes) || !isCount(options.classesPerBox) ||
      !isCount(options.boxesPerClass))
    malformed("chooses " + Twine(options.most) + " boxes of " + Twine(options.classes) + " classes, " +
              Twine(options.classesPerBox) + " a box and " + Twine(options.boxesPerClass) + " a class");
  for (float scale : {options.y, options.x, options.h, options.w})
    if (!(scale > 0))
      malformed("has a scale that is not positive");
  return options;
}

PostProcess::PostProcess(OperatorReader &node) : b_(node.builder()), options_(readOptions(node.customOptions())) {
  Value encoded = node.real(0), scores = node.real(1), anchors = node.real(2);
  if (rankOf(encoded) != 3 || rankOf(scores) != 3 || rankOf(anchors) != 2 || extentsOf(encoded)[0] != Extent(1) ||
      extentsOf(scores)[0] != Extent(1))
    malformed("needs boxes [1, n, 4], scores [1, n, classes] and anchors [n, 4], not " + inWords(extentsOf(encoded)) +
              ", " + inWords(extentsOf(scores)) + " and " + inWords(extentsOf(anchors)));
  count_ = extentsOf(encoded)[1];
  anchors = b_.expect(anchors, {count_, 4}, "anchors");
  const int64_t background = fixedDim(scores, 2) - options_.classes;
  if (background < 0 || background > 1 || fixedDim(encoded, 2) < 4)
    malformed("has scores of " + extentsOf(scores)[2].str() + " classes, which should be " + Twine(options_.classes) +
              ", or one more for the background");
  scores = b_.expect(scores, {Extent(1), count_, extentsOf(scores)[2]}, "scores");
  scores_ = b_.reshape(b_.sliceDim(scores, 2, background, options_.classes), {count_, options_.classes});
  encoded = b_.reshape(b_.sliceDim(encoded, 2, 0, 4), {count_, 4});
  boxes_ = corners(encoded, anchors);
}

/// center = anchor's center + encoded / scale · its size; size = e^(encoded / scale) · its size: [y0, x0, y1, x1]
Value PostProcess::corners(Value encoded, Value anchors) {
  Values low, high;
  const float scales[] = {options_.y, options_.x, options_.h, options_.w};
  auto scaled = [&](int64_t at) {
    Value part = column(encoded, at);
    return b_.make<graph::DivOp>(part, b_.scalarLike(part, scales[at]));
  };
  for (int64_t dim = 0; dim < 2; ++dim) {
    Value size = column(anchors, 2 + dim);
    Value center = b_.make<graph::AddOp>(b_.make<graph::MulOp>(scaled(dim), size), column(anchors, dim));
    Value half = b_.make<graph::MulOp>(b_.make<graph::ExpOp>(scaled(2 + dim)), size);
    half = b_.make<graph::MulOp>(half, b_.scalarLike(half, 0.5));
    low.push_back(b_.make<graph::SubOp>(center, half));
    high.push_back(b_.make<graph::AddOp>(center, half));
  }
  return b_.concat({low[0], low[1], high[0], high[1]}, 1);
}

/// Of each row of scores [c, n], the boxes chosen, i64 [c, most], -1 behind the last.
Value PostProcess::chosen(Value scores, const Extent &classes, int64_t most) {
  Type i64 = b_.builder().getI64Type(), f32 = b_.builder().getF32Type();
  RankedTensorType places = checkedType(Extents{1, classes, most}, i64);
  RankedTensorType room = checkedType(Extents{1, classes, count_}, b_.builder().getI32Type());
  // A score that is the threshold counts; the op wants more than a number.
  Value threshold = b_.scalar(f32, std::nextafter(options_.threshold, -std::numeric_limits<float>::infinity()));
  Values results = b_.makeMany<graph::NonMaxSuppressionOp>(
      {places, room}, b_.reshape(boxes_, {1, count_, 4}), b_.reshape(scores, {1, classes, count_}), b_.number(most),
      b_.scalar(f32, options_.overlap), threshold, /*center=*/false);
  return b_.reshape(results.front(), {classes, most});
}

/// Results of as many rows as there may be, of which `count` (i64, of rank 0) mean something and others are zeros.
Values PostProcess::listed(Value places, Value classes, Value scores, Value count) {
  Type f32 = b_.builder().getF32Type();
  const Extent rows = extentsOf(places)[0];
  Value isThere = b_.make<graph::LessOp>(b_.countAlong(rows, 0), count);
  Value boxes = b_.make<graph::GatherOp>(boxes_, places, int64_t(0));
  Value zero = b_.scalar(f32, 0.0);
  auto masked = [&](Value value) { return b_.make<graph::SelectOp>(isThere, value, zero); };
  boxes = b_.make<graph::SelectOp>(b_.reshape(isThere, {rows, 1}), boxes, zero);
  return {b_.reshape(boxes, {1, rows, 4}), b_.reshape(masked(b_.cast(classes, f32)), {1, rows}),
          b_.reshape(masked(scores), {1, rows}), b_.reshape(b_.cast(count, f32), {1})};
}

/// Boxes by their best class; each chosen one is listed with its best classes.
Values PostProcess::fast() {
  Type i64 = b_.builder().getI64Type();
  const int64_t perBox = std::min(options_.classesPerBox, options_.classes);
  Type types[] = {checkedType(Extents{count_, perBox}, elementOf(scores_)), checkedType(Extents{count_, perBox}, i64)};
  Values best = b_.makeMany<graph::TopKOp>(types, scores_, int64_t(1), /*smallest=*/false);
  Value most = b_.reshape(b_.sliceDim(best[0], 1, 0, 1), {1, count_});
  Value places = b_.reshape(chosen(most, 1, options_.most), {options_.most});
  Value isChosen = b_.make<graph::GreaterEqualOp>(places, b_.number(0));
  Value count = b_.make<graph::ReduceOp>(b_.cast(isChosen, i64), graph::ReduceKind::Sum, ArrayRef<int64_t>{0});
  places = b_.make<graph::MaxOp>(places, b_.number(0));
  auto ofEach = [&](Value rows) { return b_.flat(b_.make<graph::GatherOp>(rows, places, int64_t(0))); };
  Value classes = ofEach(best[1]), scores = ofEach(best[0]);
  Value repeated = b_.flat(b_.broadcast(b_.reshape(places, {options_.most, 1}), {options_.most, perBox}));
  count = b_.reshape(count, ArrayRef<Extent>());
  Values all = listed(repeated, classes, scores, b_.make<graph::MulOp>(count, b_.number(perBox)));
  all.back() = b_.reshape(b_.cast(count, b_.builder().getF32Type()), {1});
  return all;
}

/// Boxes class by class; the best of all that are chosen.
Values PostProcess::regular() {
  const int64_t perClass = options_.boxesPerClass, all = checkedMul(options_.classes, perClass);
  Type i64 = b_.builder().getI64Type(), f32 = b_.builder().getF32Type();
  Value scores = b_.transpose(scores_, {1, 0}); // [c, n]
  Value places = chosen(scores, options_.classes, perClass);
  Value isChosen = b_.flat(b_.make<graph::GreaterEqualOp>(places, b_.number(0)));
  places = b_.make<graph::MaxOp>(places, b_.number(0));
  Value found = b_.flat(b_.make<graph::GatherElementsOp>(scores, places, int64_t(1)));
  found = b_.make<graph::SelectOp>(isChosen, found, b_.leastLike(found));
  const int64_t rows = std::min(options_.most, all);
  Type types[] = {checkedType({rows}, f32), checkedType({rows}, i64)};
  Values best = b_.makeMany<graph::TopKOp>(types, found, int64_t(0), /*smallest=*/false);
  Value count = b_.make<graph::ReduceOp>(b_.cast(isChosen, i64), graph::ReduceKind::Sum, ArrayRef<int64_t>{0});
  count = b_.make<graph::MinOp>(b_.reshape(count, ArrayRef<Extent>()), b_.number(rows));
  Value classes = b_.make<graph::DivOp>(best[1], b_.number(perClass));
  places = b_.make<graph::GatherOp>(b_.flat(places), best[1], int64_t(0));
  Values results = listed(places, classes, best[0], count);
  for (unsigned index = 0; index < 3; ++index)
    results[index] = b_.padDim(results[index], 1, 0, options_.most - rows, b_.scalar(b_.builder().getF32Type(), 0.0));
  return results;
}

Values PostProcess::run() { return options_.isRegular ? regular() : fast(); }

Values detectionPostProcess(OperatorReader &node) { return PostProcess(node).run(); }

} // namespace smelt::frontend::tflite
