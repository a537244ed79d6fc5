// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(quantize-products))' | FileCheck %s

// x · w → (q · v) · s t - z Σv · s t, where the last term joins the bias. What no one marked stays.
// CHECK-LABEL: func.func @product
// CHECK-SAME: %[[X:.*]]: tensor<4x2xf32>
// CHECK: %[[Q:.*]] = graph.quantize %[[X]] {factor = 6.400000e+01 : f64, to = ui8, zero_point = 64 : i64} : (tensor<4x2xf32>) -> tensor<4x2xui8>
// CHECK: %[[V:.*]] = graph.constant dense<{{\[\[}}127, -127], [64, 0]]> : tensor<2x2xi8>
// CHECK: %[[SUMS:.*]] = graph.matmul %[[Q]], %[[V]] {wide = true} : (tensor<4x2xui8>, tensor<2x2xi8>) -> tensor<4x2xi32>
// CHECK: %[[NUMBERS:.*]] = graph.cast %[[SUMS]] {to = f32}
// CHECK: %[[SCALED:.*]] = graph.mul %[[NUMBERS]], %{{.*}}
// CHECK: %[[OFFSETS:.*]] = graph.constant dense<[-1.5{{.*}}, 2.{{.*}}]> : tensor<2xf32>
// CHECK: %[[BIAS:.*]] = graph.add %{{.*}}, %[[OFFSETS]]
// CHECK: graph.add %[[SCALED]], %[[BIAS]] : (tensor<4x2xf32>, tensor<2xf32>) -> tensor<4x2xf32>
// CHECK: graph.matmul %[[X]], %{{.*}} : (tensor<4x2xf32>, tensor<2x2xf32>) -> tensor<4x2xf32>
func.func @product(%x: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %w = graph.constant dense<[[1.0, -2.0], [0.5, 0.0]]> : tensor<2x2xf32>
  %b = graph.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %0 = graph.matmul %x, %w {graph.precision = "int8", graph.range = array<f64: -1.0, 2.984375>} : (tensor<4x2xf32>, tensor<2x2xf32>) -> tensor<4x2xf32>
  %1 = graph.add %0, %b : (tensor<4x2xf32>, tensor<2xf32>) -> tensor<4x2xf32>
  %2 = graph.matmul %x, %w {graph.precision = "f32", graph.range = array<f64: -1.0, 2.984375>} : (tensor<4x2xf32>, tensor<2x2xf32>) -> tensor<4x2xf32>
  return %1, %2 : tensor<4x2xf32>, tensor<4x2xf32>
}

// A convolution's padding is its zero point; where that is 0, it stays as it is.
// CHECK-LABEL: func.func @convolutions
// CHECK: %[[P:.*]] = graph.pad %{{.*}}, %{{.*}} {{{.*}}} : (tensor<1x4x4x1xui8>, tensor<ui8>) -> tensor<1x6x6x1xui8>
// CHECK: graph.conv %[[P]], %{{.*}} {{{.*}}high = array<i64: 0, 0>{{.*}}low = array<i64: 0, 0>{{.*}}} : (tensor<1x6x6x1xui8>, tensor<3x3x1x1xi8>) -> tensor<1x4x4x1xi32>
// CHECK: %[[R:.*]] = graph.quantize %{{.*}} {factor = {{.*}}, to = ui8, zero_point = 0 : i64}
// CHECK: graph.conv %[[R]], %{{.*}} {{{.*}}high = array<i64: 1, 1>{{.*}}} : (tensor<1x4x4x1xui8>, tensor<3x3x1x1xi8>) -> tensor<1x4x4x1xi32>
// CHECK-NOT: graph.add
func.func @convolutions(%x: tensor<1x4x4x1xf32>) -> (tensor<1x4x4x1xf32>, tensor<1x4x4x1xf32>) {
  %w = graph.constant dense<1.0> : tensor<3x3x1x1xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1 : i64, layout = 1 : i32, graph.precision = "int8", graph.range = array<f64: -1.0, 3.0>} : (tensor<1x4x4x1xf32>, tensor<3x3x1x1xf32>) -> tensor<1x4x4x1xf32>
  %1 = graph.relu %0 : (tensor<1x4x4x1xf32>) -> tensor<1x4x4x1xf32>
  %2 = graph.conv %1, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1 : i64, layout = 1 : i32, graph.precision = "int8", graph.range = array<f64: 0.0, 9.0>} : (tensor<1x4x4x1xf32>, tensor<3x3x1x1xf32>) -> tensor<1x4x4x1xf32>
  return %1, %2 : tensor<1x4x4x1xf32>, tensor<1x4x4x1xf32>
}

