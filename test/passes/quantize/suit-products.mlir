// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(suit-products{dots=4}))' | FileCheck %s --check-prefixes=CHECK,VNNI
// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(suit-products{dots=8}))' | FileCheck %s --check-prefixes=CHECK,WORDS
// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(suit-products{dots=16}))' | FileCheck %s --check-prefixes=CHECK,SDOT
// RUN: smelt-opt %s --pass-pipeline='builtin.module(func.func(suit-products{dots=48}))' | FileCheck %s --check-prefixes=CHECK,I8MM

// 128 more, or less, for each of the weights, whose sum is 6 in each column.
// CHECK-LABEL: func.func @signs
// CHECK-SAME: %[[A:.*]]: tensor<4x3xi8>, %[[B:.*]]: tensor<4x3xui8>
// VNNI: %[[X:.*]] = graph.xor %[[A]], %{{.*}} : (tensor<4x3xi8>, tensor<i8>) -> tensor<4x3xi8>
// VNNI: %[[C:.*]] = graph.cast %[[X]] {to = ui8}
// VNNI: %[[P:.*]] = graph.matmul %[[C]], %{{.*}} {wide = true} : (tensor<4x3xui8>, tensor<3x2xi8>) -> tensor<4x2xi32>
// VNNI: %[[M:.*]] = graph.constant dense<-768> : tensor<1x2xi32>
// VNNI: %[[Q:.*]] = graph.add %[[P]], %[[M]]
// VNNI: %[[R:.*]] = graph.matmul %[[B]], %{{.*}} {wide = true}
// VNNI: return %[[Q]], %[[R]]
// SDOT: %[[P:.*]] = graph.matmul %[[A]], %{{.*}} {wide = true}
// SDOT: graph.matmul %{{.*}}, %{{.*}} {wide = true} : (tensor<4x3xi8>, tensor<3x2xi8>) -> tensor<4x2xi32>
// SDOT: %[[M:.*]] = graph.constant dense<768> : tensor<1x2xi32>
// SDOT: %[[Q:.*]] = graph.add %{{.*}}, %[[M]]
// SDOT: return %[[P]], %[[Q]]
// WORDS: graph.matmul %{{.*}}, %{{.*}} {wide = true} : (tensor<4x3xi16>, tensor<3x2xi8>) -> tensor<4x2xi32>
// WORDS-NEXT: graph.matmul %{{.*}}, %{{.*}} {wide = true} : (tensor<4x3xi16>, tensor<3x2xi8>) -> tensor<4x2xi32>
// WORDS-NEXT: return
// I8MM: %[[P:.*]] = graph.matmul %[[A]], %{{.*}} {wide = true}
// I8MM: %[[Q:.*]] = graph.matmul %[[B]], %{{.*}} {wide = true}
// I8MM: return %[[P]], %[[Q]]
func.func @signs(%a: tensor<4x3xi8>, %b: tensor<4x3xui8>) -> (tensor<4x2xi32>, tensor<4x2xi32>) {
  %w = graph.constant dense<2> : tensor<3x2xi8>
  %0 = graph.matmul %a, %w {wide = true} : (tensor<4x3xi8>, tensor<3x2xi8>) -> tensor<4x2xi32>
  %1 = graph.matmul %b, %w {wide = true} : (tensor<4x3xui8>, tensor<3x2xi8>) -> tensor<4x2xi32>
  return %0, %1 : tensor<4x2xi32>, tensor<4x2xi32>
}

