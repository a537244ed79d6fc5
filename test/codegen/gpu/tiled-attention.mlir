// RUN: smelt-opt %s --split-input-file --emit-device-kernels-cuda --canonicalize --cse | FileCheck %s
// RUN: smelt-opt %s --split-input-file --emit-device-kernels-vulkan --canonicalize --cse | FileCheck %s --check-prefix=VULKAN
// RUN: smelt-opt %s --split-input-file --device-pipeline-cuda | FileCheck %s --check-prefix=PTX

// Sixteen rows of q, one for each eight threads: 13 tiles of 200 for each of two heads. Keys of a block, and then its values, lie
// in one place. The last block has keys that are not there: their scores are -infinity, and their values zeros.
// CHECK: memref.global "private" @group0 : memref<576xf32, 3>
// CHECK: memref.global "private" @group1 : memref<1024xf32, 3>
// CHECK: memref.global "private" @group2 : memref<576xf32, 3>
// CHECK-LABEL: func.func private @attention
// CHECK-SAME: gpu.invocations = 3328 : i64
// CHECK: scf.for %{{.*}} = %c0 to %c200 step %c32 iter_args({{.*}}) -> (f32, f32, vector<4xf32>)
// CHECK: nvvm.barrier0
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<4xf32>)
// CHECK-COUNT-4: vector.fma
// CHECK: arith.select
// CHECK-COUNT-3: nvvm.shfl.sync bfly
// CHECK: nvvm.barrier0
// CHECK: nvvm.barrier0
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<4xf32>)
// CHECK: nvvm.barrier0
// CHECK: scf.yield
// CHECK-COUNT-3: nvvm.shfl.sync bfly
// CHECK: vector.store {{.*}} memref<12800xf32>
// VULKAN-LABEL: func.func private @attention
// VULKAN-SAME: gpu.invocations = 3200 : i64
// VULKAN-NOT: nvvm
// VULKAN: spirv.ControlBarrier
// PTX: llvm.func @attention
// PTX-SAME: nvvm.kernel
kernel.func @attention attributes {gpu.aligned_operands = array<i1: true, true, true, true>} {
^bb0(%q: memref<2x200x32xf32, strided<[6400, 32, 1]>>, %k: memref<2x25x32x8xf32, strided<[6400, 256, 8, 1]>>, %v: memref<2x4x200x8xf32, strided<[6400, 1600, 8, 1]>>, %y: memref<2x200x32xf32, strided<[6400, 32, 1]>>):
  %0 = kernel.load %q : memref<2x200x32xf32, strided<[6400, 32, 1]>> -> tensor<2x200x32xf32>
  %1 = kernel.load %k : memref<2x25x32x8xf32, strided<[6400, 256, 8, 1]>> -> tensor<2x25x32x8xf32>
  %2 = kernel.load %v : memref<2x4x200x8xf32, strided<[6400, 1600, 8, 1]>> -> tensor<2x4x200x8xf32>
  %3 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x200x32xf32>, tensor<2x25x32x8xf32>) -> tensor<2x200x200xf32>
  %4 = graph.softmax %3 {axis = 2 : i64} : (tensor<2x200x200xf32>) -> tensor<2x200x200xf32>
  %5 = kernel.contract %4, %2 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x200x200xf32>, tensor<2x4x200x8xf32>) -> tensor<2x200x32xf32>
  kernel.store %5, %y : tensor<2x200x32xf32>, memref<2x200x32xf32, strided<[6400, 32, 1]>>
}
