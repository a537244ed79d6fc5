// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(quantize-dynamically))' | FileCheck %s

// x · w → (q · v - z Σv) · s t, with a range for each row of x; two products of it share its integers. What is marked stays.
// CHECK-LABEL: func.func @rows
// CHECK-DAG: %[[LOW:.*]] = graph.reduce %arg0 {axes = array<i64: 1>, kind = 3 : i32} : (tensor<5x64xf32>) -> tensor<5x1xf32>
// CHECK-DAG: %[[HIGH:.*]] = graph.reduce %arg0 {axes = array<i64: 1>, kind = 2 : i32} : (tensor<5x64xf32>) -> tensor<5x1xf32>
// CHECK: %[[Z:.*]] = graph.cast %{{.*}} {to = ui8} : (tensor<5x1xf32>) -> tensor<5x1xui8>
// CHECK: %[[Q:.*]] = graph.round_to %{{.*}}, %[[Z]] : (tensor<5x64xf32>, tensor<5x1xui8>) -> tensor<5x64xui8>
// CHECK: %[[SUMS:.*]] = graph.matmul %[[Q]], %{{.*}} {wide = true} : (tensor<5x64xui8>, tensor<64x8xi8>) -> tensor<5x8xi32>
// CHECK: %[[ADDED:.*]] = graph.mul %{{.*}}, %{{.*}} : (tensor<8xi32>, tensor<5x1xi32>) -> tensor<5x8xi32>
// CHECK: graph.sub %[[SUMS]], %[[ADDED]]
// CHECK: graph.matmul %[[Q]], %{{.*}} {wide = true} : (tensor<5x64xui8>, tensor<64x4xi8>)
// CHECK: graph.matmul %arg0, %{{.*}} {graph.precision = "f32"} : (tensor<5x64xf32>
func.func @rows(%x: tensor<5x64xf32>) -> (tensor<5x8xf32>, tensor<5x4xf32>, tensor<5x4xf32>) {
  %v = graph.constant dense<0.5> : tensor<64x8xf32>
  %w = graph.constant dense<0.5> : tensor<64x4xf32>
  %0 = graph.matmul %x, %v : (tensor<5x64xf32>, tensor<64x8xf32>) -> tensor<5x8xf32>
  %1 = graph.matmul %x, %w : (tensor<5x64xf32>, tensor<64x4xf32>) -> tensor<5x4xf32>
  %2 = graph.matmul %x, %w {graph.precision = "f32"} : (tensor<5x64xf32>, tensor<64x4xf32>) -> tensor<5x4xf32>
  return %0, %1, %2 : tensor<5x8xf32>, tensor<5x4xf32>, tensor<5x4xf32>
}

// An image has a range, and is padded with its zero point; two that are padded otherwise share its integers.
// CHECK-LABEL: func.func @image
// CHECK: graph.reduce %arg0 {axes = array<i64: 1, 2, 3>
// CHECK: %[[Q:.*]] = graph.round_to
// CHECK-NOT: graph.round_to
// CHECK: %[[Z:.*]] = graph.reshape %{{.*}} : (tensor<1x1x1x1xui8>) -> tensor<ui8>
// CHECK: %[[P:.*]] = graph.pad %[[Q]], %[[Z]]
// CHECK: graph.conv %[[P]], %{{.*}} {{.*}}low = array<i64: 0, 0>{{.*}}wide = true
// CHECK: graph.conv %[[Q]], %{{.*}}wide = true
func.func @image(%x: tensor<1x8x8x4xf32>) -> (tensor<1x8x8x4xf32>, tensor<1x6x6x4xf32>) {
  %w = graph.constant dense<1.0> : tensor<3x3x4x4xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x8x8x4xf32>, tensor<3x3x4x4xf32>) -> tensor<1x8x8x4xf32>
  %1 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x8x8x4xf32>, tensor<3x3x4x4xf32>) -> tensor<1x6x6x4xf32>
  return %0, %1 : tensor<1x8x8x4xf32>, tensor<1x6x6x4xf32>
}

// Of several images each has a range; they are padded before, with what is 0 in each. So if it is not known how many there are.
// CHECK-LABEL: func.func @images
// CHECK: %[[LOW:.*]] = graph.reduce %arg0 {axes = array<i64: 1, 2, 3>, {{.*}} -> tensor<3x1x1x1xf32>
// CHECK: %[[Z:.*]] = graph.cast %{{.*}} {to = ui8} : (tensor<3x1x1x1xf32>) -> tensor<3x1x1x1xui8>
// CHECK: %[[P:.*]] = graph.pad %arg0, %{{.*}} -> tensor<3x10x10x4xf32>
// CHECK: %[[S:.*]] = graph.mul %[[P]], %{{.*}} : (tensor<3x10x10x4xf32>, tensor<3x1x1x1xf32>)
// CHECK: %[[Q:.*]] = graph.round_to %[[S]], %[[Z]]
// CHECK: graph.conv %[[Q]], %{{.*}} {{.*}}low = array<i64: 0, 0>{{.*}}wide = true
func.func @images(%x: tensor<3x8x8x4xf32>) -> tensor<3x8x8x4xf32> {
  %w = graph.constant dense<1.0> : tensor<3x3x4x4xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1 : i64, layout = 1 : i32} : (tensor<3x8x8x4xf32>, tensor<3x3x4x4xf32>) -> tensor<3x8x8x4xf32>
  return %0 : tensor<3x8x8x4xf32>
}