// The new form is made before padding and what joins, and what is padded with gets it as well. A depthwise convolution has no need of it but for vpdpbusd.
// CHECK-LABEL: func.func @conv
// CHECK-SAME: %[[X:.*]]: tensor<1x4x4x2xi8>, %[[Y:.*]]: tensor<1x4x4x2xi8>
// VNNI-DAG: graph.cast %{{.*}} {to = ui8} : (tensor<1x4x4x2xi8>) -> tensor<1x4x4x2xui8>
// VNNI-DAG: graph.cast %{{.*}} {to = ui8} : (tensor<1x4x4x2xi8>) -> tensor<1x4x4x2xui8>
// VNNI-DAG: %[[V:.*]] = graph.cast %{{.*}} {to = ui8} : (tensor<i8>) -> tensor<ui8>
// VNNI-DAG: %[[J:.*]] = graph.concat {{.*}} -> tensor<1x4x4x4xui8>
// VNNI: %[[P:.*]] = graph.pad %[[J]], %[[V]]
// VNNI: graph.conv %[[P]], {{.*}} : (tensor<1x6x6x4xui8>, tensor<3x3x4x2xi8>) -> tensor<1x4x4x2xi32>
// VNNI: graph.constant dense<-4608> : tensor<1x1x2xi32>
// VNNI: graph.conv {{.*}} : (tensor<1x4x4x2xui8>, tensor<3x3x1x2xi8>) -> tensor<1x2x2x2xi32>
// WORDS: graph.conv {{.*}} : (tensor<1x4x4x2xi8>, tensor<3x3x1x2xi8>) -> tensor<1x2x2x2xi32>
// SDOT: graph.conv {{.*}} : (tensor<1x4x4x2xi8>, tensor<3x3x1x2xi8>) -> tensor<1x2x2x2xi32>
func.func @conv(%x: tensor<1x4x4x2xi8>, %y: tensor<1x4x4x2xi8>) -> (tensor<1x4x4x2xi32>, tensor<1x2x2x2xi32>) {
  %w = graph.constant dense<1> : tensor<3x3x4x2xi8>
  %d = graph.constant dense<1> : tensor<3x3x1x2xi8>
  %z = graph.constant dense<5> : tensor<i8>
  %0 = graph.concat %x, %y {axis = 3 : i64} : (tensor<1x4x4x2xi8>, tensor<1x4x4x2xi8>) -> tensor<1x4x4x4xi8>
  %1 = graph.pad %0, %z {low = #graph.extents<"0, 1, 1, 0">, high = #graph.extents<"0, 1, 1, 0">, mode = 0 : i32} : (tensor<1x4x4x4xi8>, tensor<i8>) -> tensor<1x6x6x4xi8>
  %2 = graph.conv %1, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 1 : i64, layout = 1 : i32, wide = true} : (tensor<1x6x6x4xi8>, tensor<3x3x4x2xi8>) -> tensor<1x4x4x2xi32>
  %3 = graph.conv %x, %d {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, high = array<i64: 0, 0>, groups = 2 : i64, layout = 1 : i32, wide = true} : (tensor<1x4x4x2xi8>, tensor<3x3x1x2xi8>) -> tensor<1x2x2x2xi32>
  return %2, %3 : tensor<1x4x4x2xi32>, tensor<1x2x2x2xi32>
}

// What a convolution of i8 pads by is 0, which is 128 in ui8: the padding becomes an op, and moves with the image.
// CHECK-LABEL: func.func @padded
// VNNI: %[[X:.*]] = graph.xor
// VNNI: %[[U:.*]] = graph.cast %[[X]] {to = ui8}
// VNNI: %[[P:.*]] = graph.pad %[[U]], %{{.*}} {high = #graph.extents<"0, 0, 1, 1">, low = #graph.extents<"0, 0, 1, 1">} : (tensor<1x2x4x4xui8>, tensor<ui8>) -> tensor<1x2x6x6xui8>
// VNNI-NOT: graph.pad
// VNNI: graph.conv %[[P]], %{{.*}} high = array<i64: 0, 0>{{.*}} low = array<i64: 0, 0>
// WORDS-NOT: graph.pad
// SDOT-NOT: graph.pad
func.func @padded(%x: tensor<1x2x4x4xi8>) -> tensor<1x3x4x4xi32> {
  %w = graph.constant dense<1> : tensor<3x2x3x3xi8>
  %0 = graph.conv %x, %w {dilations = array<i64: 1, 1>, groups = 1 : i64, high = array<i64: 1, 1>, low = array<i64: 1, 1>, strides = array<i64: 1, 1>, wide = true} : (tensor<1x2x4x4xi8>, tensor<3x2x3x3xi8>) -> tensor<1x3x4x4xi32>
  return %0 : tensor<1x3x4x4xi32>
}

// 128 more, and the bit that is then changed, leave x; other numbers do not.
// CHECK-LABEL: func.func @held_as_differences
// VNNI-SAME: %[[X:.*]]: tensor<4x3xi8>
// VNNI: %[[B:.*]] = graph.bit_cast %[[X]] : (tensor<4x3xi8>) -> tensor<4x3xui8>
// VNNI: %[[C:.*]] = graph.cast %{{.*}} {to = ui8}
// VNNI: graph.matmul %[[B]], %{{.*}} {wide = true} : (tensor<4x3xui8>, tensor<3x2xi8>) -> tensor<4x2xi32>
// VNNI: graph.matmul %[[C]], %{{.*}} {wide = true}
func.func @held_as_differences(%x: tensor<4x3xi8>) -> (tensor<4x2xi32>, tensor<4x2xi32>) {
  %w = graph.constant dense<2> : tensor<3x2xi8>
  %bit = graph.constant dense<-128> : tensor<i8>
  %other = graph.constant dense<-127> : tensor<i8>
  %0 = graph.add %x, %bit : (tensor<4x3xi8>, tensor<i8>) -> tensor<4x3xi8>
  %1 = graph.sub %x, %other : (tensor<4x3xi8>, tensor<i8>) -> tensor<4x3xi8>
  %2 = graph.matmul %0, %w {wide = true} : (tensor<4x3xi8>, tensor<3x2xi8>) -> tensor<4x2xi32>
  %3 = graph.matmul %1, %w {wide = true} : (tensor<4x3xi8>, tensor<3x2xi8>) -> tensor<4x2xi32>
  return %2, %3 : tensor<4x2xi32>, tensor<4x2xi32>
}
