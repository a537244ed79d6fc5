// RUN: smelt-opt %s --emit-kernels-neoverse-v1 | FileCheck %s

// CHECK-LABEL: func.func private @signed
// CHECK: llvm.call_intrinsic "llvm.aarch64.neon.sdot.v4i32.v16i8"{{.*}} : (vector<4xi32>, vector<16xi8>, vector<16xi8>) -> vector<4xi32>
kernel.func @signed {
^bb0(%x: memref<3x8xi8, strided<[8, 1]>>, %w: memref<1x2x16xi8, strided<[32, 16, 1]>>, %y: memref<3x4xi32, strided<[4, 1]>>):
  %0 = kernel.load %x : memref<3x8xi8, strided<[8, 1]>> -> tensor<3x8xi8>
  %1 = kernel.load %w : memref<1x2x16xi8, strided<[32, 16, 1]>> -> tensor<1x2x16xi8>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64, together = 4 : i64} : (tensor<3x8xi8>, tensor<1x2x16xi8>) -> tensor<3x4xi32>
  kernel.store %2, %y : tensor<3x4xi32>, memref<3x4xi32, strided<[4, 1]>>
}

// CHECK-LABEL: func.func private @mixed
// CHECK: llvm.call_intrinsic "llvm.aarch64.neon.usdot.v4i32.v16i8"
kernel.func @mixed {
^bb0(%x: memref<3x8xui8, strided<[8, 1]>>, %w: memref<1x2x16xi8, strided<[32, 16, 1]>>, %y: memref<3x4xi32, strided<[4, 1]>>):
  %0 = kernel.load %x : memref<3x8xui8, strided<[8, 1]>> -> tensor<3x8xui8>
  %1 = kernel.load %w : memref<1x2x16xi8, strided<[32, 16, 1]>> -> tensor<1x2x16xi8>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64, together = 4 : i64} : (tensor<3x8xui8>, tensor<1x2x16xi8>) -> tensor<3x4xi32>
  kernel.store %2, %y : tensor<3x4xi32>, memref<3x4xi32, strided<[4, 1]>>
}
