// RUN: smelt-opt %s --fold-constants | FileCheck %s

// Constants of more than 64 elements are blobs. A reshape names the same bytes, so its value shares its operand's blob.
// CHECK-LABEL: func.func @relaid
// CHECK-NEXT: %[[C:.*]] = graph.constant dense_resource<[[NAME:.*]]> : tensor<1x9x8xf32>
// CHECK-NEXT: return %[[C]]
func.func @relaid() -> tensor<1x9x8xf32> {
  %a = graph.constant dense_resource<weights> : tensor<8x9xf32>
  %0 = graph.transpose %a {permutation = array<i64: 1, 0>} : (tensor<8x9xf32>) -> tensor<9x8xf32>
  %1 = graph.reshape %0 : (tensor<9x8xf32>) -> tensor<1x9x8xf32>
  return %1 : tensor<1x9x8xf32>
}

// CHECK-LABEL: func.func @shared
// CHECK: graph.constant dense_resource<shared> : tensor<72xi8>
func.func @shared() -> (tensor<8x9xi8>, tensor<72xi8>) {
  %a = graph.constant dense_resource<shared> : tensor<8x9xi8>
  %0 = graph.reshape %a : (tensor<8x9xi8>) -> tensor<72xi8>
  return %a, %0 : tensor<8x9xi8>, tensor<72xi8>
}

// CHECK: [[NAME]]: "0x40000000
// CHECK: shared: "0x01000000
{-#
  dialect_resources: {
    builtin: {
      weights: "0x04000000000000000000803F0000004000004040000080400000A0400000C0400000E0400000004100001041000020410000304100004041000050410000604100007041000080410000884100009041000098410000A0410000A8410000B0410000B8410000C0410000C8410000D0410000D8410000E0410000E8410000F0410000F84100000042000004420000084200000C4200001042000014420000184200001C4200002042000024420000284200002C4200003042000034420000384200003C4200004042000044420000484200004C4200005042000054420000584200005C4200006042000064420000684200006C4200007042000074420000784200007C42000080420000824200008442000086420000884200008A4200008C4200008E42",
      shared: "0x01000000000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F4041424344454647"
    }
  }
#-}
