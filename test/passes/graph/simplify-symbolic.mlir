// RUN: smelt-opt %s --simplify | FileCheck %s
//
// Equal extents are equal whatever they will be; what is not known to be equal is left alone.

!n4 = tensor<?x4xf32, #graph.extents<"n, 4">>
!n1 = tensor<?x1xf32, #graph.extents<"n, 1">>
!m4 = tensor<?x4xf32, #graph.extents<"m, 4">>
!any4 = tensor<?x4xf32, #graph.extents<"broadcast(m, n), 4">>
!n = tensor<?xf32, #graph.extents<"n">>

// x · 1 → x, max(x, 0) → relu(x), x^2 → x · x
// CHECK-LABEL: func.func @arithmetic
// CHECK: %[[R:.*]] = graph.relu %arg0
// CHECK-NEXT: graph.mul %[[R]], %[[R]]
// CHECK-NEXT: return
func.func @arithmetic(%x: !n4) -> !n4 {
  %one = graph.constant dense<1.0> : tensor<f32>
  %zero = graph.constant dense<0.0> : tensor<f32>
  %two = graph.constant dense<2.0> : tensor<f32>
  %0 = graph.mul %one, %x : (tensor<f32>, !n4) -> !n4
  %1 = graph.max %0, %zero : (!n4, tensor<f32>) -> !n4
  %2 = graph.pow %1, %two : (!n4, tensor<f32>) -> !n4
  return %2 : !n4
}

