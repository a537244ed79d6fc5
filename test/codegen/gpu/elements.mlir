// RUN: smelt-opt %s --split-input-file --emit-device-kernels-vulkan --canonicalize --mark-aligned | FileCheck %s
// RUN: smelt-opt %s --split-input-file --device-pipeline-vulkan | FileCheck %s --check-prefix=SHADER

// Four elements an invocation; the last of ten has two.
// CHECK-LABEL: func.func private @relu
// CHECK-SAME: gpu.invocations = 3 : i64
// CHECK: scf.if
// CHECK: vector.load {{.*}} {gpu.aligned}
// CHECK: vector.store {{.*}} {gpu.aligned}
// CHECK: else
// CHECK-COUNT-2: memref.store

// Drivers may not take (x + 12582912) - 12582912, which rounds, for x.
// SHADER-LABEL: spirv.module @relu
// SHADER: spirv.FAdd {{.*}} {no_contraction}
kernel.func @relu attributes {gpu.aligned_operands = array<i1: true, true>} {
^bb0(%x: memref<10xf32, strided<[1]>>, %y: memref<10xf32, strided<[1]>>):
  %0 = kernel.load %x : memref<10xf32, strided<[1]>> -> tensor<10xf32>
  %1 = graph.add %0, %0 : (tensor<10xf32>, tensor<10xf32>) -> tensor<10xf32>
  kernel.store %1, %y : tensor<10xf32>, memref<10xf32, strided<[1]>>
}

// -----

// Where an operand may begin anywhere, elements are read one by one.
// CHECK-LABEL: func.func private @anywhere
// CHECK: vector.load
// CHECK-NOT: gpu.aligned}
// CHECK: vector.store {{.*}} {gpu.aligned}
kernel.func @anywhere attributes {gpu.aligned_operands = array<i1: false, true>} {
^bb0(%x: memref<8xf32, strided<[1]>>, %y: memref<8xf32, strided<[1]>>):
  %0 = kernel.load %x : memref<8xf32, strided<[1]>> -> tensor<8xf32>
  %1 = graph.neg %0 : (tensor<8xf32>) -> tensor<8xf32>
  kernel.store %1, %y : tensor<8xf32>, memref<8xf32, strided<[1]>>
}

// -----

// A row of depthwise convolution: four channels of both points an invocation, three taps unrolled. The windows share two of
// four elements, which are read once, as the filter's are.
// CHECK-LABEL: func.func private @depthwise
// CHECK-SAME: gpu.invocations = 2 : i64
// CHECK-COUNT-7: vector.load
// CHECK-NOT: vector.load
// CHECK-COUNT-2: vector.store
// CHECK-NOT: scf.for
kernel.func @depthwise attributes {gpu.aligned_operands = array<i1: true, true, true>} {
^bb0(%x: memref<1x4x8xf32, strided<[32, 8, 1]>>, %w: memref<3x1x8xf32, strided<[8, 8, 1]>>, %y: memref<1x2x8xf32, strided<[16, 8, 1]>>):
  %0 = kernel.load %x : memref<1x4x8xf32, strided<[32, 8, 1]>> -> tensor<1x4x8xf32>
  %1 = kernel.load %w : memref<3x1x8xf32, strided<[8, 8, 1]>> -> tensor<3x1x8xf32>
  %2 = graph.conv %0, %1 {strides = array<i64: 1>, dilations = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, groups = 8 : i64, layout = 1 : i32} : (tensor<1x4x8xf32>, tensor<3x1x8xf32>) -> tensor<1x2x8xf32>
  kernel.store %2, %y : tensor<1x2x8xf32>, memref<1x2x8xf32, strided<[16, 8, 1]>>
}
