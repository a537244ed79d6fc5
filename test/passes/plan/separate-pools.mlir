// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(separate-pools))' | FileCheck %s

// pool(x) {max, window = [h, w]}   →   pool(pool(x) {window = [1, w]}) {window = [h, 1]}
// CHECK-LABEL: func.func @large
// CHECK: %[[ROWS:.*]] = graph.pool %arg0 {{.*}}high = array<i64: 0, 9>{{.*}}low = array<i64: 0, 5>{{.*}}strides = array<i64: 1, 7>, window = array<i64: 1, 33>} : (tensor<1x2x256x256xf32>) -> tensor<1x2x256x34xf32>
// CHECK: graph.pool %[[ROWS]] {{.*}}high = array<i64: 20, 0>{{.*}}low = array<i64: 10, 0>{{.*}}strides = array<i64: 3, 1>, window = array<i64: 65, 1>} : (tensor<1x2x256x34xf32>) -> tensor<1x2x74x34xf32>
func.func @large(%x: tensor<1x2x256x256xf32>) -> tensor<1x2x74x34xf32> {
  %0 = graph.pool %x {kind = 0 : i32, window = array<i64: 65, 33>, strides = array<i64: 3, 7>, dilations = array<i64: 1, 1>, low = array<i64: 10, 5>, high = array<i64: 20, 9>, declared_high = array<i64: 20, 9>, count_padding = false, p = 2 : i64} : (tensor<1x2x256x256xf32>) -> tensor<1x2x74x34xf32>
  return %0 : tensor<1x2x74x34xf32>
}

// Small windows, and averages, stay.
// CHECK-LABEL: func.func @others
// CHECK-COUNT-2: graph.pool
// CHECK-NOT: graph.pool
// CHECK: return
func.func @others(%x: tensor<1x2x64x64xf32>) -> (tensor<1x2x32x32xf32>, tensor<1x2x2x2xf32>) {
  %0 = graph.pool %x {kind = 0 : i32, window = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, declared_high = array<i64: 0, 0>, count_padding = false, p = 2 : i64} : (tensor<1x2x64x64xf32>) -> tensor<1x2x32x32xf32>
  %1 = graph.pool %x {kind = 1 : i32, window = array<i64: 32, 32>, strides = array<i64: 32, 32>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, declared_high = array<i64: 0, 0>, count_padding = false, p = 2 : i64} : (tensor<1x2x64x64xf32>) -> tensor<1x2x2x2xf32>
  return %0, %1 : tensor<1x2x32x32xf32>, tensor<1x2x2x2xf32>
}
