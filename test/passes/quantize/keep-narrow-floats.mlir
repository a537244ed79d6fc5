// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(keep-narrow-floats{cache-bytes=1024}))' | FileCheck %s
// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(keep-narrow-floats))' | FileCheck %s --check-prefix=CACHED
// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(keep-narrow-floats{all=true}))' | FileCheck %s --check-prefix=ALL

// A row reads all weights once, which gains nothing where they are in the cache; 2^-24 is the least number of f16.
// CACHED-LABEL: func.func @one_row
// CACHED-NOT: graph.cast
// CHECK-LABEL: func.func @one_row
// CHECK: %[[W:.*]] = graph.cast %{{.*}} {to = f16} : (tensor<64x64xf32>) -> tensor<64x64xf16>
// CHECK: graph.matmul %{{.*}}, %[[W]] {wide = true} : (tensor<1x64xf32>, tensor<64x64xf16>) -> tensor<1x64xf32>
func.func @one_row(%x: tensor<1x64xf32>) -> tensor<1x64xf32> {
  %w = graph.constant dense<0x33800000> : tensor<64x64xf32>
  %0 = graph.matmul %x, %w : (tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<1x64xf32>
  return %0 : tensor<1x64xf32>
}

// A product of many rows is bound by arithmetic.
// CACHED-LABEL: func.func @many_rows
// CHECK-LABEL: func.func @many_rows
// CHECK: graph.matmul %{{.*}} : (tensor<32x64xf32>, tensor<64x64xf32>) -> tensor<32x64xf32>
// ALL-LABEL: func.func @many_rows
// ALL: graph.matmul %{{.*}} {wide = true} : (tensor<32x64xf32>, tensor<64x64xf16>) -> tensor<32x64xf32>
func.func @many_rows(%x: tensor<32x64xf32>) -> tensor<32x64xf32> {
  %w = graph.constant dense<1.0> : tensor<64x64xf32>
  %0 = graph.matmul %x, %w : (tensor<32x64xf32>, tensor<64x64xf32>) -> tensor<32x64xf32>
  return %0 : tensor<32x64xf32>
}

// 2^17 is beyond f16, and 2^-25 below it; bf16 has both.
// CHECK-LABEL: func.func @of_bf16
// CHECK: graph.matmul {{.*}} (tensor<1x64xf32>, tensor<64x64xbf16>)
// CHECK: graph.matmul {{.*}} (tensor<1x64xf32>, tensor<64x64xbf16>)
func.func @of_bf16(%x: tensor<1x64xf32>) -> (tensor<1x64xf32>, tensor<1x64xf32>) {
  %large = graph.constant dense<0x48000000> : tensor<64x64xf32>
  %small = graph.constant dense<0x33000000> : tensor<64x64xf32>
  %0 = graph.matmul %x, %large : (tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<1x64xf32>
  %1 = graph.matmul %x, %small : (tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<1x64xf32>
  return %0, %1 : tensor<1x64xf32>, tensor<1x64xf32>
}

// 1 + 2^-11 and NaN are in neither; of a subnormal number of f16 fewer digits are.
// CHECK-LABEL: func.func @of_f32
// CHECK-NOT: graph.cast
func.func @of_f32(%x: tensor<1x64xf32>) -> (tensor<1x64xf32>, tensor<1x64xf32>, tensor<1x64xf32>) {
  %digits = graph.constant dense<0x3f801000> : tensor<64x64xf32>
  %nan = graph.constant dense<0x7fc00000> : tensor<64x64xf32>
  %subnormal = graph.constant dense<0x33c04000> : tensor<64x64xf32>
  %0 = graph.matmul %x, %digits : (tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<1x64xf32>
  %1 = graph.matmul %x, %nan : (tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<1x64xf32>
  %2 = graph.matmul %x, %subnormal : (tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<1x64xf32>
  return %0, %1, %2 : tensor<1x64xf32>, tensor<1x64xf32>, tensor<1x64xf32>
}

// CHECK-LABEL: func.func @table
// CHECK: %[[TAKEN:.*]] = graph.gather %{{.*}} : (tensor<512x16xf16>, tensor<3xi64>) -> tensor<3x16xf16>
// CHECK: graph.cast %[[TAKEN]] {to = f32}
func.func @table(%i: tensor<3xi64>) -> tensor<3x16xf32> {
  %w = graph.constant dense<0.5> : tensor<512x16xf32>
  %0 = graph.gather %w, %i {axis = 0 : i64} : (tensor<512x16xf32>, tensor<3xi64>) -> tensor<3x16xf32>
  return %0 : tensor<3x16xf32>
}
