// RUN: smelt-opt %s --split-input-file --form-dispatches --place-buffers | FileCheck %s

// Rows of 4 KiB that a product reads side by side would share the lines of a cache: they lie one line further apart.
// CHECK: kernel.func @kernel_0
// CHECK-NEXT: ^bb0(%{{.*}}: memref<4x1024xf32, strided<[1024, 1]>>, %{{.*}}: memref<4x1024xf32, strided<[1040, 1]>>):
// CHECK: kernel.func @kernel_1
// CHECK-NEXT: ^bb0(%{{.*}}: memref<4x1024xf32, strided<[1040, 1]>>
func.func @main(%x: tensor<4x1024xf32>, %w: tensor<1x1024x16xf32>) -> tensor<4x16xf32> {
  %0 = graph.softmax %x {axis = 1 : i64} : (tensor<4x1024xf32>) -> tensor<4x1024xf32>
  %1 = kernel.contract %0, %w {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<4x1024xf32>, tensor<1x1024x16xf32>) -> tensor<4x16xf32>
  return %1 : tensor<4x16xf32>
}

// -----

// Other rows lie as they are.
// CHECK: kernel.func @kernel_0
// CHECK-NEXT: ^bb0(%{{.*}}: memref<4x1008xf32, strided<[1008, 1]>>, %{{.*}}: memref<4x1008xf32, strided<[1008, 1]>>):
func.func @main(%x: tensor<4x1008xf32>, %w: tensor<1x1008x16xf32>) -> tensor<4x16xf32> {
  %0 = graph.softmax %x {axis = 1 : i64} : (tensor<4x1008xf32>) -> tensor<4x1008xf32>
  %1 = kernel.contract %0, %w {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<4x1008xf32>, tensor<1x1008x16xf32>) -> tensor<4x16xf32>
  return %1 : tensor<4x16xf32>
}

// -----

// Rows of 2 KiB of which a convolution reads every other one.
// CHECK: kernel.func @kernel_0
// CHECK-NEXT: ^bb0(%{{.*}}: memref<1x8x8x512xf32, strided<[32768, 4096, 512, 1]>>, %{{.*}}: memref<1x8x8x512xf32, strided<[33792, 4224, 528, 1]>>):
func.func @main(%x: tensor<1x8x8x512xf32>, %w: tensor<1x512x16xf32>) -> tensor<1x4x4x16xf32> {
  %0 = graph.softmax %x {axis = 3 : i64} : (tensor<1x8x8x512xf32>) -> tensor<1x8x8x512xf32>
  %1 = kernel.contract %0, %w {window = array<i64: 1, 1>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x8x8x512xf32>, tensor<1x512x16xf32>) -> tensor<1x4x4x16xf32>
  return %1 : tensor<1x4x4x16xf32>
}
