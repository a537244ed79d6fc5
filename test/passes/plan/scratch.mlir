// RUN: smelt-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(form-dispatches),place-buffers{vector-bytes=64 vector-registers=32})' | FileCheck %s

// A convolution by Winograd's algorithm has its blocks in the arena while it runs: 36 products of 16 tiles and 64 channels, a line of the cache apart,
// before and after the filter, 2 * 36 * 1040 * 4 bytes. Nothing else needs their place.
// CHECK: kernel.func @kernel_0 attributes {scratch = 299520 : i64}
// CHECK: kernel.func @kernel_1 {
// CHECK: kernel.func @kernel_2 attributes {scratch = 299520 : i64}
// CHECK: kernel.plan attributes {arena_bytes = 382464 : i64, {{.*}}live_bytes = 382464 : i64
// CHECK-NEXT: kernel.call @kernel_0 {{.*}}scratch = #graph.extents<"0">
// CHECK-NEXT: kernel.call @kernel_1 {{.*}}offsets = #graph.extents<"299520, 377856, 304128, 308480">}
// CHECK-NEXT: kernel.call @kernel_2 {{.*}}scratch = #graph.extents<"0">
!packed = tensor<1x36x64x64xf32>
!padded = tensor<1x18x18x64xf32>
func.func @main(%x: !padded, %w: !packed) -> tensor<1x16x16x64xf32> {
  %0 = kernel.winograd %x, %w {window = array<i64: 3, 3>, tile = array<i64: 4, 4>, dilations = array<i64: 1, 1>} : (!padded, !packed) -> tensor<1x16x16x64xf32>
  %zero = graph.constant dense<0.0> : tensor<f32>
  %1 = graph.pad %0, %zero {low = #graph.extents<"0, 1, 1, 0">, high = #graph.extents<"0, 1, 1, 0">} : (tensor<1x16x16x64xf32>, tensor<f32>) -> !padded
  %2 = kernel.winograd %1, %w {window = array<i64: 3, 3>, tile = array<i64: 4, 4>, dilations = array<i64: 1, 1>} : (!padded, !packed) -> tensor<1x16x16x64xf32>
  return %2 : tensor<1x16x16x64xf32>
}

// -----

// Of symbolic dims these are the largest blocks, of 54 tiles, whatever the dims will be.
// CHECK: kernel.func @kernel_0 attributes {scratch = 995328 : i64}
// CHECK: kernel.call @kernel_0 {{.*}}scratch = #graph.extents<"0">
!image = tensor<?x?x?x64xf32, #graph.extents<"n, 4*h + 2, 4*w + 2, 64">>
!result = tensor<?x?x?x64xf32, #graph.extents<"n, 4*h, 4*w, 64">>
func.func @main(%x: !image, %w: tensor<1x36x64x64xf32>) -> !result {
  %0 = kernel.winograd %x, %w {window = array<i64: 3, 3>, tile = array<i64: 4, 4>, dilations = array<i64: 1, 1>} : (!image, tensor<1x36x64x64xf32>) -> !result
  return %0 : !result
}

// -----

// Few bytes lie on the stack: 2 * 36 * 16 * 4.
// CHECK: kernel.func @kernel_0 {
// CHECK-NOT: scratch
func.func @main(%x: tensor<1x6x6x16xf32>, %w: tensor<1x36x16x16xf32>) -> tensor<1x4x4x16xf32> {
  %0 = kernel.winograd %x, %w {window = array<i64: 3, 3>, tile = array<i64: 4, 4>, dilations = array<i64: 1, 1>} : (tensor<1x6x6x16xf32>, tensor<1x36x16x16xf32>) -> tensor<1x4x4x16xf32>
  return %0 : tensor<1x4x4x16xf32>
}

// -----

// Attention has, for 6 rows of q, scores of a block of 512 keys and sums of 512 values: 6 * (528 + 512) * 4 bytes.
// CHECK: kernel.func @kernel_0 attributes {scratch = 24960 : i64}
// CHECK: kernel.plan attributes {arena_bytes = 24960 : i64
func.func @main(%q: tensor<2x100x64xf32>, %k: tensor<2x16x64x64xf32>, %v: tensor<2x8x1024x64xf32>) -> tensor<2x100x512xf32> {
  %0 = kernel.contract %q, %k {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x100x64xf32>, tensor<2x16x64x64xf32>) -> tensor<2x100x1024xf32>
  %1 = graph.softmax %0 {axis = 2 : i64} : (tensor<2x100x1024xf32>) -> tensor<2x100x1024xf32>
  %2 = kernel.contract %1, %v {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x100x1024xf32>, tensor<2x8x1024x64xf32>) -> tensor<2x100x512xf32>
  return %2 : tensor<2x100x512xf32>
}
