// RUN: smelt-opt %s --split-input-file --emit-device-kernels-cuda --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,CUDA
// RUN: smelt-opt %s --split-input-file --emit-device-kernels-vulkan --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,VULKAN
// RUN: smelt-opt %s --split-input-file --emit-device-kernels-lavapipe --canonicalize --cse | FileCheck %s --check-prefix=ALONE
// RUN: smelt-opt %s --split-input-file --device-pipeline-vulkan | FileCheck %s --check-prefix=SHADER
// RUN: smelt-opt %s --split-input-file --device-pipeline-vulkan-all | FileCheck %s --check-prefix=SUBGROUP

// A row of a softmax is a group's: its threads have every so many vectors, and merge the largest element and the sum. Between
// them threads of CUDA hand one another registers, warp by warp, and then memory; a device of Vulkan is sure of memory alone, unless
// its profile has the size of subgroups.
// A processor that plays a device has an invocation for each row.
// CUDA: memref.global "private" @group0 : memref<128xf32, 3>
// VULKAN: memref.global "private" @group0 : memref<64xf32, 3>
// CHECK-LABEL: func.func private @softmax
// CUDA-SAME: %[[ID:[a-z0-9]+]]: index) attributes {gpu.invocations = 384 : i64}
// VULKAN-SAME: %[[ID:[a-z0-9]+]]: index) attributes {gpu.invocations = 192 : i64, graph.rounds_products}
// CUDA: arith.remui %[[ID]], %c128
// VULKAN: arith.remui %[[ID]], %c64
// CHECK: scf.for {{.*}} iter_args
// CHECK: vector.load {{.*}} vector<4xf32>
// CUDA-COUNT-5: nvvm.shfl.sync bfly
// CUDA: nvvm.barrier0
// VULKAN: memref.store
// VULKAN: spirv.ControlBarrier <Workgroup>, <Workgroup>, <AcquireRelease|WorkgroupMemory>
// CHECK: memref.load {{.*}} 3>
// CHECK: scf.for {{.*}} iter_args
// CHECK: math.fma
// CHECK: scf.for
// CHECK: vector.store {{.*}} vector<4xf32>
// ALONE-LABEL: func.func private @softmax
// ALONE-SAME: gpu.invocations = 3 : i64
// ALONE-NOT: ControlBarrier
// SHADER: spirv.GlobalVariable @group0 : !spirv.ptr<!spirv.array<64 x f32>, Workgroup>
// SHADER: spirv.ControlBarrier
// SUBGROUP: requires #spirv.vce<v1.3, [Shader, GroupNonUniformShuffle,
// SUBGROUP-COUNT-5: spirv.GroupNonUniformShuffleXor <Subgroup> {{.*}} : f32, i32
// SUBGROUP: spirv.ControlBarrier
kernel.func @softmax {
^bb0(%x: memref<3x1000xf32, strided<[1000, 1]>>, %y: memref<3x1000xf32, strided<[1000, 1]>>):
  %0 = kernel.load %x : memref<3x1000xf32, strided<[1000, 1]>> -> tensor<3x1000xf32>
  %1 = graph.softmax %0 {axis = 1 : i64} : (tensor<3x1000xf32>) -> tensor<3x1000xf32>
  kernel.store %1, %y : tensor<3x1000xf32>, memref<3x1000xf32, strided<[1000, 1]>>
}

// -----

