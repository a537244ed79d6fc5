// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(split-products))' | FileCheck %s
// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(split-products{multiprocessors=128}))' | FileCheck %s --check-prefix=GROUPS

// matmul(a[m, k], b[k, n])   →   reduce(matmul(a[parts, m, k / parts], b[parts, k / parts, n])) {sum}
// Threads of a group split a K of 4096 themselves.
// CHECK-LABEL: func.func @row
// CHECK: %[[A:.*]] = graph.reshape %arg0 : (tensor<1x4096xf32>) -> tensor<1x64x64xf32>
// CHECK: %[[LEFT:.*]] = graph.transpose %[[A]] {permutation = array<i64: 1, 0, 2>}
// CHECK: %[[RIGHT:.*]] = graph.reshape %arg1 : (tensor<4096x1xf32>) -> tensor<64x64x1xf32>
// CHECK: %[[P:.*]] = graph.matmul %[[LEFT]], %[[RIGHT]] {{.*}} -> tensor<64x1x1xf32>
// CHECK: graph.reduce %[[P]] {axes = array<i64: 0>, kind = 0 : i32}
// GROUPS-LABEL: func.func @row
// GROUPS: graph.matmul %arg0, %arg1
func.func @row(%a: tensor<1x4096xf32>, %b: tensor<4096x1xf32>) -> tensor<1x1xf32> {
  %0 = graph.matmul %a, %b : (tensor<1x4096xf32>, tensor<4096x1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// A convolution of one tap is a product.
// CHECK-LABEL: func.func @points
// CHECK: graph.reshape %arg0 : (tensor<1x2x2x4096xf32>) -> tensor<4x4096xf32>
// CHECK: graph.matmul {{.*}} -> tensor<64x4x8xf32>
func.func @points(%x: tensor<1x2x2x4096xf32>, %w: tensor<1x1x4096x8xf32>) -> tensor<1x2x2x8xf32> {
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x2x2x4096xf32>, tensor<1x1x4096x8xf32>) -> tensor<1x2x2x8xf32>
  return %0 : tensor<1x2x2x8xf32>
}

// Many results, a short K, and values that attention weighs, stay.
// CHECK-LABEL: func.func @others
// CHECK-NOT: graph.reduce
// CHECK: return
func.func @others(%a: tensor<256x4096xf32>, %b: tensor<4096x256xf32>, %c: tensor<1x128xf32>, %d: tensor<128x8xf32>, %s: tensor<1x4096xf32>, %v: tensor<4096x8xf32>) -> (tensor<256x256xf32>, tensor<1x8xf32>, tensor<1x8xf32>) {
  %0 = graph.matmul %a, %b : (tensor<256x4096xf32>, tensor<4096x256xf32>) -> tensor<256x256xf32>
  %1 = graph.matmul %c, %d : (tensor<1x128xf32>, tensor<128x8xf32>) -> tensor<1x8xf32>
  %2 = graph.softmax %s {axis = 1 : i64} : (tensor<1x4096xf32>) -> tensor<1x4096xf32>
  %3 = graph.matmul %2, %v : (tensor<1x4096xf32>, tensor<4096x8xf32>) -> tensor<1x8xf32>
  return %0, %1, %3 : tensor<256x256xf32>, tensor<1x8xf32>, tensor<1x8xf32>
}