// Steps of weights above 1 come after the input's: 1e34 times sums of millions would be infinite, whatever the input's step makes of it.
// CHECK-LABEL: func.func @large
// CHECK: %[[SMALL:.*]] = graph.constant dense<1.000000e+00> : tensor<2xf32>
// CHECK: %[[A:.*]] = graph.mul %{{.*}}, %[[SMALL]]
// CHECK: %[[B:.*]] = graph.mul %[[A]], %{{.*}} : (tensor<5x2xf32>, tensor<5x1xf32>)
// CHECK: %[[LARGE:.*]] = graph.constant dense<7.874015{{.*}}E+33> : tensor<2xf32>
// CHECK: graph.mul %[[B]], %[[LARGE]]
func.func @large(%x: tensor<5x64xf32>) -> tensor<5x2xf32> {
  %w = graph.constant dense<1.0e36> : tensor<64x2xf32>
  %0 = graph.matmul %x, %w : (tensor<5x64xf32>, tensor<64x2xf32>) -> tensor<5x2xf32>
  return %0 : tensor<5x2xf32>
}

// What is infinite or no number has no scale.
// CHECK-LABEL: func.func @not_finite
// CHECK: graph.matmul %arg0, %{{.*}} {graph.precision = "f32"} : (tensor<5x2xf32>, tensor<2x1xf32>)
// CHECK: graph.matmul %arg0, %{{.*}} {graph.precision = "f32"} : (tensor<5x2xf32>, tensor<2x1xf32>)
func.func @not_finite(%x: tensor<5x2xf32>) -> (tensor<5x1xf32>, tensor<5x1xf32>) {
  %v = graph.constant dense<[[0x7F800000], [1.0]]> : tensor<2x1xf32>
  %w = graph.constant dense<[[1.0], [0x7FC00000]]> : tensor<2x1xf32>
  %0 = graph.matmul %x, %v : (tensor<5x2xf32>, tensor<2x1xf32>) -> tensor<5x1xf32>
  %1 = graph.matmul %x, %w {graph.precision = "int8-dynamic"} : (tensor<5x2xf32>, tensor<2x1xf32>) -> tensor<5x1xf32>
  return %0, %1 : tensor<5x1xf32>, tensor<5x1xf32>
}

// Bodies of loops and branches are private functions.
// CHECK-LABEL: func.func private @body
// CHECK-NOT: graph.round_to
func.func private @body(%x: tensor<5x64xf32>) -> tensor<5x2xf32> {
  %w = graph.constant dense<0.5> : tensor<64x2xf32>
  %0 = graph.matmul %x, %w : (tensor<5x64xf32>, tensor<64x2xf32>) -> tensor<5x2xf32>
  return %0 : tensor<5x2xf32>
}

// With data: x / f · f w, weights rounded as they are marked, and what that adds to the means taken off. Only products of one f share integers.
// CHECK-LABEL: func.func @by_data
// CHECK: graph.reduce %arg0
// CHECK: %[[INVERSE:.*]] = graph.constant dense<[5.000000e-01, 2.000000e+00]> : tensor<2xf32>
// CHECK: %[[EVEN:.*]] = graph.mul %arg0, %[[INVERSE]]
// CHECK: graph.reduce %[[EVEN]]
// CHECK: %[[Q:.*]] = graph.round_to
// CHECK: %[[V:.*]] = graph.constant dense<{{\[\[}}126], [127]]> : tensor<2x1xi8>
// CHECK: graph.matmul %[[Q]], %[[V]] {wide = true} : (tensor<5x2xui8>, tensor<2x1xi8>)
// CHECK: graph.mul %{{.*}}, %{{.*}} : (tensor<5x1xf32>, tensor<5x1xf32>)
// CHECK: %[[OFF:.*]] = graph.constant dense<{{.*}}> : tensor<1xf32>
// CHECK: graph.add %{{.*}}, %[[OFF]] : (tensor<5x1xf32>, tensor<1xf32>) -> tensor<5x1xf32>
// CHECK: graph.constant dense<{{\[\[}}32], [127]]> : tensor<2x1xi8>
func.func @by_data(%x: tensor<5x2xf32>) -> (tensor<5x1xf32>, tensor<5x1xf32>) {
  %w = graph.constant dense<[[0.25], [1.0]]> : tensor<2x1xf32>
  %0 = graph.matmul %x, %w {graph.precision = "int8-dynamic", graph.smoothing = array<f32: 2.0, 0.5>, graph.means = array<f32: 1.0, 3.0>, graph.rounding = "]"} : (tensor<5x2xf32>, tensor<2x1xf32>) -> tensor<5x1xf32>
  %1 = graph.matmul %x, %w {graph.precision = "int8-dynamic"} : (tensor<5x2xf32>, tensor<2x1xf32>) -> tensor<5x1xf32>
  return %0, %1 : tensor<5x1xf32>, tensor<5x1xf32>
}
