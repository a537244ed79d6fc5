// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(form-dispatches))' | FileCheck %s

// relu(add(x, y)) → one dispatch
// CHECK-LABEL: func.func @chain
// CHECK: kernel.dispatch
// CHECK: graph.add
// CHECK: graph.relu
// CHECK: kernel.yield
// CHECK-NOT: kernel.dispatch
func.func @chain(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = graph.add %x, %y : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = graph.relu %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// A broadcast of a group's result would compute the group again at every element: a dispatch of its own.
// CHECK-LABEL: func.func @broadcast_result
// CHECK-COUNT-2: kernel.dispatch
func.func @broadcast_result(%x: tensor<1x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = graph.exp %x : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %1 = graph.add %y, %0 : (tensor<4x8xf32>, tensor<1x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// y = add(softmax(x), p), p = relu(z): p joins the softmax, unless something else wants it in memory.
// CHECK-LABEL: func.func @only_the_root_follows
// CHECK: kernel.dispatch
// CHECK: graph.relu
// CHECK-NEXT: graph.softmax
// CHECK-NEXT: graph.add
// CHECK-NOT: kernel.dispatch
func.func @only_the_root_follows(%x: tensor<4x8xf32>, %z: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %1 = graph.relu %z : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %0 = graph.softmax %x {axis = 1 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = graph.add %0, %1 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @someone_else_wants_it
// CHECK: kernel.dispatch
// CHECK-NEXT: ^bb0
// CHECK-NEXT: graph.relu
// CHECK-NEXT: kernel.yield
// CHECK: graph.softmax
// CHECK-NOT: graph.relu
func.func @someone_else_wants_it(%x: tensor<4x8xf32>, %z: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x1xf32>) {
  %1 = graph.relu %z : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %0 = graph.softmax %x {axis = 1 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = graph.add %0, %1 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %3 = graph.reduce %1 {kind = 0 : i32, axes = array<i64: 1>} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  return %2, %3 : tensor<4x8xf32>, tensor<4x1xf32>
}

// softmax(f(q · keys)) · values → one dispatch, where nobody else wants the scores
// CHECK-LABEL: func.func @attention
// CHECK: kernel.dispatch
// CHECK: kernel.contract
// CHECK-NEXT: graph.mul
// CHECK-NEXT: graph.softmax
// CHECK-NEXT: kernel.contract
// CHECK-NOT: kernel.dispatch
// CHECK: return
func.func @attention(%q: tensor<2x6x8xf32>, %k: tensor<2x1x8x16xf32>, %v: tensor<2x1x10x16xf32>, %scale: tensor<1xf32>) -> tensor<2x6x16xf32> {
  %0 = kernel.contract %q, %k {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x6x8xf32>, tensor<2x1x8x16xf32>) -> tensor<2x6x10xf32>
  %1 = graph.mul %0, %scale : (tensor<2x6x10xf32>, tensor<1xf32>) -> tensor<2x6x10xf32>
  %2 = graph.softmax %1 {axis = 2 : i64} : (tensor<2x6x10xf32>) -> tensor<2x6x10xf32>
  %3 = kernel.contract %2, %v {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x6x10xf32>, tensor<2x1x10x16xf32>) -> tensor<2x6x16xf32>
  return %3 : tensor<2x6x16xf32>
}

// Of rounded operands, sums and scores being f32: the weights are rounded on their way.
// CHECK-LABEL: func.func @rounded_attention
// CHECK: kernel.dispatch
// CHECK: kernel.contract
// CHECK-NEXT: graph.softmax
// CHECK-NEXT: graph.cast
// CHECK-NEXT: kernel.contract
// CHECK-NEXT: graph.cast
// CHECK-NOT: kernel.dispatch
// CHECK: return
func.func @rounded_attention(%q: tensor<2x6x8xbf16>, %k: tensor<2x1x8x16xbf16>, %v: tensor<2x1x10x16xbf16>) -> tensor<2x6x16xbf16> {
  %0 = kernel.contract %q, %k {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x6x8xbf16>, tensor<2x1x8x16xbf16>) -> tensor<2x6x10xf32>
  %1 = graph.softmax %0 {axis = 2 : i64} : (tensor<2x6x10xf32>) -> tensor<2x6x10xf32>
  %2 = graph.cast %1 {to = bf16} : (tensor<2x6x10xf32>) -> tensor<2x6x10xbf16>
  %3 = kernel.contract %2, %v {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x6x10xbf16>, tensor<2x1x10x16xbf16>) -> tensor<2x6x16xf32>
  %4 = graph.cast %3 {to = bf16} : (tensor<2x6x16xf32>) -> tensor<2x6x16xbf16>
  return %4 : tensor<2x6x16xbf16>
}

// Somebody else wants the weights as they were.
// CHECK-LABEL: func.func @rounded_attention_whose_weights_are_a_result
// CHECK-COUNT-3: kernel.dispatch
func.func @rounded_attention_whose_weights_are_a_result(%q: tensor<2x6x8xbf16>, %k: tensor<2x1x8x16xbf16>, %v: tensor<2x1x10x16xbf16>) -> (tensor<2x6x16xf32>, tensor<2x6x10xf32>) {
  %0 = kernel.contract %q, %k {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x6x8xbf16>, tensor<2x1x8x16xbf16>) -> tensor<2x6x10xf32>
  %1 = graph.softmax %0 {axis = 2 : i64} : (tensor<2x6x10xf32>) -> tensor<2x6x10xf32>
  %2 = graph.cast %1 {to = bf16} : (tensor<2x6x10xf32>) -> tensor<2x6x10xbf16>
  %3 = kernel.contract %2, %v {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x6x10xbf16>, tensor<2x1x10x16xbf16>) -> tensor<2x6x16xf32>
  return %3, %1 : tensor<2x6x16xf32>, tensor<2x6x10xf32>
}

// CHECK-LABEL: func.func @attention_whose_weights_are_a_result
// CHECK-COUNT-3: kernel.dispatch
func.func @attention_whose_weights_are_a_result(%q: tensor<2x6x8xf32>, %k: tensor<2x1x8x16xf32>, %v: tensor<2x1x10x16xf32>) -> (tensor<2x6x16xf32>, tensor<2x6x10xf32>) {
  %0 = kernel.contract %q, %k {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x6x8xf32>, tensor<2x1x8x16xf32>) -> tensor<2x6x10xf32>
  %2 = graph.softmax %0 {axis = 2 : i64} : (tensor<2x6x10xf32>) -> tensor<2x6x10xf32>
  %3 = kernel.contract %2, %v {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<2x6x10xf32>, tensor<2x1x10x16xf32>) -> tensor<2x6x16xf32>
  return %3, %2 : tensor<2x6x16xf32>, tensor<2x6x10xf32>
}

// A resize along the innermost dims but one, which has one element, goes element by element: what is dear is a kernel of vectors.
// CHECK-LABEL: func.func @resized
// CHECK-COUNT-2: kernel.dispatch
func.func @resized(%x: tensor<1x64x64x1xf32>) -> tensor<1x128x128x1xf32> {
  %0 = graph.resize %x {scales = array<f64: 1.0, 2.0, 2.0, 1.0>, mode = 1 : i32, coordinates = 0 : i32, nearest = 0 : i32, cubic_a = -0.75 : f64, exclude_outside = false} : (tensor<1x64x64x1xf32>) -> tensor<1x128x128x1xf32>
  %1 = graph.sigmoid %0 : (tensor<1x128x128x1xf32>) -> tensor<1x128x128x1xf32>
  return %1 : tensor<1x128x128x1xf32>
}

// CHECK-LABEL: func.func @resized_channels
// CHECK-COUNT-1: kernel.dispatch
// CHECK-NOT: kernel.dispatch
// CHECK: return
func.func @resized_channels(%x: tensor<1x64x64x8xf32>) -> tensor<1x128x128x8xf32> {
  %0 = graph.resize %x {scales = array<f64: 1.0, 2.0, 2.0, 1.0>, mode = 1 : i32, coordinates = 0 : i32, nearest = 0 : i32, cubic_a = -0.75 : f64, exclude_outside = false} : (tensor<1x64x64x8xf32>) -> tensor<1x128x128x8xf32>
  %1 = graph.sigmoid %0 : (tensor<1x128x128x8xf32>) -> tensor<1x128x128x8xf32>
  return %1 : tensor<1x128x128x8xf32>
}

// A residual sum of bytes that a product reads as well: who adds them widens them, in the other product's kernel.
// CHECK-LABEL: func.func @residual_of_bytes
// CHECK: %[[A:.*]] = kernel.dispatch{{.*}} -> tensor<4x16xui8>
// CHECK: %[[B:.*]] = kernel.dispatch(%[[A]],{{.*}} -> tensor<4x16xui8>
// CHECK: %[[C:.*]] = kernel.dispatch(%[[B]], %{{.*}}, %[[A]]){{.*}} -> tensor<4x16xf32>
// CHECK-NOT: kernel.dispatch
// CHECK: return %[[C]]
func.func @residual_of_bytes(%x: tensor<4x16xui8>, %w: tensor<1x4x64xi8>) -> tensor<4x16xf32> {
  %z = graph.constant dense<3> : tensor<ui8>
  %0 = kernel.contract %x, %w {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64, together = 4 : i64} : (tensor<4x16xui8>, tensor<1x4x64xi8>) -> tensor<4x16xi32>
  %1 = graph.cast %0 {to = f32} : (tensor<4x16xi32>) -> tensor<4x16xf32>
  %2 = graph.round_to %1, %z : (tensor<4x16xf32>, tensor<ui8>) -> tensor<4x16xui8>
  %3 = kernel.contract %2, %w {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64, together = 4 : i64} : (tensor<4x16xui8>, tensor<1x4x64xi8>) -> tensor<4x16xi32>
  %4 = graph.cast %3 {to = f32} : (tensor<4x16xi32>) -> tensor<4x16xf32>
  %5 = graph.round_to %4, %z : (tensor<4x16xf32>, tensor<ui8>) -> tensor<4x16xui8>
  %6 = kernel.contract %5, %w {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64, together = 4 : i64} : (tensor<4x16xui8>, tensor<1x4x64xi8>) -> tensor<4x16xi32>
  %7 = graph.cast %6 {to = f32} : (tensor<4x16xi32>) -> tensor<4x16xf32>
  %8 = graph.cast %2 {to = f32} : (tensor<4x16xui8>) -> tensor<4x16xf32>
  %9 = graph.add %7, %8 : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  return %9 : tensor<4x16xf32>
}

// What a product reads lies in memory, also where a sum with its result reads it as well.
// CHECK-LABEL: func.func @residual_of_pointwise
// CHECK: %[[X:.*]] = kernel.dispatch(%{{.*}}) {{.*}} {
// CHECK: graph.relu
// CHECK: kernel.dispatch(%[[X]], %{{.*}}) : (tensor<4x16xf32>, tensor<1x16x16xf32>) -> tensor<4x16xf32> {
// CHECK-NEXT: ^bb0(%[[A:.*]]: tensor<4x16xf32>, %{{.*}}: tensor<1x16x16xf32>):
// CHECK-NEXT: %[[PRODUCT:.*]] = kernel.contract %[[A]]
// CHECK-NEXT: graph.add %[[PRODUCT]], %[[A]]
func.func @residual_of_pointwise(%x: tensor<4x16xf32>, %w: tensor<1x16x16xf32>) -> tensor<4x16xf32> {
  %0 = graph.relu %x : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %1 = kernel.contract %0, %w {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<4x16xf32>, tensor<1x16x16xf32>) -> tensor<4x16xf32>
  %2 = graph.add %1, %0 : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  return %2 : tensor<4x16xf32>
}

// What a product's kernel wrote quantised is dequantised, and its channels scaled back, where it is added: no f32 of it is written.
// CHECK-LABEL: func.func @residual_of_quantised
// CHECK: kernel.dispatch{{.*}} -> tensor<4x16xui8>
// CHECK: graph.quantize
// CHECK-NOT: graph.dequantize
// CHECK: kernel.yield
// CHECK: kernel.dispatch{{.*}} -> tensor<4x16xf32>
// CHECK: graph.dequantize
// CHECK: return
func.func @residual_of_quantised(%x: tensor<4x16xui8>, %w: tensor<1x4x64xi8>, %f: tensor<16xf32>) -> tensor<4x16xf32> {
  %0 = kernel.contract %x, %w {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64, together = 4 : i64} : (tensor<4x16xui8>, tensor<1x4x64xi8>) -> tensor<4x16xi32>
  %1 = graph.cast %0 {to = f32} : (tensor<4x16xi32>) -> tensor<4x16xf32>
  %2 = graph.quantize %1 {factor = 0.5 : f64, zero_point = 0 : i64, to = ui8} : (tensor<4x16xf32>) -> tensor<4x16xui8>
  %3 = kernel.contract %2, %w {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64, together = 4 : i64} : (tensor<4x16xui8>, tensor<1x4x64xi8>) -> tensor<4x16xi32>
  %4 = graph.cast %3 {to = f32} : (tensor<4x16xi32>) -> tensor<4x16xf32>
  %5 = graph.dequantize %2 {scale = 2.0 : f64, zero_point = 0 : i64} : (tensor<4x16xui8>) -> tensor<4x16xf32>
  %6 = graph.mul %5, %f : (tensor<4x16xf32>, tensor<16xf32>) -> tensor<4x16xf32>
  %7 = graph.add %4, %6 : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  return %7 : tensor<4x16xf32>
}
