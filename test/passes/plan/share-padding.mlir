// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(share-padding))' | FileCheck %s

// conv(x) {low 1}, conv(x) {high 1}, conv(x) {both} → parts of one padded tensor, of which the last is all.
// CHECK-LABEL: func.func @unlike
// CHECK: %[[P:.*]] = graph.pad %arg0, %{{.*}} {high = #graph.extents<"0, 1, 1, 0">, low = #graph.extents<"0, 1, 1, 0">{{.*}} -> tensor<1x6x6x8xf32>
// CHECK-DAG: %[[A:.*]] = graph.slice %[[P]] {starts = #graph.extents<"0, 0, 0, 0">, steps = #graph.extents<"1, 1, 1, 1">} : (tensor<1x6x6x8xf32>) -> tensor<1x5x5x8xf32>
// CHECK-DAG: %[[B:.*]] = graph.slice %[[P]] {starts = #graph.extents<"0, 1, 1, 0">, steps = #graph.extents<"1, 1, 1, 1">} : (tensor<1x6x6x8xf32>) -> tensor<1x5x5x8xf32>
// CHECK: graph.conv %[[A]]{{.*}} high = array<i64: 0, 0>{{.*}} low = array<i64: 0, 0>
// CHECK: graph.conv %[[B]]
// CHECK: graph.conv %[[P]]
func.func @unlike(%x: tensor<1x4x4x8xf32>, %v: tensor<2x2x8x16xf32>, %w: tensor<3x3x8x16xf32>) -> (tensor<1x4x4x16xf32>, tensor<1x4x4x16xf32>, tensor<1x4x4x16xf32>) {
  %0 = graph.conv %x, %v {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x4x4x8xf32>, tensor<2x2x8x16xf32>) -> tensor<1x4x4x16xf32>
  %1 = graph.conv %x, %v {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 1, 1>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x4x4x8xf32>, tensor<2x2x8x16xf32>) -> tensor<1x4x4x16xf32>
  %2 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x4x4x8xf32>, tensor<3x3x8x16xf32>) -> tensor<1x4x4x16xf32>
  return %0, %1, %2 : tensor<1x4x4x16xf32>, tensor<1x4x4x16xf32>, tensor<1x4x4x16xf32>
}

// One that pads nothing reads the tensor as it is, and equal ones pad alike.
// CHECK-LABEL: func.func @alike
// CHECK-NOT: graph.pad
// CHECK-NOT: graph.slice
// CHECK: return
func.func @alike(%x: tensor<1x4x4x8xf32>, %v: tensor<3x3x8x16xf32>, %w: tensor<1x1x8x16xf32>) -> (tensor<1x4x4x16xf32>, tensor<1x4x4x16xf32>, tensor<1x4x4x16xf32>) {
  %0 = graph.conv %x, %v {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x4x4x8xf32>, tensor<3x3x8x16xf32>) -> tensor<1x4x4x16xf32>
  %1 = graph.conv %x, %v {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x4x4x8xf32>, tensor<3x3x8x16xf32>) -> tensor<1x4x4x16xf32>
  %2 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x4x4x8xf32>, tensor<1x1x8x16xf32>) -> tensor<1x4x4x16xf32>
  return %0, %1, %2 : tensor<1x4x4x16xf32>, tensor<1x4x4x16xf32>, tensor<1x4x4x16xf32>
}
