// RUN: smelt-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(pack-contractions{vector-bytes=64 vector-registers=32 dots=4}))' | FileCheck %s

// A pixel of 3 bytes becomes a word of 4, the last of which meets zeros.
// CHECK-LABEL: func.func @pixels
// CHECK: %[[X:.*]] = graph.pad %arg0, %{{.*}} {high = #graph.extents<"0, 0, 0, 1">{{.*}} -> tensor<1x28x28x4xui8>
// CHECK: kernel.contract %[[X]], %{{.*}} together = 4 : i64
func.func @pixels(%x: tensor<1x28x28x3xui8>) -> tensor<1x26x26x16xi32> {
  %w = graph.constant dense<1> : tensor<3x3x3x16xi8>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32, wide = true} : (tensor<1x28x28x3xui8>, tensor<3x3x3x16xi8>) -> tensor<1x26x26x16xi32>
  return %0 : tensor<1x26x26x16xi32>
}

// -----

// Of more channels, what is left over is little.
// CHECK-LABEL: func.func @channels
// CHECK-NOT: graph.pad %arg0
// CHECK: kernel.contract %arg0
func.func @channels(%x: tensor<1x28x28x30xui8>) -> tensor<1x26x26x16xi32> {
  %w = graph.constant dense<1> : tensor<3x3x30x16xi8>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32, wide = true} : (tensor<1x28x28x30xui8>, tensor<3x3x30x16xi8>) -> tensor<1x26x26x16xi32>
  return %0 : tensor<1x26x26x16xi32>
}
