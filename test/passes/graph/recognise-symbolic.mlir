// RUN: smelt-opt %s --recognise --cse | FileCheck %s

!bs8 = tensor<?x?x8xf32, #graph.extents<"b, s, 8">>
!bs1 = tensor<?x?x1xf32, #graph.extents<"b, s, 1">>
!bss = tensor<?x?x?xf32, #graph.extents<"b, s, s">>

// CHECK-LABEL: func.func @layer_norm
// CHECK: graph.layer_norm %arg0 {axis = 2 : i64, epsilon = {{.*}}E-6 : f64}
// CHECK-NEXT: return
func.func @layer_norm(%x: !bs8) -> !bs8 {
  %eps = graph.constant dense<1.0e-5> : tensor<f32>
  %0 = graph.reduce %x {kind = 1 : i32, axes = array<i64: 2>} : (!bs8) -> !bs1
  %1 = graph.sub %x, %0 : (!bs8, !bs1) -> !bs8
  %2 = graph.mul %1, %1 : (!bs8, !bs8) -> !bs8
  %3 = graph.reduce %2 {kind = 1 : i32, axes = array<i64: 2>} : (!bs8) -> !bs1
  %4 = graph.add %3, %eps : (!bs1, tensor<f32>) -> !bs1
  %5 = graph.sqrt %4 : (!bs1) -> !bs1
  %6 = graph.div %1, %5 : (!bs8, !bs1) -> !bs8
  return %6 : !bs8
}

// The normalised dims may be symbolic as well.
// CHECK-LABEL: func.func @softmax
// CHECK-NEXT: graph.softmax %arg0 {axis = 2 : i64}
// CHECK-NEXT: return
func.func @softmax(%x: !bss) -> !bss {
  %0 = graph.reduce %x {kind = 2 : i32, axes = array<i64: 2>} : (!bss) -> !bs1
  %1 = graph.sub %x, %0 : (!bss, !bs1) -> !bss
  %2 = graph.exp %1 : (!bss) -> !bss
  %3 = graph.reduce %2 {kind = 0 : i32, axes = array<i64: 2>} : (!bss) -> !bs1
  %4 = graph.div %2, %3 : (!bss, !bs1) -> !bss
  return %4 : !bss
}

// CHECK-LABEL: func.func @gelu
// CHECK-NEXT: graph.gelu %arg0
func.func @gelu(%x: !bs8) -> !bs8 {
  %root = graph.constant dense<1.41421354> : tensor<f32>
  %one = graph.constant dense<1.0> : tensor<f32>
  %half = graph.constant dense<0.5> : tensor<f32>
  %0 = graph.div %x, %root : (!bs8, tensor<f32>) -> !bs8
  %1 = graph.erf %0 : (!bs8) -> !bs8
  %2 = graph.add %1, %one : (!bs8, tensor<f32>) -> !bs8
  %3 = graph.mul %x, %2 : (!bs8, !bs8) -> !bs8
  %4 = graph.mul %3, %half : (!bs8, tensor<f32>) -> !bs8
  return %4 : !bs8
}

// CHECK-LABEL: func.func @swish
// CHECK-NEXT: graph.swish %arg0
func.func @swish(%x: !bs8) -> !bs8 {
  %0 = graph.sigmoid %x : (!bs8) -> !bs8
  %1 = graph.mul %x, %0 : (!bs8, !bs8) -> !bs8
  return %1 : !bs8
}

// One-hot rows times a table are rows of the table.
!ids = tensor<?x?xi64, #graph.extents<"b, s">>
!column = tensor<?x?x1xi64, #graph.extents<"b, s, 1">>
!hot = tensor<?x?x4xi1, #graph.extents<"b, s, 4">>
!hotf = tensor<?x?x4xf32, #graph.extents<"b, s, 4">>
!bs2 = tensor<?x?x2xf32, #graph.extents<"b, s, 2">>
// CHECK-LABEL: func.func @embedding
// CHECK: graph.gather {{.*}} -> tensor<?x?x2xf32, #graph.extents<"b, s, 2">>
// CHECK-NEXT: return
func.func @embedding(%ids: !column) -> !bs2 {
  %count = graph.constant dense<[0, 1, 2, 3]> : tensor<4xi64>
  %table = graph.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>
  %0 = graph.equal %ids, %count : (!column, tensor<4xi64>) -> !hot
  %1 = graph.cast %0 {to = f32} : (!hot) -> !hotf
  %2 = graph.matmul %1, %table : (!hotf, tensor<4x2xf32>) -> !bs2
  return %2 : !bs2
}