// x · [1, 1, …] → broadcast(x): x may have one row, or four
// CHECK-LABEL: func.func @times_ones
// CHECK-NEXT: graph.broadcast %arg0
func.func @times_ones(%x: !n) -> tensor<4xf32> {
  %c = graph.constant dense<1.0> : tensor<4xf32>
  %0 = graph.mul %x, %c : (!n, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// select(true, a, b) → broadcast(a), the dims of which still say that n and m agree.
// CHECK-LABEL: func.func @selects_one
// CHECK: graph.broadcast %arg0 {{.*}} -> tensor<?x4xf32, #graph.extents<"broadcast(m, n), 4">>
// CHECK-NEXT: return
func.func @selects_one(%a: !n4, %b: !m4) -> !any4 {
  %true = graph.constant dense<true> : tensor<i1>
  %0 = graph.select %true, %a, %b : (tensor<i1>, !n4, !m4) -> !any4
  return %0 : !any4
}

// op(broadcast(x), y) → op(x, y); with other dims than y's the broadcast stays behind
// CHECK-LABEL: func.func @broadcast
// CHECK-NEXT: %[[A:.*]] = graph.add %arg0, %arg1
// CHECK-NEXT: %[[E:.*]] = graph.exp %arg1
// CHECK-NEXT: %[[B:.*]] = graph.broadcast %[[E]]
// CHECK-NEXT: return %[[A]], %[[B]]
func.func @broadcast(%x: !n4, %y: !n1) -> (!n4, !n4) {
  %0 = graph.broadcast %y : (!n1) -> !n4
  %1 = graph.add %x, %0 : (!n4, !n4) -> !n4
  %2 = graph.exp %0 : (!n4) -> !n4
  return %1, %2 : !n4, !n4
}

// op(reshape(y), c) → reshape(op(y, c)): the constant spans dims that both shapes have
!n24 = tensor<?x2x4xf32, #graph.extents<"n, 2, 4">>
!twice = tensor<?x4xf32, #graph.extents<"2*n, 4">>
// CHECK-LABEL: func.func @reshape_later
// CHECK: %[[S:.*]] = graph.softmax
// CHECK: %[[A:.*]] = graph.add %[[S]]
// CHECK: graph.reshape %[[A]]
// CHECK-NEXT: return
func.func @reshape_later(%x: !n24) -> !twice {
  %c = graph.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %0 = graph.softmax %x {axis = 2 : i64} : (!n24) -> !n24
  %1 = graph.reshape %0 : (!n24) -> !twice
  %2 = graph.add %1, %c : (!twice, tensor<4xf32>) -> !twice
  return %2 : !twice
}

// A transpose that moves a dim of 1 is a reshape; n may be 1, but is not known to be.
!n14 = tensor<?x1x4xf32, #graph.extents<"n, 1, 4">>
!behind = tensor<1x?x4xf32, #graph.extents<"1, n, 4">>
!turned = tensor<4x?xf32, #graph.extents<"4, n">>
// CHECK-LABEL: func.func @transposes
// CHECK-NEXT: graph.reshape %arg0
// CHECK-NEXT: graph.transpose %arg1
func.func @transposes(%x: !n14, %y: !n4) -> (!behind, !turned) {
  %0 = graph.transpose %x {permutation = array<i64: 1, 0, 2>} : (!n14) -> !behind
  %1 = graph.transpose %y {permutation = array<i64: 1, 0>} : (!n4) -> !turned
  return %0, %1 : !behind, !turned
}

// A product broadcasts its batches by itself.
!bmk = tensor<?x?x8xf32, #graph.extents<"b, m, 8">>
!b88 = tensor<?x8x8xf32, #graph.extents<"b, 8, 8">>
// CHECK-LABEL: func.func @matmul_of_broadcast
// CHECK-NEXT: graph.matmul %arg0, %arg1
func.func @matmul_of_broadcast(%a: !bmk, %w: tensor<1x8x8xf32>) -> !bmk {
  %0 = graph.broadcast %w : (tensor<1x8x8xf32>) -> !b88
  %1 = graph.matmul %a, %0 : (!bmk, !b88) -> !bmk
  return %1 : !bmk
}

// slice(concat(a, b)) → slice(a) where it is known to lie in a; concat(x, empty) → x
!join = tensor<?xf32, #graph.extents<"n + 8">>
!join2 = tensor<?xf32, #graph.extents<"2*n + 8">>
// CHECK-LABEL: func.func @pieces
// CHECK-NEXT: %[[A:.*]] = graph.slice %arg0 {starts = #graph.extents<"2">
// CHECK-NEXT: %[[C:.*]] = graph.concat %arg0, %arg1, %arg1
// CHECK-NEXT: %[[B:.*]] = graph.slice %[[C]]
// CHECK-NEXT: return %[[A]], %[[B]], %arg1
func.func @pieces(%a: tensor<8xf32>, %b: !n, %e: tensor<0xf32>) -> (tensor<4xf32>, !n, !n) {
  %0 = graph.concat %a, %b {axis = 0 : i64} : (tensor<8xf32>, !n) -> !join
  %1 = graph.slice %0 {starts = #graph.extents<"2">, steps = #graph.extents<"1">} : (!join) -> tensor<4xf32>
  %2 = graph.concat %0, %b {axis = 0 : i64} : (!join, !n) -> !join2
  %3 = graph.slice %2 {starts = #graph.extents<"9">, steps = #graph.extents<"1">} : (!join2) -> !n
  %4 = graph.concat %b, %e {axis = 0 : i64} : (!n, tensor<0xf32>) -> !n
  return %1, %3, %4 : tensor<4xf32>, !n, !n
}

// gather(x, [1]) → slice(x) along a dim of four, not along one of n
// CHECK-LABEL: func.func @gather
// CHECK: %[[S:.*]] = graph.slice %arg0 {starts = #graph.extents<"0, 1">
// CHECK-NEXT: graph.reshape %[[S]]
// CHECK-NEXT: graph.gather %arg0
func.func @gather(%x: !n4) -> (!n, tensor<4xf32>) {
  %i = graph.constant dense<1> : tensor<i64>
  %0 = graph.gather %x, %i {axis = 1 : i64} : (!n4, tensor<i64>) -> !n
  %1 = graph.gather %x, %i {axis = 0 : i64} : (!n4, tensor<i64>) -> tensor<4xf32>
  return %0, %1 : !n, tensor<4xf32>
}
