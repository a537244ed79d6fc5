// RUN: smelt-opt %s --split-input-file --emit-device-kernels-cuda --canonicalize --cse | FileCheck %s
// RUN: smelt-opt %s --split-input-file --device-pipeline-cuda | FileCheck %s --check-prefix=NVVM
// RUN: smelt-opt %s --split-input-file --device-pipeline-cuda-sm_75 | FileCheck %s --check-prefix=SM75

// A group of 128 threads has 32 points by 32 channels: 4 by 2 groups. Of three slices of 32 along k two are fetched before the first is multiplied: the
// last has 8 elements and zeros. A warp's part is 16 by 16: a step of 16 along k takes two loads of four matrices and two products. Sums of all
// warps meet in the same memory.
// CHECK: memref.global "private" @memory : memref<15360xi8, 3> = uninitialized {alignment = 16 : i64}
// CHECK-LABEL: func.func private @product
// CHECK-SAME: gpu.invocations = 1024 : i64
// CHECK: memref.view {{.*}} : memref<15360xi8, 3> to memref<3840xf16, 3>
// CHECK: nvgpu.device_async_copy {{.*}}, 8, %{{.*}} : memref<7200xf16> to memref<3840xf16, 3>
// CHECK: nvgpu.device_async_copy {{.*}}, 8, %{{.*}} : memref<2880xf16> to memref<3840xf16, 3>
// CHECK: nvvm.cp.async.commit.group
// CHECK-COUNT-2: nvgpu.device_async_copy
// CHECK: nvvm.cp.async.commit.group
// CHECK: nvvm.cp.async.wait.group 1
// CHECK: nvvm.barrier0
// CHECK: nvgpu.device_async_copy {{.*}}, 8, %{{.*}}
// CHECK: nvvm.cp.async.commit.group
// CHECK: %[[LEFT:.*]] = nvgpu.ldmatrix {{.*}} {numTiles = 4 : i32, transpose = false} : memref<3840xf16, 3> -> vector<4x2xf16>
// CHECK: vector.extract %[[LEFT]][3]
// CHECK: nvgpu.ldmatrix {{.*}} {numTiles = 4 : i32, transpose = true} : memref<3840xf16, 3> -> vector<4x2xf16>
// CHECK-COUNT-4: nvvm.mma.sync {{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 16>
// CHECK: nvvm.cp.async.wait.group 0
// CHECK: scf.for {{.*}} -> (f32, f32, f32, f32, f32, f32, f32, f32)
// CHECK-COUNT-4: nvvm.mma.sync
// CHECK: nvvm.barrier0
// CHECK-COUNT-4: vector.store {{.*}} memref<1152xf32, 3>, vector<2xf32>
// CHECK: nvvm.barrier0
// CHECK: scf.for
// CHECK: vector.load {{.*}} memref<1152xf32, 3>, vector<4xf32>
// CHECK: vector.store {{.*}} : memref<3600xf32>, vector<4xf32>

// NVVM-LABEL: llvm.func @product
// NVVM: nvvm.cp.async.shared.global {{.*}}, 16, cache = cg
// NVVM: nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<row>, num = 4 : i32, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
// NVVM-NOT: nvgpu

// Without copies that need no registers there are two slices at once, and products of 8 along k.
// SM75: llvm.mlir.global private @memory() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<10240 x i8>
// SM75-LABEL: llvm.func @product
// SM75-NOT: nvvm.cp.async
// SM75: llvm.load {{.*}} {alignment = 8 : i64} : !llvm.ptr -> vector<4xf16>
// SM75-COUNT-8: nvvm.mma.sync {{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 8>
kernel.func @product attributes {gpu.aligned_operands = array<i1: true, true, true>} {
^bb0(%x: memref<100x72xf16, strided<[72, 1]>>, %w: memref<5x72x8xf16, strided<[576, 8, 1]>>, %y: memref<100x36xf32, strided<[36, 1]>>):
  %0 = kernel.load %x : memref<100x72xf16, strided<[72, 1]>> -> tensor<100x72xf16>
  %1 = kernel.load %w : memref<5x72x8xf16, strided<[576, 8, 1]>> -> tensor<5x72x8xf16>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<100x72xf16>, tensor<5x72x8xf16>) -> tensor<100x36xf32>
  kernel.store %2, %y : tensor<100x36xf32>, memref<100x36xf32, strided<[36, 1]>>
}

// -----

// What is fused to the input is computed in f32, rounded, and stored behind the multiplication. bf16 is multiplied as words of two.
// CHECK-LABEL: func.func private @fused
// CHECK: nvvm.mma.sync {{.*}} multiplicandAPtxType = #nvvm.mma_type<bf16>
// CHECK: vector.store {{.*}} {gpu.aligned} : memref<3840xi16, 3>, vector<4xi16>
// SM75-LABEL: llvm.func @fused
// SM75-NOT: nvvm.mma.sync
kernel.func @fused attributes {gpu.aligned_operands = array<i1: true, true, true>} {
^bb0(%x: memref<64x96xbf16, strided<[96, 1]>>, %w: memref<4x96x8xbf16, strided<[768, 8, 1]>>, %y: memref<64x32xf32, strided<[32, 1]>>):
  %0 = kernel.load %x : memref<64x96xbf16, strided<[96, 1]>> -> tensor<64x96xbf16>
  %1 = kernel.load %w : memref<4x96x8xbf16, strided<[768, 8, 1]>> -> tensor<4x96x8xbf16>
  %relu = graph.relu %0 : (tensor<64x96xbf16>) -> tensor<64x96xbf16>
  %2 = kernel.contract %relu, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<64x96xbf16>, tensor<4x96x8xbf16>) -> tensor<64x32xf32>
  kernel.store %2, %y : tensor<64x32xf32>, memref<64x32xf32, strided<[32, 1]>>
}

