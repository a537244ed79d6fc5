// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Linear quantisation as importers write it, in ops on plain integers and floats: what passes look for before any of
// them has changed it.

#ifndef SMELT_PASSES_QUANTIZE_LINEAR_H
#define SMELT_PASSES_QUANTIZE_LINEAR_H

#include "passes/quantize/Products.h"
#include <vector>

namespace smelt::quantize {

/// cast(integers) - zero point, in i32; a zero point of null is 0.
struct Centred {
  mlir::Value integers, zeroPoint;
};
/// Of integers of 8 bits; nothing for other values.
std::optional<Centred> centredOf(mlir::Value wide);

/// whole · step in f32, `whole` being `centred` in i32 and the step one positive constant.
struct Dequantised {
  mlir::Value whole;
  Centred centred;
  float step;
};
std::optional<Dequantised> dequantisedOf(mlir::Value value);

/// cast(clamp(round(x / step) + zero point)) to integers of 8 bits, with the bounds of their type.
struct Quantised {
  mlir::Value input;
  float step;
  int64_t zeroPoint;
  double least, most; // of the type
};
std::optional<Quantised> quantisedOf(mlir::Value value);

/// Numbers as whole ones in i32, each times the step of its column, exactly.
struct Multiples {
  graph::HostTensor whole;
  std::vector<float> steps;
};
/// Of f32 that integers of 8 bits were dequantised to, whatever has moved them since; nothing for other numbers. The
/// whole numbers of a column lie within 255 of each other.
std::optional<Multiples> multiplesOf(const graph::HostTensor &numbers, const Columns &columns);

} // namespace smelt::quantize

#endif // SMELT_PASSES_QUANTIZE_LINEAR_H
