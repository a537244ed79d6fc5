// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(split-conv-transpose))' | FileCheck %s

// A filter as large as the stride: both column phases read the same inputs and are channels of one convolution.
// CHECK-LABEL: func.func @no_overlap
// CHECK: %[[ROW0:.*]] = graph.conv {{.*}} -> tensor<1x4x4x6xf32>
// CHECK: %[[ROW1:.*]] = graph.conv {{.*}} -> tensor<1x4x4x6xf32>
// CHECK: %[[ROWS:.*]] = graph.concat {{.*}} {axis = 2 : i64} : (tensor<1x4x1x8x3xf32>, tensor<1x4x1x8x3xf32>) -> tensor<1x4x2x8x3xf32>
// CHECK: graph.reshape %[[ROWS]] : {{.*}} -> tensor<1x8x8x3xf32>
func.func @no_overlap(%x: tensor<1x4x4x2xf32>) -> tensor<1x8x8x3xf32> {
  %w = graph.constant dense<1.0> : tensor<2x2x2x3xf32>
  %0 = graph.conv_transpose %x, %w {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, output_padding = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x4x4x2xf32>, tensor<2x2x2x3xf32>) -> tensor<1x8x8x3xf32>
  return %0 : tensor<1x8x8x3xf32>
}

// A filter of 4 with stride 2: four convolutions of 2x2, each with its own padding; the bias moves into each.
// CHECK-LABEL: func.func @overlap
// CHECK-COUNT-4: graph.conv {{.*}}(tensor<1x4x4x2xf32>, tensor<2x2x2x3xf32>) -> tensor<1x4x4x3xf32>
// CHECK: graph.concat {{.*}} -> tensor<1x4x2x8x3xf32>
// CHECK-NOT: graph.add
// CHECK: return
func.func @overlap(%x: tensor<1x4x4x2xf32>) -> tensor<1x8x8x3xf32> {
  %w = graph.constant dense<1.0> : tensor<4x4x2x3xf32>
  %b = graph.constant dense<2.0> : tensor<3xf32>
  %0 = graph.conv_transpose %x, %w {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, output_padding = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x4x4x2xf32>, tensor<4x4x2x3xf32>) -> tensor<1x8x8x3xf32>
  %1 = graph.add %0, %b : (tensor<1x8x8x3xf32>, tensor<3xf32>) -> tensor<1x8x8x3xf32>
  return %1 : tensor<1x8x8x3xf32>
}

// An input without columns: there is nothing that a convolution could read.
// CHECK-LABEL: func.func @empty
// CHECK: graph.conv_transpose
func.func @empty(%x: tensor<1x4x0x2xf32>) -> tensor<1x8x0x3xf32> {
  %w = graph.constant dense<1.0> : tensor<2x2x2x3xf32>
  %0 = graph.conv_transpose %x, %w {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, output_padding = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x4x0x2xf32>, tensor<2x2x2x3xf32>) -> tensor<1x8x0x3xf32>
  return %0 : tensor<1x8x0x3xf32>
}

// The blocks of a symbolic dim are as many as its inputs.
!image = tensor<?x?x?x2xf32, #graph.extents<"n, h, w, 2">>
!twice = tensor<?x?x?x3xf32, #graph.extents<"n, 2*h, 2*w, 3">>
// CHECK-LABEL: func.func @symbolic
// CHECK-COUNT-2: graph.conv {{.*}}#graph.extents<"n, h, w, 6">>
// CHECK: graph.concat {{.*}}#graph.extents<"n, h, 2, 2*w, 3">>
// CHECK: graph.reshape {{.*}}#graph.extents<"n, 2*h, 2*w, 3">>
func.func @symbolic(%x: !image) -> !twice {
  %w = graph.constant dense<1.0> : tensor<2x2x2x3xf32>
  %0 = graph.conv_transpose %x, %w {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, output_padding = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (!image, tensor<2x2x2x3xf32>) -> !twice
  return %0 : !twice
}

// A sequence is an image of one row. Of eight phases the first four read what the others do not: two convolutions.
!sequence = tensor<1x?x4xf32, #graph.extents<"1, n, 4">>
!longer = tensor<1x?x3xf32, #graph.extents<"1, 8*n, 3">>
// CHECK-LABEL: func.func @sequence
// CHECK-COUNT-2: graph.conv {{.*}} tensor<1x2x4x12xf32>) -> tensor<1x1x?x12xf32, #graph.extents<"1, 1, n, 12">>
// CHECK-NOT: graph.conv
// CHECK: graph.concat {{.*}} -> tensor<1x1x?x8x3xf32, #graph.extents<"1, 1, n, 8, 3">>
// CHECK: return %{{.*}} : tensor<1x?x3xf32, #graph.extents<"1, 8*n, 3">>
func.func @sequence(%x: !sequence) -> !longer {
  %w = graph.constant dense<1.0> : tensor<16x4x3xf32>
  %0 = graph.conv_transpose %x, %w {strides = array<i64: 8>, dilations = array<i64: 1>, low = array<i64: 4>, high = array<i64: 4>, output_padding = array<i64: 0>, groups = 1 : i64, layout = 1 : i32} : (!sequence, tensor<16x4x3xf32>) -> !longer
  return %0 : !longer
}
