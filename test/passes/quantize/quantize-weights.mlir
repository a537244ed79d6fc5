// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(quantize-weights))' | FileCheck %s
// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(quantize-weights{products=int8-weights tables=f32}))' | FileCheck %s --check-prefix=BYTES
// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(quantize-weights{products=bf16 tables=int8-weights}))' | FileCheck %s --check-prefix=TABLES

// matmul(x, w) → matmul(x, dequantize_blocks(codes, scales, zero points)), in blocks of 32 of 4 bits, or of 128 of 8; what is marked stays, and so does what is small.
// CHECK-LABEL: func.func @products
// CHECK: %[[W:.*]] = graph.dequantize_blocks %{{.*}}, %{{.*}}, %{{.*}} {axis = 0 : i64, block = 32 : i64, fraction = 16 : i64} : (tensor<160x64xui4>, tensor<5x64xf16>, tensor<5x64xui8>) -> tensor<160x64xf32>
// CHECK: graph.matmul %arg0, %[[W]]
// CHECK: %[[M:.*]] = graph.matmul %arg0, %[[ALL:.*]] {graph.precision = "f32"}
// CHECK: graph.matmul %[[M]], %{{.*}} : (tensor<1x64xf32>, tensor<64x8xf32>) -> tensor<1x8xf32>
// BYTES-LABEL: func.func @products
// BYTES: graph.dequantize_blocks %{{.*}}, %{{.*}} {axis = 0 : i64, block = 128 : i64} : (tensor<160x64xi8>, tensor<2x64xf16>) -> tensor<160x64xf32>
func.func @products(%x: tensor<1x160xf32>) -> (tensor<1x64xf32>, tensor<1x8xf32>) {
  %w = graph.constant dense<0.5> : tensor<160x64xf32>
  %small = graph.constant dense<0.5> : tensor<64x8xf32>
  %0 = graph.matmul %x, %w : (tensor<1x160xf32>, tensor<160x64xf32>) -> tensor<1x64xf32>
  %1 = graph.matmul %x, %w {graph.precision = "f32"} : (tensor<1x160xf32>, tensor<160x64xf32>) -> tensor<1x64xf32>
  %2 = graph.matmul %1, %small : (tensor<1x64xf32>, tensor<64x8xf32>) -> tensor<1x8xf32>
  return %0, %2 : tensor<1x64xf32>, tensor<1x8xf32>
}

// gather(t, i) of a table has blocks along its rows.
// CHECK-LABEL: func.func @table
// CHECK: %[[T:.*]] = graph.dequantize_blocks %{{.*}} {axis = 1 : i64, {{.*}}} : (tensor<64x128xui4>, tensor<64x4xf16>, tensor<64x4xui8>) -> tensor<64x128xf32>
// CHECK: graph.gather %[[T]], %arg0
// Beside products of integers only tables are in codes.
// TABLES-LABEL: func.func @products
// TABLES-NOT: graph.dequantize_blocks
// TABLES-LABEL: func.func @table
// TABLES: %[[T:.*]] = graph.dequantize_blocks %{{.*}} {axis = 1 : i64, block = 128 : i64} : (tensor<64x128xi8>, tensor<64x1xf16>) -> tensor<64x128xf32>
// TABLES: graph.gather %[[T]], %arg0
// BYTES-LABEL: func.func @table
// BYTES-NOT: graph.dequantize_blocks
// BYTES: return
func.func @table(%i: tensor<3xi64>) -> tensor<3x128xf32> {
  %t = graph.constant dense<0.25> : tensor<64x128xf32>
  %0 = graph.gather %t, %i {axis = 0 : i64} : (tensor<64x128xf32>, tensor<3xi64>) -> tensor<3x128xf32>
  return %0 : tensor<3x128xf32>
}

// A table that is a small part of all constants stays beside products of integers.
// TABLES-LABEL: func.func @small_table
// TABLES-NOT: graph.dequantize_blocks
// TABLES: return
// CHECK-LABEL: func.func @small_table
// CHECK: graph.dequantize_blocks %{{.*}} : (tensor<64x128xui4>
func.func @small_table(%i: tensor<3xi64>) -> tensor<3x512xf32> {
  %t = graph.constant dense<0.25> : tensor<64x128xf32>
  %w = graph.constant dense<0.25> : tensor<128x512xf32>
  %0 = graph.gather %t, %i {axis = 0 : i64} : (tensor<64x128xf32>, tensor<3xi64>) -> tensor<3x128xf32>
  %1 = graph.matmul %0, %w : (tensor<3x128xf32>, tensor<128x512xf32>) -> tensor<3x512xf32>
  return %1 : tensor<3x512xf32>
}

// matmul(x, w), gather(wᵀ, i): the same codes for both.
// CHECK-LABEL: func.func @tied
// CHECK: %[[W:.*]] = graph.dequantize_blocks
// CHECK-NOT: graph.dequantize_blocks
// CHECK: %[[T:.*]] = graph.transpose %[[W]] {permutation = array<i64: 1, 0>}
// CHECK: graph.gather %[[T]], %arg0
// CHECK: graph.matmul %{{.*}}, %[[W]]
func.func @tied(%i: tensor<3xi64>) -> tensor<3x64xf32> {
  %t = graph.constant dense<0.25> : tensor<64x128xf32>
  %w = graph.constant dense<0.25> : tensor<128x64xf32>
  %0 = graph.gather %t, %i {axis = 0 : i64} : (tensor<64x128xf32>, tensor<3xi64>) -> tensor<3x128xf32>
  %1 = graph.matmul %0, %w : (tensor<3x128xf32>, tensor<128x64xf32>) -> tensor<3x64xf32>
  return %1 : tensor<3x64xf32>
}

// Numbers too large for f16 have scales of f32; of those that are none, nothing becomes codes.
// CHECK-LABEL: func.func @far
// CHECK: graph.dequantize_blocks {{.*}} : (tensor<64x64xui4>, tensor<2x64xf32>, tensor<2x64xui8>) -> tensor<64x64xf32>
// CHECK: graph.matmul %{{.*}}, %{{cst.*|[0-9]+}} : (tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<1x64xf32>
// CHECK-NOT: graph.dequantize_blocks
func.func @far(%x: tensor<1x64xf32>) -> tensor<1x64xf32> {
  %w = graph.constant dense<1.0e9> : tensor<64x64xf32>
  %nan = graph.constant dense<0x7FC00000> : tensor<64x64xf32>
  %0 = graph.matmul %x, %w : (tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<1x64xf32>
  %1 = graph.matmul %0, %nan : (tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<1x64xf32>
  return %1 : tensor<1x64xf32>
}
