// RUN: smelt-opt %s --recognise | FileCheck %s

// x · sigmoid(x), x · sigmoid(1.5 x)
// CHECK-LABEL: func.func @swish
// CHECK-NEXT: graph.swish %arg0 {alpha = 1.0
// CHECK: graph.swish %arg0 {alpha = 1.5
// CHECK-NOT: graph.sigmoid
func.func @swish(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %c = graph.constant dense<1.5> : tensor<f32>
  %0 = graph.sigmoid %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.mul %x, %0 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %2 = graph.mul %x, %c : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = graph.sigmoid %2 : (tensor<4xf32>) -> tensor<4xf32>
  %4 = graph.mul %3, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %1, %4 : tensor<4xf32>, tensor<4xf32>
}

// y · sigmoid(x) is a gate, no swish.
// CHECK-LABEL: func.func @gate
// CHECK: graph.sigmoid
func.func @gate(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = graph.sigmoid %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.mul %y, %0 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// x · (clamp(x + 3, 0, 6) / 6), (x · clamp(x + 3, 0, 6)) · 1/6
// CHECK-LABEL: func.func @hard_swish
// CHECK-COUNT-2: graph.hard_swish %arg0
// CHECK-NOT: graph.clamp
func.func @hard_swish(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %c0 = graph.constant dense<0.0> : tensor<f32>
  %c3 = graph.constant dense<3.0> : tensor<f32>
  %c6 = graph.constant dense<6.0> : tensor<f32>
  %sixth = graph.constant dense<0.1666667> : tensor<f32>
  %0 = graph.add %x, %c3 : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = graph.clamp %0, %c0, %c6 : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %2 = graph.div %1, %c6 : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %3 = graph.mul %x, %2 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %4 = graph.mul %x, %1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %5 = graph.mul %4, %sixth : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %3, %5 : tensor<4xf32>, tensor<4xf32>
}

// x · tanh(log(e^x + 1))
// CHECK-LABEL: func.func @mish
// CHECK: graph.mish %arg0
func.func @mish(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c1 = graph.constant dense<1.0> : tensor<f32>
  %0 = graph.exp %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = graph.add %0, %c1 : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = graph.log %1 : (tensor<4xf32>) -> tensor<4xf32>
  %3 = graph.tanh %2 : (tensor<4xf32>) -> tensor<4xf32>
  %4 = graph.mul %x, %3 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %4 : tensor<4xf32>
}

// max(x, 0.1 x)
// CHECK-LABEL: func.func @leaky
// CHECK: graph.leaky_relu %arg0 {alpha = 0.1
func.func @leaky(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = graph.constant dense<0.1> : tensor<f32>
  %0 = graph.mul %x, %c : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = graph.max %0, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// Rows of a table, chosen by a product with one-hot rows; an index outside chooses zeros.
// CHECK-LABEL: func.func @embedding
// CHECK: %[[I:.*]] = graph.reshape %arg0 : (tensor<2x1xi32>) -> tensor<2xi32>
// CHECK: %[[S:.*]] = graph.select %{{.*}}, %[[I]]
// CHECK: %[[T:.*]] = graph.concat %{{.*}} -> tensor<4x5xf32>
// CHECK: graph.gather %[[T]], %[[S]] {axis = 0 : i64} : (tensor<4x5xf32>, tensor<2xi32>) -> tensor<2x5xf32>
func.func @embedding(%i: tensor<2x1xi32>) -> tensor<2x5xf32> {
  %n = graph.constant dense<[0, 1, 2]> : tensor<3xi32>
  %t = graph.constant dense<1.5> : tensor<3x5xf32>
  %0 = graph.equal %i, %n : (tensor<2x1xi32>, tensor<3xi32>) -> tensor<2x3xi1>
  %1 = graph.cast %0 {to = f32} : (tensor<2x3xi1>) -> tensor<2x3xf32>
  %2 = graph.matmul %1, %t : (tensor<2x3xf32>, tensor<3x5xf32>) -> tensor<2x5xf32>
  return %2 : tensor<2x5xf32>
}

// Another column's number is tested: no rows of the table.
// CHECK-LABEL: func.func @no_embedding
// CHECK: graph.matmul
func.func @no_embedding(%i: tensor<2x1xi32>) -> tensor<2x5xf32> {
  %n = graph.constant dense<[0, 2, 1]> : tensor<3xi32>
  %t = graph.constant dense<1.5> : tensor<3x5xf32>
  %0 = graph.equal %i, %n : (tensor<2x1xi32>, tensor<3xi32>) -> tensor<2x3xi1>
  %1 = graph.cast %0 {to = f32} : (tensor<2x3xi1>) -> tensor<2x3xf32>
  %2 = graph.matmul %1, %t : (tensor<2x3xf32>, tensor<3x5xf32>) -> tensor<2x5xf32>
  return %2 : tensor<2x5xf32>
}
