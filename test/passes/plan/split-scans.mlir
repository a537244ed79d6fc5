// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(split-scans))' | FileCheck %s

// cumulative(x[n])   →   cumulative(x[parts, n / parts]) + cumulative(sum of each part) {exclusive}
// CHECK-LABEL: func.func @line
// CHECK: %[[PARTS:.*]] = graph.reshape %arg0 : (tensor<1x4096xf32>) -> tensor<1x64x64xf32>
// CHECK: %[[SUMS:.*]] = graph.reduce %[[PARTS]] {axes = array<i64: 2>, kind = 0 : i32}
// CHECK: %[[LINE:.*]] = graph.reshape %[[SUMS]] : (tensor<1x64x1xf32>) -> tensor<1x64xf32>
// CHECK: %[[BEFORE:.*]] = graph.cumulative %[[LINE]] {axis = 1 : i64, exclusive = true, reverse = false}
// CHECK: %[[OF:.*]] = graph.reshape %[[BEFORE]] : (tensor<1x64xf32>) -> tensor<1x64x1xf32>
// CHECK: %[[IN:.*]] = graph.cumulative %[[PARTS]] {axis = 2 : i64, exclusive = false, reverse = false}
// CHECK: graph.add %[[IN]], %[[OF]]
func.func @line(%x: tensor<1x4096xf32>) -> tensor<1x4096xf32> {
  %0 = graph.cumulative %x {axis = 1 : i64, exclusive = false, reverse = false} : (tensor<1x4096xf32>) -> tensor<1x4096xf32>
  return %0 : tensor<1x4096xf32>
}

// What no part has is one more; backwards, too.
// CHECK-LABEL: func.func @with_tail
// CHECK: graph.concat {{.*}} : (tensor<2x32xf32>, tensor<2x1xf32>) -> tensor<2x33xf32>
// CHECK: graph.cumulative {{.*}}exclusive = true, reverse = true} : (tensor<2x33xf32>)
// CHECK: graph.concat {{.*}} -> tensor<2x1021xf32>
func.func @with_tail(%x: tensor<2x1021xf32>) -> tensor<2x1021xf32> {
  %0 = graph.cumulative %x {axis = 1 : i64, exclusive = true, reverse = true} : (tensor<2x1021xf32>) -> tensor<2x1021xf32>
  return %0 : tensor<2x1021xf32>
}

// Products, short lines and many lines stay.
// CHECK-LABEL: func.func @others
// CHECK-NOT: graph.reduce
// CHECK: return
func.func @others(%x: tensor<1x4096xf32>, %short: tensor<1x100xf32>, %many: tensor<8192x512xf32>) -> (tensor<1x4096xf32>, tensor<1x100xf32>, tensor<8192x512xf32>) {
  %0 = graph.cumulative %x {axis = 1 : i64, exclusive = false, reverse = false, product = true} : (tensor<1x4096xf32>) -> tensor<1x4096xf32>
  %1 = graph.cumulative %short {axis = 1 : i64, exclusive = false, reverse = false} : (tensor<1x100xf32>) -> tensor<1x100xf32>
  %2 = graph.cumulative %many {axis = 1 : i64, exclusive = false, reverse = false} : (tensor<8192x512xf32>) -> tensor<8192x512xf32>
  return %0, %1, %2 : tensor<1x4096xf32>, tensor<1x100xf32>, tensor<8192x512xf32>
}
