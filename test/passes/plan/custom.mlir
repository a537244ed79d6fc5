// RUN: smelt-opt %s --split-input-file --form-dispatches --place-buffers | FileCheck %s

// A function takes what lies dense: a slice is copied, nothing is computed in its kernel, and numbers lie in memory.
// CHECK: kernel.func @kernel_[[COPY:[0-9]+]]
// CHECK: kernel.func @kernel_[[CALL:[0-9]+]]
// CHECK-NEXT: ^bb0(%{{.*}}: memref<4x2xf32, strided<[2, 1]>>, %{{.*}}: memref<1xf32, strided<[1]>>, %{{.*}}: memref<4x2xf32, strided<[2, 1]>>):
// CHECK-NOT: kernel.func
// CHECK: graph.custom(
// CHECK-NEXT: kernel.store
// CHECK-NEXT: }
// CHECK: kernel.func @kernel_[[EXP:[0-9]+]]
// CHECK: kernel.call @kernel_[[COPY]]
// CHECK-NEXT: kernel.call @kernel_[[CALL]] {bases = array<i32: 0, 1, 0>
// CHECK-NEXT: kernel.call @kernel_[[EXP]]
func.func @main(%x: tensor<4x3xf32>) -> tensor<4x2xf32> {
  %one = graph.constant dense<1.0> : tensor<1xf32>
  %0 = graph.slice %x {starts = #graph.extents<"0, 1">, steps = #graph.extents<"1, 1">} : (tensor<4x3xf32>) -> tensor<4x2xf32>
  %1 = graph.custom(%0, %one) {function = "f", names = [], values = [], absent = array<i64>} : (tensor<4x2xf32>, tensor<1xf32>) -> tensor<4x2xf32>
  %2 = graph.exp %1 : (tensor<4x2xf32>) -> tensor<4x2xf32>
  return %2 : tensor<4x2xf32>
}

// -----

// It makes what lies dense as well: rows side by side are written in place, columns are copied there.
// CHECK: kernel.plan
// CHECK: kernel.call @{{.*}} {bases = array<i32: 2, 3>, indices = array<i32: 0, 0>, offsets = #graph.extents<"0, 0">}
// CHECK-NEXT: kernel.call @{{.*}} {bases = array<i32: 2, 3>, indices = array<i32: 0, 0>, offsets = #graph.extents<"0, 32">}
// CHECK-NEXT: kernel.call @{{.*}} {bases = array<i32: 2, 0>
// CHECK-NEXT: kernel.call @{{.*}} {bases = array<i32: 0, 3>
func.func @main(%x: tensor<2x4xf32>) -> (tensor<4x4xf32>, tensor<2x8xf32>) {
  %0 = graph.custom(%x) {function = "f", names = [], values = [], absent = array<i64>} : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = graph.custom(%x) {function = "g", names = [], values = [], absent = array<i64>} : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = graph.custom(%x) {function = "h", names = [], values = [], absent = array<i64>} : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %rows = graph.concat %0, %1 {axis = 0 : i64} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<4x4xf32>
  %columns = graph.concat %2, %x {axis = 1 : i64} : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x8xf32>
  return %rows, %columns : tensor<4x4xf32>, tensor<2x8xf32>
}
