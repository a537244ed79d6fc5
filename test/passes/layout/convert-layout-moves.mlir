// RUN: smelt-opt %s --convert-layout --fold-constants --simplify --cse | FileCheck %s

// Axes, starts and paddings follow the channels; nothing is transposed between the two convolutions.
// CHECK-LABEL: func.func @moves
// CHECK: graph.transpose %arg0
// CHECK: %[[C:.*]] = graph.conv
// CHECK-NOT: graph.transpose
// CHECK: %[[S:.*]] = graph.slice %[[C]] {starts = #graph.extents<"0, 1, 0, 2">, steps = #graph.extents<"1, 1, 2, 1">} : (tensor<1x4x6x4xf32>) -> tensor<1x3x3x2xf32>
// CHECK: %[[P:.*]] = graph.pad %[[S]], %{{.*}} {high = #graph.extents<"0, 0, 3, 0">, low = #graph.extents<"0, 1, 0, 0">} : (tensor<1x3x3x2xf32>, tensor<f32>) -> tensor<1x4x6x2xf32>
// CHECK: %[[M:.*]] = graph.reduce %[[C]] {axes = array<i64: 1>, kind = 2 : i32}
// CHECK: %[[A:.*]] = graph.mul %[[C]], %[[M]]
// CHECK: graph.concat %[[P]], %[[A]] {axis = 3 : i64}
// CHECK: graph.conv
// CHECK: graph.transpose
// CHECK-NEXT: return
func.func @moves(%x: tensor<1x4x4x6xf32>, %w: tensor<4x4x1x1xf32>, %v: tensor<2x6x1x1xf32>) -> tensor<1x2x4x6xf32> {
  %z = graph.constant dense<1.0> : tensor<f32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (tensor<1x4x4x6xf32>, tensor<4x4x1x1xf32>) -> tensor<1x4x4x6xf32>
  %1 = graph.slice %0 {starts = #graph.extents<"0, 2, 1, 0">, steps = #graph.extents<"1, 1, 1, 2">} : (tensor<1x4x4x6xf32>) -> tensor<1x2x3x3xf32>
  %2 = graph.pad %1, %z {low = #graph.extents<"0, 0, 1, 0">, high = #graph.extents<"0, 0, 0, 3">} : (tensor<1x2x3x3xf32>, tensor<f32>) -> tensor<1x2x4x6xf32>
  %3 = graph.reduce %0 {kind = 2 : i32, axes = array<i64: 2>} : (tensor<1x4x4x6xf32>) -> tensor<1x4x1x6xf32>
  %4 = graph.mul %0, %3 : (tensor<1x4x4x6xf32>, tensor<1x4x1x6xf32>) -> tensor<1x4x4x6xf32>
  %5 = graph.concat %2, %4 {axis = 1 : i64} : (tensor<1x2x4x6xf32>, tensor<1x4x4x6xf32>) -> tensor<1x6x4x6xf32>
  %6 = graph.conv %5, %v {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (tensor<1x6x4x6xf32>, tensor<2x6x1x1xf32>) -> tensor<1x2x4x6xf32>
  return %6 : tensor<1x2x4x6xf32>
}

// A channel shuffle: the image stays, the two halves of its channels change places.
// CHECK-LABEL: func.func @shuffle
// CHECK: %[[C:.*]] = graph.conv
// CHECK-NEXT: %[[R:.*]] = graph.reshape %[[C]] : (tensor<1x4x6x6xf32>) -> tensor<1x4x6x2x3xf32>
// CHECK-NEXT: %[[T:.*]] = graph.transpose %[[R]] {permutation = array<i64: 0, 1, 2, 4, 3>}
// CHECK-NEXT: %[[S:.*]] = graph.reshape %[[T]] : (tensor<1x4x6x3x2xf32>) -> tensor<1x4x6x6xf32>
// CHECK-NEXT: graph.conv %[[S]]
func.func @shuffle(%x: tensor<1x6x4x6xf32>, %w: tensor<6x6x1x1xf32>) -> tensor<1x6x4x6xf32> {
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (tensor<1x6x4x6xf32>, tensor<6x6x1x1xf32>) -> tensor<1x6x4x6xf32>
  %1 = graph.reshape %0 : (tensor<1x6x4x6xf32>) -> tensor<1x2x3x4x6xf32>
  %2 = graph.transpose %1 {permutation = array<i64: 0, 2, 1, 3, 4>} : (tensor<1x2x3x4x6xf32>) -> tensor<1x3x2x4x6xf32>
  %3 = graph.reshape %2 : (tensor<1x3x2x4x6xf32>) -> tensor<1x6x4x6xf32>
  %4 = graph.conv %3, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (tensor<1x6x4x6xf32>, tensor<6x6x1x1xf32>) -> tensor<1x6x4x6xf32>
  return %4 : tensor<1x6x4x6xf32>
}

// A batch of tokens: the rows of the patches are the places of the image.
// CHECK-LABEL: func.func @patches
// CHECK: %[[C:.*]] = graph.conv
// CHECK-NEXT: %[[R:.*]] = graph.reshape %[[C]] : (tensor<1x2x3x4xf32>) -> tensor<1x6x4xf32>
// CHECK-NEXT: graph.matmul %[[R]]
func.func @patches(%x: tensor<1x4x2x3xf32>, %w: tensor<4x4x1x1xf32>, %m: tensor<4x5xf32>) -> tensor<1x6x5xf32> {
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (tensor<1x4x2x3xf32>, tensor<4x4x1x1xf32>) -> tensor<1x4x2x3xf32>
  %1 = graph.reshape %0 : (tensor<1x4x2x3xf32>) -> tensor<1x4x6xf32>
  %2 = graph.transpose %1 {permutation = array<i64: 0, 2, 1>} : (tensor<1x4x6xf32>) -> tensor<1x6x4xf32>
  %3 = graph.matmul %2, %m : (tensor<1x6x4xf32>, tensor<4x5xf32>) -> tensor<1x6x5xf32>
  return %3 : tensor<1x6x5xf32>
}

// A reshape that takes the image apart keeps the model's order, and so does what hangs on it: one transpose, of the
// smaller side.
// CHECK-LABEL: func.func @taken_apart
// CHECK: %[[C:.*]] = graph.conv
// CHECK: %[[T:.*]] = graph.transpose
// CHECK: %[[R:.*]] = graph.reshape %{{.*}} -> tensor<8x3xf32>
// CHECK: graph.exp %[[R]]
func.func @taken_apart(%x: tensor<1x4x2x3xf32>, %w: tensor<4x4x1x1xf32>) -> tensor<8x3xf32> {
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (tensor<1x4x2x3xf32>, tensor<4x4x1x1xf32>) -> tensor<1x4x2x3xf32>
  %1 = graph.reshape %0 : (tensor<1x4x2x3xf32>) -> tensor<8x3xf32>
  %2 = graph.exp %1 : (tensor<8x3xf32>) -> tensor<8x3xf32>
  return %2 : tensor<8x3xf32>
}

// No convolution wants channels last: all stays as the model has it.
// CHECK-LABEL: func.func @left_alone
// CHECK-NEXT: graph.pool %arg0
// CHECK-NOT: layout
// CHECK-NEXT: graph.softmax
// CHECK-NEXT: return
func.func @left_alone(%x: tensor<1x4x6x6xf32>) -> tensor<1x4x3x3xf32> {
  %0 = graph.pool %x {kind = 0 : i32, window = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, declared_high = array<i64: 0, 0>, count_padding = false, p = 1 : i64} : (tensor<1x4x6x6xf32>) -> tensor<1x4x3x3xf32>
  %1 = graph.softmax %0 {axis = 1 : i64} : (tensor<1x4x3x3xf32>) -> tensor<1x4x3x3xf32>
  return %1 : tensor<1x4x3x3xf32>
}
