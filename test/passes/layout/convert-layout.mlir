// RUN: smelt-opt %s --convert-layout --fold-constants --simplify --cse | FileCheck %s

// Transposes at the input and the output only; bias and filter are transposed here and now.
// CHECK-LABEL: func.func @conv
// CHECK-DAG: %[[W:.*]] = graph.constant {{.*}} : tensor<1x1x3x2xf32>
// CHECK-DAG: %[[B:.*]] = graph.constant {{.*}} : tensor<1x1x2xf32>
// CHECK-DAG: %[[X:.*]] = graph.transpose %arg0 {permutation = array<i64: 0, 2, 3, 1>}
// CHECK: %[[C:.*]] = graph.conv %[[X]], %[[W]] {{.*}}layout = 1 : i32{{.*}} -> tensor<1x4x5x2xf32>
// CHECK-NEXT: %[[A:.*]] = graph.add %[[C]], %[[B]]
// CHECK-NEXT: %[[R:.*]] = graph.relu %[[A]]
// CHECK-NEXT: %[[Y:.*]] = graph.transpose %[[R]] {permutation = array<i64: 0, 3, 1, 2>}
// CHECK-NEXT: return %[[Y]]
func.func @conv(%x: tensor<1x3x4x5xf32>) -> tensor<1x2x4x5xf32> {
  %w = graph.constant dense<2.0> : tensor<2x3x1x1xf32>
  %b = graph.constant dense<[[[3.0]], [[4.0]]]> : tensor<2x1x1xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (tensor<1x3x4x5xf32>, tensor<2x3x1x1xf32>) -> tensor<1x2x4x5xf32>
  %1 = graph.add %0, %b : (tensor<1x2x4x5xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x5xf32>
  %2 = graph.relu %1 : (tensor<1x2x4x5xf32>) -> tensor<1x2x4x5xf32>
  return %2 : tensor<1x2x4x5xf32>
}

// A residual network's block: nothing between the convolutions is transposed. The pool takes part.
// CHECK-LABEL: func.func @residual
// CHECK-COUNT-1: graph.transpose
// CHECK: graph.conv
// CHECK-NOT: graph.transpose
// CHECK: graph.pool {{.*}}layout = 1
// CHECK-NOT: graph.transpose
// CHECK: graph.add
// CHECK: graph.reduce {{.*}}axes = array<i64: 1, 2>
// CHECK-NEXT: graph.reshape {{.*}} -> tensor<1x2xf32>
// CHECK-NEXT: return
func.func @residual(%x: tensor<1x2x4x5xf32>, %w: tensor<2x2x3x3xf32>) -> tensor<1x2xf32> {
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x2x4x5xf32>, tensor<2x2x3x3xf32>) -> tensor<1x2x4x5xf32>
  %1 = graph.pool %0 {kind = 0 : i32, window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, declared_high = array<i64: 1, 1>, count_padding = false, p = 2 : i64} : (tensor<1x2x4x5xf32>) -> tensor<1x2x4x5xf32>
  %2 = graph.add %0, %1 : (tensor<1x2x4x5xf32>, tensor<1x2x4x5xf32>) -> tensor<1x2x4x5xf32>
  %3 = graph.reduce %2 {kind = 1 : i32, axes = array<i64: 2, 3>} : (tensor<1x2x4x5xf32>) -> tensor<1x2x1x1xf32>
  %4 = graph.reshape %3 : (tensor<1x2x1x1xf32>) -> tensor<1x2xf32>
  return %4 : tensor<1x2xf32>
}

