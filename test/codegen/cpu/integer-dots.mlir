// RUN: smelt-opt %s --split-input-file --emit-kernels-znver4 | FileCheck %s --check-prefixes=CHECK,VNNI
// RUN: smelt-opt %s --split-input-file --emit-kernels-alderlake | FileCheck %s --check-prefixes=CHECK,YMM

// Four neighbours along K make a group: K = 6 ends with two, and zeros beside them in their word.
// CHECK-LABEL: func.func private @packed
// VNNI: vector.load %{{.*}} : memref<{{.*}}xi8>, vector<64xi8>
// VNNI: vector.load %{{.*}} : memref<{{.*}}xi8>, vector<4xi8>
// VNNI: vector.broadcast {{.*}} : i32 to vector<16xi32>
// VNNI: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"{{.*}} : (vector<16xi32>, vector<64xi8>, vector<64xi8>) -> vector<16xi32>
// YMM: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.256"{{.*}} : (vector<8xi32>, vector<32xi8>, vector<32xi8>) -> vector<8xi32>
// CHECK: memref.load %{{.*}} : memref<{{.*}}xi8>
// CHECK: arith.extui {{.*}} : i8 to i32
// CHECK: arith.shli
// CHECK: llvm.call_intrinsic
kernel.func @packed {
^bb0(%x: memref<3x6xui8, strided<[6, 1]>>, %w: memref<1x2x64xi8, strided<[128, 64, 1]>>, %y: memref<3x16xi32, strided<[16, 1]>>):
  %0 = kernel.load %x : memref<3x6xui8, strided<[6, 1]>> -> tensor<3x6xui8>
  %1 = kernel.load %w : memref<1x2x64xi8, strided<[128, 64, 1]>> -> tensor<1x2x64xi8>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64, together = 4 : i64} : (tensor<3x6xui8>, tensor<1x2x64xi8>) -> tensor<3x16xi32>
  kernel.store %2, %y : tensor<3x16xi32>, memref<3x16xi32, strided<[16, 1]>>
}

// -----

// The signs do not fit: numbers are widened one by one.
// CHECK-LABEL: func.func private @widened
// CHECK: arith.extsi
// CHECK: arith.muli {{.*}} : vector<{{16|8}}xi32>
kernel.func @widened {
^bb0(%x: memref<3x6xi8, strided<[6, 1]>>, %w: memref<1x6x16xi8, strided<[96, 16, 1]>>, %y: memref<3x16xi32, strided<[16, 1]>>):
  %0 = kernel.load %x : memref<3x6xi8, strided<[6, 1]>> -> tensor<3x6xi8>
  %1 = kernel.load %w : memref<1x6x16xi8, strided<[96, 16, 1]>> -> tensor<1x6x16xi8>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<3x6xi8>, tensor<1x6x16xi8>) -> tensor<3x16xi32>
  kernel.store %2, %y : tensor<3x16xi32>, memref<3x16xi32, strided<[16, 1]>>
}