// Of rows of 96 a warp has one, without a barrier: four rows a group. On Vulkan, where groups have 64 threads, a group has,
// unless the profile has subgroups.
// CUDA-NOT: memref.global
// CHECK-LABEL: func.func private @norm
// CUDA-SAME: gpu.invocations = 160 : i64
// VULKAN-SAME: gpu.invocations = 320 : i64
// CUDA-COUNT-10: nvvm.shfl.sync bfly
// CUDA-NOT: nvvm.barrier0
// SUBGROUP: requires #spirv.vce<v1.3, [Shader, GroupNonUniformShuffle,
// SUBGROUP-NOT: Workgroup>
// SUBGROUP: gpu.invocations = 160 : i64
// SUBGROUP-COUNT-10: spirv.GroupNonUniformShuffleXor <Subgroup> {{.*}} : f32, i32
// SUBGROUP-NOT: spirv.ControlBarrier
// SUBGROUP: spirv.Return
kernel.func @norm {
^bb0(%x: memref<5x96xf32, strided<[96, 1]>>, %y: memref<5x96xf32, strided<[96, 1]>>):
  %0 = kernel.load %x : memref<5x96xf32, strided<[96, 1]>> -> tensor<5x96xf32>
  %1 = graph.layer_norm %0 {axis = 1 : i64, epsilon = 1.000000e-05 : f64} : (tensor<5x96xf32>) -> tensor<5x96xf32>
  kernel.store %1, %y : tensor<5x96xf32>, memref<5x96xf32, strided<[96, 1]>>
}

// -----

// One thread hands over what a row comes to.
// CHECK-LABEL: func.func private @sum(
// CUDA-COUNT-5: nvvm.shfl.sync bfly
// CHECK: arith.cmpi eq
// CHECK: scf.if
// CHECK-NEXT: memref.store {{.*}} memref<8xf32>
kernel.func @sum {
^bb0(%x: memref<8x128xf32, strided<[128, 1]>>, %y: memref<8x1xf32, strided<[1, 1]>>):
  %0 = kernel.load %x : memref<8x128xf32, strided<[128, 1]>> -> tensor<8x128xf32>
  %1 = graph.reduce %0 {axes = array<i64: 1>, kind = 0 : i32} : (tensor<8x128xf32>) -> tensor<8x1xf32>
  kernel.store %1, %y : tensor<8x1xf32>, memref<8x1xf32, strided<[1, 1]>>
}

// -----

// Channels that stay lie side by side: neighbours read neighbouring vectors, eight of them, and the others of a group have other
// points. 250 vectors are 32 parts of eight; in the last, six threads have what others have, and hand nothing over.
// CUDA: memref.global "private" @group0 : memref<512xf32, 3>
// CHECK-LABEL: func.func private @pool
// CUDA-SAME: gpu.invocations = 4096 : i64
// VULKAN-SAME: gpu.invocations = 2048 : i64
// CHECK: arith.minui
// CHECK: scf.for {{.*}} iter_args
// CHECK: vector.load {{.*}} vector<4xf32>
// CUDA: nvvm.shfl.sync bfly
// CHECK: vector.load {{.*}} 3>, vector<4xf32>
// CHECK: scf.if
// CHECK-NEXT: vector.store {{.*}} memref<1000xf32>, vector<4xf32>
kernel.func @pool {
^bb0(%x: memref<1x7x7x1000xf32, strided<[49000, 7000, 1000, 1]>>, %y: memref<1x1x1x1000xf32, strided<[1000, 1000, 1000, 1]>>):
  %0 = kernel.load %x : memref<1x7x7x1000xf32, strided<[49000, 7000, 1000, 1]>> -> tensor<1x7x7x1000xf32>
  %1 = graph.reduce %0 {axes = array<i64: 1, 2>, kind = 1 : i32} : (tensor<1x7x7x1000xf32>) -> tensor<1x1x1x1000xf32>
  kernel.store %1, %y : tensor<1x1x1x1000xf32>, memref<1x1x1x1000xf32, strided<[1000, 1000, 1000, 1]>>
}

// -----

// Short rows have a thread each.
// CHECK-LABEL: func.func private @short
// CHECK-SAME: gpu.invocations = 200 : i64
// CHECK-NOT: nvvm.shfl.sync
// CHECK-NOT: spirv.ControlBarrier
kernel.func @short {
^bb0(%x: memref<200x16xf32, strided<[16, 1]>>, %y: memref<200x16xf32, strided<[16, 1]>>):
  %0 = kernel.load %x : memref<200x16xf32, strided<[16, 1]>> -> tensor<200x16xf32>
  %1 = graph.softmax %0 {axis = 1 : i64} : (tensor<200x16xf32>) -> tensor<200x16xf32>
  kernel.store %1, %y : tensor<200x16xf32>, memref<200x16xf32, strided<[16, 1]>>
}
