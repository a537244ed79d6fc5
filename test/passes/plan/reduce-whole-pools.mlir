// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(reduce-whole-pools))' | FileCheck %s

// pool(x) {average, window = the image} → reduce(x) {mean of its dims}
// CHECK-LABEL: func.func @whole
// CHECK: graph.reduce %arg0 {axes = array<i64: 1, 2>, kind = 1 : i32} : (tensor<2x7x7x64xf32>) -> tensor<2x1x1x64xf32>
func.func @whole(%x: tensor<2x7x7x64xf32>) -> tensor<2x1x1x64xf32> {
  %0 = graph.pool %x {kind = 1 : i32, window = array<i64: 7, 7>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, declared_high = array<i64: 0, 0>, count_padding = false, p = 2 : i64, layout = 1 : i32} : (tensor<2x7x7x64xf32>) -> tensor<2x1x1x64xf32>
  return %0 : tensor<2x1x1x64xf32>
}

// CHECK-LABEL: func.func @channels_first
// CHECK: graph.reduce %arg0 {axes = array<i64: 2>, kind = 1 : i32}
func.func @channels_first(%x: tensor<2x64x7xf32>) -> tensor<2x64x1xf32> {
  %0 = graph.pool %x {kind = 1 : i32, window = array<i64: 7>, strides = array<i64: 3>, dilations = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, declared_high = array<i64: 0>, count_padding = true, p = 2 : i64} : (tensor<2x64x7xf32>) -> tensor<2x64x1xf32>
  return %0 : tensor<2x64x1xf32>
}

// Padding may count, a maximum does not see NaN as one of a reduction does, and of two windows none is all.
// CHECK-LABEL: func.func @others
// CHECK-NOT: graph.reduce
// CHECK: return
func.func @others(%x: tensor<2x64x7xf32>) -> (tensor<2x64x1xf32>, tensor<2x64x1xf32>, tensor<2x64x2xf32>) {
  %0 = graph.pool %x {kind = 1 : i32, window = array<i64: 7>, strides = array<i64: 1>, dilations = array<i64: 1>, low = array<i64: 1>, high = array<i64: 0>, declared_high = array<i64: 0>, count_padding = true, p = 2 : i64} : (tensor<2x64x7xf32>) -> tensor<2x64x2xf32>
  %1 = graph.pool %x {kind = 0 : i32, window = array<i64: 7>, strides = array<i64: 1>, dilations = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, declared_high = array<i64: 0>, count_padding = false, p = 2 : i64} : (tensor<2x64x7xf32>) -> tensor<2x64x1xf32>
  %2 = graph.pool %x {kind = 1 : i32, window = array<i64: 6>, strides = array<i64: 1>, dilations = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, declared_high = array<i64: 0>, count_padding = false, p = 2 : i64} : (tensor<2x64x7xf32>) -> tensor<2x64x2xf32>
  return %1, %1, %2 : tensor<2x64x1xf32>, tensor<2x64x1xf32>, tensor<2x64x2xf32>
}
