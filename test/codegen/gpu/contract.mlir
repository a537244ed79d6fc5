// RUN: smelt-opt %s --emit-device-kernels-lavapipe --canonicalize | FileCheck %s
// RUN: smelt-opt %s --device-pipeline-lavapipe | FileCheck %s --check-prefix=TEXELS
// RUN: smelt-opt %s --device-pipeline-vulkan | FileCheck %s --check-prefix=STORAGE

// Six rows by two panels: an invocation each, of which neighbours would have neighbouring rows. A step of the loop is eight
// rows of the panel. The last panel has four columns more than the result, and those are not stored.
// CHECK-LABEL: func.func private @product
// CHECK-SAME: %[[ID:[a-z0-9]+]]: index) attributes {gpu.aligned_operands = array<i1: true, true, true>, gpu.invocations = 2 : i64, graph.rounds_products}
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-6: vector.load {{.*}} vector<4xf32>
// CHECK-COUNT-48: vector.fma
// CHECK-COUNT-6: vector.load {{.*}} vector<4xf32>
// CHECK-COUNT-48: vector.fma
// CHECK: scf.yield
// CHECK: scf.if
// CHECK: vector.store {{.*}} vector<4xf32>

// Texels where that is the profile's way; what is written is a storage buffer of vectors on either.
// TEXELS: spirv.GlobalVariable @binding0 bind(0, 0) : !spirv.ptr<!spirv.image<f32, Buffer
// TEXELS: !spirv.ptr<!spirv.struct<{{.*}}rtarray<vector<4xf32>, stride=16>
// TEXELS: spirv.GlobalVariable @offsets : {{.*}}PushConstant
// TEXELS: spirv.ImageFetch
// TEXELS: spirv.GL.Fma
// STORAGE: spirv.module
// STORAGE-NOT: spirv.image
// STORAGE: spirv.GL.Fma
kernel.func @product attributes {gpu.aligned_operands = array<i1: true, true, true>} {
^bb0(%x: memref<6x24xf32, strided<[24, 1]>>, %w: memref<2x24x8xf32, strided<[192, 8, 1]>>, %y: memref<6x12xf32, strided<[12, 1]>>):
  %0 = kernel.load %x : memref<6x24xf32, strided<[24, 1]>> -> tensor<6x24xf32>
  %1 = kernel.load %w : memref<2x24x8xf32, strided<[192, 8, 1]>> -> tensor<2x24x8xf32>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<6x24xf32>, tensor<2x24x8xf32>) -> tensor<6x12xf32>
  kernel.store %2, %y : tensor<6x12xf32>, memref<6x12xf32, strided<[12, 1]>>
}

// Of eleven rows the second tile has the last eight, and stores the three that the first has not: what is fused to a product
// may read what the product overwrites.
// CHECK-LABEL: func.func private @cut
// CHECK-SAME: gpu.invocations = 2 : i64
// CHECK: %[[FIRST:.*]] = arith.minsi %[[OWN:[a-z0-9_]+]], %c3
// CHECK: vector.fma
// CHECK: arith.cmpi sge, %[[FIRST]], %[[OWN]]
// CHECK-NEXT: scf.if
kernel.func @cut attributes {gpu.aligned_operands = array<i1: true, true, true>} {
^bb0(%x: memref<11x8xf32, strided<[8, 1]>>, %w: memref<1x8x8xf32, strided<[64, 8, 1]>>, %y: memref<11x8xf32, strided<[8, 1]>>):
  %0 = kernel.load %x : memref<11x8xf32, strided<[8, 1]>> -> tensor<11x8xf32>
  %1 = kernel.load %w : memref<1x8x8xf32, strided<[64, 8, 1]>> -> tensor<1x8x8xf32>
  %2 = kernel.contract %0, %1 {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<11x8xf32>, tensor<1x8x8xf32>) -> tensor<11x8xf32>
  kernel.store %2, %y : tensor<11x8xf32>, memref<11x8xf32, strided<[8, 1]>>
}
