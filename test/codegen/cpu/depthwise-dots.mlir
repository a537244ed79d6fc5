// RUN: smelt-opt %s --emit-kernels-znver4 | FileCheck %s --check-prefixes=CHECK,VNNI
// RUN: smelt-opt %s --emit-kernels-znver4 | FileCheck %s --check-prefix=JOINED
// RUN: smelt-opt %s --emit-kernels-x86-64-v3 | FileCheck %s --check-prefixes=CHECK,WORDS

// Three taps of a column are one word of each lane: the weights' three words are made once, and two neighbouring points share two of their three columns.
// JOINED-COUNT-14: arith.ori {{.*}} : vector<16xi32>
// JOINED-NOT: arith.ori {{.*}} : vector<16xi32>
// The last four channels have vectors of their own.
// CHECK-LABEL: func.func private @depthwise
// VNNI-COUNT-6: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
// VNNI-NOT: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
// VNNI-COUNT-6: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.128"
// The third tap has a word of its own.
// WORDS-COUNT-12: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// WORDS: llvm.call_intrinsic "llvm.x86.sse2.pmadd.wd"
kernel.func @depthwise {
^bb0(%x: memref<1x3x4x20xui8, strided<[240, 80, 20, 1]>>, %w: memref<3x3x1x20xi8, strided<[60, 20, 20, 1]>>, %y: memref<1x1x2x20xi32, strided<[40, 40, 20, 1]>>):
  %0 = kernel.load %x : memref<1x3x4x20xui8, strided<[240, 80, 20, 1]>> -> tensor<1x3x4x20xui8>
  %1 = kernel.load %w : memref<3x3x1x20xi8, strided<[60, 20, 20, 1]>> -> tensor<3x3x1x20xi8>
  %2 = graph.conv %0, %1 {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 20 : i64, layout = 1 : i32, wide = true} : (tensor<1x3x4x20xui8>, tensor<3x3x1x20xi8>) -> tensor<1x1x2x20xi32>
  kernel.store %2, %y : tensor<1x1x2x20xi32>, memref<1x1x2x20xi32, strided<[40, 40, 20, 1]>>
}
