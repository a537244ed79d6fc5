// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(fold-columns{vector-bytes=64}))' | FileCheck %s

// conv {8 channels} → reshape(conv {2 · 8 channels, stride 2}), with the bias and the relu before the reshape
// CHECK-LABEL: func.func @two_columns
// CHECK: %[[FILTER:.*]] = graph.concat {{.*}} {axis = 3 : i64} : (tensor<1x10x4x8xf32>, tensor<1x10x4x8xf32>) -> tensor<1x10x4x16xf32>
// CHECK: %[[CONV:.*]] = graph.conv %{{.*}}, %[[FILTER]] {{.*}}strides = array<i64: 1, 2>{{.*}} -> tensor<1x1x8x16xf32>
// CHECK: %[[BIAS:.*]] = graph.concat {{.*}} -> tensor<16xf32>
// CHECK: %[[SUM:.*]] = graph.add %[[CONV]], %[[BIAS]]
// CHECK: %[[RELU:.*]] = graph.relu %[[SUM]]
// CHECK: graph.reshape %[[RELU]] : (tensor<1x1x8x16xf32>) -> tensor<1x1x16x8xf32>
func.func @two_columns(%x: tensor<1x1x24x4xf32>) -> tensor<1x1x16x8xf32> {
  %w = graph.constant dense<1.0> : tensor<1x9x4x8xf32>
  %b = graph.constant dense<2.0> : tensor<8xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x1x24x4xf32>, tensor<1x9x4x8xf32>) -> tensor<1x1x16x8xf32>
  %1 = graph.add %0, %b : (tensor<1x1x16x8xf32>, tensor<8xf32>) -> tensor<1x1x16x8xf32>
  %2 = graph.relu %1 : (tensor<1x1x16x8xf32>) -> tensor<1x1x16x8xf32>
  return %2 : tensor<1x1x16x8xf32>
}

// Sixteen channels fill a vector.
// CHECK-LABEL: func.func @no_idle_lanes
// CHECK: graph.conv {{.*}} -> tensor<1x1x16x16xf32>
// CHECK-NEXT: return
func.func @no_idle_lanes(%x: tensor<1x1x24x4xf32>) -> tensor<1x1x16x16xf32> {
  %w = graph.constant dense<1.0> : tensor<1x9x4x16xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x1x24x4xf32>, tensor<1x9x4x16xf32>) -> tensor<1x1x16x16xf32>
  return %0 : tensor<1x1x16x16xf32>
}

// 17 columns fold into 9 pairs, of which one column is cut off again: from what the comparison yields, not from the sum.
// CHECK-LABEL: func.func @cut_after_comparison
// CHECK: %[[WIDE:.*]] = graph.greater {{.*}} -> tensor<1x1x9x16xi1>
// CHECK: %[[ALL:.*]] = graph.reshape %[[WIDE]] : (tensor<1x1x9x16xi1>) -> tensor<1x1x18x8xi1>
// CHECK: graph.slice %[[ALL]] {{.*}} : (tensor<1x1x18x8xi1>) -> tensor<1x1x17x8xi1>
func.func @cut_after_comparison(%x: tensor<1x1x25x4xf32>) -> tensor<1x1x17x8xi1> {
  %w = graph.constant dense<1.0> : tensor<1x9x4x8xf32>
  %zero = graph.constant dense<0.0> : tensor<f32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x1x25x4xf32>, tensor<1x9x4x8xf32>) -> tensor<1x1x17x8xf32>
  %1 = graph.greater %0, %zero : (tensor<1x1x17x8xf32>, tensor<f32>) -> tensor<1x1x17x8xi1>
  return %1 : tensor<1x1x17x8xi1>
}

// Columns that only the run knows fold into pairs, the last of which may have one column.
!in = tensor<?x1x?x4xf32, #graph.extents<"n, 1, w + 8, 4">>
!out = tensor<?x1x?x8xf32, #graph.extents<"n, 1, w, 8">>
// CHECK-LABEL: func.func @symbolic_columns
// CHECK: %[[CONV:.*]] = graph.conv {{.*}}high = array<i64: 0, 1>{{.*}}strides = array<i64: 1, 2>{{.*}}#graph.extents<"n, 1, floordiv(w + 1, 2), 16">>
// CHECK: %[[RELU:.*]] = graph.relu %[[CONV]]
// CHECK: %[[ALL:.*]] = graph.reshape %[[RELU]] {{.*}}#graph.extents<"n, 1, 2*floordiv(w + 1, 2), 8">>
// CHECK: graph.slice %[[ALL]] {{.*}}-> tensor<?x1x?x8xf32, #graph.extents<"n, 1, w, 8">>
func.func @symbolic_columns(%x: !in) -> !out {
  %w = graph.constant dense<1.0> : tensor<1x9x4x8xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (!in, tensor<1x9x4x8xf32>) -> !out
  %1 = graph.relu %0 : (!out) -> !out
  return %1 : !out
}

// A window of one column gains nothing for its products, but a sigmoid's vectors are full.
// CHECK-LABEL: func.func @costly_epilogue
// CHECK: %[[CONV:.*]] = graph.conv {{.*}}strides = array<i64: 1, 8>{{.*}} -> tensor<1x4x3x16xf32>
// CHECK: %[[SIGMOID:.*]] = graph.sigmoid %[[CONV]]
// CHECK: graph.reshape %[[SIGMOID]] : (tensor<1x4x3x16xf32>) -> tensor<1x4x24x2xf32>
func.func @costly_epilogue(%x: tensor<1x4x24x16xf32>) -> tensor<1x4x24x2xf32> {
  %w = graph.constant dense<1.0> : tensor<1x1x16x2xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x4x24x16xf32>, tensor<1x1x16x2xf32>) -> tensor<1x4x24x2xf32>
  %1 = graph.sigmoid %0 : (tensor<1x4x24x2xf32>) -> tensor<1x4x24x2xf32>
  return %1 : tensor<1x4x24x2xf32>
}

// A relu is not worth it.
// CHECK-LABEL: func.func @cheap_epilogue
// CHECK: graph.conv {{.*}} -> tensor<1x4x24x2xf32>
func.func @cheap_epilogue(%x: tensor<1x4x24x16xf32>) -> tensor<1x4x24x2xf32> {
  %w = graph.constant dense<1.0> : tensor<1x1x16x2xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x4x24x16xf32>, tensor<1x1x16x2xf32>) -> tensor<1x4x24x2xf32>
  %1 = graph.relu %0 : (tensor<1x4x24x2xf32>) -> tensor<1x4x24x2xf32>
  return %1 : tensor<1x4x24x2xf32>
}
