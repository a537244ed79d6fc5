// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(split-k{multiprocessors=128 vector-bytes=16}))' | FileCheck %s
// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(split-k{vector-bytes=16}))' | FileCheck %s --check-prefix=NONE
// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(split-k{multiprocessors=128 vector-bytes=16},fold-constants,form-dispatches{device=true vector-bytes=16}))' | FileCheck %s --check-prefix=KERNELS

// 2 · 16 tiles of 32 x 32, and 64 slices along K: four groups of channels of the input are as many tiles as there are multiprocessors.
// contract(x, w)   →   p = contract(x, w') {groups = 4};  ((p0 + p1) + p2) + p3, in f32
// CHECK-LABEL: func.func @product
// CHECK: %[[W:.*]] = graph.constant
// CHECK: %[[APART:.*]] = graph.reshape %[[W]] : (tensor<64x2048x8xf16>) -> tensor<64x1x4x512x8xf16>
// CHECK: %[[MOVED:.*]] = graph.transpose %[[APART]] {permutation = array<i64: 2, 0, 1, 3, 4>}
// CHECK: %[[PANELS:.*]] = graph.reshape %[[MOVED]] : {{.*}} -> tensor<4x64x512x8xf16>
// CHECK: %[[P:.*]] = kernel.contract %arg0, %[[PANELS]] {{.*}}groups = 4 : i64{{.*}} : (tensor<49x2048xf16>, tensor<4x64x512x8xf16>) -> tensor<49x2048xf32>
// CHECK: %[[P0:.*]] = graph.slice %[[P]] {starts = #graph.extents<"0, 0">
// CHECK: %[[P1:.*]] = graph.slice %[[P]] {starts = #graph.extents<"0, 512">
// CHECK: %[[S1:.*]] = graph.add %[[P0]], %[[P1]]
// CHECK: %[[P2:.*]] = graph.slice %[[P]] {starts = #graph.extents<"0, 1024">
// CHECK: %[[S2:.*]] = graph.add %[[S1]], %[[P2]]
// CHECK: %[[P3:.*]] = graph.slice %[[P]] {starts = #graph.extents<"0, 1536">
// CHECK: %[[S3:.*]] = graph.add %[[S2]], %[[P3]]
// CHECK: graph.relu %[[S3]]
// NONE-LABEL: func.func @product
// NONE: kernel.contract {{.*}} -> tensor<49x512xf32>

// What follows is the second kernel's, with the sum.
// KERNELS-LABEL: func.func @product
// KERNELS: kernel.dispatch
// KERNELS-NEXT: ^bb0
// KERNELS-NEXT: kernel.contract
// KERNELS-NEXT: kernel.yield
// KERNELS: kernel.dispatch
// KERNELS-NEXT: ^bb0
// KERNELS-NEXT: graph.add
// KERNELS-NEXT: graph.add
// KERNELS-NEXT: graph.add
// KERNELS-NEXT: graph.relu
// KERNELS-NEXT: kernel.yield
// KERNELS-NOT: kernel.dispatch
// KERNELS: return
func.func @product(%x: tensor<49x2048xf16>) -> tensor<49x512xf32> {
  %w = graph.constant dense<1.0> : tensor<64x2048x8xf16>
  %0 = kernel.contract %x, %w {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<49x2048xf16>, tensor<64x2048x8xf16>) -> tensor<49x512xf32>
  %1 = graph.relu %0 : (tensor<49x512xf32>) -> tensor<49x512xf32>
  return %1 : tensor<49x512xf32>
}

