// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(keep-codes))' | FileCheck %s

// matmul(x, codes · scales) → matmul(x, dequantize_blocks(codes, scales, zero points)), of as few bits as the integers need
// CHECK-LABEL: func.func @blocks
// CHECK: %[[W:.*]] = graph.dequantize_blocks %{{.*}}, %{{.*}} {axis = 0 : i64, block = 32 : i64} : (tensor<64x64xi4>, tensor<2x64xf16>) -> tensor<64x64xf32>
// CHECK: graph.matmul %arg0, %[[W]]
func.func @blocks(%x: tensor<1x64xf32>) -> tensor<1x64xf32> {
  %codes = graph.constant dense<5> : tensor<64x64xi8>
  %zero = graph.constant dense<3> : tensor<i32>
  %scales = graph.constant dense<[[[0.5]], [[0.25]]]> : tensor<2x1x1xf32>
  %wide = graph.cast %codes {to = i32} : (tensor<64x64xi8>) -> tensor<64x64xi32>
  %centred = graph.sub %wide, %zero : (tensor<64x64xi32>, tensor<i32>) -> tensor<64x64xi32>
  %numbers = graph.cast %centred {to = f32} : (tensor<64x64xi32>) -> tensor<64x64xf32>
  %repeated = graph.broadcast %scales : (tensor<2x1x1xf32>) -> tensor<2x32x64xf32>
  %factors = graph.reshape %repeated : (tensor<2x32x64xf32>) -> tensor<64x64xf32>
  %w = graph.mul %numbers, %factors : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  %0 = graph.matmul %x, %w : (tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<1x64xf32>
  return %0 : tensor<1x64xf32>
}

// Where both sides were integers, these are what should be multiplied; and what is computed is no constant.
// CHECK-LABEL: func.func @others
// CHECK-NOT: graph.dequantize_blocks
func.func @others(%x: tensor<1x64xi8>, %y: tensor<64x64xf32>) -> (tensor<1x64xf32>, tensor<1x64xf32>) {
  %step = graph.constant dense<0.5> : tensor<f32>
  %codes = graph.constant dense<5> : tensor<64x64xi8>
  %number = graph.cast %x {to = f32} : (tensor<1x64xi8>) -> tensor<1x64xf32>
  %left = graph.mul %number, %step : (tensor<1x64xf32>, tensor<f32>) -> tensor<1x64xf32>
  %numbers = graph.cast %codes {to = f32} : (tensor<64x64xi8>) -> tensor<64x64xf32>
  %w = graph.mul %numbers, %step : (tensor<64x64xf32>, tensor<f32>) -> tensor<64x64xf32>
  %0 = graph.matmul %left, %w : (tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<1x64xf32>
  %z = graph.mul %y, %step : (tensor<64x64xf32>, tensor<f32>) -> tensor<64x64xf32>
  %1 = graph.matmul %0, %z : (tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<1x64xf32>
  return %0, %1 : tensor<1x64xf32>, tensor<1x64xf32>
}
