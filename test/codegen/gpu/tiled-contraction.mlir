// RUN: smelt-opt %s --split-input-file --emit-device-kernels-cuda --canonicalize --cse | FileCheck %s
// RUN: smelt-opt %s --split-input-file --device-pipeline-cuda | FileCheck %s --check-prefix=NVVM

// A group of 128 threads has 32 points by 32 channels: 4 by 2 groups. A slice of 16 along k is copied while the one before
// it is multiplied; the last slice has 8 and zeros, rows beyond the last point are read again, and what lies beyond the
// last point or channel is not stored.
// CHECK: memref.global "private" @input : memref<1280xf32, 3> = uninitialized {alignment = 16 : i64}
// CHECK: memref.global "private" @panels : memref<1280xf32, 3> = uninitialized {alignment = 16 : i64}
// CHECK-LABEL: func.func private @product
// CHECK-SAME: gpu.invocations = 1024 : i64
// CHECK: nvgpu.device_async_copy {{.*}}, 4, %{{.*}} : memref<4000xf32> to memref<1280xf32, 3>
// CHECK: nvgpu.device_async_copy {{.*}}, 4, %{{.*}} : memref<1600xf32> to memref<1280xf32, 3>
// CHECK: nvvm.cp.async.commit.group
// CHECK: nvvm.cp.async.wait.group 0
// CHECK: nvvm.barrier0
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<4xf32>, vector<4xf32>)
// CHECK-COUNT-2: nvgpu.device_async_copy
// CHECK: nvvm.cp.async.commit.group
// CHECK-COUNT-32: vector.fma
// CHECK: nvvm.cp.async.wait.group 0
// CHECK: nvvm.barrier0
// CHECK: scf.yield
// CHECK-COUNT-32: vector.fma
// CHECK-NOT: nvvm.barrier0
// CHECK: arith.cmpi ult
// CHECK: scf.if
// CHECK: vector.store

// NVVM: llvm.mlir.global private @input() {addr_space = 3 : i32, alignment = 16 : i64}
// NVVM-LABEL: llvm.func @product
// NVVM: nvvm.cp.async.shared.global {{.*}}, 16, cache = cg, %{{.*}} : !llvm.ptr<3>, !llvm.ptr<1>, i32
// NVVM: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
// NVVM-NOT: nvgpu
kernel.func @product attributes {gpu.aligned_operands = array<i1: true, true, true>} {
^bb0(%x: memref<100x40xf32, strided<[40, 1]>>, %w: memref<5x40x8xf32, strided<[320, 8, 1]>>, %y: memref<100x36xf32, strided<[36, 1]>>):
  %0 = kernel.load %x : memref<100x40xf32, strided<[40, 1]>> -> tensor<100x40xf32>
  %1 = kernel.load %w : memref<5x40x8xf32, strided<[320, 8, 1]>> -> tensor<5x40x8xf32>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<100x40xf32>, tensor<5x40x8xf32>) -> tensor<100x36xf32>
  kernel.store %2, %y : tensor<100x36xf32>, memref<100x36xf32, strided<[36, 1]>>
}

// -----

// What is fused to the input goes through registers: it is in shared memory behind the multiplication.
// CHECK-LABEL: func.func private @fused
// CHECK: scf.for
// CHECK: arith.select
// CHECK-COUNT-32: vector.fma
// CHECK: vector.store {{.*}} memref<1280xf32, 3>, vector<4xf32>
// CHECK: nvvm.barrier0
kernel.func @fused attributes {gpu.aligned_operands = array<i1: true, true, true>} {
^bb0(%x: memref<64x64xf32, strided<[64, 1]>>, %w: memref<4x64x8xf32, strided<[512, 8, 1]>>, %y: memref<64x32xf32, strided<[32, 1]>>):
  %0 = kernel.load %x : memref<64x64xf32, strided<[64, 1]>> -> tensor<64x64xf32>
  %1 = kernel.load %w : memref<4x64x8xf32, strided<[512, 8, 1]>> -> tensor<4x64x8xf32>
  %relu = graph.relu %0 : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %2 = kernel.contract %relu, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<64x64xf32>, tensor<4x64x8xf32>) -> tensor<64x32xf32>
  kernel.store %2, %y : tensor<64x32xf32>, memref<64x32xf32, strided<[32, 1]>>
}

// -----

// Of six points most of a tile would be nobody's: each invocation has its own sums, as on other devices.
// CHECK-LABEL: func.func private @few
// CHECK-NOT: nvvm.barrier0
// CHECK: return
kernel.func @few attributes {gpu.aligned_operands = array<i1: true, true, true>} {
^bb0(%x: memref<6x32xf32, strided<[32, 1]>>, %w: memref<4x32x8xf32, strided<[256, 8, 1]>>, %y: memref<6x32xf32, strided<[32, 1]>>):
  %0 = kernel.load %x : memref<6x32xf32, strided<[32, 1]>> -> tensor<6x32xf32>
  %1 = kernel.load %w : memref<4x32x8xf32, strided<[256, 8, 1]>> -> tensor<4x32x8xf32>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<6x32xf32>, tensor<4x32x8xf32>) -> tensor<6x32xf32>
  kernel.store %2, %y : tensor<6x32xf32>, memref<6x32xf32, strided<[32, 1]>>
}
