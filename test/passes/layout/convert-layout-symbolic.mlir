// RUN: smelt-opt %s --convert-layout --fold-constants --simplify --cse | FileCheck %s

!image = tensor<?x3x?x?xf32, #graph.extents<"n, 3, h, w">>
!result = tensor<?x2x?x?xf32, #graph.extents<"n, 2, h, w">>
// Transposes at the input and the output only.
// CHECK-LABEL: func.func @conv
// CHECK: %[[X:.*]] = graph.transpose %arg0 {permutation = array<i64: 0, 2, 3, 1>}
// CHECK: %[[C:.*]] = graph.conv %[[X]], {{.*}} layout = 1 : i32{{.*}} -> tensor<?x?x?x2xf32, #graph.extents<"n, h, w, 2">>
// CHECK-NEXT: %[[A:.*]] = graph.add %[[C]]
// CHECK-NEXT: %[[R:.*]] = graph.relu %[[A]]
// CHECK-NEXT: %[[Y:.*]] = graph.transpose %[[R]] {permutation = array<i64: 0, 3, 1, 2>}
// CHECK-NEXT: return %[[Y]]
func.func @conv(%x: !image) -> !result {
  %w = graph.constant dense<2.0> : tensor<2x3x1x1xf32>
  %b = graph.constant dense<[[[3.0]], [[4.0]]]> : tensor<2x1x1xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (!image, tensor<2x3x1x1xf32>) -> !result
  %1 = graph.add %0, %b : (!result, tensor<2x1x1xf32>) -> !result
  %2 = graph.relu %1 : (!result) -> !result
  return %2 : !result
}

// Height and width become one dim, channels move past it in whole: the order goes through the reshape.
!joined = tensor<?x2x?xf32, #graph.extents<"n, 2, h*w">>
!last = tensor<?x?x2xf32, #graph.extents<"n, h*w, 2">>
// CHECK-LABEL: func.func @through_reshape
// CHECK-COUNT-1: graph.transpose
// CHECK: graph.conv
// CHECK-NOT: graph.transpose
// CHECK: graph.reshape {{.*}}#graph.extents<"n, h*w, 2">>
// CHECK-NEXT: graph.softmax
// CHECK-NEXT: return
func.func @through_reshape(%x: !image) -> !last {
  %w = graph.constant dense<2.0> : tensor<2x3x1x1xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (!image, tensor<2x3x1x1xf32>) -> !result
  %1 = graph.reshape %0 : (!result) -> !joined
  %2 = graph.transpose %1 {permutation = array<i64: 0, 2, 1>} : (!joined) -> !last
  %3 = graph.softmax %2 {axis = 2 : i64} : (!last) -> !last
  return %3 : !last
}

// One dim that only the run finds equal stays where it is.
!other = tensor<?x2x?x?xf32, #graph.extents<"n, 2, h, v">>
!sums = tensor<?x2x1x1xf32, #graph.extents<"n, 2, 1, 1">>
// CHECK-LABEL: func.func @found_equal
// CHECK-COUNT-1: graph.transpose
// CHECK: graph.conv
// CHECK: graph.reshape {{.*}}#graph.extents<"n, h, v, 2">>
// CHECK-NEXT: graph.reduce {{.*}}axes = array<i64: 1, 2>
// CHECK-NOT: graph.transpose
// CHECK: return
func.func @found_equal(%x: !image) -> !sums {
  %w = graph.constant dense<2.0> : tensor<2x3x1x1xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (!image, tensor<2x3x1x1xf32>) -> !result
  %1 = graph.reshape %0 : (!result) -> !other
  %2 = graph.reduce %1 {kind = 0 : i32, axes = array<i64: 2, 3>} : (!other) -> !sums
  return %2 : !sums
}
