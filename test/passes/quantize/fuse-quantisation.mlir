// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(fuse-quantisation))' | FileCheck %s

// CHECK-LABEL: func.func @constant
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>
// CHECK: %[[Z:.*]] = graph.constant dense<-3> : tensor<i8>
// CHECK: %[[Q:.*]] = graph.round_to %[[X]], %[[Z]] : (tensor<4xf32>, tensor<i8>) -> tensor<4xi8>
// CHECK: return %[[Q]]
func.func @constant(%x: tensor<4xf32>) -> tensor<4xi8> {
  %z = graph.constant dense<-3.0> : tensor<f32>
  %low = graph.constant dense<-128.0> : tensor<f32>
  %high = graph.constant dense<127.0> : tensor<f32>
  %0 = graph.round %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.add %0, %z : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = graph.clamp %1, %low, %high : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %3 = graph.cast %2 {to = i8} : (tensor<4xf32>) -> tensor<4xi8>
  return %3 : tensor<4xi8>
}

// CHECK-LABEL: func.func @computed
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>, %[[Z:.*]]: tensor<ui8>
// CHECK: graph.round_to %[[X]], %[[Z]]
func.func @computed(%x: tensor<4xf32>, %z: tensor<ui8>) -> tensor<4xui8> {
  %low = graph.constant dense<0.0> : tensor<f32>
  %high = graph.constant dense<255.0> : tensor<f32>
  %0 = graph.round %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.cast %z {to = f32} : (tensor<ui8>) -> tensor<f32>
  %2 = graph.add %0, %1 : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = graph.clamp %2, %low, %high : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %4 = graph.cast %3 {to = ui8} : (tensor<4xf32>) -> tensor<4xui8>
  return %4 : tensor<4xui8>
}

// Other bounds, or half a number: they stay.
// CHECK-LABEL: func.func @others
// CHECK-NOT: graph.round_to
// CHECK: return
func.func @others(%x: tensor<4xf32>) -> (tensor<4xui8>, tensor<4xui8>) {
  %half = graph.constant dense<0.5> : tensor<f32>
  %low = graph.constant dense<0.0> : tensor<f32>
  %high = graph.constant dense<255.0> : tensor<f32>
  %most = graph.constant dense<200.0> : tensor<f32>
  %0 = graph.round %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.add %0, %half : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = graph.clamp %1, %low, %high : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %3 = graph.cast %2 {to = ui8} : (tensor<4xf32>) -> tensor<4xui8>
  %4 = graph.clamp %0, %low, %most : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %5 = graph.cast %4 {to = ui8} : (tensor<4xf32>) -> tensor<4xui8>
  return %3, %5 : tensor<4xui8>, tensor<4xui8>
}

// (cast(q) - z) · s → dequantize(q)
// CHECK-LABEL: func.func @dequantise
// CHECK-SAME: %[[Q:.*]]: tensor<4xui8>
// CHECK-NEXT: %[[X:.*]] = graph.dequantize %[[Q]] {scale = 2.500000e-01 : f64, zero_point = 7 : i64}
// CHECK-NEXT: return %[[X]]
func.func @dequantise(%q: tensor<4xui8>) -> tensor<4xf32> {
  %s = graph.constant dense<0.25> : tensor<f32>
  %z = graph.constant dense<7> : tensor<i32>
  %0 = graph.cast %q {to = i32} : (tensor<4xui8>) -> tensor<4xi32>
  %1 = graph.sub %0, %z : (tensor<4xi32>, tensor<i32>) -> tensor<4xi32>
  %2 = graph.cast %1 {to = f32} : (tensor<4xi32>) -> tensor<4xf32>
  %3 = graph.mul %2, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %3 : tensor<4xf32>
}

// A zero point that is no number of the type stays outside; so does a product of two such.
// CHECK-LABEL: func.func @outside
// CHECK-NOT: graph.dequantize
// CHECK: return
func.func @outside(%q: tensor<4xi8>, %t: tensor<f32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %s = graph.constant dense<0.25> : tensor<f32>
  %z = graph.constant dense<200> : tensor<i32>
  %0 = graph.cast %q {to = i32} : (tensor<4xi8>) -> tensor<4xi32>
  %1 = graph.sub %0, %z : (tensor<4xi32>, tensor<i32>) -> tensor<4xi32>
  %2 = graph.cast %1 {to = f32} : (tensor<4xi32>) -> tensor<4xf32>
  %3 = graph.mul %2, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %4 = graph.cast %0 {to = f32} : (tensor<4xi32>) -> tensor<4xf32>
  %5 = graph.mul %4, %t : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %3, %5 : tensor<4xf32>, tensor<4xf32>
}
