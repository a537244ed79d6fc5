// Data ops read vectors where their coordinates are the same on all lanes, and single elements elsewhere.
// RUN: smelt-opt %s --pass-pipeline='builtin.module(emit-kernels-x86-64-v3,canonicalize,cse)' | FileCheck %s

// A row is one operand's.
// CHECK-LABEL: func.func private @concat_rows(
// CHECK: scf.if
// CHECK: vector.load %arg0
// CHECK: else
// CHECK: vector.load %arg1
// CHECK: vector.store
kernel.func @concat_rows {
^bb0(%b0: memref<4x64xf32, strided<[64, 1]>>, %b1: memref<2x64xf32, strided<[64, 1]>>, %out: memref<6x64xf32, strided<[64, 1]>>):
  %0 = kernel.load %b0 : memref<4x64xf32, strided<[64, 1]>> -> tensor<4x64xf32>
  %1 = kernel.load %b1 : memref<2x64xf32, strided<[64, 1]>> -> tensor<2x64xf32>
  %r = graph.concat %0, %1 {axis = 0 : i64} : (tensor<4x64xf32>, tensor<2x64xf32>) -> tensor<6x64xf32>
  kernel.store %r, %out : tensor<6x64xf32>, memref<6x64xf32, strided<[64, 1]>>
}

// Lanes may lie in several operands.
// CHECK-LABEL: func.func private @concat_columns(
// CHECK-NOT: vector.load
// CHECK: memref.load %arg0
// CHECK: memref.load %arg1
kernel.func @concat_columns {
^bb0(%b0: memref<4x64xf32, strided<[64, 1]>>, %b1: memref<4x64xf32, strided<[64, 1]>>, %out: memref<4x128xf32, strided<[128, 1]>>):
  %0 = kernel.load %b0 : memref<4x64xf32, strided<[64, 1]>> -> tensor<4x64xf32>
  %1 = kernel.load %b1 : memref<4x64xf32, strided<[64, 1]>> -> tensor<4x64xf32>
  %r = graph.concat %0, %1 {axis = 1 : i64} : (tensor<4x64xf32>, tensor<4x64xf32>) -> tensor<4x128xf32>
  kernel.store %r, %out : tensor<4x128xf32>, memref<4x128xf32, strided<[128, 1]>>
}

