// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(hoist-casts))' | FileCheck %s

// round(view(x)) → view(round(x)); the sum keeps what it had
// CHECK-LABEL: func.func @views
// CHECK: %[[Y:.*]] = graph.relu %{{.*}}
// CHECK: %[[R:.*]] = graph.cast %[[Y]] {to = bf16}
// CHECK: %[[S:.*]] = graph.reshape %[[R]] : (tensor<4x8xbf16>) -> tensor<2x2x8xbf16>
// CHECK: %[[T:.*]] = graph.transpose %[[S]] {{.*}} -> tensor<2x8x2xbf16>
// CHECK: graph.add %[[Y]], %[[Y]]
// CHECK: return %[[T]]
func.func @views(%x: tensor<4x8xf32>) -> (tensor<2x8x2xbf16>, tensor<4x8xf32>) {
  %0 = graph.relu %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = graph.reshape %0 : (tensor<4x8xf32>) -> tensor<2x2x8xf32>
  %2 = graph.transpose %1 {permutation = array<i64: 0, 2, 1>} : (tensor<2x2x8xf32>) -> tensor<2x8x2xf32>
  %3 = graph.cast %2 {to = bf16} : (tensor<2x8x2xf32>) -> tensor<2x8x2xbf16>
  %4 = graph.add %0, %0 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %3, %4 : tensor<2x8x2xbf16>, tensor<4x8xf32>
}

// round(concat(x, y)) → concat(round(x), round(y))
// CHECK-LABEL: func.func @concat
// CHECK-DAG: %[[A:.*]] = graph.cast %{{.*}} {to = bf16} : (tensor<4xf32>) -> tensor<4xbf16>
// CHECK-DAG: %[[B:.*]] = graph.cast %{{.*}} {to = bf16} : (tensor<3xf32>) -> tensor<3xbf16>
// CHECK: graph.concat %[[A]], %[[B]]
// CHECK-NOT: graph.cast
func.func @concat(%x: tensor<4xf32>, %y: tensor<3xf32>) -> tensor<7xbf16> {
  %0 = graph.concat %x, %y {axis = 0 : i64} : (tensor<4xf32>, tensor<3xf32>) -> tensor<7xf32>
  %1 = graph.cast %0 {to = bf16} : (tensor<7xf32>) -> tensor<7xbf16>
  return %1 : tensor<7xbf16>
}

// Two things read the join: it would lie in memory twice.
// CHECK-LABEL: func.func @concat_that_others_read
// CHECK: %[[C:.*]] = graph.concat
// CHECK: graph.cast %[[C]]
func.func @concat_that_others_read(%x: tensor<4xf32>, %y: tensor<3xf32>) -> (tensor<7xbf16>, tensor<7xf32>) {
  %0 = graph.concat %x, %y {axis = 0 : i64} : (tensor<4xf32>, tensor<3xf32>) -> tensor<7xf32>
  %1 = graph.cast %0 {to = bf16} : (tensor<7xf32>) -> tensor<7xbf16>
  return %1, %0 : tensor<7xbf16>, tensor<7xf32>
}

