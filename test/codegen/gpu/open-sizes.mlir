// RUN: smelt-opt %s --split-input-file --emit-device-kernels-vulkan --canonicalize --cse | FileCheck %s
// RUN: smelt-opt %s --split-input-file --device-pipeline-vulkan | FileCheck %s --check-prefix SHADER
// RUN: smelt-opt %s --split-input-file --device-pipeline-cuda | FileCheck %s --check-prefix CUDA

// Sizes come as words; how many invocations there are is an expression of them. What ends within four elements is
// computed one by one.
// CHECK-LABEL: func.func private @relu
// CHECK-SAME: %[[N:[a-z0-9]+]]: i32, %[[ID:[a-z0-9]+]]: index) attributes {gpu.measures = #graph.extents<"floordiv(p0 + 3, 4), 0">, gpu.sizes = ["p0"], graph.rounds_products}
// CHECK: arith.index_cast %[[N]]
// CHECK: vector.store
// CHECK: scf.for
// CHECK: memref.store
// The size is the push constant behind those of the bindings.
// SHADER-LABEL: spirv.module
// SHADER-SAME: gpu.measures = #graph.extents<"floordiv(p0 + 3, 4), min(3, p0)">
// SHADER: spirv.GlobalVariable @offsets : !spirv.ptr<!spirv.struct<(!spirv.array<32 x i32
// CUDA-LABEL: llvm.func @relu(%{{[a-z0-9]+}}: !llvm.ptr, %{{[a-z0-9]+}}: !llvm.ptr, %{{[a-z0-9]+}}: i32
kernel.func @relu attributes {graph.loaded = #graph.extents<"p0">, sizes = ["p0"]} {
^bb0(%x: memref<?xf32, #kernel.layout<"p0", "1">>, %y: memref<?xf32, #kernel.layout<"p0", "1">>, %n: index):
  %0 = kernel.load %x : memref<?xf32, #kernel.layout<"p0", "1">> -> tensor<?xf32, #graph.extents<"p0">>
  %1 = graph.relu %0 : (tensor<?xf32, #graph.extents<"p0">>) -> tensor<?xf32, #graph.extents<"p0">>
  kernel.store %1, %y : tensor<?xf32, #graph.extents<"p0">>, memref<?xf32, #kernel.layout<"p0", "1">>
}

// -----

// A loop that may have no steps: what it carries is what it began with, which MLIR's conversion forgets.
// CHECK-LABEL: func.func private @sum
// CHECK: scf.for {{.*}} iter_args
// SHADER: spirv.mlir.loop
// SHADER: spirv.Select
kernel.func @sum attributes {graph.loaded = #graph.extents<"p0">, sizes = ["p0"]} {
^bb0(%x: memref<3x?xf32, #kernel.layout<"3, p0", "p0, 1">>, %y: memref<3x1xf32, strided<[1, 1]>>, %n: index):
  %0 = kernel.load %x : memref<3x?xf32, #kernel.layout<"3, p0", "p0, 1">> -> tensor<3x?xf32, #graph.extents<"3, p0">>
  %1 = graph.reduce %0 {axes = array<i64: 1>, kind = 0 : i32} : (tensor<3x?xf32, #graph.extents<"3, p0">>) -> tensor<3x1xf32>
  kernel.store %1, %y : tensor<3x1xf32>, memref<3x1xf32, strided<[1, 1]>>
}
