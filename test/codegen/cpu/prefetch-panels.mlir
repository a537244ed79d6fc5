// RUN: smelt-opt %s --emit-kernels-x86-64-v4 | FileCheck %s

// Five tiles of rows read a panel: at each step along K each fetches 7 of the 32 elements that the next panel has there, into the second cache.
// CHECK-LABEL: func.func private @few_tiles
// CHECK: arith.muli %{{.*}}, %c7{{.*}} : index
// CHECK: memref.prefetch %{{.*}}, read, locality<2>, data
kernel.func @few_tiles {
^bb0(%x: memref<1x60x128xf32, strided<[7680, 128, 1]>>, %w: memref<4x128x32xf32, strided<[4096, 32, 1]>>, %y: memref<1x60x128xf32, strided<[7680, 128, 1]>>):
  %0 = kernel.load %x : memref<1x60x128xf32, strided<[7680, 128, 1]>> -> tensor<1x60x128xf32>
  %1 = kernel.load %w : memref<4x128x32xf32, strided<[4096, 32, 1]>> -> tensor<4x128x32xf32>
  %2 = kernel.contract %0, %1 {dilations = array<i64: 1>, groups = 1 : i64, strides = array<i64: 1>, window = array<i64: 1>} : (tensor<1x60x128xf32>, tensor<4x128x32xf32>) -> tensor<1x60x128xf32>
  kernel.store %2, %y : tensor<1x60x128xf32>, memref<1x60x128xf32, strided<[7680, 128, 1]>>
}

// So many tiles do not wait for the first reading of a panel.
// CHECK-LABEL: func.func private @many_tiles
// CHECK-NOT: memref.prefetch
kernel.func @many_tiles {
^bb0(%x: memref<1x6000x128xf32, strided<[768000, 128, 1]>>, %w: memref<1x128x32xf32, strided<[4096, 32, 1]>>, %y: memref<1x6000x32xf32, strided<[192000, 32, 1]>>):
  %0 = kernel.load %x : memref<1x6000x128xf32, strided<[768000, 128, 1]>> -> tensor<1x6000x128xf32>
  %1 = kernel.load %w : memref<1x128x32xf32, strided<[4096, 32, 1]>> -> tensor<1x128x32xf32>
  %2 = kernel.contract %0, %1 {dilations = array<i64: 1>, groups = 1 : i64, strides = array<i64: 1>, window = array<i64: 1>} : (tensor<1x6000x128xf32>, tensor<1x128x32xf32>) -> tensor<1x6000x32xf32>
  kernel.store %2, %y : tensor<1x6000x32xf32>, memref<1x6000x32xf32, strided<[192000, 32, 1]>>
}
