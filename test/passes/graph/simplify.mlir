// RUN: smelt-opt %s --simplify | FileCheck %s

// x · 1 → x
// CHECK-LABEL: func.func @times_one
// CHECK-NEXT: return %arg0
func.func @times_one(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = graph.constant dense<1.0> : tensor<f32>
  %0 = graph.mul %c, %x : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// x · [1, 1, …] of another shape → broadcast(x)
// CHECK-LABEL: func.func @times_ones
// CHECK-NEXT: graph.broadcast %arg0
func.func @times_ones(%x: tensor<4xf32>) -> tensor<2x4xf32> {
  %c = graph.constant dense<1.0> : tensor<2x4xf32>
  %0 = graph.mul %x, %c : (tensor<4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -0 + 0 is +0: only -0 is neutral for floats.
// CHECK-LABEL: func.func @plus_zero
// CHECK: %[[SUM:.*]] = graph.add %arg0
// CHECK: return %[[SUM]], %arg0, %arg1
func.func @plus_zero(%x: tensor<4xf32>, %i: tensor<4xi64>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xi64>) {
  %c = graph.constant dense<0.0> : tensor<f32>
  %n = graph.constant dense<-0.0> : tensor<f32>
  %z = graph.constant dense<0> : tensor<i64>
  %0 = graph.add %x, %c : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = graph.add %x, %n : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = graph.add %i, %z : (tensor<4xi64>, tensor<i64>) -> tensor<4xi64>
  return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xi64>
}

// A sum of products is never -0.
// CHECK-LABEL: func.func @product_plus_zero
// CHECK: %[[P:.*]] = graph.matmul
// CHECK-NEXT: return %[[P]]
func.func @product_plus_zero(%x: tensor<2x4xf32>, %w: tensor<4x2xf32>) -> tensor<2x2xf32> {
  %c = graph.constant dense<0.0> : tensor<2xf32>
  %0 = graph.matmul %x, %w : (tensor<2x4xf32>, tensor<4x2xf32>) -> tensor<2x2xf32>
  %1 = graph.add %0, %c : (tensor<2x2xf32>, tensor<2xf32>) -> tensor<2x2xf32>
  return %1 : tensor<2x2xf32>
}

// x / 8 → x · 1/8; x / 3 stays: 1/3 is not exact
// CHECK-LABEL: func.func @quotient
// CHECK: %[[R:.*]] = graph.reciprocal
// CHECK: graph.mul %arg0, %[[R]]
// CHECK: graph.div %arg0
func.func @quotient(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %a = graph.constant dense<8.0> : tensor<f32>
  %b = graph.constant dense<3.0> : tensor<f32>
  %0 = graph.div %x, %a : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = graph.div %x, %b : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// min(max(x, 0), 6) → clamp(x, 0, 6)
// CHECK-LABEL: func.func @bounds
// CHECK-DAG: %[[LOW:.*]] = graph.constant dense<0.0{{.*}} : tensor<f32>
// CHECK-DAG: %[[HIGH:.*]] = graph.constant dense<6.0{{.*}} : tensor<f32>
// CHECK: graph.clamp %arg0, %[[LOW]], %[[HIGH]]
// CHECK-NOT: graph.relu
func.func @bounds(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = graph.constant dense<0.0> : tensor<1xf32>
  %b = graph.constant dense<6.0> : tensor<1xf32>
  %0 = graph.max %x, %a : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xf32>
  %1 = graph.min %0, %b : (tensor<4xf32>, tensor<1xf32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// clamp(x, 0, ∞) → relu(x)
// CHECK-LABEL: func.func @relu
// CHECK-NEXT: graph.relu %arg0
func.func @relu(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = graph.constant dense<0.0> : tensor<f32>
  %b = graph.constant dense<0x7F800000> : tensor<f32>
  %0 = graph.clamp %x, %a, %b : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// i64 holds all of i32, so the way over it can be left out; i8 does not.
// CHECK-LABEL: func.func @casts
// CHECK-NEXT: %[[A:.*]] = graph.cast %arg0 {to = f32} : (tensor<4xi32>)
// CHECK-NEXT: %[[B:.*]] = graph.cast %arg0 {to = i8}
// CHECK-NEXT: %[[C:.*]] = graph.cast %[[B]] {to = f32}
// CHECK-NEXT: return %[[A]], %[[C]], %arg0
func.func @casts(%x: tensor<4xi32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xi32>) {
  %0 = graph.cast %x {to = i64} : (tensor<4xi32>) -> tensor<4xi64>
  %1 = graph.cast %0 {to = f32} : (tensor<4xi64>) -> tensor<4xf32>
  %2 = graph.cast %x {to = i8} : (tensor<4xi32>) -> tensor<4xi8>
  %3 = graph.cast %2 {to = f32} : (tensor<4xi8>) -> tensor<4xf32>
  %4 = graph.cast %x {to = i32} : (tensor<4xi32>) -> tensor<4xi32>
  return %1, %3, %4 : tensor<4xf32>, tensor<4xf32>, tensor<4xi32>
}

// CHECK-LABEL: func.func @selection
// CHECK-NEXT: return %arg1
func.func @selection(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %c = graph.constant dense<false> : tensor<i1>
  %0 = graph.select %c, %x, %y : (tensor<i1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// Two transposes and a reshape that undo each other.
// CHECK-LABEL: func.func @views
// CHECK-NEXT: return %arg0
func.func @views(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %0 = graph.transpose %x {permutation = array<i64: 2, 0, 1>} : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32>
  %1 = graph.transpose %0 {permutation = array<i64: 1, 2, 0>} : (tensor<4x2x3xf32>) -> tensor<2x3x4xf32>
  %2 = graph.reshape %1 : (tensor<2x3x4xf32>) -> tensor<6x4xf32>
  %3 = graph.reshape %2 : (tensor<6x4xf32>) -> tensor<2x3x4xf32>
  return %3 : tensor<2x3x4xf32>
}

// Only a dim of 1 moves.
// CHECK-LABEL: func.func @unit_transpose
// CHECK-NEXT: graph.reshape %arg0
func.func @unit_transpose(%x: tensor<2x1x4xf32>) -> tensor<1x2x4xf32> {
  %0 = graph.transpose %x {permutation = array<i64: 1, 0, 2>} : (tensor<2x1x4xf32>) -> tensor<1x2x4xf32>
  return %0 : tensor<1x2x4xf32>
}

// exp(broadcast(x)) → broadcast(exp(x)), and the sum broadcasts of itself
// CHECK-LABEL: func.func @broadcast
// CHECK-NEXT: %[[E:.*]] = graph.exp %arg0 : (tensor<4xf32>) -> tensor<4xf32>
// CHECK-NEXT: graph.add %[[E]], %arg1
func.func @broadcast(%x: tensor<4xf32>, %y: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = graph.broadcast %x : (tensor<4xf32>) -> tensor<2x4xf32>
  %1 = graph.exp %0 : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = graph.add %1, %y : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %2 : tensor<2x4xf32>
}

// The bias and what follows it stay beside the product; the reshape moves behind them.
// CHECK-LABEL: func.func @reshape_later
// CHECK: %[[P:.*]] = graph.matmul
// CHECK-NEXT: %[[A:.*]] = graph.add %[[P]], %{{.*}} : (tensor<6x4xf32>, tensor<4xf32>)
// CHECK-NEXT: %[[R:.*]] = graph.relu %[[A]] : (tensor<6x4xf32>)
// CHECK-NEXT: graph.reshape %[[R]] : (tensor<6x4xf32>) -> tensor<2x3x4xf32>
// CHECK-NEXT: return
func.func @reshape_later(%x: tensor<6x5xf32>, %w: tensor<5x4xf32>) -> tensor<2x3x4xf32> {
  %b = graph.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %0 = graph.matmul %x, %w : (tensor<6x5xf32>, tensor<5x4xf32>) -> tensor<6x4xf32>
  %1 = graph.reshape %0 : (tensor<6x4xf32>) -> tensor<2x3x4xf32>
  %2 = graph.add %1, %b : (tensor<2x3x4xf32>, tensor<4xf32>) -> tensor<2x3x4xf32>
  %3 = graph.relu %2 : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  return %3 : tensor<2x3x4xf32>
}

// A constant along a dim that the reshape splits off.
// CHECK-LABEL: func.func @reshape_stays
// CHECK: graph.matmul
// CHECK-NEXT: graph.reshape
// CHECK-NEXT: graph.add
func.func @reshape_stays(%x: tensor<6x5xf32>, %w: tensor<5x4xf32>) -> tensor<2x3x4xf32> {
  %b = graph.constant dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32>
  %0 = graph.matmul %x, %w : (tensor<6x5xf32>, tensor<5x4xf32>) -> tensor<6x4xf32>
  %1 = graph.reshape %0 : (tensor<6x4xf32>) -> tensor<2x3x4xf32>
  %2 = graph.add %1, %b : (tensor<2x3x4xf32>, tensor<3x1xf32>) -> tensor<2x3x4xf32>
  return %2 : tensor<2x3x4xf32>
}

// Dims of 1 come and go; the bias along the dim of 3 goes with it.
// CHECK-LABEL: func.func @squeeze_later
// CHECK: %[[P:.*]] = graph.pool
// CHECK: graph.add %[[P]], %{{.*}} : (tensor<2x3x1x4xf32>, tensor<1x3x1x1xf32>)
// CHECK-NEXT: graph.reshape
func.func @squeeze_later(%x: tensor<2x3x1x4xf32>) -> tensor<2x3x4xf32> {
  %b = graph.constant dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32>
  %0 = graph.pool %x {kind = 0 : i32, window = array<i64: 1, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 1>, high = array<i64: 0, 1>, declared_high = array<i64: 0, 1>, count_padding = false, p = 1 : i64} : (tensor<2x3x1x4xf32>) -> tensor<2x3x1x4xf32>
  %1 = graph.reshape %0 : (tensor<2x3x1x4xf32>) -> tensor<2x3x4xf32>
  %2 = graph.add %1, %b : (tensor<2x3x4xf32>, tensor<3x1xf32>) -> tensor<2x3x4xf32>
  return %2 : tensor<2x3x4xf32>
}
