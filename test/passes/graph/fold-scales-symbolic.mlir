// RUN: smelt-opt %s --fold-scales --fold-constants | FileCheck %s

!bs8 = tensor<?x?x8xf32, #graph.extents<"b, s, 8">>
!heads = tensor<?x?x2x4xf32, #graph.extents<"b, s, 2, 4">>
!queries = tensor<?x2x?x4xf32, #graph.extents<"b, 2, s, 4">>
!keys = tensor<?x2x4x?xf32, #graph.extents<"b, 2, 4, s">>
!scores = tensor<?x2x?x?xf32, #graph.extents<"b, 2, s, s">>

// The 1/√d of attention's scores goes through the product and the views into the weights that make the queries.
// CHECK-LABEL: func.func @attention
// CHECK-DAG: %[[W:.*]] = graph.constant dense<1.000000e+00> : tensor<8x8xf32>
// CHECK: %[[Q:.*]] = graph.matmul %arg0, %[[W]]
// CHECK: graph.reshape %[[Q]]
// CHECK-NOT: graph.mul
// CHECK: return
func.func @attention(%x: !bs8, %k: !keys) -> !scores {
  %w = graph.constant dense<2.0> : tensor<8x8xf32>
  %s = graph.constant dense<0.5> : tensor<f32>
  %0 = graph.matmul %x, %w : (!bs8, tensor<8x8xf32>) -> !bs8
  %1 = graph.reshape %0 : (!bs8) -> !heads
  %2 = graph.transpose %1 {permutation = array<i64: 0, 2, 1, 3>} : (!heads) -> !queries
  %3 = graph.matmul %2, %k : (!queries, !keys) -> !scores
  %4 = graph.mul %3, %s : (!scores, tensor<f32>) -> !scores
  return %4 : !scores
}

// A table spread over a symbolic shape is no constant: it can't be computed here.
// CHECK-LABEL: func.func @unknown_scale
// CHECK: graph.matmul
// CHECK: graph.mul
func.func @unknown_scale(%x: !bs8) -> !bs8 {
  %w = graph.constant dense<2.0> : tensor<8x8xf32>
  %c = graph.constant dense<0.5> : tensor<f32>
  %0 = graph.matmul %x, %w : (!bs8, tensor<8x8xf32>) -> !bs8
  %1 = graph.broadcast %c : (tensor<f32>) -> !bs8
  %2 = graph.mul %0, %1 : (!bs8, !bs8) -> !bs8
  return %2 : !bs8
}
