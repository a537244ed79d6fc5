// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(pack-contractions{vector-bytes=64 vector-registers=32}))' | FileCheck %s

// matmul(x, dequantize_blocks(c, s, z)) → contract(x, panels of eight codes to a word, of scales and of zero points)
// CHECK-LABEL: func.func @words
// CHECK-DAG: %[[C:.*]] = graph.pack_panels %{{.*}} {width = 64 : i64} : (tensor<8x64xui32>) -> tensor<1x8x64xui32>
// CHECK-DAG: %[[S:.*]] = graph.pack_panels %{{.*}} {width = 64 : i64} : (tensor<2x64xf16>) -> tensor<1x2x64xf16>
// CHECK-DAG: %[[Z:.*]] = graph.pack_panels %{{.*}} {width = 64 : i64} : (tensor<2x64xui8>) -> tensor<1x2x64xui8>
// CHECK: kernel.contract %arg0, %[[C]], %[[S]], %[[Z]] {block = 32 : i64, {{.*}}fraction = 16 : i64
func.func @words(%x: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %c = graph.constant dense<3> : tensor<64x64xui4>
  %s = graph.constant dense<0.5> : tensor<2x64xf16>
  %z = graph.constant dense<16> : tensor<2x64xui8>
  %w = graph.dequantize_blocks %c, %s, %z {axis = 0 : i64, block = 32 : i64, fraction = 16 : i64} : (tensor<64x64xui4>, tensor<2x64xf16>, tensor<2x64xui8>) -> tensor<64x64xf32>
  %0 = graph.matmul %x, %w : (tensor<4x64xf32>, tensor<64x64xf32>) -> tensor<4x64xf32>
  return %0 : tensor<4x64xf32>
}

// Bytes stay bytes, and so do codes of 4 bits whose blocks do not begin with a word.
// CHECK-LABEL: func.func @bytes
// CHECK: kernel.contract {{.*}} : (tensor<4x64xf32>, tensor<1x64x64xi8>, tensor<1x1x64xf32>) -> tensor<4x64xf32>
// CHECK: kernel.contract {{.*}} : (tensor<4x64xf32>, tensor<1x64x64xi8>, tensor<1x6x64xf32>) -> tensor<4x64xf32>
func.func @bytes(%x: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %c = graph.constant dense<3> : tensor<64x64xi8>
  %s = graph.constant dense<0.5> : tensor<1x64xf32>
  %w = graph.dequantize_blocks %c, %s {axis = 0 : i64, block = 64 : i64} : (tensor<64x64xi8>, tensor<1x64xf32>) -> tensor<64x64xf32>
  %0 = graph.matmul %x, %w : (tensor<4x64xf32>, tensor<64x64xf32>) -> tensor<4x64xf32>
  %c4 = graph.constant dense<3> : tensor<64x64xi4>
  %s4 = graph.constant dense<0.5> : tensor<6x64xf32>
  %w4 = graph.dequantize_blocks %c4, %s4 {axis = 0 : i64, block = 12 : i64} : (tensor<64x64xi4>, tensor<6x64xf32>) -> tensor<64x64xf32>
  %1 = graph.matmul %0, %w4 : (tensor<4x64xf32>, tensor<64x64xf32>) -> tensor<4x64xf32>
  return %1 : tensor<4x64xf32>
}

// A table that a product multiplies by as well is read from the product's panels: nothing of it is there twice.
// CHECK-LABEL: func.func @tied
// CHECK: %[[C:.*]] = graph.pack_panels %{{.*}} {width = 64 : i64} : (tensor<4x64xi32>) -> tensor<1x4x64xi32>
// CHECK: %[[FLAT:.*]] = graph.reshape %[[C]] : (tensor<1x4x64xi32>) -> tensor<256xi32>
// CHECK: graph.gather %[[FLAT]], %{{.*}} {axis = 0 : i64} : (tensor<256xi32>, tensor<3x4xi64>) -> tensor<3x4xi32>
// CHECK: kernel.contract %{{.*}}, %[[C]], %{{.*}}
func.func @tied(%i: tensor<3xi64>) -> tensor<3x64xf32> {
  %c = graph.constant dense<3> : tensor<32x64xi4>
  %s = graph.constant dense<0.5> : tensor<1x64xf16>
  %w = graph.dequantize_blocks %c, %s {axis = 0 : i64, block = 32 : i64} : (tensor<32x64xi4>, tensor<1x64xf16>) -> tensor<32x64xf32>
  %t = graph.transpose %w {permutation = array<i64: 1, 0>} : (tensor<32x64xf32>) -> tensor<64x32xf32>
  %0 = graph.gather %t, %i {axis = 0 : i64} : (tensor<64x32xf32>, tensor<3xi64>) -> tensor<3x32xf32>
  %1 = graph.matmul %0, %w : (tensor<3x32xf32>, tensor<32x64xf32>) -> tensor<3x64xf32>
  return %1 : tensor<3x64xf32>
}

// Rows of other tables are gathered as codes.
// CHECK-LABEL: func.func @table
// CHECK: graph.gather %{{.*}}, %arg0 {axis = 0 : i64} : (tensor<64x8xui32>, tensor<3xi64>) -> tensor<3x8xui32>
// CHECK-NOT: graph.dequantize_blocks
func.func @table(%i: tensor<3xi64>) -> tensor<3x50xf32> {
  %c = graph.constant dense<3> : tensor<64x50xui4>
  %s = graph.constant dense<0.5> : tensor<64x2xf16>
  %t = graph.dequantize_blocks %c, %s {axis = 1 : i64, block = 32 : i64} : (tensor<64x50xui4>, tensor<64x2xf16>) -> tensor<64x50xf32>
  %0 = graph.gather %t, %i {axis = 0 : i64} : (tensor<64x50xf32>, tensor<3xi64>) -> tensor<3x50xf32>
  return %0 : tensor<3x50xf32>
}