// -----

// A convolution over 4 channels: vectors of four, of 8 bytes, lie within a tap. Where rows of the panels are no whole vectors of 16 bytes, a copy is
// of 8.
// CHECK-LABEL: func.func private @convolution
// SM75-LABEL: llvm.func @convolution
// CHECK: nvgpu.device_async_copy {{.*}}, 4, %{{.*}} : memref<4096xf16>
// CHECK: nvgpu.device_async_copy {{.*}}, 4, %{{.*}} : memref<1728xf16>
kernel.func @convolution attributes {gpu.aligned_operands = array<i1: true, true, true>} {
^bb0(%x: memref<1x32x32x4xf16, strided<[4096, 128, 4, 1]>>, %w: memref<12x36x4xf16, strided<[144, 4, 1]>>, %y: memref<1x30x30x48xf32, strided<[43200, 1440, 48, 1]>>):
  %0 = kernel.load %x : memref<1x32x32x4xf16, strided<[4096, 128, 4, 1]>> -> tensor<1x32x32x4xf16>
  %1 = kernel.load %w : memref<12x36x4xf16, strided<[144, 4, 1]>> -> tensor<12x36x4xf16>
  %2 = kernel.contract %0, %1 {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x32x32x4xf16>, tensor<12x36x4xf16>) -> tensor<1x30x30x48xf32>
  kernel.store %2, %y : tensor<1x30x30x48xf32>, memref<1x30x30x48xf32, strided<[43200, 1440, 48, 1]>>
}

// -----

// Too few points for a tile: threads split K, and read half as many bytes.
// CHECK-LABEL: func.func private @row
// CHECK-NOT: nvvm.mma.sync
// CHECK: vector.load {{.*}} vector<4xf16>
// CHECK: arith.extf
// CHECK: vector.fma
kernel.func @row attributes {gpu.aligned_operands = array<i1: true, true, true>} {
^bb0(%x: memref<1x512xf16, strided<[512, 1]>>, %w: memref<8x512x8xf16, strided<[4096, 8, 1]>>, %y: memref<1x64xf32, strided<[64, 1]>>):
  %0 = kernel.load %x : memref<1x512xf16, strided<[512, 1]>> -> tensor<1x512xf16>
  %1 = kernel.load %w : memref<8x512x8xf16, strided<[4096, 8, 1]>> -> tensor<8x512x8xf16>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<1x512xf16>, tensor<8x512x8xf16>) -> tensor<1x64xf32>
  kernel.store %2, %y : tensor<1x64xf32>, memref<1x64xf32, strided<[64, 1]>>
}

// -----

// Bytes: a step has 32 along k, and sums are i32. Of the panels, registers make words of four neighbours along k before they are stored; a fragment of theirs
// is a word that a thread loads by itself. Where there is no such step before sm_80, four of 8 x 8 by 16 are one.
// CHECK-LABEL: func.func private @bytes
// CHECK: nvgpu.device_async_copy {{.*}}, 16, %{{.*}} : memref<9600xi8> to memref<7680xi8, 3>
// CHECK: nvvm.prmt
// CHECK: vector.store {{.*}} : memref<1920xi32, 3>, vector<4xi32>
// CHECK: nvgpu.ldmatrix {{.*}} : memref<3840xf16, 3> -> vector<4x2xf16>
// CHECK: memref.load {{.*}} : memref<1920xi32, 3>
// CHECK: nvvm.mma.sync {{.*}}intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>, {{.*}} multiplicandAPtxType = #nvvm.mma_type<u8>, multiplicandBPtxType = #nvvm.mma_type<s8>, shape = #nvvm.shape<m = 16, n = 8, k = 32>
// CHECK: vector.store {{.*}} : memref<1152xi32, 3>, vector<2xi32>
// CHECK: arith.sitofp
// SM75-LABEL: llvm.func @bytes
// SM75-COUNT-16: nvvm.mma.sync {{.*}} shape = #nvvm.shape<m = 8, n = 8, k = 16>
kernel.func @bytes attributes {gpu.aligned_operands = array<i1: true, true, true>} {
^bb0(%x: memref<100x96xui8, strided<[96, 1]>>, %w: memref<4x96x8xi8, strided<[768, 8, 1]>>, %y: memref<100x32xf32, strided<[32, 1]>>):
  %0 = kernel.load %x : memref<100x96xui8, strided<[96, 1]>> -> tensor<100x96xui8>
  %1 = kernel.load %w : memref<4x96x8xi8, strided<[768, 8, 1]>> -> tensor<4x96x8xi8>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<100x96xui8>, tensor<4x96x8xi8>) -> tensor<100x32xi32>
  %3 = graph.cast %2 {to = f32} : (tensor<100x32xi32>) -> tensor<100x32xf32>
  kernel.store %3, %y : tensor<100x32xf32>, memref<100x32xf32, strided<[32, 1]>>
}
