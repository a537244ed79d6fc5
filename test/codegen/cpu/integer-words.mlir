// RUN: smelt-opt %s --emit-kernels-x86-64-v3 | FileCheck %s

// Pairs of words; the panel's are bytes until they are loaded.
// CHECK-LABEL: func.func private @words
// CHECK: vector.load %{{.*}} : memref<{{.*}}xi8>, vector<16xi8>
// CHECK: arith.extsi {{.*}} : vector<16xi8> to vector<16xi16>
// CHECK: vector.load %{{.*}} : memref<{{.*}}xi16>, vector<2xi16>
// CHECK: %[[P:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"{{.*}} : (vector<16xi16>, vector<16xi16>) -> vector<8xi32>
// CHECK: arith.addi %{{.*}}, %[[P]] : vector<8xi32>
kernel.func @words {
^bb0(%x: memref<3x6xi16, strided<[6, 1]>>, %w: memref<1x3x16xi8, strided<[48, 16, 1]>>, %y: memref<3x8xi32, strided<[8, 1]>>):
  %0 = kernel.load %x : memref<3x6xi16, strided<[6, 1]>> -> tensor<3x6xi16>
  %1 = kernel.load %w : memref<1x3x16xi8, strided<[48, 16, 1]>> -> tensor<1x3x16xi8>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64, together = 2 : i64} : (tensor<3x6xi16>, tensor<1x3x16xi8>) -> tensor<3x8xi32>
  kernel.store %2, %y : tensor<3x8xi32>, memref<3x8xi32, strided<[8, 1]>>
}