// From a model that was channels_last all along: its transposes and ours cancel.
// CHECK-LABEL: func.func @cancel
// CHECK-NOT: graph.transpose %
// CHECK: graph.conv %arg0
// CHECK-NEXT: graph.relu
// CHECK-NEXT: graph.softmax {{.*}}axis = 3
// CHECK-NEXT: return
func.func @cancel(%x: tensor<1x4x5x2xf32>) -> tensor<1x4x5x2xf32> {
  %w = graph.constant dense<2.0> : tensor<2x2x1x1xf32>
  %0 = graph.transpose %x {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x4x5x2xf32>) -> tensor<1x2x4x5xf32>
  %1 = graph.conv %0, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (tensor<1x2x4x5xf32>, tensor<2x2x1x1xf32>) -> tensor<1x2x4x5xf32>
  %2 = graph.relu %1 : (tensor<1x2x4x5xf32>) -> tensor<1x2x4x5xf32>
  %3 = graph.softmax %2 {axis = 1 : i64} : (tensor<1x2x4x5xf32>) -> tensor<1x2x4x5xf32>
  %4 = graph.transpose %3 {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x2x4x5xf32>) -> tensor<1x4x5x2xf32>
  return %4 : tensor<1x4x5x2xf32>
}

// Flattened before a matrix product: not the image is transposed but the rows of the weights.
// CHECK-LABEL: func.func @flatten
// CHECK: %[[W:.*]] = graph.constant dense<{{.*}}1.0{{[^,]*}}, {{.*}}4.0{{[^,]*}}, {{.*}}2.0{{[^,]*}}, {{.*}}5.0{{[^,]*}}, {{.*}}3.0{{[^,]*}}, {{.*}}6.0{{[^,]*}}> : tensor<6x1xf32>
// CHECK: %[[C:.*]] = graph.conv
// CHECK-NEXT: %[[F:.*]] = graph.reshape %[[C]] : (tensor<1x3x2xf32>) -> tensor<1x6xf32>
// CHECK-NEXT: graph.matmul %[[F]], %[[W]]
func.func @flatten(%x: tensor<1x2x3xf32>) -> tensor<1x1xf32> {
  %w = graph.constant dense<2.0> : tensor<2x2x1xf32>
  %v = graph.constant dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]]> : tensor<6x1xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = array<i64: 0>, high = array<i64: 0>, groups = 1 : i64} : (tensor<1x2x3xf32>, tensor<2x2x1xf32>) -> tensor<1x2x3xf32>
  %1 = graph.reshape %0 : (tensor<1x2x3xf32>) -> tensor<1x6xf32>
  %2 = graph.matmul %1, %v : (tensor<1x6xf32>, tensor<6x1xf32>) -> tensor<1x1xf32>
  return %2 : tensor<1x1xf32>
}

// A convolution of single places takes its input in whatever order the places lie: nothing is transposed, save what is
// asked for.
// CHECK-LABEL: func.func @pointwise
// CHECK: %[[S:.*]] = graph.softmax %{{.*}} {axis = 3 : i64} : (tensor<1x6x4x3xf32>)
// CHECK-NEXT: %[[C:.*]] = graph.conv %[[S]]{{.*}} -> tensor<1x6x4x1xf32>
// CHECK-NEXT: graph.reshape %[[C]]
// CHECK-NEXT: return
func.func @pointwise(%x: tensor<1x6x12xf32>) -> tensor<1x6x4xf32> {
  %w = graph.constant dense<2.0> : tensor<1x3x1x1xf32>
  %0 = graph.transpose %x {permutation = array<i64: 0, 2, 1>} : (tensor<1x6x12xf32>) -> tensor<1x12x6xf32>
  %1 = graph.reshape %0 : (tensor<1x12x6xf32>) -> tensor<1x4x3x6xf32>
  %2 = graph.transpose %1 {permutation = array<i64: 0, 2, 1, 3>} : (tensor<1x4x3x6xf32>) -> tensor<1x3x4x6xf32>
  %3 = graph.softmax %2 {axis = 1 : i64} : (tensor<1x3x4x6xf32>) -> tensor<1x3x4x6xf32>
  %4 = graph.conv %3, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (tensor<1x3x4x6xf32>, tensor<1x3x1x1xf32>) -> tensor<1x1x4x6xf32>
  %5 = graph.reshape %4 : (tensor<1x1x4x6xf32>) -> tensor<1x4x6xf32>
  %6 = graph.transpose %5 {permutation = array<i64: 0, 2, 1>} : (tensor<1x4x6xf32>) -> tensor<1x6x4xf32>
  return %6 : tensor<1x6x4xf32>
}
