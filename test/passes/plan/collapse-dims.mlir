// RUN: smelt-opt %s --form-dispatches --place-buffers --collapse-dims | FileCheck %s

// The dims of a row become one, so that several threads of a device can go through it; rows stay apart.
// CHECK-LABEL: kernel.func @kernel_0
// CHECK: graph.layer_norm {{.*}}axis = 1 : i64{{.*}} -> tensor<2x4096xf32>
// CHECK-NEXT: graph.mul {{.*}}tensor<1x4096xf32>) -> tensor<2x4096xf32>
// A factor for each channel is not one for each place.
// CHECK-LABEL: kernel.func @kernel_1
// CHECK: graph.layer_norm {{.*}}axis = 1 : i64{{.*}} -> tensor<8x4x30xf32>
func.func @main(%x: tensor<2x8x16x32xf32>, %s: tensor<8x16x32xf32>, %y: tensor<8x4x5x6xf32>, %c: tensor<4x1x1xf32>) -> (tensor<2x8x16x32xf32>, tensor<8x4x5x6xf32>) {
  %0 = graph.layer_norm %x {axis = 1 : i64, epsilon = 1.0e-5 : f64} : (tensor<2x8x16x32xf32>) -> tensor<2x8x16x32xf32>
  %1 = graph.mul %0, %s : (tensor<2x8x16x32xf32>, tensor<8x16x32xf32>) -> tensor<2x8x16x32xf32>
  %2 = graph.layer_norm %y {axis = 1 : i64, epsilon = 1.0e-5 : f64} : (tensor<8x4x5x6xf32>) -> tensor<8x4x5x6xf32>
  %3 = graph.mul %2, %c : (tensor<8x4x5x6xf32>, tensor<4x1x1xf32>) -> tensor<8x4x5x6xf32>
  return %1, %3 : tensor<2x8x16x32xf32>, tensor<8x4x5x6xf32>
}
