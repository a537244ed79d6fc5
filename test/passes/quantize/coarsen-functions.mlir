// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(coarsen-functions))' | FileCheck %s

// Steps of 1/50 hide what the coarse formula is off by.
// CHECK-LABEL: func.func @gelu
// CHECK: graph.gelu %{{.*}} {graph.coarse}
func.func @gelu(%x: tensor<4x8xf32>) -> tensor<4x8xui8> {
  %g = graph.gelu %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %q = graph.quantize %g {factor = 50.0 : f64, to = ui8, zero_point = 9 : i64} : (tensor<4x8xf32>) -> tensor<4x8xui8>
  return %q : tensor<4x8xui8>
}

// Steps of 1/2000 do not.
// CHECK-LABEL: func.func @fine
// CHECK: graph.gelu %{{.*}} : (
func.func @fine(%x: tensor<4x8xf32>) -> tensor<4x8xui8> {
  %g = graph.gelu %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %q = graph.quantize %g {factor = 2000.0 : f64, to = ui8, zero_point = 9 : i64} : (tensor<4x8xf32>) -> tensor<4x8xui8>
  return %q : tensor<4x8xui8>
}

// What evens out channels counts by the largest of its factors.
// CHECK-LABEL: func.func @evened
// CHECK: graph.gelu %{{.*}} {graph.coarse}
func.func @evened(%x: tensor<4x2xf32>) -> tensor<4x2xui8> {
  %c = graph.constant dense<[-4.0, 0.5]> : tensor<2xf32>
  %g = graph.gelu %x : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %m = graph.mul %g, %c : (tensor<4x2xf32>, tensor<2xf32>) -> tensor<4x2xf32>
  %q = graph.quantize %m {factor = 50.0 : f64, to = ui8, zero_point = 9 : i64} : (tensor<4x2xf32>) -> tensor<4x2xui8>
  return %q : tensor<4x2xui8>
}

// CHECK-LABEL: func.func @evened_far
// CHECK: graph.gelu %{{.*}} : (
func.func @evened_far(%x: tensor<4x2xf32>) -> tensor<4x2xui8> {
  %c = graph.constant dense<[-32.0, 0.5]> : tensor<2xf32>
  %g = graph.gelu %x : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %m = graph.mul %g, %c : (tensor<4x2xf32>, tensor<2xf32>) -> tensor<4x2xf32>
  %q = graph.quantize %m {factor = 50.0 : f64, to = ui8, zero_point = 9 : i64} : (tensor<4x2xf32>) -> tensor<4x2xui8>
  return %q : tensor<4x2xui8>
}

// Something else reads all digits.
// CHECK-LABEL: func.func @read_twice
// CHECK: graph.gelu %{{.*}} : (
func.func @read_twice(%x: tensor<4x8xf32>) -> (tensor<4x8xui8>, tensor<4x8xf32>) {
  %g = graph.gelu %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %q = graph.quantize %g {factor = 50.0 : f64, to = ui8, zero_point = 9 : i64} : (tensor<4x8xf32>) -> tensor<4x8xui8>
  return %q, %g : tensor<4x8xui8>, tensor<4x8xf32>
}

// 16 bits show more digits.
// CHECK-LABEL: func.func @sixteen
// CHECK: graph.gelu %{{.*}} : (
func.func @sixteen(%x: tensor<4x8xf32>) -> tensor<4x8xui16> {
  %g = graph.gelu %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %q = graph.quantize %g {factor = 50.0 : f64, to = ui16, zero_point = 9 : i64} : (tensor<4x8xf32>) -> tensor<4x8xui16>
  return %q : tensor<4x8xui16>
}
