// RUN: smelt-opt %s --split-input-file --emit-device-kernels-cuda --canonicalize --cse | FileCheck %s
// RUN: smelt-opt %s --split-input-file --device-pipeline-cuda-sm_75 | FileCheck %s --check-prefix=SM75
// RUN: smelt-opt %s --split-input-file --emit-device-kernels-vulkan --canonicalize --cse | FileCheck %s --check-prefix=VULKAN

// Operands of f16: 32 rows of q a group, two rows of fragments for four warps. Scores of a block, 32 by 32, are 8 steps of tensor cores for each 16 along
// the depth, two of them a warp's; they and the rows' scales go through memory, and sums of values stay in fragments, four to a step, until the end.
// CHECK: memref.global "private" @memory : memref<{{[0-9]+}}xi8, 3> = uninitialized {alignment = 16 : i64}
// CHECK-LABEL: func.func private @attention
// CHECK-SAME: gpu.invocations = 1792 : i64
// CHECK: scf.for %{{.*}} = %c0 to %c200 step %c32 iter_args({{.*}}) -> (f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32)
// CHECK: nvvm.barrier0
// CHECK: scf.for
// CHECK: nvgpu.ldmatrix {{.*}} {numTiles = 4 : i32, transpose = false}
// CHECK: nvgpu.ldmatrix {{.*}} {numTiles = 4 : i32, transpose = true}
// CHECK-COUNT-2: nvvm.mma.sync {{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 16>
// CHECK: nvvm.barrier0
// CHECK-COUNT-2: vector.load {{.*}} vector<4xf32>
// CHECK: nvvm.shfl.sync bfly
// CHECK: arith.truncf {{.*}} : vector<4xf32> to vector<4xf16>
// CHECK: nvvm.barrier0
// CHECK: nvvm.barrier0
// CHECK: nvgpu.ldmatrix
// CHECK-COUNT-2: nvvm.mma.sync {{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 16>
// CHECK: nvvm.barrier0
// CHECK: vector.store {{.*}} memref<12800xf32>
// SM75: nvvm.mma.sync {{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 8>
// VULKAN: memref.global "private" @group0 : memref<{{[0-9]+}}xf32, 3>
// VULKAN: arith.extf {{.*}} : vector<4xf16> to vector<4xf32>
// VULKAN: vector.fma
kernel.func @attention attributes {gpu.aligned_operands = array<i1: true, true, true, true>} {
^bb0(%q: memref<2x200x32xf16, strided<[6400, 32, 1]>>, %k: memref<2x25x32x8xf16, strided<[6400, 256, 8, 1]>>, %v: memref<2x4x200x8xf16, strided<[6400, 1600, 8, 1]>>, %y: memref<2x200x32xf32, strided<[6400, 32, 1]>>):
  %0 = kernel.load %q : memref<2x200x32xf16, strided<[6400, 32, 1]>> -> tensor<2x200x32xf16>
  %1 = kernel.load %k : memref<2x25x32x8xf16, strided<[6400, 256, 8, 1]>> -> tensor<2x25x32x8xf16>
  %2 = kernel.load %v : memref<2x4x200x8xf16, strided<[6400, 1600, 8, 1]>> -> tensor<2x4x200x8xf16>
  %3 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x200x32xf16>, tensor<2x25x32x8xf16>) -> tensor<2x200x200xf32>
  %4 = graph.softmax %3 {axis = 2 : i64} : (tensor<2x200x200xf32>) -> tensor<2x200x200xf32>
  %5 = graph.cast %4 {to = f16} : (tensor<2x200x200xf32>) -> tensor<2x200x200xf16>
  %6 = kernel.contract %5, %2 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x200x200xf16>, tensor<2x4x200x8xf16>) -> tensor<2x200x32xf32>
  kernel.store %6, %y : tensor<2x200x32xf32>, memref<2x200x32xf32, strided<[6400, 32, 1]>>
}

// -----

// Of rows that the run counts as well: the last once more where a tile has none.
// CHECK-LABEL: func.func private @open
// CHECK-SAME: gpu.measures = #graph.extents<"256*floordiv(p0 + 31, 32), 0">
// CHECK: arith.minui
// CHECK: nvvm.mma.sync
// CHECK: nvvm.mma.sync
// SM75-LABEL: llvm.func @open
// SM75: nvvm.mma.sync
// VULKAN-LABEL: func.func private @open
kernel.func @open attributes {gpu.aligned_operands = array<i1: true, true, true, true>, graph.loaded = #graph.extents<"p0">, sizes = ["p0"]} {
^bb0(%q: memref<2x?x32xf16, #kernel.layout<"2, p0, 32", "32*p0, 32, 1">>, %k: memref<2x25x32x8xf16, strided<[6400, 256, 8, 1]>>, %v: memref<2x4x200x8xf16, strided<[6400, 1600, 8, 1]>>, %y: memref<2x?x32xf32, #kernel.layout<"2, p0, 32", "32*p0, 32, 1">>, %n: index):
  %0 = kernel.load %q : memref<2x?x32xf16, #kernel.layout<"2, p0, 32", "32*p0, 32, 1">> -> tensor<2x?x32xf16, #graph.extents<"2, p0, 32">>
  %1 = kernel.load %k : memref<2x25x32x8xf16, strided<[6400, 256, 8, 1]>> -> tensor<2x25x32x8xf16>
  %2 = kernel.load %v : memref<2x4x200x8xf16, strided<[6400, 1600, 8, 1]>> -> tensor<2x4x200x8xf16>
  %3 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x?x32xf16, #graph.extents<"2, p0, 32">>, tensor<2x25x32x8xf16>) -> tensor<2x?x200xf32, #graph.extents<"2, p0, 200">>
  %4 = graph.softmax %3 {axis = 2 : i64} : (tensor<2x?x200xf32, #graph.extents<"2, p0, 200">>) -> tensor<2x?x200xf32, #graph.extents<"2, p0, 200">>
  %5 = graph.cast %4 {to = f16} : (tensor<2x?x200xf32, #graph.extents<"2, p0, 200">>) -> tensor<2x?x200xf16, #graph.extents<"2, p0, 200">>
  %6 = kernel.contract %5, %2 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x?x200xf16, #graph.extents<"2, p0, 200">>, tensor<2x4x200x8xf16>) -> tensor<2x?x32xf32, #graph.extents<"2, p0, 32">>
  kernel.store %6, %y : tensor<2x?x32xf32, #graph.extents<"2, p0, 32">>, memref<2x?x32xf32, #kernel.layout<"2, p0, 32", "32*p0, 32, 1">>
}
