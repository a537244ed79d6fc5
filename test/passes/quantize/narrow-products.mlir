// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(narrow-products),fold-constants)' | FileCheck %s

// matmul(cast(a) - za, w) → matmul(a, w₈) - za · Σw: the sums are 1 + 3 + 5 and 2 - 4 + 6.
// CHECK-LABEL: func.func @matmul
// CHECK-SAME: %[[A:.*]]: tensor<4x3xui8>
// CHECK-DAG: %[[W:.*]] = graph.constant dense<{{\[}}[1, 2], [3, -4], [5, 6]]> : tensor<3x2xi8>
// CHECK-DAG: %[[C:.*]] = graph.constant dense<{{\[}}[-63, -28]]> : tensor<1x2xi32>
// CHECK-DAG: %[[P:.*]] = graph.matmul %[[A]], %[[W]] {wide = true} : (tensor<4x3xui8>, tensor<3x2xi8>) -> tensor<4x2xi32>
// CHECK: graph.add %[[P]], %[[C]]
func.func @matmul(%a: tensor<4x3xui8>) -> tensor<4x2xi32> {
  %w = graph.constant dense<[[1, 2], [3, -4], [5, 6]]> : tensor<3x2xi32>
  %z = graph.constant dense<7> : tensor<i32>
  %0 = graph.cast %a {to = i32} : (tensor<4x3xui8>) -> tensor<4x3xi32>
  %1 = graph.sub %0, %z : (tensor<4x3xi32>, tensor<i32>) -> tensor<4x3xi32>
  %2 = graph.matmul %1, %w : (tensor<4x3xi32>, tensor<3x2xi32>) -> tensor<4x2xi32>
  return %2 : tensor<4x2xi32>
}

// A zero point that the run finds, one for each row; and none at all.
// CHECK-LABEL: func.func @rows
// CHECK-SAME: %[[A:.*]]: tensor<4x3xi8>, %[[Z:.*]]: tensor<4x1xi32>
// CHECK: %[[S:.*]] = graph.constant dense<3> : tensor<1x2xi32>
// CHECK: %[[P:.*]] = graph.matmul %[[A]], %{{.*}} {wide = true} : (tensor<4x3xi8>, tensor<3x2xi8>) -> tensor<4x2xi32>
// CHECK: %[[T:.*]] = graph.mul %[[S]], %[[Z]] : (tensor<1x2xi32>, tensor<4x1xi32>) -> tensor<4x2xi32>
// CHECK: graph.sub %[[P]], %[[T]]
// CHECK: graph.matmul %[[A]], %{{.*}} {wide = true}
// CHECK-NEXT: return
func.func @rows(%a: tensor<4x3xi8>, %z: tensor<4x1xi32>) -> (tensor<4x2xi32>, tensor<4x2xi32>) {
  %w = graph.constant dense<1> : tensor<3x2xi32>
  %0 = graph.cast %a {to = i32} : (tensor<4x3xi8>) -> tensor<4x3xi32>
  %1 = graph.sub %0, %z : (tensor<4x3xi32>, tensor<4x1xi32>) -> tensor<4x3xi32>
  %2 = graph.matmul %1, %w : (tensor<4x3xi32>, tensor<3x2xi32>) -> tensor<4x2xi32>
  %3 = graph.matmul %0, %w : (tensor<4x3xi32>, tensor<3x2xi32>) -> tensor<4x2xi32>
  return %2, %3 : tensor<4x2xi32>, tensor<4x2xi32>
}

// Around an image there is its zero point.
// CHECK-LABEL: func.func @conv
// CHECK-SAME: %[[X:.*]]: tensor<1x2x5x5xui8>, %[[Z:.*]]: tensor<1xui8>
// CHECK: %[[S:.*]] = graph.constant dense<18> : tensor<3x1x1xi32>
// CHECK: %[[O:.*]] = graph.reshape %[[Z]] : (tensor<1xui8>) -> tensor<ui8>
// CHECK: %[[P:.*]] = graph.pad %[[X]], %[[O]]
// CHECK: graph.conv %[[P]], %{{.*}} {{{.*}}high = array<i64: 0, 0>{{.*}}low = array<i64: 0, 0>{{.*}}wide = true} : (tensor<1x2x7x7xui8>, tensor<3x2x3x3xi8>) -> tensor<1x3x5x5xi32>
// CHECK: graph.mul %[[S]], %{{.*}} : (tensor<3x1x1xi32>, tensor<i32>) -> tensor<3x1x1xi32>
// CHECK: graph.sub
func.func @conv(%x: tensor<1x2x5x5xui8>, %z: tensor<1xui8>) -> tensor<1x3x5x5xi32> {
  %w = graph.constant dense<1> : tensor<3x2x3x3xi32>
  %0 = graph.cast %x {to = i32} : (tensor<1x2x5x5xui8>) -> tensor<1x2x5x5xi32>
  %1 = graph.cast %z {to = i32} : (tensor<1xui8>) -> tensor<1xi32>
  %2 = graph.reshape %1 : (tensor<1xi32>) -> tensor<i32>
  %3 = graph.sub %0, %2 : (tensor<1x2x5x5xi32>, tensor<i32>) -> tensor<1x2x5x5xi32>
  %4 = graph.conv %3, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 1, 1>, high = array<i64: 1, 1>, groups = 1 : i64} : (tensor<1x2x5x5xi32>, tensor<3x2x3x3xi32>) -> tensor<1x3x5x5xi32>
  return %4 : tensor<1x3x5x5xi32>
}