// Of a convolution each part has its channels of every tap: 144 slices of 10 tiles are worth eight parts.
// CHECK-LABEL: func.func @convolution
// CHECK: graph.reshape {{.*}} : (tensor<20x4608x8xf16>) -> tensor<20x9x8x64x8xf16>
// CHECK: graph.reshape {{.*}} -> tensor<8x20x576x8xf16>
// CHECK: kernel.contract {{.*}}groups = 8 : i64{{.*}}strides = array<i64: 1, 1>{{.*}} -> tensor<1x7x7x1280xf32>
// CHECK-COUNT-7: graph.add
func.func @convolution(%x: tensor<1x9x9x512xf16>) -> tensor<1x7x7x160xf32> {
  %w = graph.constant dense<1.0> : tensor<20x4608x8xf16>
  %0 = kernel.contract %x, %w {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x9x9x512xf16>, tensor<20x4608x8xf16>) -> tensor<1x7x7x160xf32>
  return %0 : tensor<1x7x7x160xf32>
}

// Integers, of which one point suffices, are added up as i32; a result in f16 is rounded when it is whole.
// CHECK-LABEL: func.func @others
// CHECK: kernel.contract {{.*}} -> tensor<1x2048xi32>
// CHECK-COUNT-7: graph.add {{.*}} -> tensor<1x256xi32>
// CHECK: kernel.contract {{.*}} -> tensor<64x512xf32>
// CHECK-COUNT-7: graph.add {{.*}} -> tensor<64x64xf32>
// CHECK-NEXT: graph.cast {{.*}} -> tensor<64x64xf16>
func.func @others(%x: tensor<1x4096xui8>, %y: tensor<64x1024xf16>) -> (tensor<1x256xi32>, tensor<64x64xf16>) {
  %w = graph.constant dense<1> : tensor<32x4096x8xi8>
  %v = graph.constant dense<1.0> : tensor<8x1024x8xf16>
  %0 = kernel.contract %x, %w {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<1x4096xui8>, tensor<32x4096x8xi8>) -> tensor<1x256xi32>
  %1 = kernel.contract %y, %v {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<64x1024xf16>, tensor<8x1024x8xf16>) -> tensor<64x64xf16>
  return %0, %1 : tensor<1x256xi32>, tensor<64x64xf16>
}

// Enough tiles; a short K; a few points of floats; panels that are in no tile; weights that the run computes; channels that are no whole vectors.
// CHECK-LABEL: func.func @whole
// CHECK-NOT: graph.add
// CHECK: return
func.func @whole(%many: tensor<1024x2048xf16>, %short: tensor<49x256xf16>, %few: tensor<4x2048xf16>, %x: tensor<49x2048xf16>, %computed: tensor<64x2048x8xf16>) -> (tensor<1024x512xf32>, tensor<49x512xf32>, tensor<4x512xf32>, tensor<49x72xf32>, tensor<49x512xf32>, tensor<49x6xf32>) {
  %w = graph.constant dense<1.0> : tensor<64x2048x8xf16>
  %v = graph.constant dense<1.0> : tensor<64x256x8xf16>
  %wide = graph.constant dense<1.0> : tensor<3x2048x24xf16>
  %narrow = graph.constant dense<1.0> : tensor<1x2048x8xf16>
  %0 = kernel.contract %many, %w {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<1024x2048xf16>, tensor<64x2048x8xf16>) -> tensor<1024x512xf32>
  %1 = kernel.contract %short, %v {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<49x256xf16>, tensor<64x256x8xf16>) -> tensor<49x512xf32>
  %2 = kernel.contract %few, %w {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<4x2048xf16>, tensor<64x2048x8xf16>) -> tensor<4x512xf32>
  %3 = kernel.contract %x, %wide {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<49x2048xf16>, tensor<3x2048x24xf16>) -> tensor<49x72xf32>
  %4 = kernel.contract %x, %computed {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<49x2048xf16>, tensor<64x2048x8xf16>) -> tensor<49x512xf32>
  %5 = kernel.contract %x, %narrow {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<49x2048xf16>, tensor<1x2048x8xf16>) -> tensor<49x6xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<1024x512xf32>, tensor<49x512xf32>, tensor<4x512xf32>, tensor<49x72xf32>, tensor<49x512xf32>, tensor<49x6xf32>
}
