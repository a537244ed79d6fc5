// RUN: smelt-opt %s --recognise --cse | FileCheck %s

// d / √(mean(d · d) + ε), d = x - mean(x); scale and bias stay behind it.
// CHECK-LABEL: func.func @layer_norm
// CHECK: %[[N:.*]] = graph.layer_norm %arg0 {axis = 2 : i64, epsilon = {{.*}}E-6 : f64}
// CHECK-NEXT: graph.mul %[[N]], %arg1
func.func @layer_norm(%x: tensor<2x3x8xf32>, %s: tensor<8xf32>) -> tensor<2x3x8xf32> {
  %eps = graph.constant dense<1.0e-5> : tensor<f32>
  %0 = graph.reduce %x {kind = 1 : i32, axes = array<i64: 2>} : (tensor<2x3x8xf32>) -> tensor<2x3x1xf32>
  %1 = graph.sub %x, %0 : (tensor<2x3x8xf32>, tensor<2x3x1xf32>) -> tensor<2x3x8xf32>
  %2 = graph.mul %1, %1 : (tensor<2x3x8xf32>, tensor<2x3x8xf32>) -> tensor<2x3x8xf32>
  %3 = graph.reduce %2 {kind = 1 : i32, axes = array<i64: 2>} : (tensor<2x3x8xf32>) -> tensor<2x3x1xf32>
  %4 = graph.add %3, %eps : (tensor<2x3x1xf32>, tensor<f32>) -> tensor<2x3x1xf32>
  %5 = graph.sqrt %4 : (tensor<2x3x1xf32>) -> tensor<2x3x1xf32>
  %6 = graph.div %1, %5 : (tensor<2x3x8xf32>, tensor<2x3x1xf32>) -> tensor<2x3x8xf32>
  %7 = graph.mul %6, %s : (tensor<2x3x8xf32>, tensor<8xf32>) -> tensor<2x3x8xf32>
  return %7 : tensor<2x3x8xf32>
}

// x · (1 / √(mean(x · x) + ε))
// CHECK-LABEL: func.func @rms
// CHECK: graph.layer_norm %arg0 {axis = 1 : i64, {{.*}}rms = true}
// CHECK-NEXT: return
func.func @rms(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %eps = graph.constant dense<1.0e-5> : tensor<f32>
  %2 = graph.mul %x, %x : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  %3 = graph.reduce %2 {kind = 1 : i32, axes = array<i64: 1>} : (tensor<2x8xf32>) -> tensor<2x1xf32>
  %4 = graph.add %3, %eps : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %5 = graph.sqrt %4 : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %6 = graph.reciprocal %5 : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %7 = graph.mul %x, %6 : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  return %7 : tensor<2x8xf32>
}

// Over channels that are not last: between two transposes, which convert-layout cancels.
// CHECK-LABEL: func.func @over_channels
// CHECK: %[[T:.*]] = graph.transpose %arg0 {permutation = array<i64: 0, 2, 3, 1>}
// CHECK: %[[N:.*]] = graph.layer_norm %[[T]] {axis = 3 : i64
// CHECK: graph.transpose %[[N]] {permutation = array<i64: 0, 3, 1, 2>}
func.func @over_channels(%x: tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32> {
  %eps = graph.constant dense<1.0e-5> : tensor<f32>
  %half = graph.constant dense<-0.5> : tensor<f32>
  %0 = graph.reduce %x {kind = 1 : i32, axes = array<i64: 1>} : (tensor<1x8x4x4xf32>) -> tensor<1x1x4x4xf32>
  %1 = graph.sub %x, %0 : (tensor<1x8x4x4xf32>, tensor<1x1x4x4xf32>) -> tensor<1x8x4x4xf32>
  %2 = graph.mul %1, %1 : (tensor<1x8x4x4xf32>, tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
  %3 = graph.reduce %2 {kind = 1 : i32, axes = array<i64: 1>} : (tensor<1x8x4x4xf32>) -> tensor<1x1x4x4xf32>
  %4 = graph.add %3, %eps : (tensor<1x1x4x4xf32>, tensor<f32>) -> tensor<1x1x4x4xf32>
  %5 = graph.pow %4, %half : (tensor<1x1x4x4xf32>, tensor<f32>) -> tensor<1x1x4x4xf32>
  %6 = graph.mul %1, %5 : (tensor<1x8x4x4xf32>, tensor<1x1x4x4xf32>) -> tensor<1x8x4x4xf32>
  return %6 : tensor<1x8x4x4xf32>
}

// The mean is over another axis than the variance.
// CHECK-LABEL: func.func @mixed_axes
// CHECK: graph.layer_norm %{{.*}} {{.*}}rms = true
func.func @mixed_axes(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %eps = graph.constant dense<1.0e-5> : tensor<f32>
  %0 = graph.reduce %x {kind = 1 : i32, axes = array<i64: 0>} : (tensor<8x8xf32>) -> tensor<1x8xf32>
  %1 = graph.sub %x, %0 : (tensor<8x8xf32>, tensor<1x8xf32>) -> tensor<8x8xf32>
  %2 = graph.mul %1, %1 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %3 = graph.reduce %2 {kind = 1 : i32, axes = array<i64: 1>} : (tensor<8x8xf32>) -> tensor<8x1xf32>
  %4 = graph.add %3, %eps : (tensor<8x1xf32>, tensor<f32>) -> tensor<8x1xf32>
  %5 = graph.sqrt %4 : (tensor<8x1xf32>) -> tensor<8x1xf32>
  %6 = graph.div %1, %5 : (tensor<8x8xf32>, tensor<8x1xf32>) -> tensor<8x8xf32>
  return %6 : tensor<8x8xf32>
}

// CHECK-LABEL: func.func @softmax
// CHECK: %[[S:.*]] = graph.softmax %arg0 {axis = 1 : i64
// CHECK-NEXT: return %[[S]]
func.func @softmax(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %0 = graph.reduce %x {kind = 2 : i32, axes = array<i64: 1>} : (tensor<2x8xf32>) -> tensor<2x1xf32>
  %1 = graph.sub %x, %0 : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  %2 = graph.exp %1 : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %3 = graph.reduce %2 {kind = 0 : i32, axes = array<i64: 1>} : (tensor<2x8xf32>) -> tensor<2x1xf32>
  %4 = graph.div %2, %3 : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  return %4 : tensor<2x8xf32>
}