// One condition for a row.
// CHECK-LABEL: func.func private @pad_rows(
// CHECK: %[[INSIDE:.*]] = arith.andi
// CHECK: vector.load %arg0
// CHECK: arith.select %[[INSIDE]], %{{.*}}, %{{.*}} : vector<8xf32>
kernel.func @pad_rows {
^bb0(%b0: memref<2x4x64xf32, strided<[256, 64, 1]>>, %b1: memref<f32, strided<[]>>, %out: memref<2x6x64xf32, strided<[384, 64, 1]>>):
  %0 = kernel.load %b0 : memref<2x4x64xf32, strided<[256, 64, 1]>> -> tensor<2x4x64xf32>
  %1 = kernel.load %b1 : memref<f32, strided<[]>> -> tensor<f32>
  %r = graph.pad %0, %1 {low = #graph.extents<"0, 1, 0">, high = #graph.extents<"0, 1, 0">, mode = 0 : i32} : (tensor<2x4x64xf32>, tensor<f32>) -> tensor<2x6x64xf32>
  kernel.store %r, %out : tensor<2x6x64xf32>, memref<2x6x64xf32, strided<[384, 64, 1]>>
}

// An index is read once for a row, and limited.
// CHECK-LABEL: func.func private @gather_rows(
// CHECK: memref.load %arg1
// CHECK: arith.minsi
// CHECK: arith.maxsi
// CHECK: vector.load %arg0
kernel.func @gather_rows {
^bb0(%b0: memref<100x64xf32, strided<[64, 1]>>, %b1: memref<5xi64, strided<[1]>>, %out: memref<5x64xf32, strided<[64, 1]>>):
  %0 = kernel.load %b0 : memref<100x64xf32, strided<[64, 1]>> -> tensor<100x64xf32>
  %1 = kernel.load %b1 : memref<5xi64, strided<[1]>> -> tensor<5xi64>
  %r = graph.gather %0, %1 {axis = 0 : i64} : (tensor<100x64xf32>, tensor<5xi64>) -> tensor<5x64xf32>
  kernel.store %r, %out : tensor<5x64xf32>, memref<5x64xf32, strided<[64, 1]>>
}

// Each lane has an index of its own.
// CHECK-LABEL: func.func private @gather_columns(
// CHECK-NOT: vector
// CHECK: return
kernel.func @gather_columns {
^bb0(%b0: memref<100x64xf32, strided<[64, 1]>>, %b1: memref<32xi64, strided<[1]>>, %out: memref<100x32xf32, strided<[32, 1]>>):
  %0 = kernel.load %b0 : memref<100x64xf32, strided<[64, 1]>> -> tensor<100x64xf32>
  %1 = kernel.load %b1 : memref<32xi64, strided<[1]>> -> tensor<32xi64>
  %r = graph.gather %0, %1 {axis = 1 : i64} : (tensor<100x64xf32>, tensor<32xi64>) -> tensor<100x32xf32>
  kernel.store %r, %out : tensor<100x32xf32>, memref<100x32xf32, strided<[32, 1]>>
}

// Four neighbours, their weights the same on all lanes.
// CHECK-LABEL: func.func private @resize_channels_last(
// CHECK-COUNT-4: vector.load %arg0
// CHECK-NOT: vector.load
// CHECK: vector.store
kernel.func @resize_channels_last {
^bb0(%b0: memref<1x4x4x64xf32, strided<[1024, 256, 64, 1]>>, %out: memref<1x8x8x64xf32, strided<[4096, 512, 64, 1]>>):
  %0 = kernel.load %b0 : memref<1x4x4x64xf32, strided<[1024, 256, 64, 1]>> -> tensor<1x4x4x64xf32>
  %r = graph.resize %0 {scales = array<f64: 1.0, 2.0, 2.0, 1.0>, mode = 1 : i32, coordinates = 0 : i32, nearest = 0 : i32, cubic_a = -0.75 : f64, exclude_outside = false} : (tensor<1x4x4x64xf32>) -> tensor<1x8x8x64xf32>
  kernel.store %r, %out : tensor<1x8x8x64xf32>, memref<1x8x8x64xf32, strided<[4096, 512, 64, 1]>>
}

// Lanes would have weights of their own.
// CHECK-LABEL: func.func private @resize_channels_first(
// CHECK-NOT: vector
// CHECK: return
kernel.func @resize_channels_first {
^bb0(%b0: memref<1x64x4x4xf32, strided<[1024, 16, 4, 1]>>, %out: memref<1x64x8x8xf32, strided<[4096, 64, 8, 1]>>):
  %0 = kernel.load %b0 : memref<1x64x4x4xf32, strided<[1024, 16, 4, 1]>> -> tensor<1x64x4x4xf32>
  %r = graph.resize %0 {scales = array<f64: 1.0, 1.0, 2.0, 2.0>, mode = 1 : i32, coordinates = 0 : i32, nearest = 0 : i32, cubic_a = -0.75 : f64, exclude_outside = false} : (tensor<1x64x4x4xf32>) -> tensor<1x64x8x8xf32>
  kernel.store %r, %out : tensor<1x64x8x8xf32>, memref<1x64x8x8xf32, strided<[4096, 64, 8, 1]>>
}

// Rows of whole panels lie in memory as they are read.
// CHECK-LABEL: func.func private @pack_whole_panels(
// CHECK-NOT: scf.if
// CHECK: vector.load %arg0
// CHECK: vector.store
kernel.func @pack_whole_panels {
^bb0(%b0: memref<128x64xf32, strided<[64, 1]>>, %out: memref<2x128x32xf32, strided<[4096, 32, 1]>>):
  %0 = kernel.load %b0 : memref<128x64xf32, strided<[64, 1]>> -> tensor<128x64xf32>
  %r = graph.pack_panels %0 {width = 32 : i64} : (tensor<128x64xf32>) -> tensor<2x128x32xf32>
  kernel.store %r, %out : tensor<2x128x32xf32>, memref<2x128x32xf32, strided<[4096, 32, 1]>>
}

// The last panel is read from where its columns end, and moved down.
// CHECK-LABEL: func.func private @pack_rest(
// CHECK: scf.if
// CHECK: vector.load %arg0
// CHECK: else
// CHECK: vector.load %arg0
// CHECK-COUNT-3: vector.shuffle
kernel.func @pack_rest {
^bb0(%b0: memref<128x70xf32, strided<[70, 1]>>, %out: memref<3x128x32xf32, strided<[4096, 32, 1]>>):
  %0 = kernel.load %b0 : memref<128x70xf32, strided<[70, 1]>> -> tensor<128x70xf32>
  %r = graph.pack_panels %0 {width = 32 : i64} : (tensor<128x70xf32>) -> tensor<3x128x32xf32>
  kernel.store %r, %out : tensor<3x128x32xf32>, memref<3x128x32xf32, strided<[4096, 32, 1]>>
}
