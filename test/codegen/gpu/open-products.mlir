// RUN: smelt-opt %s --split-input-file --emit-device-kernels-cuda --canonicalize --cse | FileCheck %s
// RUN: smelt-opt %s --split-input-file --device-pipeline-cuda | FileCheck %s --check-prefix=NVVM

// Of rows that the run counts groups have tiles as well, as large ones as are enough for a typical length. Rows of the last tile that are beyond the end
// are the last row once more, and not stored. All threads of a group are there: nothing asks for their number.
// CHECK-LABEL: func.func private @rows
// CHECK-SAME: %[[N:[a-z0-9]+]]: i32, %[[ID:[a-z0-9]+]]: index) attributes {{.*}}gpu.measures = #graph.extents<"256*floordiv(p0 + 31, 32), 0">
// CHECK: %[[ROWS:.*]] = arith.index_cast %[[N]]
// CHECK-NOT: scf.if
// CHECK: %[[LAST:.*]] = arith.addi %[[ROWS]], %c-1
// CHECK: arith.minui %{{.*}}, %[[LAST]]
// CHECK: nvgpu.device_async_copy {{.*}}, 4 : memref<2147483647xf32> to memref<1280xf32, 3>
// CHECK: nvvm.barrier0
// CHECK: vector.fma
// CHECK: arith.cmpi ult, %{{.*}}, %[[ROWS]]
// CHECK: scf.if
// CHECK: vector.store
// NVVM-LABEL: llvm.func @rows
// NVVM: nvvm.cp.async.shared.global {{.*}}, 16, cache = cg
kernel.func @rows attributes {gpu.aligned_operands = array<i1: true, true, true>, graph.loaded = #graph.extents<"p0">, sizes = ["p0"]} {
^bb0(%x: memref<?x64xf32, #kernel.layout<"p0, 64", "64, 1">>, %w: memref<8x64x8xf32, strided<[512, 8, 1]>>, %y: memref<?x64xf32, #kernel.layout<"p0, 64", "64, 1">>, %n: index):
  %0 = kernel.load %x : memref<?x64xf32, #kernel.layout<"p0, 64", "64, 1">> -> tensor<?x64xf32, #graph.extents<"p0, 64">>
  %1 = kernel.load %w : memref<8x64x8xf32, strided<[512, 8, 1]>> -> tensor<8x64x8xf32>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<?x64xf32, #graph.extents<"p0, 64">>, tensor<8x64x8xf32>) -> tensor<?x64xf32, #graph.extents<"p0, 64">>
  kernel.store %2, %y : tensor<?x64xf32, #graph.extents<"p0, 64">>, memref<?x64xf32, #kernel.layout<"p0, 64", "64, 1">>
}

// -----

// Rows of several batches, and as many columns, by tensor cores. Strides of whole vectors of 16 bytes, whatever the run counts, are copied at once; of
// columns each vector that is cut by the end is stored in parts.
// CHECK-LABEL: func.func private @scores
// CHECK-SAME: gpu.measures = #graph.extents<"128*p0*floordiv(p1 + 31, 32)*floordiv(p1 + 31, 32), 0">
// CHECK: nvgpu.device_async_copy {{.*}}, 8 : memref<2147483647xf16> to memref<3840xf16, 3>
// CHECK: nvgpu.device_async_copy {{.*}}, 8 : memref<2147483647xf16> to memref<3840xf16, 3>
// CHECK: nvvm.mma.sync
// CHECK: vector.store {{.*}} vector<4xf32>
// CHECK: vector.store {{.*}} vector<2xf32>
// NVVM-LABEL: llvm.func @scores
// NVVM: nvvm.mma.sync
kernel.func @scores attributes {gpu.aligned_operands = array<i1: true, true, true>, graph.loaded = #graph.extents<"p0, p1">, sizes = ["p0", "p1"]} {
^bb0(%x: memref<?x?x64xf16, #kernel.layout<"p0, p1, 64", "64*p1, 64, 1">>, %w: memref<?x?x64x8xf16, #kernel.layout<"p0, floordiv(p1 + 7, 8), 64, 8", "512*floordiv(p1 + 7, 8), 512, 8, 1">>, %y: memref<?x?x?xf32, #kernel.layout<"p0, p1, p1", "p1*p1, p1, 1">>, %b: index, %n: index):
  %0 = kernel.load %x : memref<?x?x64xf16, #kernel.layout<"p0, p1, 64", "64*p1, 64, 1">> -> tensor<?x?x64xf16, #graph.extents<"p0, p1, 64">>
  %1 = kernel.load %w : memref<?x?x64x8xf16, #kernel.layout<"p0, floordiv(p1 + 7, 8), 64, 8", "512*floordiv(p1 + 7, 8), 512, 8, 1">> -> tensor<?x?x64x8xf16, #graph.extents<"p0, floordiv(p1 + 7, 8), 64, 8">>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<?x?x64xf16, #graph.extents<"p0, p1, 64">>, tensor<?x?x64x8xf16, #graph.extents<"p0, floordiv(p1 + 7, 8), 64, 8">>) -> tensor<?x?x?xf32, #graph.extents<"p0, p1, p1">>
  kernel.store %2, %y : tensor<?x?x?xf32, #graph.extents<"p0, p1, p1">>, memref<?x?x?xf32, #kernel.layout<"p0, p1, p1", "p1*p1, p1, 1">>
}

// -----

// A K that the run counts is summed up by each invocation for itself.
// CHECK-LABEL: func.func private @depth
// CHECK-NOT: nvvm
// CHECK: vector.fma
// CHECK-NOT: nvvm
// CHECK: return
kernel.func @depth attributes {gpu.aligned_operands = array<i1: true, true, true>, graph.loaded = #graph.extents<"p0">, sizes = ["p0"]} {
^bb0(%x: memref<64x?xf32, #kernel.layout<"64, p0", "p0, 1">>, %w: memref<8x?x8xf32, #kernel.layout<"8, p0, 8", "8*p0, 8, 1">>, %y: memref<64x64xf32, strided<[64, 1]>>, %n: index):
  %0 = kernel.load %x : memref<64x?xf32, #kernel.layout<"64, p0", "p0, 1">> -> tensor<64x?xf32, #graph.extents<"64, p0">>
  %1 = kernel.load %w : memref<8x?x8xf32, #kernel.layout<"8, p0, 8", "8*p0, 8, 1">> -> tensor<8x?x8xf32, #graph.extents<"8, p0, 8">>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<64x?xf32, #graph.extents<"64, p0">>, tensor<8x?x8xf32, #graph.extents<"8, p0, 8">>) -> tensor<64x64xf32>
  kernel.store %2, %y : tensor<64x64xf32>, memref<64x64xf32, strided<[64, 1]>>
}
