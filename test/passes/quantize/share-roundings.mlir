// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(share-roundings))' | FileCheck %s

// add(x, y), round(x) → add(cast(round(x)), y), round(x) of a tensor that leaves the caches
// CHECK-LABEL: func.func @large
// CHECK: %[[X:.*]] = graph.relu
// CHECK: %[[R:.*]] = graph.cast %[[X]] {to = bf16}
// CHECK: %[[E:.*]] = graph.cast %[[R]] {to = f32}
// CHECK: graph.add %[[E]], %{{.*}}
// CHECK: return %[[R]]
func.func @large(%a: tensor<512x512xf32>) -> (tensor<512x512xbf16>, tensor<512x512xf32>) {
  %x = graph.relu %a : (tensor<512x512xf32>) -> tensor<512x512xf32>
  %r = graph.cast %x {to = bf16} : (tensor<512x512xf32>) -> tensor<512x512xbf16>
  %s = graph.add %x, %a : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
  return %r, %s : tensor<512x512xbf16>, tensor<512x512xf32>
}

// A small one stays in the caches in both forms.
// CHECK-LABEL: func.func @small
// CHECK: %[[X:.*]] = graph.relu
// CHECK: graph.add %[[X]], %{{.*}}
func.func @small(%a: tensor<64x64xf32>) -> (tensor<64x64xbf16>, tensor<64x64xf32>) {
  %x = graph.relu %a : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %r = graph.cast %x {to = bf16} : (tensor<64x64xf32>) -> tensor<64x64xbf16>
  %s = graph.add %x, %a : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>
  return %r, %s : tensor<64x64xbf16>, tensor<64x64xf32>
}

// The model's output is f32: it is written in any case.
// CHECK-LABEL: func.func @output
// CHECK: %[[X:.*]] = graph.relu
// CHECK: graph.add %[[X]], %{{.*}}
func.func @output(%a: tensor<512x512xf32>) -> (tensor<512x512xbf16>, tensor<512x512xf32>, tensor<512x512xf32>) {
  %x = graph.relu %a : (tensor<512x512xf32>) -> tensor<512x512xf32>
  %r = graph.cast %x {to = bf16} : (tensor<512x512xf32>) -> tensor<512x512xbf16>
  %s = graph.add %x, %a : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
  return %r, %s, %x : tensor<512x512xbf16>, tensor<512x512xf32>, tensor<512x512xf32>
}

// Channels that were evened out before: what is read back is divided again.
// CHECK-LABEL: func.func @smoothed
// CHECK: %[[X:.*]] = graph.relu
// CHECK: %[[Q:.*]] = graph.quantize
// CHECK: %[[W:.*]] = graph.dequantize %[[Q]]
// CHECK: %[[INVERSE:.*]] = graph.constant dense<[5.000000e-01, 2.000000e+00]>
// CHECK: %[[E:.*]] = graph.mul %[[W]], %[[INVERSE]]
// CHECK: graph.add %[[E]], %{{.*}}
func.func @smoothed(%a: tensor<131072x2xf32>) -> (tensor<131072x2xui8>, tensor<131072x2xf32>) {
  %f = graph.constant dense<[2.0, 0.5]> : tensor<2xf32>
  %x = graph.relu %a : (tensor<131072x2xf32>) -> tensor<131072x2xf32>
  %m = graph.mul %x, %f : (tensor<131072x2xf32>, tensor<2xf32>) -> tensor<131072x2xf32>
  %q = graph.quantize %m {factor = 4.0 : f64, zero_point = 0 : i64, to = ui8} : (tensor<131072x2xf32>) -> tensor<131072x2xui8>
  %s = graph.add %x, %a : (tensor<131072x2xf32>, tensor<131072x2xf32>) -> tensor<131072x2xf32>
  return %q, %s : tensor<131072x2xui8>, tensor<131072x2xf32>
}
