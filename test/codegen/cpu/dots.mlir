// RUN: smelt-opt %s --split-input-file --emit-kernels-znver4 | FileCheck %s
// RUN: not smelt-opt %s --split-input-file --emit-kernels-x86-64-v4 2>&1 | FileCheck %s --check-prefix=NONE

// Packed in groups of two along K: a pair of the input is one word, repeated in all lanes. K = 5 ends with one element, and a zero beside it in its word.
// CHECK-LABEL: func.func private @packed
// CHECK: scf.for
// CHECK: vector.load %{{.*}} : memref<{{.*}}xi16>, vector<32xi16>
// CHECK: vector.load %{{.*}} : memref<{{.*}}xi16>, vector<2xi16>
// CHECK: vector.bitcast {{.*}} : vector<2xi16> to vector<1xi32>
// CHECK: vector.broadcast {{.*}} : i32 to vector<16xi32>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"{{.*}} : (vector<16xf32>, vector<32xbf16>, vector<32xbf16>) -> vector<16xf32>
// CHECK: memref.load %{{.*}} : memref<{{.*}}xi16>
// CHECK: arith.extui {{.*}} : i16 to i32
// CHECK: llvm.call_intrinsic
// Without such an instruction, nobody packs so.
// NONE: a kernel of contract on elements of 'bf16' and 'f32' has no code for the target x86-64-v4; cast
kernel.func @packed {
^bb0(%x: memref<3x5xbf16, strided<[5, 1]>>, %w: memref<1x3x32xbf16, strided<[96, 32, 1]>>, %y: memref<3x16xf32, strided<[16, 1]>>):
  %0 = kernel.load %x : memref<3x5xbf16, strided<[5, 1]>> -> tensor<3x5xbf16>
  %1 = kernel.load %w : memref<1x3x32xbf16, strided<[96, 32, 1]>> -> tensor<1x3x32xbf16>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64, together = 2 : i64} : (tensor<3x5xbf16>, tensor<1x3x32xbf16>) -> tensor<3x16xf32>
  kernel.store %2, %y : tensor<3x16xf32>, memref<3x16xf32, strided<[16, 1]>>
}

// -----

// What a run computes is packed as ever: two rows of the panel become pairs on the way.
// CHECK-LABEL: func.func private @rows
// CHECK: vector.load %{{.*}} : memref<{{.*}}xi16>, vector<16xi16>
// CHECK: arith.extui {{.*}} : vector<16xi16> to vector<16xi32>
// CHECK: vector.load %{{.*}} : memref<{{.*}}xi16>, vector<16xi16>
// CHECK: arith.shli
// CHECK: arith.ori
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
kernel.func @rows {
^bb0(%x: memref<3x4xbf16, strided<[4, 1]>>, %w: memref<1x4x16xbf16, strided<[64, 16, 1]>>, %y: memref<3x16xf32, strided<[16, 1]>>):
  %0 = kernel.load %x : memref<3x4xbf16, strided<[4, 1]>> -> tensor<3x4xbf16>
  %1 = kernel.load %w : memref<1x4x16xbf16, strided<[64, 16, 1]>> -> tensor<1x4x16xbf16>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<3x4xbf16>, tensor<1x4x16xbf16>) -> tensor<3x16xf32>
  kernel.store %2, %y : tensor<3x16xf32>, memref<3x16xf32, strided<[16, 1]>>
}

// -----

// Of two vectors side by side, whole registers of both rows are taken in turns; K = 3 ends with one row, and zeros beside it.
// CHECK-LABEL: func.func private @wide_rows
// CHECK: %[[A:.*]] = vector.load %{{.*}} : memref<{{.*}}xi16>, vector<32xi16>
// CHECK: %[[B:.*]] = vector.load %{{.*}} : memref<{{.*}}xi16>, vector<32xi16>
// CHECK: vector.shuffle %[[A]], %[[B]] [0, 32, 1, 33,
// CHECK: vector.shuffle %[[A]], %[[B]] [16, 48, 17, 49,
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
// CHECK: %[[C:.*]] = vector.load %{{.*}} : memref<{{.*}}xi16>, vector<32xi16>
// CHECK: vector.shuffle %[[C]], %cst{{.*}} [0, 32, 1, 33,
kernel.func @wide_rows {
^bb0(%x: memref<3x3xbf16, strided<[3, 1]>>, %w: memref<1x3x32xbf16, strided<[96, 32, 1]>>, %y: memref<3x32xf32, strided<[32, 1]>>):
  %0 = kernel.load %x : memref<3x3xbf16, strided<[3, 1]>> -> tensor<3x3xbf16>
  %1 = kernel.load %w : memref<1x3x32xbf16, strided<[96, 32, 1]>> -> tensor<1x3x32xbf16>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<3x3xbf16>, tensor<1x3x32xbf16>) -> tensor<3x32xf32>
  kernel.store %2, %y : tensor<3x32xf32>, memref<3x32xf32, strided<[32, 1]>>
}

// -----

// Storing rounds by an instruction, once, whether the rounding is an op or not.
// CHECK-LABEL: func.func private @rounds
// CHECK-NOT: arith.shrui
// CHECK: arith.truncf {{.*}} : vector<16xf32> to vector<16xbf16>
// CHECK-NOT: arith.truncf {{.*}} : vector<16xf32> to vector<16xbf16>
// CHECK: return
kernel.func @rounds {
^bb0(%x: memref<16xf32, strided<[1]>>, %y: memref<16xbf16, strided<[1]>>):
  %0 = kernel.load %x : memref<16xf32, strided<[1]>> -> tensor<16xf32>
  %1 = graph.relu %0 : (tensor<16xf32>) -> tensor<16xf32>
  %2 = graph.cast %1 {to = bf16} : (tensor<16xf32>) -> tensor<16xbf16>
  kernel.store %2, %y : tensor<16xbf16>, memref<16xbf16, strided<[1]>>
}