// Rounding keeps the order of numbers: the maximum of rounded ones is the rounded maximum. An average is none.
// CHECK-LABEL: func.func @pools
// CHECK: %[[R:.*]] = graph.cast %{{.*}} {to = bf16}
// CHECK: graph.pool %[[R]]
// CHECK: %[[A:.*]] = graph.pool {{.*}} -> tensor<1x4x4x4xf32>
// CHECK: graph.cast %[[A]]
func.func @pools(%x: tensor<1x8x8x4xf32>) -> (tensor<1x4x4x4xbf16>, tensor<1x4x4x4xbf16>) {
  %0 = graph.pool %x {kind = 0 : i32, window = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, declared_high = array<i64: 0, 0>, count_padding = false, p = 2 : i64, layout = 1 : i32} : (tensor<1x8x8x4xf32>) -> tensor<1x4x4x4xf32>
  %1 = graph.cast %0 {to = bf16} : (tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xbf16>
  %2 = graph.pool %x {kind = 1 : i32, window = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, declared_high = array<i64: 0, 0>, count_padding = false, p = 2 : i64, layout = 1 : i32} : (tensor<1x8x8x4xf32>) -> tensor<1x4x4x4xf32>
  %3 = graph.cast %2 {to = bf16} : (tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xbf16>
  return %1, %3 : tensor<1x4x4x4xbf16>, tensor<1x4x4x4xbf16>
}

// So do quantisations: of the largest of windows, and of what is put together.
// CHECK-LABEL: func.func @quantised
// CHECK: %[[B:.*]] = graph.quantize %{{.*}} {factor = 2.000000e+00 : f64, to = ui8, zero_point = 3 : i64} : (tensor<1x2xf32>) -> tensor<1x2xui8>
// CHECK: %[[A:.*]] = graph.quantize %{{.*}} {factor = 2.000000e+00 : f64, to = ui8, zero_point = 3 : i64} : (tensor<1x4xf32>) -> tensor<1x4xui8>
// CHECK: %[[C:.*]] = graph.concat %[[A]], %[[B]]
// CHECK: return %[[C]]
func.func @quantised(%a: tensor<4xf32>, %b: tensor<1x2xf32>) -> tensor<1x6xui8> {
  %0 = graph.reshape %a : (tensor<4xf32>) -> tensor<1x4xf32>
  %1 = graph.relu %0 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %2 = graph.concat %1, %b {axis = 1 : i64} : (tensor<1x4xf32>, tensor<1x2xf32>) -> tensor<1x6xf32>
  %3 = graph.quantize %2 {factor = 2.0 : f64, to = ui8, zero_point = 3 : i64} : (tensor<1x6xf32>) -> tensor<1x6xui8>
  return %3 : tensor<1x6xui8>
}

// Channels may be evened out before the maximum of windows, and rounded there.
// CHECK-LABEL: func.func @factors
// CHECK: %[[M:.*]] = graph.mul %arg0
// CHECK: %[[Q:.*]] = graph.quantize %[[M]]
// CHECK: graph.pool %[[Q]]
func.func @factors(%x: tensor<1x8x8x2xf32>) -> tensor<1x4x4x2xui8> {
  %f = graph.constant dense<[2.0, 0.5]> : tensor<2xf32>
  %p = graph.pool %x {kind = 0 : i32, window = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, declared_high = array<i64: 0, 0>, count_padding = false, p = 2 : i64, layout = 1 : i32} : (tensor<1x8x8x2xf32>) -> tensor<1x4x4x2xf32>
  %m = graph.mul %p, %f : (tensor<1x4x4x2xf32>, tensor<2xf32>) -> tensor<1x4x4x2xf32>
  %q = graph.quantize %m {factor = 4.0 : f64, zero_point = 0 : i64, to = ui8} : (tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xui8>
  return %q : tensor<1x4x4x2xui8>
}

// A factor below zero turns the order round.
// CHECK-LABEL: func.func @negative
// CHECK: graph.pool %arg0
func.func @negative(%x: tensor<1x8x8x2xf32>) -> tensor<1x4x4x2xui8> {
  %f = graph.constant dense<[2.0, -0.5]> : tensor<2xf32>
  %p = graph.pool %x {kind = 0 : i32, window = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, declared_high = array<i64: 0, 0>, count_padding = false, p = 2 : i64, layout = 1 : i32} : (tensor<1x8x8x2xf32>) -> tensor<1x4x4x2xf32>
  %m = graph.mul %p, %f : (tensor<1x4x4x2xf32>, tensor<2xf32>) -> tensor<1x4x4x2xf32>
  %q = graph.quantize %m {factor = 4.0 : f64, zero_point = 0 : i64, to = ui8} : (tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xui8>
  return %q : tensor<1x4x4x2xui8>
}
