// RUN: smelt-opt %s --split-input-file --emit-device-kernels-cuda --canonicalize --cse | FileCheck %s

// One row by 24 channels a panel. Half a panel's six vectors for each group are more groups, and 126 of 128 threads split K
// by 42. Their sums meet in shared memory, where the first three threads add up those of one vector each.
// CHECK: memref.global "private" @sums : memref<516xf32, 3>
// CHECK-LABEL: func.func private @row
// CHECK-SAME: gpu.invocations = 768 : i64
// CHECK: %[[FIRST:.*]] = arith.select %{{.*}}, %{{.*}}, %c2048
// CHECK: scf.for %{{.*}} = %[[FIRST]] to %c2048 step %c168 iter_args
// CHECK-COUNT-4: vector.fma
// CHECK: vector.store {{.*}} memref<516xf32, 3>
// CHECK: nvvm.barrier0
// CHECK: arith.cmpi ult, %{{.*}}, %c3
// CHECK: scf.if
// CHECK: scf.for %{{.*}} = %c1 to %c42 step %c1
// CHECK: arith.addf
// CHECK: vector.store {{.*}} memref<70xf32>, vector<4xf32>
// CHECK: vector.store {{.*}} memref<70xf32>, vector<2xf32>
kernel.func @row attributes {gpu.aligned_operands = array<i1: true, true, true>} {
^bb0(%x: memref<1x2048xf32, strided<[2048, 1]>>, %w: memref<3x2048x24xf32, strided<[49152, 24, 1]>>, %y: memref<1x70xf32, strided<[70, 1]>>):
  %0 = kernel.load %x : memref<1x2048xf32, strided<[2048, 1]>> -> tensor<1x2048xf32>
  %1 = kernel.load %w : memref<3x2048x24xf32, strided<[49152, 24, 1]>> -> tensor<3x2048x24xf32>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<1x2048xf32>, tensor<3x2048x24xf32>) -> tensor<1x70xf32>
  kernel.store %2, %y : tensor<1x70xf32>, memref<1x70xf32, strided<[70, 1]>>
}
