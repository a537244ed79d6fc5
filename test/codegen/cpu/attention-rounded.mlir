// RUN: smelt-opt %s --emit-kernels-znver4 | FileCheck %s
// RUN: smelt-opt %s --emit-kernels-x86-64-v4 | FileCheck %s --check-prefix=NONE

// Products of pairs, scores and sums in f32: 20 keys are two vectors of scores, the last of which ends with nothing. Powers are a short polynomial and
// lie on the stack rounded. A pair of them is one word, repeated in all lanes; two rows of values become pairs on the way.
// CHECK-LABEL: func.func private @attention
// CHECK-DAG: memref.alloca() {{.*}} : memref<{{.*}}xf32>
// CHECK-DAG: %[[POWERS:.*]] = memref.alloca() {{.*}} : memref<{{.*}}xi16>
// CHECK: scf.for
// CHECK: vector.load %arg0{{.*}} : memref<{{.*}}xi16>, vector<2xi16>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
// CHECK: arith.cmpi slt, {{.*}} : vector<16xi32>
// CHECK: arith.select
// CHECK-NOT: math.exp {{.*}} : vector
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.mask.reduce.ps.512"
// CHECK: math.fma {{.*}} : vector<16xf32>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
// CHECK: arith.truncf {{.*}} : vector<16xf32> to vector<16xbf16>
// CHECK: vector.store {{.*}}, %[[POWERS]]{{.*}} : memref<{{.*}}xi16>, vector<16xi16>
// CHECK: vector.load %arg2{{.*}} : memref<{{.*}}xi16>, vector<16xi16>
// CHECK: arith.ori
// CHECK: vector.load %[[POWERS]]{{.*}} : memref<{{.*}}xi16>, vector<2xi16>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
// CHECK: return
// Without such an instruction what is rounded is widened again.
// NONE-LABEL: func.func private @attention
// NONE-NOT: llvm.call_intrinsic
// NONE: vector.fma
// NONE: return
kernel.func @attention {
^bb0(%q: memref<6x8xbf16, strided<[8, 1]>>, %k: memref<1x8x32xbf16, strided<[256, 32, 1]>>, %v: memref<1x20x16xbf16, strided<[320, 16, 1]>>,
     %y: memref<6x16xf32, strided<[16, 1]>>):
  %0 = kernel.load %q : memref<6x8xbf16, strided<[8, 1]>> -> tensor<6x8xbf16>
  %1 = kernel.load %k : memref<1x8x32xbf16, strided<[256, 32, 1]>> -> tensor<1x8x32xbf16>
  %2 = kernel.load %v : memref<1x20x16xbf16, strided<[320, 16, 1]>> -> tensor<1x20x16xbf16>
  %3 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<6x8xbf16>, tensor<1x8x32xbf16>) -> tensor<6x20xf32>
  %4 = graph.softmax %3 {axis = 1 : i64} : (tensor<6x20xf32>) -> tensor<6x20xf32>
  %5 = graph.cast %4 {to = bf16} : (tensor<6x20xf32>) -> tensor<6x20xbf16>
  %6 = kernel.contract %5, %2 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<6x20xbf16>, tensor<1x20x16xbf16>) -> tensor<6x16xf32>
  kernel.store %6, %y : tensor<6x16xf32>, memref<6x16xf32, strided<[16, 1]>>
}
