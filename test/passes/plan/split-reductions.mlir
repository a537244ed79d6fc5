// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(split-reductions))' | FileCheck %s

// reduce(x[n])   →   reduce(reduce(x[parts, n / parts]))
// CHECK-LABEL: func.func @sum
// CHECK: %[[PARTS:.*]] = graph.reshape %arg0 : (tensor<1048576xf32>) -> tensor<256x4096xf32>
// CHECK: %[[PARTIAL:.*]] = graph.reduce %[[PARTS]] {axes = array<i64: 1>, kind = 0 : i32} : (tensor<256x4096xf32>) -> tensor<256x1xf32>
// CHECK: %[[FLAT:.*]] = graph.reshape %[[PARTIAL]] : (tensor<256x1xf32>) -> tensor<256xf32>
// CHECK: %[[ALL:.*]] = graph.reduce %[[FLAT]] {axes = array<i64: 0>, kind = 0 : i32} : (tensor<256xf32>) -> tensor<1xf32>
// CHECK: return %[[ALL]]
func.func @sum(%x: tensor<1048576xf32>) -> tensor<1xf32> {
  %0 = graph.reduce %x {axes = array<i64: 0>, kind = 0 : i32} : (tensor<1048576xf32>) -> tensor<1xf32>
  return %0 : tensor<1xf32>
}

