// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(sink-dequantisation,cse))' | FileCheck %s

// quantise(transpose(dequantise(q))) → transpose(q)
// CHECK-LABEL: func.func @transpose
// CHECK-SAME: %[[Q:.*]]: tensor<2x3xui8>
// CHECK: %[[T:.*]] = graph.transpose %[[Q]] {permutation = array<i64: 1, 0>} : (tensor<2x3xui8>) -> tensor<3x2xui8>
// CHECK-NEXT: return %[[T]]
func.func @transpose(%q: tensor<2x3xui8>) -> tensor<3x2xui8> {
  %s = graph.constant dense<0.25> : tensor<f32>
  %z = graph.constant dense<7> : tensor<i32>
  %zf = graph.constant dense<7.0> : tensor<f32>
  %low = graph.constant dense<0.0> : tensor<f32>
  %high = graph.constant dense<255.0> : tensor<f32>
  %0 = graph.cast %q {to = i32} : (tensor<2x3xui8>) -> tensor<2x3xi32>
  %1 = graph.sub %0, %z : (tensor<2x3xi32>, tensor<i32>) -> tensor<2x3xi32>
  %2 = graph.cast %1 {to = f32} : (tensor<2x3xi32>) -> tensor<2x3xf32>
  %3 = graph.mul %2, %s : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  %4 = graph.transpose %3 {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %5 = graph.div %4, %s : (tensor<3x2xf32>, tensor<f32>) -> tensor<3x2xf32>
  %6 = graph.round %5 : (tensor<3x2xf32>) -> tensor<3x2xf32>
  %7 = graph.add %6, %zf : (tensor<3x2xf32>, tensor<f32>) -> tensor<3x2xf32>
  %8 = graph.clamp %7, %low, %high : (tensor<3x2xf32>, tensor<f32>, tensor<f32>) -> tensor<3x2xf32>
  %9 = graph.cast %8 {to = ui8} : (tensor<3x2xf32>) -> tensor<3x2xui8>
  return %9 : tensor<3x2xui8>
}

// Another step, or another zero point, is another number: both stay.
// CHECK-LABEL: func.func @other_step
// CHECK: graph.round
// CHECK-LABEL: func.func @other_zero_point
// CHECK: graph.round
func.func @other_step(%q: tensor<4xi8>) -> tensor<4xi8> {
  %s = graph.constant dense<0.25> : tensor<f32>
  %t = graph.constant dense<0.5> : tensor<f32>
  %low = graph.constant dense<-128.0> : tensor<f32>
  %high = graph.constant dense<127.0> : tensor<f32>
  %0 = graph.cast %q {to = i32} : (tensor<4xi8>) -> tensor<4xi32>
  %1 = graph.cast %0 {to = f32} : (tensor<4xi32>) -> tensor<4xf32>
  %2 = graph.mul %1, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = graph.div %2, %t : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %4 = graph.round %3 : (tensor<4xf32>) -> tensor<4xf32>
  %5 = graph.clamp %4, %low, %high : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %6 = graph.cast %5 {to = i8} : (tensor<4xf32>) -> tensor<4xi8>
  return %6 : tensor<4xi8>
}
func.func @other_zero_point(%q: tensor<4xi8>) -> tensor<4xi8> {
  %s = graph.constant dense<0.25> : tensor<f32>
  %z = graph.constant dense<1.0> : tensor<f32>
  %low = graph.constant dense<-128.0> : tensor<f32>
  %high = graph.constant dense<127.0> : tensor<f32>
  %0 = graph.cast %q {to = i32} : (tensor<4xi8>) -> tensor<4xi32>
  %1 = graph.cast %0 {to = f32} : (tensor<4xi32>) -> tensor<4xf32>
  %2 = graph.mul %1, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = graph.div %2, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %4 = graph.round %3 : (tensor<4xf32>) -> tensor<4xf32>
  %5 = graph.add %4, %z : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %6 = graph.clamp %5, %low, %high : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %7 = graph.cast %6 {to = i8} : (tensor<4xf32>) -> tensor<4xi8>
  return %7 : tensor<4xi8>
}

// The parts of a concat are quantised one by one, and those of its own step are left alone.
// CHECK-LABEL: func.func @concat
// CHECK-SAME: %[[A:.*]]: tensor<4xi8>, %[[B:.*]]: tensor<4xf32>
// CHECK: %[[D:.*]] = graph.div %[[B]]
// CHECK: %[[Q:.*]] = graph.cast %{{.*}} {to = i8} : (tensor<4xf32>) -> tensor<4xi8>
// CHECK: %[[C:.*]] = graph.concat %[[A]], %[[Q]]
// CHECK-NEXT: return %[[C]]
func.func @concat(%q: tensor<4xi8>, %x: tensor<4xf32>) -> tensor<8xi8> {
  %s = graph.constant dense<0.25> : tensor<f32>
  %low = graph.constant dense<-128.0> : tensor<f32>
  %high = graph.constant dense<127.0> : tensor<f32>
  %0 = graph.cast %q {to = i32} : (tensor<4xi8>) -> tensor<4xi32>
  %1 = graph.cast %0 {to = f32} : (tensor<4xi32>) -> tensor<4xf32>
  %2 = graph.mul %1, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = graph.concat %2, %x {axis = 0 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<8xf32>
  %4 = graph.div %3, %s : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %5 = graph.round %4 : (tensor<8xf32>) -> tensor<8xf32>
  %6 = graph.clamp %5, %low, %high : (tensor<8xf32>, tensor<f32>, tensor<f32>) -> tensor<8xf32>
  %7 = graph.cast %6 {to = i8} : (tensor<8xf32>) -> tensor<8xi8>
  return %7 : tensor<8xi8>
}

// clamp((q - 10) / 4, -1, 6.1), quantised alike → clamp(q, 6, 34)
// CHECK-LABEL: func.func @clamp
// CHECK-SAME: %[[Q:.*]]: tensor<4xi8>
// CHECK-DAG: %[[LOW:.*]] = graph.constant dense<6> : tensor<i8>
// CHECK-DAG: %[[HIGH:.*]] = graph.constant dense<34> : tensor<i8>
// CHECK: %[[C:.*]] = graph.clamp %[[Q]], %[[LOW]], %[[HIGH]]
// CHECK-NEXT: return %[[C]]
func.func @clamp(%q: tensor<4xi8>) -> tensor<4xi8> {
  %s = graph.constant dense<0.25> : tensor<f32>
  %t = graph.constant dense<0.25> : tensor<f32>
  %z = graph.constant dense<10> : tensor<i32>
  %zf = graph.constant dense<10.0> : tensor<f32>
  %zero = graph.constant dense<-1.0> : tensor<f32>
  %six = graph.constant dense<6.1> : tensor<f32>
  %large = graph.constant dense<1.0e+30> : tensor<f32>
  %small = graph.constant dense<-1.0e+30> : tensor<f32>
  %low = graph.constant dense<-128.0> : tensor<f32>
  %high = graph.constant dense<127.0> : tensor<f32>
  %0 = graph.cast %q {to = i32} : (tensor<4xi8>) -> tensor<4xi32>
  %1 = graph.sub %0, %z : (tensor<4xi32>, tensor<i32>) -> tensor<4xi32>
  %2 = graph.cast %1 {to = f32} : (tensor<4xi32>) -> tensor<4xf32>
  %3 = graph.mul %2, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %4 = graph.clamp %3, %zero, %six : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %5 = graph.div %4, %t : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %6 = graph.round %5 : (tensor<4xf32>) -> tensor<4xf32>
  %7 = graph.add %6, %zf : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %8 = graph.clamp %7, %low, %high : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %9 = graph.cast %8 {to = i8} : (tensor<4xf32>) -> tensor<4xi8>
  return %9 : tensor<4xi8>
}

// The zero point stands for 0.
// CHECK-LABEL: func.func @relu
// CHECK-SAME: %[[Q:.*]]: tensor<4xi8>
// CHECK-DAG: %[[LOW:.*]] = graph.constant dense<10> : tensor<i8>
// CHECK-DAG: %[[HIGH:.*]] = graph.constant dense<127> : tensor<i8>
// CHECK: graph.clamp %[[Q]], %[[LOW]], %[[HIGH]]
func.func @relu(%q: tensor<4xi8>) -> tensor<4xi8> {
  %s = graph.constant dense<0.25> : tensor<f32>
  %t = graph.constant dense<0.25> : tensor<f32>
  %z = graph.constant dense<10> : tensor<i32>
  %zf = graph.constant dense<10.0> : tensor<f32>
  %zero = graph.constant dense<-1.0> : tensor<f32>
  %six = graph.constant dense<6.1> : tensor<f32>
  %large = graph.constant dense<1.0e+30> : tensor<f32>
  %small = graph.constant dense<-1.0e+30> : tensor<f32>
  %low = graph.constant dense<-128.0> : tensor<f32>
  %high = graph.constant dense<127.0> : tensor<f32>
  %0 = graph.cast %q {to = i32} : (tensor<4xi8>) -> tensor<4xi32>
  %1 = graph.sub %0, %z : (tensor<4xi32>, tensor<i32>) -> tensor<4xi32>
  %2 = graph.cast %1 {to = f32} : (tensor<4xi32>) -> tensor<4xf32>
  %3 = graph.mul %2, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %4 = graph.relu %3 : (tensor<4xf32>) -> tensor<4xf32>
  %5 = graph.div %4, %t : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %6 = graph.round %5 : (tensor<4xf32>) -> tensor<4xf32>
  %7 = graph.add %6, %zf : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %8 = graph.clamp %7, %low, %high : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %9 = graph.cast %8 {to = i8} : (tensor<4xf32>) -> tensor<4xi8>
  return %9 : tensor<4xi8>
}

// What 8 bits reach lies within these bounds.
// CHECK-LABEL: func.func @wide_bounds
// CHECK-SAME: %[[Q:.*]]: tensor<4xi8>
// CHECK-NEXT: return %[[Q]]
func.func @wide_bounds(%q: tensor<4xi8>) -> tensor<4xi8> {
  %s = graph.constant dense<0.25> : tensor<f32>
  %t = graph.constant dense<0.25> : tensor<f32>
  %z = graph.constant dense<10> : tensor<i32>
  %zf = graph.constant dense<10.0> : tensor<f32>
  %zero = graph.constant dense<-1.0> : tensor<f32>
  %six = graph.constant dense<6.1> : tensor<f32>
  %large = graph.constant dense<1.0e+30> : tensor<f32>
  %small = graph.constant dense<-1.0e+30> : tensor<f32>
  %low = graph.constant dense<-128.0> : tensor<f32>
  %high = graph.constant dense<127.0> : tensor<f32>
  %0 = graph.cast %q {to = i32} : (tensor<4xi8>) -> tensor<4xi32>
  %1 = graph.sub %0, %z : (tensor<4xi32>, tensor<i32>) -> tensor<4xi32>
  %2 = graph.cast %1 {to = f32} : (tensor<4xi32>) -> tensor<4xf32>
  %3 = graph.mul %2, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %4 = graph.clamp %3, %small, %large : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %5 = graph.div %4, %t : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %6 = graph.round %5 : (tensor<4xf32>) -> tensor<4xf32>
  %7 = graph.add %6, %zf : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %8 = graph.clamp %7, %low, %high : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %9 = graph.cast %8 {to = i8} : (tensor<4xf32>) -> tensor<4xi8>
  return %9 : tensor<4xi8>
}

// Another step rounds again.
// CHECK-LABEL: func.func @clamp_to_other_step
// CHECK: graph.round
func.func @clamp_to_other_step(%q: tensor<4xi8>) -> tensor<4xi8> {
  %s = graph.constant dense<0.25> : tensor<f32>
  %t = graph.constant dense<0.5> : tensor<f32>
  %z = graph.constant dense<10> : tensor<i32>
  %zf = graph.constant dense<10.0> : tensor<f32>
  %zero = graph.constant dense<-1.0> : tensor<f32>
  %six = graph.constant dense<6.1> : tensor<f32>
  %large = graph.constant dense<1.0e+30> : tensor<f32>
  %small = graph.constant dense<-1.0e+30> : tensor<f32>
  %low = graph.constant dense<-128.0> : tensor<f32>
  %high = graph.constant dense<127.0> : tensor<f32>
  %0 = graph.cast %q {to = i32} : (tensor<4xi8>) -> tensor<4xi32>
  %1 = graph.sub %0, %z : (tensor<4xi32>, tensor<i32>) -> tensor<4xi32>
  %2 = graph.cast %1 {to = f32} : (tensor<4xi32>) -> tensor<4xf32>
  %3 = graph.mul %2, %s : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %4 = graph.relu %3 : (tensor<4xf32>) -> tensor<4xf32>
  %5 = graph.div %4, %t : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %6 = graph.round %5 : (tensor<4xf32>) -> tensor<4xf32>
  %7 = graph.add %6, %zf : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %8 = graph.clamp %7, %low, %high : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %9 = graph.cast %8 {to = i8} : (tensor<4xf32>) -> tensor<4xi8>
  return %9 : tensor<4xi8>
}
