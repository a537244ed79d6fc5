// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Operators of torchvision.

#include "frontends/common/Selection.h"
#include "frontends/pt2/Operators.h"

using namespace mlir;

namespace smelt::frontend::pt2 {

/// The boxes that no better one overlaps, by descending score.
static Value nms(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value boxes = node.tensor("dets"), scores = node.tensor("scores");
  if (rankOf(boxes) != 2 || rankOf(scores) != 1)
    malformed("needs boxes [n, 4] and scores [n]");
  const Extent count = extentsOf(scores)[0];
  boxes = b.reshape(b.expect(boxes, {count, 4}, "boxes"), {1, count, 4});
  Value most = b.number(count), overlap = b.scalarLike(boxes, node.number("iou_threshold"));
  Value rows = suppressed(b, boxes, b.reshape(scores, {1, 1, count}), most, overlap, nullptr, /*isCenter=*/false);
  Value column = b.sliceDim(rows, 1, 2, 1);
  return b.reshape(column, Extents{extentsOf(column)[0]});
}

/// [k, 5]: an example and two corners each.
static Value roiAlign(NodeReader &node) {
  GraphBuilder &b = node.builder();
  Value x = node.tensor("input"), rois = node.tensor("rois");
  if (rankOf(x) != 4 || rankOf(rois) != 2)
    malformed("needs an input of four dims and rois of two");
  rois = b.expect(rois, {extentsOf(rois)[0], 5}, "rois");
  const Extent count = extentsOf(rois)[0];
  Value batches = b.cast(b.reshape(b.sliceDim(rois, 1, 0, 1), Extents{count}), b.builder().getI64Type());
  int64_t ratio = std::max<int64_t>(node.integer("sampling_ratio"), 0);
  return b.make<graph::RoiAlignOp>(x, b.sliceDim(rois, 1, 1, 4), batches, node.integer("pooled_height"),
                                   node.integer("pooled_width"), ratio, llvm::APFloat(node.number("spatial_scale")),
                                   node.flag("aligned"),
                                   /*maximum=*/false);
}

/// What nms asks for before it chooses a device: there is no CUDA.
static Things cudaVersion(NodeReader &) { return {Thing(Extent(-1))}; }

static constexpr Operator kOperators[] = {
    {"torchvision._cuda_version.default", cudaVersion},
    {"torchvision.nms.default", nms},
    {"torchvision.roi_align.default", roiAlign},
};

ArrayRef<Operator> visionOperators() { return kOperators; }

} // namespace smelt::frontend::pt2
