// RUN: smelt-opt %s --emit-device-kernels-cuda-tf32 --canonicalize --cse | FileCheck %s
// RUN: smelt-opt %s --emit-device-kernels-cuda --canonicalize --cse | FileCheck %s --check-prefix=F32

// f32 in shared memory, a slice of 16 along k; fragments are rounded to tf32 as they are multiplied, in steps of 8. What is not asked for is not done.
// CHECK-LABEL: func.func private @product
// CHECK: nvgpu.device_async_copy {{.*}}, 4{{.*}} : memref<3072xf32> to memref<{{[0-9]+}}xf32, 3>
// CHECK: nvgpu.device_async_copy {{.*}}, 4{{.*}} : memref<1536xf32> to memref<{{[0-9]+}}xf32, 3>
// CHECK: nvgpu.ldmatrix {{.*}} {numTiles = 4 : i32, transpose = false} : memref<{{[0-9]+}}xf16, 3> -> vector<4x2xf16>
// CHECK: memref.load {{.*}} : memref<{{[0-9]+}}xi32, 3>
// CHECK-COUNT-4: nvvm.convert.float.to.tf32 {{.*}} #nvvm.fp_rnd_mode<rna>
// CHECK: nvvm.mma.sync {{.*}} multiplicandAPtxType = #nvvm.mma_type<tf32>, {{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 8>
// F32-LABEL: func.func private @product
// F32-NOT: nvvm.mma.sync
// F32: vector.fma
kernel.func @product attributes {gpu.aligned_operands = array<i1: true, true, true>} {
^bb0(%x: memref<64x48xf32, strided<[48, 1]>>, %w: memref<4x48x8xf32, strided<[384, 8, 1]>>, %y: memref<64x32xf32, strided<[32, 1]>>):
  %0 = kernel.load %x : memref<64x48xf32, strided<[48, 1]>> -> tensor<64x48xf32>
  %1 = kernel.load %w : memref<4x48x8xf32, strided<[384, 8, 1]>> -> tensor<4x48x8xf32>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<64x48xf32>, tensor<4x48x8xf32>) -> tensor<64x32xf32>
  kernel.store %2, %y : tensor<64x32xf32>, memref<64x32xf32, strided<[32, 1]>>
}
