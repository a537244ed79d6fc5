// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(pack-elements))' | FileCheck %s

// f(x: 3x5xi4) → f(p: 8xui8) { x = unpack(p) }
// CHECK-LABEL: func.func @input(%arg0: tensor<8xui8> {graph.declared_type = tensor<3x5xi4>, graph.name = "x"})
// CHECK: %[[X:.*]] = graph.unpack %arg0 : (tensor<8xui8>) -> tensor<3x5xi4>
// CHECK: graph.cast %[[X]]
func.func @input(%x: tensor<3x5xi4> {graph.name = "x"}) -> tensor<3x5xf32> {
  %0 = graph.cast %x {to = f32} : (tensor<3x5xi4>) -> tensor<3x5xf32>
  return %0 : tensor<3x5xf32>
}

// return y: 3x3xui2 → return pack(pad(reshape(y)))
// CHECK-LABEL: func.func @output
// CHECK-SAME: -> (tensor<3xui8> {graph.declared_type = tensor<3x3xui2>})
// CHECK: %[[Y:.*]] = graph.cast
// CHECK: %[[FLAT:.*]] = graph.reshape %[[Y]] : (tensor<3x3xui2>) -> tensor<9xui2>
// CHECK: %[[WHOLE:.*]] = graph.pad %[[FLAT]], %{{.*}} {high = #graph.extents<"3">, low = #graph.extents<"0">} : (tensor<9xui2>, tensor<ui2>) -> tensor<12xui2>
// CHECK: %[[P:.*]] = graph.pack %[[WHOLE]] : (tensor<12xui2>) -> tensor<3xui8>
// CHECK: return %[[P]]
func.func @output(%x: tensor<3x3xf32>) -> tensor<3x3xui2> {
  %0 = graph.cast %x {to = ui2} : (tensor<3x3xf32>) -> tensor<3x3xui2>
  return %0 : tensor<3x3xui2>
}

// Whole bytes need no padding, and one number no bytes.
// CHECK-LABEL: func.func @constants
// CHECK-DAG: %[[W:.*]] = graph.constant dense<[33, 243]> : tensor<2xui8>
// CHECK-DAG: %[[U:.*]] = graph.unpack %[[W]] : (tensor<2xui8>) -> tensor<4xi4>
// CHECK-DAG: %[[ONE:.*]] = graph.constant dense<3> : tensor<4xi4>
// CHECK: graph.select %{{.*}}, %[[U]], %[[ONE]]
// CHECK-NEXT: graph.pack
func.func @constants(%c: tensor<4xi1>) -> tensor<4xi4> {
  %0 = graph.constant dense<[1, 2, 3, -1]> : tensor<4xi4>
  %1 = graph.constant dense<3> : tensor<4xi4>
  %2 = graph.select %c, %0, %1 : (tensor<4xi1>, tensor<4xi4>, tensor<4xi4>) -> tensor<4xi4>
  return %2 : tensor<4xi4>
}

// Floats of 8 bits are bytes already.
// CHECK-LABEL: func.func @bytes(%arg0: tensor<5xf8E4M3FN>) -> tensor<5xf8E4M3FN>
func.func @bytes(%x: tensor<5xf8E4M3FN>) -> tensor<5xf8E4M3FN> {
  return %x : tensor<5xf8E4M3FN>
}
