// RUN: smelt-opt %s --split-input-file --form-dispatches --place-buffers | FileCheck %s

// The kernel writes into the pad, where no strides express the reshape that comes after: that is a copy.
// CHECK: kernel.func @kernel_0
// CHECK-NEXT: ^bb0(%{{.*}}: memref<1x4x6x8xf32, strided<[192, 48, 8, 1]>>, %{{.*}}: memref<1x4x6x8xf32, strided<[384, 64, 8, 1]>>):
// CHECK: kernel.func @kernel_2
// CHECK-NEXT: ^bb0(%[[FROM:.*]]: memref<1x4x6x8xf32, strided<[384, 64, 8, 1]>>, %[[TO:.*]]: memref<1x24x8xf32, strided<[192, 8, 1]>>):
// CHECK-NEXT: %[[LOADED:.*]] = kernel.load %[[FROM]]
// CHECK-NEXT: %[[SHAPED:.*]] = graph.reshape %[[LOADED]]
// CHECK-NEXT: kernel.store %[[SHAPED]], %[[TO]]
// CHECK: kernel.func @kernel_3
// CHECK-NEXT: ^bb0(%{{.*}}: memref<1x24x8xf32, strided<[192, 8, 1]>>, %{{.*}}: memref<1x24x8xf32, strided<[192, 8, 1]>>):
func.func @main(%x: tensor<1x4x6x8xf32>) -> (tensor<1x6x8x8xf32>, tensor<1x24x8xf32>) {
  %zero = graph.constant dense<0.0> : tensor<f32>
  %0 = graph.tanh %x : (tensor<1x4x6x8xf32>) -> tensor<1x4x6x8xf32>
  %1 = graph.pad %0, %zero {low = #graph.extents<"0, 1, 1, 0">, high = #graph.extents<"0, 1, 1, 0">} : (tensor<1x4x6x8xf32>, tensor<f32>) -> tensor<1x6x8x8xf32>
  %2 = graph.reshape %0 : (tensor<1x4x6x8xf32>) -> tensor<1x24x8xf32>
  %3 = graph.softmax %2 {axis = 1 : i64} : (tensor<1x24x8xf32>) -> tensor<1x24x8xf32>
  return %1, %3 : tensor<1x6x8x8xf32>, tensor<1x24x8xf32>
}

// -----

// What comes after the copy is again a view.
// CHECK: kernel.func @kernel_2
// CHECK-NEXT: ^bb0(%{{.*}}: memref<4x6xf32, strided<[12, 1]>>, %{{.*}}: memref<24xf32, strided<[1]>>):
// CHECK-NEXT: kernel.load
// CHECK-NEXT: graph.reshape
// CHECK: kernel.func @kernel_3
// CHECK-NEXT: ^bb0(%{{.*}}: memref<8x3xf32, strided<[1, 8]>>, %{{.*}}: memref<8x3xf32, strided<[3, 1]>>):
// CHECK-NOT: kernel.func @kernel_4
func.func @main(%x: tensor<4x6xf32>) -> (tensor<4x12xf32>, tensor<8x3xf32>) {
  %0 = graph.tanh %x : (tensor<4x6xf32>) -> tensor<4x6xf32>
  %1 = graph.concat %0, %0 {axis = 1 : i64} : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x12xf32>
  %2 = graph.reshape %0 : (tensor<4x6xf32>) -> tensor<24xf32>
  %3 = graph.reshape %2 : (tensor<24xf32>) -> tensor<3x8xf32>
  %4 = graph.transpose %3 {permutation = array<i64: 1, 0>} : (tensor<3x8xf32>) -> tensor<8x3xf32>
  %5 = graph.softmax %4 {axis = 0 : i64} : (tensor<8x3xf32>) -> tensor<8x3xf32>
  return %1, %5 : tensor<4x12xf32>, tensor<8x3xf32>
}

// -----

// So with dims that the run tells.
// CHECK: kernel.func @kernel_2
// CHECK-NEXT: ^bb0(%{{.*}}: memref<?x6x8xf32, #kernel.layout<"n, 6, 8", "64, 8, 1">>, %{{.*}}: memref<?x8xf32, #kernel.layout<"6*n, 8", "8, 1">>):
// CHECK-NEXT: kernel.load
// CHECK-NEXT: graph.reshape
func.func @main(%x: tensor<?x6x8xf32, #graph.extents<"n, 6, 8">>) -> (tensor<?x8x8xf32, #graph.extents<"n, 8, 8">>, tensor<?x8xf32, #graph.extents<"6*n, 8">>) {
  %zero = graph.constant dense<0.0> : tensor<f32>
  %0 = graph.tanh %x : (tensor<?x6x8xf32, #graph.extents<"n, 6, 8">>) -> tensor<?x6x8xf32, #graph.extents<"n, 6, 8">>
  %1 = graph.pad %0, %zero {low = #graph.extents<"0, 1, 0">, high = #graph.extents<"0, 1, 0">} : (tensor<?x6x8xf32, #graph.extents<"n, 6, 8">>, tensor<f32>) -> tensor<?x8x8xf32, #graph.extents<"n, 8, 8">>
  %2 = graph.reshape %0 : (tensor<?x6x8xf32, #graph.extents<"n, 6, 8">>) -> tensor<?x8xf32, #graph.extents<"6*n, 8">>
  %3 = graph.softmax %2 {axis = 0 : i64} : (tensor<?x8xf32, #graph.extents<"6*n, 8">>) -> tensor<?x8xf32, #graph.extents<"6*n, 8">>
  return %1, %3 : tensor<?x8x8xf32, #graph.extents<"n, 8, 8">>, tensor<?x8xf32, #graph.extents<"6*n, 8">>
}