// What is found in each run: a step and a zero point of each row. Without numbers below 0, the zero point is 0.
// CHECK-LABEL: func.func @dynamic_product
// CHECK: %[[MAX:.*]] = graph.reduce %{{.*}} {axes = array<i64: 1>, kind = 2 : i32} : (tensor<4x2xf32>) -> tensor<4x1xf32>
// CHECK: %[[MIN:.*]] = graph.reduce %{{.*}} {axes = array<i64: 1>, kind = 3 : i32} : (tensor<4x2xf32>) -> tensor<4x1xf32>
// CHECK: %[[Q:.*]] = graph.round_to %{{.*}}, %{{.*}} : (tensor<4x2xf32>, tensor<4x1xui8>) -> tensor<4x2xui8>
// CHECK: graph.matmul %[[Q]], %{{.*}} {wide = true} : (tensor<4x2xui8>, tensor<2x2xi8>) -> tensor<4x2xi32>
// CHECK: graph.mul %{{.*}}, %{{.*}} : (tensor<4x1xf32>, tensor<2xf32>) -> tensor<4x2xf32>
// CHECK: graph.mul %{{.*}}, %{{.*}} : (tensor<4x2xf32>, tensor<4x1xf32>) -> tensor<4x2xf32>
// CHECK: %[[R:.*]] = graph.quantize %{{.*}} {factor = 1.000000e+00 : f64, to = ui8, zero_point = 0 : i64}
// CHECK: graph.matmul %[[R]], %{{.*}} {wide = true}
func.func @dynamic_product(%x: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %w = graph.constant dense<[[1.0, -2.0], [0.5, 0.0]]> : tensor<2x2xf32>
  %0 = graph.matmul %x, %w {graph.precision = "int8", graph.dynamic, graph.range = array<f64: -1.0, 3.0>} : (tensor<4x2xf32>, tensor<2x2xf32>) -> tensor<4x2xf32>
  %1 = graph.matmul %0, %w {graph.precision = "int8", graph.dynamic, graph.range = array<f64: 0.0, 3.0>} : (tensor<4x2xf32>, tensor<2x2xf32>) -> tensor<4x2xf32>
  return %0, %1 : tensor<4x2xf32>, tensor<4x2xf32>
}

// Of a convolution, of each image, which is padded before it is rounded.
// CHECK-LABEL: func.func @dynamic_convolution
// CHECK: %[[P:.*]] = graph.pad %{{.*}} : (tensor<2x4x4x1xf32>, tensor<f32>) -> tensor<2x6x6x1xf32>
// CHECK: graph.reduce %[[P]] {axes = array<i64: 1, 2, 3>, kind = 2 : i32} : (tensor<2x6x6x1xf32>) -> tensor<2x1x1x1xf32>
// CHECK: graph.conv %{{.*}}, %{{.*}} {{{.*}}low = array<i64: 0, 0>{{.*}}} : (tensor<2x6x6x1xui8>, tensor<3x3x1x1xi8>) -> tensor<2x4x4x1xi32>
func.func @dynamic_convolution(%x: tensor<2x4x4x1xf32>) -> tensor<2x4x4x1xf32> {
  %w = graph.constant dense<1.0> : tensor<3x3x1x1xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1 : i64, layout = 1 : i32, graph.precision = "int8", graph.dynamic, graph.range = array<f64: -1.0, 3.0>} : (tensor<2x4x4x1xf32>, tensor<3x3x1x1xf32>) -> tensor<2x4x4x1xf32>
  return %0 : tensor<2x4x4x1xf32>
}

// A convolution of few taps and many channels is a sum of products, whose rows have ranges of their own.
// CHECK-LABEL: func.func @dynamic_taps
// CHECK: %[[P:.*]] = graph.pad %{{.*}} : (tensor<1x9x64xf32>, tensor<f32>) -> tensor<1x11x64xf32>
// CHECK: graph.reduce %[[P]] {axes = array<i64: 2>, kind = 2 : i32} : (tensor<1x11x64xf32>) -> tensor<1x11x1xf32>
// CHECK: graph.slice %{{.*}} {starts = {{.*}}0, 0, 0{{.*}}} : (tensor<1x11x64xui8>) -> tensor<1x9x64xui8>
// CHECK: graph.conv {{.*}} : (tensor<1x9x64xui8>, tensor<1x64x2xi8>) -> tensor<1x9x2xi32>
// CHECK: graph.slice %{{.*}} {starts = {{.*}}0, 2, 0{{.*}}} : (tensor<1x11x64xui8>) -> tensor<1x9x64xui8>
// CHECK: graph.conv {{.*}} : (tensor<1x9x64xui8>, tensor<1x64x2xi8>) -> tensor<1x9x2xi32>
// CHECK: graph.add
func.func @dynamic_taps(%x: tensor<1x9x64xf32>) -> tensor<1x9x2xf32> {
  %w = graph.constant dense<1.0> : tensor<2x64x2xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 2>, low = array<i64: 1>, high = array<i64: 1>, groups = 1 : i64, layout = 1 : i32, graph.precision = "int8", graph.dynamic, graph.range = array<f64: -1.0, 3.0>} : (tensor<1x9x64xf32>, tensor<2x64x2xf32>) -> tensor<1x9x2xf32>
  return %0 : tensor<1x9x2xf32>
}

// Weights are rounded as `graph.rounding` says: by -1, 0, -1 and 1 away from the nearest. What is of another number of weights counts for nothing.
// CHECK-LABEL: func.func @given_rounding
// CHECK: graph.constant dense<{{\[\[}}126, -127], [63, 1]]> : tensor<2x2xi8>
// CHECK: graph.constant dense<{{\[\[}}127, -127], [64, 0]]> : tensor<2x2xi8>
func.func @given_rounding(%x: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %w = graph.constant dense<[[1.0, -2.0], [0.5, 0.0]]> : tensor<2x2xf32>
  %0 = graph.matmul %x, %w {graph.precision = "int8", graph.range = array<f64: 0.0, 2.0>, graph.rounding = "]"} : (tensor<4x2xf32>, tensor<2x2xf32>) -> tensor<4x2xf32>
  %1 = graph.matmul %x, %w {graph.precision = "int8", graph.range = array<f64: 0.0, 2.0>, graph.rounding = "]]"} : (tensor<4x2xf32>, tensor<2x2xf32>) -> tensor<4x2xf32>
  return %0, %1 : tensor<4x2xf32>, tensor<4x2xf32>
}