// Squares are summed up once, the root is taken at the end, and what no part has is one more.
// CHECK-LABEL: func.func @norm_with_tail
// CHECK: %[[WHOLE:.*]] = graph.slice %arg0 {starts = #graph.extents<"0, 0">{{.*}} -> tensor<2x69972xf32>
// CHECK: %[[PARTS:.*]] = graph.reshape %[[WHOLE]] : (tensor<2x69972xf32>) -> tensor<2x34x2058xf32>
// CHECK: %[[PARTIAL:.*]] = graph.reduce %[[PARTS]] {axes = array<i64: 2>, kind = 5 : i32}
// CHECK: %[[FLAT:.*]] = graph.reshape %[[PARTIAL]] : (tensor<2x34x1xf32>) -> tensor<2x34xf32>
// CHECK: %[[TAIL:.*]] = graph.slice %arg0 {starts = #graph.extents<"0, 69972">{{.*}} -> tensor<2x29xf32>
// CHECK: %[[REST:.*]] = graph.reduce %[[TAIL]] {axes = array<i64: 1>, kind = 5 : i32}
// CHECK: %[[SUMS:.*]] = graph.concat %[[FLAT]], %[[REST]] {axis = 1 : i64}
// CHECK: %[[ALL:.*]] = graph.reduce %[[SUMS]] {axes = array<i64: 1>, kind = 0 : i32} : (tensor<2x35xf32>) -> tensor<2x1xf32>
// CHECK: graph.sqrt %[[ALL]]
func.func @norm_with_tail(%x: tensor<2x70001xf32>) -> tensor<2x1xf32> {
  %0 = graph.reduce %x {axes = array<i64: 1>, kind = 7 : i32} : (tensor<2x70001xf32>) -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// Of dims that lie apart the longest is cut.
// CHECK-LABEL: func.func @mean_of_dims
// CHECK: graph.reshape %arg0 : (tensor<2x8x4096x8xf32>) -> tensor<2x8x32x128x8xf32>
// CHECK: graph.reduce {{.*}} {axes = array<i64: 0, 3>, kind = 0 : i32} : (tensor<2x8x32x128x8xf32>) -> tensor<1x8x32x1x8xf32>
// CHECK: %[[ALL:.*]] = graph.reduce {{.*}} {axes = array<i64: 2>, kind = 0 : i32} : (tensor<1x8x32x8xf32>) -> tensor<1x8x1x8xf32>
// CHECK: %[[COUNT:.*]] = graph.constant dense<8.192000e+03> : tensor<f32>
// CHECK: graph.div %[[ALL]], %[[COUNT]]
func.func @mean_of_dims(%x: tensor<2x8x4096x8xf32>) -> tensor<1x8x1x8xf32> {
  %0 = graph.reduce %x {axes = array<i64: 0, 2>, kind = 1 : i32} : (tensor<2x8x4096x8xf32>) -> tensor<1x8x1x8xf32>
  return %0 : tensor<1x8x1x8xf32>
}

// i = arg_reduce(x[parts, n / parts]), p = arg_reduce(x[i])   →   p · n / parts + i[p]
// CHECK-LABEL: func.func @best
// CHECK: %[[PARTS:.*]] = graph.reshape %arg0 : (tensor<1x32000xf32>) -> tensor<1x10x3200xf32>
// CHECK: %[[I:.*]] = graph.arg_reduce %[[PARTS]] {axis = 2 : i64, last = false, minimum = false}
// CHECK: %[[X:.*]] = graph.gather_elements %[[PARTS]], %[[I]] {axis = 2 : i64}
// CHECK-DAG: %[[VALUES:.*]] = graph.reshape %[[X]] : (tensor<1x10x1xf32>) -> tensor<1x10xf32>
// CHECK-DAG: %[[INDICES:.*]] = graph.reshape %[[I]] : (tensor<1x10x1xi64>) -> tensor<1x10xi64>
// CHECK: %[[P:.*]] = graph.arg_reduce %[[VALUES]] {axis = 1 : i64, last = false, minimum = false}
// CHECK: %[[IN:.*]] = graph.gather_elements %[[INDICES]], %[[P]] {axis = 1 : i64}
// CHECK: %[[LENGTH:.*]] = graph.constant dense<3200> : tensor<i64>
// CHECK: %[[FIRST:.*]] = graph.mul %[[P]], %[[LENGTH]]
// CHECK: graph.add %[[FIRST]], %[[IN]]
func.func @best(%x: tensor<1x32000xf32>) -> tensor<1x1xi64> {
  %0 = graph.arg_reduce %x {axis = 1 : i64, minimum = false, last = false} : (tensor<1x32000xf32>) -> tensor<1x1xi64>
  return %0 : tensor<1x1xi64>
}

// softmax(x)   →   e / sum(e), e = e^(x - max(x)): few lines side by side would be one thread's each.
// CHECK-LABEL: func.func @softmax
// CHECK: graph.reduce {{.*}}kind = 2 : i32} : (tensor<1x16x512x4xf32>) -> tensor<1x16x1x4xf32>
// CHECK: %[[MAX:.*]] = graph.reduce {{.*}}kind = 2 : i32} : (tensor<1x16x4xf32>) -> tensor<1x1x4xf32>
// CHECK: %[[X:.*]] = graph.sub %arg0, %[[MAX]]
// CHECK: %[[E:.*]] = graph.exp %[[X]]
// CHECK: %[[SUM:.*]] = graph.reduce {{.*}}kind = 0 : i32} : (tensor<1x16x4xf32>) -> tensor<1x1x4xf32>
// CHECK: %[[SCALE:.*]] = graph.reciprocal %[[SUM]]
// CHECK: graph.mul %[[E]], %[[SCALE]]
func.func @softmax(%x: tensor<1x8192x4xf32>) -> tensor<1x8192x4xf32> {
  %0 = graph.softmax %x {axis = 1 : i64} : (tensor<1x8192x4xf32>) -> tensor<1x8192x4xf32>
  return %0 : tensor<1x8192x4xf32>
}

// layer_norm(x)   →   c / sqrt(mean(c²) + epsilon), c = x - mean(x)
// CHECK-LABEL: func.func @images
// CHECK: graph.reduce {{.*}}kind = 0 : i32} : (tensor<1x3x32x2048xf32>) -> tensor<1x3x32x1xf32>
// CHECK: %[[MEAN:.*]] = graph.div {{.*}} : (tensor<1x3x1xf32>, tensor<f32>) -> tensor<1x3x1xf32>
// CHECK: %[[SUBTRACTED:.*]] = graph.reshape %[[MEAN]] : (tensor<1x3x1xf32>) -> tensor<1x3x1x1xf32>
// CHECK: %[[C:.*]] = graph.sub %arg0, %[[SUBTRACTED]]
// CHECK: graph.reduce {{.*}}kind = 5 : i32} : (tensor<1x3x32x2048xf32>) -> tensor<1x3x32x1xf32>
// CHECK: %[[ROOT:.*]] = graph.sqrt
// CHECK: %[[SCALE:.*]] = graph.reciprocal %[[ROOT]]
// CHECK: %[[FACTOR:.*]] = graph.reshape %[[SCALE]]
// CHECK: graph.mul %[[C]], %[[FACTOR]]
func.func @images(%x: tensor<1x3x256x256xf32>) -> tensor<1x3x256x256xf32> {
  %0 = graph.layer_norm %x {axis = 2 : i64, epsilon = 1.0e-5 : f64} : (tensor<1x3x256x256xf32>) -> tensor<1x3x256x256xf32>
  return %0 : tensor<1x3x256x256xf32>
}

// Many rows keep a device busy, short ones are not worth another kernel, and sums of f16 are f32 until they are whole.
// CHECK-LABEL: func.func @others
// CHECK-COUNT-3: graph.reduce
// CHECK-NOT: graph.reduce
// CHECK: graph.softmax
func.func @others(%many: tensor<512x8192xf32>, %half: tensor<65536xf16>, %short: tensor<4000xf32>, %lines: tensor<1x21x512x512xf32>) -> (tensor<512x1xf32>, tensor<1xf16>, tensor<1xf32>, tensor<1x21x512x512xf32>) {
  %0 = graph.reduce %many {axes = array<i64: 1>, kind = 0 : i32} : (tensor<512x8192xf32>) -> tensor<512x1xf32>
  %1 = graph.reduce %half {axes = array<i64: 0>, kind = 0 : i32} : (tensor<65536xf16>) -> tensor<1xf16>
  %2 = graph.reduce %short {axes = array<i64: 0>, kind = 0 : i32} : (tensor<4000xf32>) -> tensor<1xf32>
  %3 = graph.softmax %lines {axis = 1 : i64} : (tensor<1x21x512x512xf32>) -> tensor<1x21x512x512xf32>
  return %0, %1, %2, %3 : tensor<512x1xf32>, tensor<1xf16>, tensor<1xf32>, tensor<1x21x512x512xf32>
}

// A softmax between two products is attention's.
// CHECK-LABEL: func.func @attention
// CHECK: graph.softmax
func.func @attention(%x: tensor<1x50000xf32>, %values: tensor<1x50000x4xf32>) -> tensor<1x4xf32> {
  %0 = graph.softmax %x {axis = 1 : i64} : (tensor<1x50000xf32>) -> tensor<1x50000xf32>
  %1 = kernel.contract %0, %values {window = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, groups = 1 : i64} : (tensor<1x50000xf32>, tensor<1x50000x4xf32>) -> tensor<1x4xf32>
  return %1 : tensor<1x4xf32>
}
