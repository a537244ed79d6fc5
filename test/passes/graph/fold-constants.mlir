// RUN: smelt-opt %s --fold-constants | FileCheck %s

// A chain is folded in one walk: (1 + 2) · 3.
// CHECK-LABEL: func.func @chain
// CHECK-NEXT: %[[C:.*]] = graph.constant dense<9.000000e+00> : tensor<f32>
// CHECK-NEXT: return %[[C]]
func.func @chain() -> tensor<f32> {
  %a = graph.constant dense<1.0> : tensor<f32>
  %b = graph.constant dense<2.0> : tensor<f32>
  %c = graph.constant dense<3.0> : tensor<f32>
  %0 = graph.add %a, %b : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %1 = graph.mul %0, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %1 : tensor<f32>
}

// CHECK-LABEL: func.func @views
// CHECK-NEXT: graph.constant dense<{{\[}}[0, 3], [1, 4], [2, 5]]> : tensor<3x2xi64>
// CHECK-NEXT: return
func.func @views() -> tensor<3x2xi64> {
  %a = graph.constant dense<[0, 1, 2, 3, 4, 5]> : tensor<6xi64>
  %0 = graph.reshape %a : (tensor<6xi64>) -> tensor<2x3xi64>
  %1 = graph.transpose %0 {permutation = array<i64: 1, 0>} : (tensor<2x3xi64>) -> tensor<3x2xi64>
  return %1 : tensor<3x2xi64>
}

// What depends on an input stays.
// CHECK-LABEL: func.func @input
// CHECK: graph.add %arg0
func.func @input(%x: tensor<f32>) -> tensor<f32> {
  %a = graph.constant dense<1.0> : tensor<f32>
  %0 = graph.add %x, %a : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// A broadcast costs nothing as a view; as a constant it would cost 4 MiB.
// CHECK-LABEL: func.func @large_broadcast
// CHECK: graph.broadcast
func.func @large_broadcast() -> tensor<1024x1024xf32> {
  %a = graph.constant dense<1.0> : tensor<1x1024xf32>
  %0 = graph.broadcast %a : (tensor<1x1024xf32>) -> tensor<1024x1024xf32>
  return %0 : tensor<1024x1024xf32>
}

// A sum that is much larger than its operands is not made, however often that is asked for.
// CHECK-LABEL: func.func @outer
// CHECK: graph.add
func.func @outer() -> tensor<4096x4096xf32> {
  %a = graph.constant dense<1.0> : tensor<1x4096xf32>
  %b = graph.constant dense<1.0> : tensor<4096x1xf32>
  %0 = graph.add %a, %b : (tensor<1x4096xf32>, tensor<4096x1xf32>) -> tensor<4096x4096xf32>
  return %0 : tensor<4096x4096xf32>
}
