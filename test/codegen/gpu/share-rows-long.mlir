// RUN: smelt-opt %s --emit-device-kernels-cuda --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,CUDA
// RUN: smelt-opt %s --device-pipeline-vulkan-all | FileCheck %s --check-prefix=SUBGROUP

// Numbers of 64 bits are handed over as two words.
// CHECK-LABEL: func.func private @sum_of_long(
// CUDA: arith.trunci %[[SUM:.*]] : i64 to i32
// CUDA: %[[LOW:.*]] = nvvm.shfl.sync bfly
// CUDA: arith.shrui %[[SUM]], %c32_i64
// CUDA: %[[HIGH:.*]] = nvvm.shfl.sync bfly
// CUDA: arith.shli
// CUDA: %[[OTHER:.*]] = arith.ori
// CUDA: arith.addi
// CUDA-COUNT-8: nvvm.shfl.sync bfly
// CUDA-NOT: nvvm.shfl.sync
// CUDA: memref.store {{.*}} memref<8xi64>
// SUBGROUP: gpu.invocations = 256 : i64
// SUBGROUP-COUNT-10: spirv.GroupNonUniformShuffleXor <Subgroup> {{.*}} : i32, i32
// SUBGROUP-NOT: spirv.GroupNonUniformShuffleXor
// SUBGROUP: spirv.Return
kernel.func @sum_of_long {
^bb0(%x: memref<8x128xi64, strided<[128, 1]>>, %y: memref<8x1xi64, strided<[1, 1]>>):
  %0 = kernel.load %x : memref<8x128xi64, strided<[128, 1]>> -> tensor<8x128xi64>
  %1 = graph.reduce %0 {axes = array<i64: 1>, kind = 0 : i32} : (tensor<8x128xi64>) -> tensor<8x1xi64>
  kernel.store %1, %y : tensor<8x1xi64>, memref<8x1xi64, strided<[1, 1]>>
}
