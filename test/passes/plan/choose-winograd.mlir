// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(choose-winograd{vector-bytes=64 vector-registers=32}))' | FileCheck %s
// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(choose-winograd{vector-bytes=64 vector-registers=32 multiply-adds=2 second-cache-bytes=2097152}))' | FileCheck %s --check-prefix=RAPIDS

// conv {3x3} → winograd(pad(x), transpose(pack_panels(winograd_filter(w)))); 14 rows need 16 + 2 of the input
// CHECK-LABEL: func.func @square
// CHECK: %[[PAD:.*]] = graph.pad %{{.*}} {high = #graph.extents<"0, 3, 3, 0">, low = #graph.extents<"0, 1, 1, 0">{{.*}} -> tensor<1x18x18x64xf32>
// CHECK: %[[U:.*]] = kernel.winograd_filter %{{.*}} {tile = array<i64: 4, 4>} : (tensor<3x3x64x64xf32>) -> tensor<36x64x64xf32>
// CHECK: %[[PANELS:.*]] = graph.pack_panels %[[U]]
// CHECK: %[[PACKED:.*]] = graph.transpose %[[PANELS]] {permutation = array<i64: 1, 0, 2, 3>}
// CHECK: kernel.winograd %[[PAD]], %[[PACKED]]
func.func @square(%x: tensor<1x14x14x64xf32>) -> tensor<1x14x14x64xf32> {
  %w = graph.constant dense<1.0> : tensor<3x3x64x64xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x14x14x64xf32>, tensor<3x3x64x64xf32>) -> tensor<1x14x14x64xf32>
  return %0 : tensor<1x14x14x64xf32>
}

// A stride of 2 leaves nothing to share between neighbours.
// CHECK-LABEL: func.func @strided
// CHECK-NOT: kernel.winograd
func.func @strided(%x: tensor<1x14x14x64xf32>) -> tensor<1x7x7x64xf32> {
  %w = graph.constant dense<1.0> : tensor<3x3x64x64xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x14x14x64xf32>, tensor<3x3x64x64xf32>) -> tensor<1x7x7x64xf32>
  return %0 : tensor<1x7x7x64xf32>
}

// One tile of so many channels is more than a block may hold on the stack.
// CHECK-LABEL: func.func @more_channels_than_the_stack_takes
// CHECK-NOT: kernel.winograd
func.func @more_channels_than_the_stack_takes(%x: tensor<1x32x32x4096xf32>) -> tensor<1x32x32x16xf32> {
  %w = graph.constant dense<1.0> : tensor<3x3x4096x16xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x32x32x4096xf32>, tensor<3x3x4096x16xf32>) -> tensor<1x32x32x16xf32>
  return %0 : tensor<1x32x32x16xf32>
}

// Of symbolic dims the input has as much as whole tiles may need.
!image = tensor<?x?x?x64xf32, #graph.extents<"n, h, w, 64">>
// CHECK-LABEL: func.func @symbolic
// CHECK: %[[PAD:.*]] = graph.pad %{{.*}} {high = #graph.extents<"0, 4, 4, 0">, low = #graph.extents<"0, 1, 1, 0">{{.*}} #graph.extents<"n, h + 5, w + 5, 64">>
// CHECK: kernel.winograd %[[PAD]]
func.func @symbolic(%x: !image) -> !image {
  %w = graph.constant dense<1.0> : tensor<3x3x64x64xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1 : i64, layout = 1 : i32} : (!image, tensor<3x3x64x64xf32>) -> !image
  return %0 : !image
}

// 22 results of two taps need 24 + 1 of the input, in tiles of three.
// CHECK-LABEL: func.func @two_taps
// CHECK: %[[PAD:.*]] = graph.pad %{{.*}} -> tensor<1x25x25x64xf32>
// CHECK: kernel.winograd_filter %{{.*}} {tile = array<i64: 3, 3>} : (tensor<2x2x64x64xf32>) -> tensor<16x64x64xf32>
// CHECK: kernel.winograd %[[PAD]], %{{.*}} {dilations = array<i64: 1, 1>, tile = array<i64: 3, 3>, window = array<i64: 2, 2>}
func.func @two_taps(%x: tensor<1x23x23x64xf32>) -> tensor<1x22x22x64xf32> {
  %w = graph.constant dense<1.0> : tensor<2x2x64x64xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x23x23x64xf32>, tensor<2x2x64x64xf32>) -> tensor<1x22x22x64xf32>
  return %0 : tensor<1x22x22x64xf32>
}