// Zero points along the sum, weights beyond 8 bits, operands that were wider: they stay.
// CHECK-LABEL: func.func @others
// CHECK-COUNT-3: graph.matmul %{{.*}}, %{{.*}} : (tensor<4x3xi32>, tensor<3x2xi32>) -> tensor<4x2xi32>
func.func @others(%a: tensor<4x3xui8>, %b: tensor<4x3xi16>, %z: tensor<3xi32>) -> (tensor<4x2xi32>, tensor<4x2xi32>, tensor<4x2xi32>) {
  %w = graph.constant dense<1> : tensor<3x2xi32>
  %v = graph.constant dense<[[-300, 2], [3, -4], [5, 6]]> : tensor<3x2xi32>
  %0 = graph.cast %a {to = i32} : (tensor<4x3xui8>) -> tensor<4x3xi32>
  %1 = graph.cast %b {to = i32} : (tensor<4x3xi16>) -> tensor<4x3xi32>
  %2 = graph.sub %0, %z : (tensor<4x3xi32>, tensor<3xi32>) -> tensor<4x3xi32>
  %3 = graph.matmul %2, %w : (tensor<4x3xi32>, tensor<3x2xi32>) -> tensor<4x2xi32>
  %4 = graph.matmul %0, %v : (tensor<4x3xi32>, tensor<3x2xi32>) -> tensor<4x2xi32>
  %5 = graph.matmul %1, %w : (tensor<4x3xi32>, tensor<3x2xi32>) -> tensor<4x2xi32>
  return %3, %4, %5 : tensor<4x2xi32>, tensor<4x2xi32>, tensor<4x2xi32>
}

// Numbers from -2 to 253 fit where they are 126 less; the first column fits as it is.
// CHECK-LABEL: func.func @moved
// CHECK-SAME: %[[A:.*]]: tensor<4x3xui8>
// CHECK-DAG: %[[W:.*]] = graph.constant dense<{{\[}}[1, -128], [3, 127], [5, 4]]> : tensor<3x2xi8>
// CHECK-DAG: %[[M:.*]] = graph.constant dense<{{\[}}[0, 126]]> : tensor<1x2xi32>
// CHECK: %[[P:.*]] = graph.matmul %[[A]], %[[W]] {wide = true}
// CHECK: %[[C:.*]] = graph.cast %[[A]] {to = i32}
// CHECK: %[[S:.*]] = graph.reduce %[[C]] {axes = array<i64: 1>, kind = 0 : i32} : (tensor<4x3xi32>) -> tensor<4x1xi32>
// CHECK: %[[T:.*]] = graph.mul %[[M]], %[[S]]
// CHECK: graph.add %[[P]], %[[T]]
func.func @moved(%a: tensor<4x3xui8>) -> tensor<4x2xi32> {
  %w = graph.constant dense<[[1, -2], [3, 253], [5, 130]]> : tensor<3x2xi32>
  %0 = graph.cast %a {to = i32} : (tensor<4x3xui8>) -> tensor<4x3xi32>
  %1 = graph.matmul %0, %w : (tensor<4x3xi32>, tensor<3x2xi32>) -> tensor<4x2xi32>
  return %1 : tensor<4x2xi32>
}

// Both sides of the run: the right one becomes signed.
// CHECK-LABEL: func.func @computed
// CHECK-SAME: %[[A:.*]]: tensor<4x3xui8>, %[[B:.*]]: tensor<3x2xui8>
// CHECK: %[[X:.*]] = graph.xor %[[B]]
// CHECK: %[[Y:.*]] = graph.cast %[[X]] {to = i8}
// CHECK: %[[P:.*]] = graph.matmul %[[A]], %[[Y]] {wide = true} : (tensor<4x3xui8>, tensor<3x2xi8>) -> tensor<4x2xi32>
// CHECK: graph.reduce {{.*}} -> tensor<1x2xi32>
// CHECK: graph.reduce {{.*}} -> tensor<4x1xi32>
func.func @computed(%a: tensor<4x3xui8>, %b: tensor<3x2xui8>) -> tensor<4x2xi32> {
  %z = graph.constant dense<7> : tensor<i32>
  %0 = graph.cast %a {to = i32} : (tensor<4x3xui8>) -> tensor<4x3xi32>
  %1 = graph.sub %0, %z : (tensor<4x3xi32>, tensor<i32>) -> tensor<4x3xi32>
  %2 = graph.cast %b {to = i32} : (tensor<3x2xui8>) -> tensor<3x2xi32>
  %3 = graph.sub %2, %z : (tensor<3x2xi32>, tensor<i32>) -> tensor<3x2xi32>
  %4 = graph.matmul %1, %3 : (tensor<4x3xi32>, tensor<3x2xi32>) -> tensor<4x2xi32>
  return %4 : tensor<4x2xi32>
}
