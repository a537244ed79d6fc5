// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(pack-contractions,form-dispatches),split-rows{strips=2})' --split-input-file | FileCheck %s
// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(pack-contractions,form-dispatches),split-rows{strips=1})' --split-input-file | FileCheck %s --check-prefix=WHOLE

// relu, then a window of three rows: of 8 rows the first strip reads 5, and the second the last two of these again,
// which are copied before its own are computed.
// CHECK-LABEL: func.func @window
// CHECK: %[[X0:.*]] = graph.slice %arg0 {starts = #graph.extents<"0, 0, 0, 0">{{.*}} -> tensor<1x5x8x16xf32>
// CHECK: %[[A0:.*]] = kernel.dispatch(%[[X0]])
// CHECK: %[[P0:.*]] = graph.pad %[[A0]]{{.*}} {high = #graph.extents<"0, 0, 1, 0">, low = #graph.extents<"0, 1, 1, 0">}{{.*}} -> tensor<1x6x10x16xf32>
// CHECK: %[[B0:.*]] = kernel.dispatch(%[[P0]], {{.*}} -> tensor<1x4x8x16xf32>
// CHECK: %[[LAST:.*]] = graph.slice %[[A0]] {starts = #graph.extents<"0, 3, 0, 0">{{.*}} -> tensor<1x2x8x16xf32>
// CHECK: %[[KEPT:.*]] = kernel.dispatch(%[[LAST]])
// CHECK: %[[X1:.*]] = graph.slice %arg0 {starts = #graph.extents<"0, 5, 0, 0">{{.*}} -> tensor<1x3x8x16xf32>
// CHECK: %[[A1:.*]] = kernel.dispatch(%[[X1]])
// CHECK: %[[ROWS:.*]] = graph.concat %[[KEPT]], %[[A1]] {axis = 1 : i64}
// CHECK: %[[P1:.*]] = graph.pad %[[ROWS]]{{.*}} {high = #graph.extents<"0, 1, 1, 0">, low = #graph.extents<"0, 0, 1, 0">}{{.*}} -> tensor<1x6x10x16xf32>
// CHECK: %[[B1:.*]] = kernel.dispatch(%[[P1]], {{.*}} -> tensor<1x4x8x16xf32>
// CHECK: %[[B:.*]] = graph.concat %[[B0]], %[[B1]] {axis = 1 : i64}
// CHECK: return %[[B]]
// WHOLE-LABEL: func.func @window
// WHOLE-NOT: graph.slice
// WHOLE: return
func.func @window(%x: tensor<1x8x8x16xf32>, %w: tensor<3x3x1x16xf32>) -> tensor<1x8x8x16xf32> {
  %0 = graph.relu %x : (tensor<1x8x8x16xf32>) -> tensor<1x8x8x16xf32>
  %1 = graph.conv %0, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 16 : i64, layout = 1 : i32} : (tensor<1x8x8x16xf32>, tensor<3x3x1x16xf32>) -> tensor<1x8x8x16xf32>
  return %1 : tensor<1x8x8x16xf32>
}

// -----

// What somebody else reads as a whole is there as a whole.
// CHECK-LABEL: func.func @read_elsewhere
// CHECK: %[[A0:.*]] = kernel.dispatch(%{{.*}}) {{.*}} -> tensor<1x5x8x16xf32>
// CHECK: %[[A1:.*]] = kernel.dispatch(%{{.*}}) : (tensor<1x3x8x16xf32>) -> tensor<1x3x8x16xf32>
// CHECK: %[[A:.*]] = graph.concat %[[A0]], %[[A1]] {axis = 1 : i64}
// CHECK: return %{{.*}}, %[[A]]
func.func @read_elsewhere(%x: tensor<1x8x8x16xf32>, %w: tensor<3x3x1x16xf32>) -> (tensor<1x8x8x16xf32>, tensor<1x8x8x16xf32>) {
  %0 = graph.relu %x : (tensor<1x8x8x16xf32>) -> tensor<1x8x8x16xf32>
  %1 = graph.conv %0, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 16 : i64, layout = 1 : i32} : (tensor<1x8x8x16xf32>, tensor<3x3x1x16xf32>) -> tensor<1x8x8x16xf32>
  return %1, %0 : tensor<1x8x8x16xf32>, tensor<1x8x8x16xf32>
}

// -----

// All rows are needed for each result, and open sizes are left alone.
// CHECK-LABEL: func.func @mean
// CHECK-NOT: graph.slice
// CHECK: return
func.func @mean(%x: tensor<1x8x8x16xf32>) -> tensor<1x1x8x16xf32> {
  %0 = graph.reduce %x {kind = 1 : i32, axes = array<i64: 1>} : (tensor<1x8x8x16xf32>) -> tensor<1x1x8x16xf32>
  return %0 : tensor<1x1x8x16xf32>
}

// -----

// CHECK-LABEL: func.func @open
// CHECK-NOT: graph.slice
// CHECK: return
func.func @open(%x: tensor<1x?x8x16xf32, #graph.extents<"1, height, 8, 16">>) -> tensor<1x?x8x16xf32, #graph.extents<"1, height, 8, 16">> {
  %0 = graph.relu %x : (tensor<1x?x8x16xf32, #graph.extents<"1, height, 8, 16">>) -> tensor<1x?x8x16xf32, #graph.extents<"1, height, 8, 16">>
  return %0 : tensor<1x?x8x16xf32, #graph.extents<"1, height, 8, 16">>
}