// Along one dim; tiles of four results that lie 3 apart: 240 and (5 - 1) · 3 of the input.
// CHECK-LABEL: func.func @dilated_sequence
// CHECK: %[[PAD:.*]] = graph.pad %{{.*}} {high = #graph.extents<"0, 6, 0">, low = #graph.extents<"0, 6, 0">{{.*}} -> tensor<1x252x64xf32>
// CHECK: kernel.winograd_filter %{{.*}} {tile = array<i64: 4>} : (tensor<5x64x64xf32>) -> tensor<8x64x64xf32>
// CHECK: kernel.winograd %[[PAD]], %{{.*}} {dilations = array<i64: 3>, tile = array<i64: 4>, window = array<i64: 5>}
func.func @dilated_sequence(%x: tensor<1x240x64xf32>) -> tensor<1x240x64xf32> {
  %w = graph.constant dense<1.0> : tensor<5x64x64xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 3>, low = array<i64: 6>, high = array<i64: 6>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x240x64xf32>, tensor<5x64x64xf32>) -> tensor<1x240x64xf32>
  return %0 : tensor<1x240x64xf32>
}

// A dim of one tap is left alone.
// CHECK-LABEL: func.func @one_dim_of_two
// CHECK: kernel.winograd_filter %{{.*}} {tile = array<i64: 4, 1>} : (tensor<5x1x64x64xf32>) -> tensor<8x64x64xf32>
// CHECK: kernel.winograd %{{.*}} {dilations = array<i64: 1, 1>, tile = array<i64: 4, 1>, window = array<i64: 5, 1>}
func.func @one_dim_of_two(%x: tensor<1x132x1x64xf32>) -> tensor<1x128x1x64xf32> {
  %w = graph.constant dense<1.0> : tensor<5x1x64x64xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x132x1x64xf32>, tensor<5x1x64x64xf32>) -> tensor<1x128x1x64xf32>
  return %0 : tensor<1x128x1x64xf32>
}

// Matrices of 36 products take longer to read than two multiply-adds a cycle take to multiply by them: 24 then.
// CHECK-LABEL: func.func @filters_of_nine_megabytes
// CHECK: kernel.winograd_filter %{{.*}} {tile = array<i64: 4, 4>}
// RAPIDS-LABEL: func.func @filters_of_nine_megabytes
// RAPIDS: kernel.winograd_filter %{{.*}} {tile = array<i64: 4, 2>} : {{.*}} -> tensor<24x256x256xf32>
// RAPIDS: kernel.winograd %{{.*}} {dilations = array<i64: 1, 1>, tile = array<i64: 4, 2>, window = array<i64: 3, 3>}
func.func @filters_of_nine_megabytes(%x: tensor<1x14x14x256xf32>) -> tensor<1x14x14x256xf32> {
  %w = graph.constant dense<1.0> : tensor<3x3x256x256xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x14x14x256xf32>, tensor<3x3x256x256xf32>) -> tensor<1x14x14x256xf32>
  return %0 : tensor<1x14x14x256xf32>
}

// Of so few results, 16 products gain where multiplying is slow, and none where it is fast.
// CHECK-LABEL: func.func @few_results_of_many_channels
// CHECK: %[[PAD:.*]] = graph.pad %{{.*}} -> tensor<1x10x10x512xf32>
// CHECK: kernel.winograd %[[PAD]], %{{.*}} {dilations = array<i64: 1, 1>, tile = array<i64: 2, 2>, window = array<i64: 3, 3>}
// RAPIDS-LABEL: func.func @few_results_of_many_channels
// RAPIDS-NOT: kernel.winograd
func.func @few_results_of_many_channels(%x: tensor<1x7x7x512xf32>) -> tensor<1x7x7x512xf32> {
  %w = graph.constant dense<1.0> : tensor<3x3x512x512xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x7x7x512xf32>, tensor<3x3x512x512xf32>) -> tensor<1x7x7x512xf32>
  return %0 : tensor<1x7x7x512xf32>
}
