// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(unscale-products,cse))' | FileCheck %s

// round((matmul(a · s, w · t) + b) / r) → round((matmul(a, w) + b / (s t)) · (s t / r)): s is 0.5, t 0.25 and 0.125 as
// the largest of a column is 127 of them, r is 2.
// CHECK-LABEL: func.func @matmul
// CHECK-SAME: %[[A:.*]]: tensor<2x3xui8>
// CHECK-DAG: %[[W:.*]] = graph.constant dense<{{\[}}[127, -4], [2, 127], [-3, 0]]> : tensor<3x2xi32>
// CHECK-DAG: %[[B:.*]] = graph.constant dense<[8, -16]> : tensor<2xi32>
// CHECK-DAG: %[[F:.*]] = graph.constant dense<{{\[}}[6.250000e-02, 3.125000e-02]]> : tensor<1x2xf32>
// CHECK: %[[I:.*]] = graph.cast %[[A]] {to = i32}
// CHECK: %[[C:.*]] = graph.sub %[[I]]
// CHECK: %[[P:.*]] = graph.matmul %[[C]], %[[W]] : (tensor<2x3xi32>, tensor<3x2xi32>) -> tensor<2x2xi32>
// CHECK: %[[S:.*]] = graph.add %[[P]], %[[B]]
// CHECK: %[[N:.*]] = graph.cast %[[S]] {to = f32}
// CHECK: %[[X:.*]] = graph.mul %[[N]], %[[F]]
// CHECK: graph.round %[[X]]
func.func @matmul(%a: tensor<2x3xui8>) -> tensor<2x2xf32> {
  %s = graph.constant dense<0.5> : tensor<f32>
  %z = graph.constant dense<9> : tensor<i32>
  %w = graph.constant dense<[[31.75, -0.5], [0.5, 15.875], [-0.75, 0.0]]> : tensor<3x2xf32>
  %b = graph.constant dense<[1.0, -1.0]> : tensor<2xf32>
  %r = graph.constant dense<2.0> : tensor<f32>
  %0 = graph.cast %a {to = i32} : (tensor<2x3xui8>) -> tensor<2x3xi32>
  %1 = graph.sub %0, %z : (tensor<2x3xi32>, tensor<i32>) -> tensor<2x3xi32>
  %2 = graph.cast %1 {to = f32} : (tensor<2x3xi32>) -> tensor<2x3xf32>
  %3 = graph.mul %2, %s : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  %4 = graph.matmul %3, %w : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  %5 = graph.add %4, %b : (tensor<2x2xf32>, tensor<2xf32>) -> tensor<2x2xf32>
  %6 = graph.div %5, %r : (tensor<2x2xf32>, tensor<f32>) -> tensor<2x2xf32>
  %7 = graph.round %6 : (tensor<2x2xf32>) -> tensor<2x2xf32>
  return %7 : tensor<2x2xf32>
}

// A bias that is no whole number of steps is added in f32, and what divides for another reason than to round stays.
// CHECK-LABEL: func.func @conv
// CHECK-DAG: %[[W:.*]] = graph.constant dense<{{.*}}127{{.*}}-5{{.*}}> : tensor<2x1x1x1xi32>
// CHECK-DAG: %[[F:.*]] = graph.constant dense<{{.*}}> : tensor<2x1x1xf32>
// CHECK: %[[P:.*]] = graph.conv %{{.*}}, %[[W]] {{.*}} -> tensor<1x2x4x4xi32>
// CHECK: %[[N:.*]] = graph.cast %[[P]] {to = f32}
// CHECK: %[[X:.*]] = graph.mul %[[N]], %[[F]]
// CHECK: %[[Y:.*]] = graph.add %[[X]]
// CHECK: graph.div %[[Y]]
func.func @conv(%a: tensor<1x1x4x4xi8>) -> tensor<1x2x4x4xf32> {
  %s = graph.constant dense<0.5> : tensor<f32>
  %w = graph.constant dense<[[[[12.7]]], [[[-0.5]]]]> : tensor<2x1x1x1xf32>
  %b = graph.constant dense<0.333> : tensor<2x1x1xf32>
  %0 = graph.cast %a {to = i32} : (tensor<1x1x4x4xi8>) -> tensor<1x1x4x4xi32>
  %1 = graph.cast %0 {to = f32} : (tensor<1x1x4x4xi32>) -> tensor<1x1x4x4xf32>
  %2 = graph.mul %1, %s : (tensor<1x1x4x4xf32>, tensor<f32>) -> tensor<1x1x4x4xf32>
  %3 = graph.conv %2, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64} : (tensor<1x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %4 = graph.add %3, %b : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  %5 = graph.div %4, %s : (tensor<1x2x4x4xf32>, tensor<f32>) -> tensor<1x2x4x4xf32>
  return %5 : tensor<1x2x4x4xf32>
}

// Weights that were never of 8 bits stay f32, and so does their product.
// CHECK-LABEL: func.func @other_weights
// CHECK: graph.matmul %{{.*}}, %{{.*}} : (tensor<1x2xf32>, tensor<2x1xf32>)
func.func @other_weights(%a: tensor<1x2xui8>) -> tensor<1x1xf32> {
  %s = graph.constant dense<0.5> : tensor<f32>
  %w = graph.constant dense<[[1.2345678], [0.33333334]]> : tensor<2x1xf32>
  %0 = graph.cast %a {to = i32} : (tensor<1x2xui8>) -> tensor<1x2xi32>
  %1 = graph.cast %0 {to = f32} : (tensor<1x2xi32>) -> tensor<1x2xf32>
  %2 = graph.mul %1, %s : (tensor<1x2xf32>, tensor<f32>) -> tensor<1x2xf32>
  %3 = graph.matmul %2, %w : (tensor<1x2xf32>, tensor<2x1xf32>) -> tensor<1x1xf32>
  return %3 : tensor<1x1xf32>
}

// Both sides of 8 bits: one factor.
// CHECK-LABEL: func.func @both
// CHECK: %[[F:.*]] = graph.constant dense<1.250000e-01> : tensor<f32>
// CHECK: %[[P:.*]] = graph.matmul %{{.*}}, %{{.*}} : (tensor<2x3xi32>, tensor<3x2xi32>)
// CHECK: graph.mul %{{.*}}, %[[F]]
func.func @both(%a: tensor<2x3xui8>, %b: tensor<3x2xi8>) -> tensor<2x2xf32> {
  %s = graph.constant dense<0.5> : tensor<f32>
  %t = graph.constant dense<0.25> : tensor<f32>
  %0 = graph.cast %a {to = i32} : (tensor<2x3xui8>) -> tensor<2x3xi32>
  %1 = graph.cast %0 {to = f32} : (tensor<2x3xi32>) -> tensor<2x3xf32>
  %2 = graph.mul %1, %s : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  %3 = graph.cast %b {to = i32} : (tensor<3x2xi8>) -> tensor<3x2xi32>
  %4 = graph.cast %3 {to = f32} : (tensor<3x2xi32>) -> tensor<3x2xf32>
  %5 = graph.mul %4, %t : (tensor<3x2xf32>, tensor<f32>) -> tensor<3x2xf32>
  %6 = graph.matmul %2, %5 : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  return %6 : tensor<2x2xf32>
}
