// RUN: smelt-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(pack-contractions{vector-bytes=64 vector-registers=32 dots=1}))' | FileCheck %s
// RUN: smelt-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(pack-contractions{vector-bytes=64 vector-registers=32}))' | FileCheck %s --check-prefix=NONE

// Patches side by side: 3 channels would be a pair and a half; a patch's row of 14 x 3 is 21 pairs.
// CHECK-LABEL: func.func @patches
// CHECK: %[[X:.*]] = graph.reshape %arg0 : (tensor<1x28x28x3xbf16>) -> tensor<1x28x2x42xbf16>
// CHECK: kernel.contract %[[X]], %{{.*}} strides = array<i64: 14, 1>, together = 2 : i64, window = array<i64: 14, 1>} : (tensor<1x28x2x42xbf16>, tensor<1x294x32xbf16>)
// Without dots there is nothing to gain.
// NONE-LABEL: func.func @patches
// NONE-NOT: graph.reshape %arg0
// NONE: kernel.contract %arg0
func.func @patches(%x: tensor<1x28x28x3xbf16>) -> tensor<1x2x2x16xf32> {
  %w = graph.constant dense<1.0> : tensor<14x14x3x16xbf16>
  %0 = graph.conv %x, %w {strides = array<i64: 14, 14>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32, wide = true} : (tensor<1x28x28x3xbf16>, tensor<14x14x3x16xbf16>) -> tensor<1x2x2x16xf32>
  return %0 : tensor<1x2x2x16xf32>
}

// -----

// One column is left over.
// CHECK-LABEL: func.func @rest
// CHECK-NOT: graph.reshape %arg0
// CHECK: kernel.contract %arg0
func.func @rest(%x: tensor<1x28x29x3xbf16>) -> tensor<1x2x2x16xf32> {
  %w = graph.constant dense<1.0> : tensor<14x14x3x16xbf16>
  %0 = graph.conv %x, %w {strides = array<i64: 14, 14>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32, wide = true} : (tensor<1x28x29x3xbf16>, tensor<14x14x3x16xbf16>) -> tensor<1x2x2x16xf32>
  return %0 : tensor<1x2x2x16xf32>
}

// -----

// An even number of channels has no need of it.
// CHECK-LABEL: func.func @even
// CHECK-NOT: graph.reshape %arg0
// CHECK: kernel.contract %arg0
func.func @even(%x: tensor<1x4x4x8xbf16>) -> tensor<1x2x2x16xf32> {
  %w = graph.constant dense<1.0> : tensor<2x2x8x16xbf16>
  %0 = graph.conv %x, %w {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32, wide = true} : (tensor<1x4x4x8xbf16>, tensor<2x2x8x16xbf16>) -> tensor<1x2x2x16xf32>
  return %0 : tensor<1x2x2x16xf32>
}
