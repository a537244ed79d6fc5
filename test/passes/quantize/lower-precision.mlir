// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(lower-precision{type=bf16 dots=1}))' | FileCheck %s
// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(lower-precision{type=f16 dots=1}))' | FileCheck %s --check-prefix=F16
// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(lower-precision{type=f32 dots=1}))' | FileCheck %s --check-prefix=F32
// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(lower-precision{type=f16 narrow=1}))' | FileCheck %s --check-prefix=DEVICE

// matmul(a, b) → matmul(round(a), round(b)) {wide}; what two products read is rounded once. No processor of ours multiplies f16: only constants are.
// CHECK-LABEL: func.func @products
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32>
// CHECK: %[[X16:.*]] = graph.cast %[[X]] {to = bf16}
// CHECK: %[[W:.*]] = graph.constant
// CHECK: %[[W16:.*]] = graph.cast %[[W]] {to = bf16}
// CHECK: graph.matmul %[[X16]], %[[W16]] {wide = true} : (tensor<4x8xbf16>, tensor<8x8xbf16>) -> tensor<4x8xf32>
// CHECK: graph.matmul %[[X16]], %{{.*}} {wide = true} : (tensor<4x8xbf16>, tensor<8x3xbf16>) -> tensor<4x3xf32>
// F16-LABEL: func.func @products
// F16: graph.matmul %{{.*}}, %{{.*}} {wide = true} : (tensor<4x8xf32>, tensor<8x8xf16>) -> tensor<4x8xf32>
// F16: graph.matmul %{{.*}}, %{{.*}} : (tensor<4x8xf32>, tensor<8x3xf32>) -> tensor<4x3xf32>
// DEVICE-LABEL: func.func @products
// DEVICE: graph.matmul %{{.*}}, %{{.*}} {wide = true} : (tensor<4x8xf16>, tensor<8x3xf16>) -> tensor<4x3xf32>
func.func @products(%x: tensor<4x8xf32>, %y: tensor<8x3xf32>) -> (tensor<4x8xf32>, tensor<4x3xf32>) {
  %w = graph.constant dense<1.0> : tensor<8x8xf32>
  %0 = graph.matmul %x, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %1 = graph.matmul %x, %y : (tensor<4x8xf32>, tensor<8x3xf32>) -> tensor<4x3xf32>
  return %0, %1 : tensor<4x8xf32>, tensor<4x3xf32>
}

// A depthwise convolution waits for memory: it stays, but for devices, where half of it is read.
// CHECK-LABEL: func.func @convolutions
// CHECK: graph.conv %{{.*}}, %{{.*}} {{{.*}}wide = true} : (tensor<1x8x8x4xbf16>, tensor<1x1x4x4xbf16>) -> tensor<1x8x8x4xf32>
// CHECK: graph.conv %{{.*}} : (tensor<1x8x8x4xf32>, tensor<3x3x1x4xf32>) -> tensor<1x6x6x4xf32>
// DEVICE-LABEL: func.func @convolutions
// DEVICE: graph.conv %{{.*}} {{{.*}}wide = true} : (tensor<1x8x8x4xf16>, tensor<3x3x1x4xf16>) -> tensor<1x6x6x4xf32>
func.func @convolutions(%x: tensor<1x8x8x4xf32>) -> tensor<1x6x6x4xf32> {
  %w = graph.constant dense<1.0> : tensor<1x1x4x4xf32>
  %d = graph.constant dense<1.0> : tensor<3x3x1x4xf32>
  %0 = graph.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32} : (tensor<1x8x8x4xf32>, tensor<1x1x4x4xf32>) -> tensor<1x8x8x4xf32>
  %1 = graph.conv %0, %d {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 4 : i64, layout = 1 : i32} : (tensor<1x8x8x4xf32>, tensor<3x3x1x4xf32>) -> tensor<1x6x6x4xf32>
  return %1 : tensor<1x6x6x4xf32>
}

// gather(c, i) → cast(gather(round(c), i)) of a large table; products of integers and of f64 stay.
// CHECK-LABEL: func.func @others
// CHECK: %[[T:.*]] = graph.cast %{{.*}} {to = bf16} : (tensor<512x16xf32>) -> tensor<512x16xbf16>
// CHECK: %[[G:.*]] = graph.gather %[[T]], %{{.*}} -> tensor<5x16xbf16>
// CHECK: graph.cast %[[G]] {to = f32}
// CHECK: graph.matmul %{{.*}} : (tensor<4x8xf64>, tensor<8x3xf64>) -> tensor<4x3xf64>
func.func @others(%i: tensor<5xi64>, %x: tensor<4x8xf64>, %y: tensor<8x3xf64>) -> (tensor<5x16xf32>, tensor<4x3xf64>) {
  %t = graph.constant dense<1.0> : tensor<512x16xf32>
  %0 = graph.gather %t, %i {axis = 0 : i64} : (tensor<512x16xf32>, tensor<5xi64>) -> tensor<5x16xf32>
  %1 = graph.matmul %x, %y : (tensor<4x8xf64>, tensor<8x3xf64>) -> tensor<4x3xf64>
  return %0, %1 : tensor<5x16xf32>, tensor<4x3xf64>
}

// Marks say so for one op at a time: what is marked has that type, whatever the pass's is; of f16 only constants are rounded.
// CHECK-LABEL: func.func @marked
// CHECK: graph.matmul %{{.*}} {graph.precision = "f32"} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
// CHECK: graph.matmul %{{.*}} {graph.precision = "f16", wide = true} : (tensor<4x8xf32>, tensor<8x8xf16>) -> tensor<4x8xf32>
// F32-LABEL: func.func @marked
// F32: graph.matmul %{{.*}} {graph.precision = "f32"} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
// F32: graph.matmul %{{.*}} {graph.precision = "f16", wide = true} : (tensor<4x8xf32>, tensor<8x8xf16>) -> tensor<4x8xf32>
// CHECK: graph.matmul %{{.*}} {graph.precision = "int4-weights"} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
// F32: graph.matmul %{{.*}} {graph.precision = "bf16", wide = true} : (tensor<4x8xbf16>, tensor<8x8xbf16>) -> tensor<4x8xf32>
// F32: graph.matmul %{{.*}} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
func.func @marked(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %w = graph.constant dense<1.0> : tensor<8x8xf32>
  %0 = graph.matmul %x, %w {graph.precision = "f32"} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %1 = graph.matmul %0, %w {graph.precision = "f16"} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %2 = graph.matmul %1, %w {graph.precision = "bf16"} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %3 = graph.matmul %2, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %4 = graph.matmul %3, %w {graph.precision = "int4-weights"} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  return %4 : tensor<4x8xf32>
}
