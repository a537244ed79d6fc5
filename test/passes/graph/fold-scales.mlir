// RUN: smelt-opt %s --fold-scales --fold-constants | FileCheck %s

// mul(conv(x, w), s) → conv(x, w · s): 2 · 3 for the first output channel, 2 · 4 for the second
// CHECK-LABEL: func.func @conv
// CHECK-NEXT: %[[W:.*]] = graph.constant dense<{{\[\[\[\[}}6.0{{.*}}]]], {{\[\[\[}}8.0
// CHECK-NEXT: %[[C:.*]] = graph.conv %arg0, %[[W]]
// CHECK-NEXT: return %[[C]]
func.func @conv(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %w = graph.constant dense<2.0> : tensor<2x1x1x1xf32>
  %s = graph.constant dense<[[[3.0]], [[4.0]]]> : tensor<2x1x1xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = graph.mul %0, %s : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// The batch normalisation of a convolution with a bias leaves a bias: (y + 5) · s + 7 = y · s + (5 s + 7)
// CHECK-LABEL: func.func @batch_norm
// CHECK-NEXT: %[[W:.*]] = graph.constant dense<{{\[\[\[\[}}6.0{{.*}}]]], {{\[\[\[}}8.0
// CHECK-NEXT: %[[C:.*]] = graph.conv %arg0, %[[W]]
// CHECK-NEXT: %[[B:.*]] = graph.constant dense<{{\[\[\[}}2.2{{.*}}]], {{\[\[}}2.7
// CHECK-NEXT: %[[A:.*]] = graph.add %[[C]], %[[B]]
// CHECK-NEXT: return %[[A]]
func.func @batch_norm(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %w = graph.constant dense<2.0> : tensor<2x1x1x1xf32>
  %b = graph.constant dense<5.0> : tensor<2x1x1xf32>
  %s = graph.constant dense<[[[3.0]], [[4.0]]]> : tensor<2x1x1xf32>
  %c = graph.constant dense<7.0> : tensor<2x1x1xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = graph.add %0, %b : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  %2 = graph.mul %1, %s : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  %3 = graph.add %2, %c : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %3 : tensor<1x2x4x4xf32>
}

// The unscaled result is used as well.
// CHECK-LABEL: func.func @two_uses
// CHECK: graph.conv
// CHECK-NEXT: graph.mul
func.func @two_uses(%x: tensor<1x1x4x4xf32>) -> (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) {
  %w = graph.constant dense<2.0> : tensor<2x1x1x1xf32>
  %s = graph.constant dense<3.0> : tensor<f32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = graph.mul %0, %s : (tensor<1x2x4x4xf32>, tensor<f32>) -> tensor<1x2x4x4xf32>
  return %0, %1 : tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>
}

// One factor a pixel is no factor a channel.
// CHECK-LABEL: func.func @not_per_channel
// CHECK: graph.conv
// CHECK-NEXT: graph.mul
func.func @not_per_channel(%x: tensor<1x1x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %w = graph.constant dense<2.0> : tensor<2x1x1x1xf32>
  %s = graph.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = graph.mul %0, %s : (tensor<1x2x4x4xf32>, tensor<4xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// Two groups with two inputs and one output each; the filter is [c, oc / groups, k].
// CHECK-LABEL: func.func @grouped_transposed
// CHECK-NEXT: %[[W:.*]] = graph.constant dense<{{\[\[\[}}3.0{{.*}}]], {{\[\[}}6.0{{.*}}]], {{\[\[}}1.2{{.*}}]], {{\[\[}}1.6
// CHECK-NEXT: graph.conv_transpose %arg0, %[[W]]
// CHECK-NEXT: return
func.func @grouped_transposed(%x: tensor<1x4x5xf32>) -> tensor<1x2x5xf32> {
  %w = graph.constant dense<[[[1.0]], [[2.0]], [[3.0]], [[4.0]]]> : tensor<4x1x1xf32>
  %s = graph.constant dense<[[3.0], [4.0]]> : tensor<2x1xf32>
  %0 = graph.conv_transpose %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, output_padding = array<i64: 0>, groups = 2 : i64} : (tensor<1x4x5xf32>, tensor<4x1x1xf32>) -> tensor<1x2x5xf32>
  %1 = graph.mul %0, %s : (tensor<1x2x5xf32>, tensor<2x1xf32>) -> tensor<1x2x5xf32>
  return %1 : tensor<1x2x5xf32>
}

// q kᵀ / √d: the scale ends up in the weights and the bias of q.
// CHECK-LABEL: func.func @attention
// CHECK-NEXT: %[[W:.*]] = graph.constant dense<5.000000e-01> : tensor<8x8xf32>
// CHECK-NEXT: %[[Q:.*]] = graph.matmul %arg0, %[[W]]
// CHECK-NEXT: %[[B:.*]] = graph.constant dense<1.000000e+00> : tensor<8xf32>
// CHECK-NEXT: graph.add %[[Q]], %[[B]]
// CHECK-NOT: graph.mul
// CHECK: return
func.func @attention(%x: tensor<4x8xf32>, %k: tensor<2x4x4xf32>) -> tensor<2x4x4xf32> {
  %w = graph.constant dense<1.0> : tensor<8x8xf32>
  %b = graph.constant dense<2.0> : tensor<8xf32>
  %s = graph.constant dense<0.5> : tensor<1xf32>
  %0 = graph.matmul %x, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %1 = graph.add %0, %b : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %2 = graph.reshape %1 : (tensor<4x8xf32>) -> tensor<4x2x4xf32>
  %3 = graph.transpose %2 {permutation = array<i64: 1, 0, 2>} : (tensor<4x2x4xf32>) -> tensor<2x4x4xf32>
  %4 = graph.matmul %3, %k : (tensor<2x4x4xf32>, tensor<2x4x4xf32>) -> tensor<2x4x4xf32>
  %5 = graph.mul %4, %s : (tensor<2x4x4xf32>, tensor<1xf32>) -> tensor<2x4x4xf32>
  return %5 : tensor<2x4x4xf32>
}

// q kᵀ / √d with a root that is no power of two, and a negated product.
// CHECK-LABEL: func.func @quotient
// CHECK-NOT: graph.div
// CHECK-NOT: graph.neg
// CHECK: return
func.func @quotient(%x: tensor<4x8xf32>, %k: tensor<8x4xf32>) -> (tensor<4x4xf32>, tensor<4x8xf32>) {
  %w = graph.constant dense<1.0> : tensor<8x8xf32>
  %s = graph.constant dense<5.65685425> : tensor<f32>
  %0 = graph.matmul %x, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %1 = graph.matmul %0, %k : (tensor<4x8xf32>, tensor<8x4xf32>) -> tensor<4x4xf32>
  %2 = graph.div %1, %s : (tensor<4x4xf32>, tensor<f32>) -> tensor<4x4xf32>
  %3 = graph.matmul %x, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %4 = graph.neg %3 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %2, %4 : tensor<4x4xf32>, tensor<4x8xf32>
}

// The queries are a slice of a product with all weights: the scale goes behind the product with the keys, not before it.
// CHECK-LABEL: func.func @scale_after
// CHECK: %[[P:.*]] = graph.matmul %arg0, %arg1
// CHECK-NEXT: graph.mul %[[P]]
// CHECK-NEXT: return
func.func @scale_after(%q: tensor<4x8xf32>, %k: tensor<8x4xf32>) -> tensor<4x4xf32> {
  %s = graph.constant dense<0.25> : tensor<f32>
  %0 = graph.mul %q, %s : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %1 = graph.matmul %0, %k : (tensor<4x8xf32>, tensor<8x4xf32>) -> tensor<4x4xf32>
  return %1 : tensor<4x4xf32>
}
