// RUN: smelt-opt %s --split-input-file --form-dispatches --place-buffers --parametrise-kernels | FileCheck %s

// A size is read after what computes it and before what depends on it. A buffer of a bounded size lies in the arena, at
// its largest; one of any size in a block that grows. Outputs of such sizes are held.
// CHECK: kernel.plan attributes {arena_bytes = 448 : i64, blocks = 1 : i64, held_bases = array<i32: 0, 5>
// CHECK: kernel.check {extents = #graph.extents<"{{.*}}equal($s1, max(0, $s1))
// CHECK: kernel.call @kernel_0
// CHECK-NEXT: kernel.bind_sizes {bases = array<i32: 0>, {{.*}}symbols = ["%s0"]}
// CHECK: kernel.call {{.*}}sizes = #graph.extents<"%s0">
// CHECK: kernel.bind_sizes {bases = array<i32: 2>, {{.*}}symbols = ["$s1"]}
// CHECK-NEXT: kernel.grow {block = 0 : i64, bytes = #graph.extents<"4*$s1">}
// CHECK-NEXT: kernel.call {{.*}}sizes = #graph.extents<"$s1">
func.func @main(%n: tensor<1xi64>, %m: tensor<1xi64>, %x: tensor<1xf32>) -> (tensor<?xf32, #graph.extents<"%s0">>, tensor<?xf32, #graph.extents<"$s1">>) {
  %0 = graph.add %n, %n : (tensor<1xi64>, tensor<1xi64>) -> tensor<1xi64>
  graph.bind_sizes %0 {symbols = ["%s0"], most = #graph.extents<"100">} : (tensor<1xi64>) -> ()
  %1 = graph.broadcast %x : (tensor<1xf32>) -> tensor<?xf32, #graph.extents<"%s0">>
  %2 = graph.exp %1 : (tensor<?xf32, #graph.extents<"%s0">>) -> tensor<?xf32, #graph.extents<"%s0">>
  graph.bind_sizes %m {symbols = ["$s1"], most = #graph.extents<"9223372036854775807">} : (tensor<1xi64>) -> ()
  %3 = graph.broadcast %x : (tensor<1xf32>) -> tensor<?xf32, #graph.extents<"$s1">>
  %4 = graph.exp %3 : (tensor<?xf32, #graph.extents<"$s1">>) -> tensor<?xf32, #graph.extents<"$s1">>
  return %2, %4 : tensor<?xf32, #graph.extents<"%s0">>, tensor<?xf32, #graph.extents<"$s1">>
}

// -----

// What is computed before the place of all is known goes elsewhere first.
// CHECK: kernel.plan {{.*}}held_bases = array<i32: 5>
// CHECK: kernel.bind_sizes {{.*}}symbols = ["%s0"]
// CHECK-NEXT: kernel.call
// CHECK-NEXT: kernel.bind_sizes {{.*}}symbols = ["%s1"]
// CHECK-NEXT: kernel.grow {block = 0 : i64, bytes = #graph.extents<"4*%s0 + 4*%s1">}
// CHECK-NEXT: kernel.call
// CHECK-NEXT: kernel.call
func.func @main(%n: tensor<1xi64>, %m: tensor<1xi64>, %x: tensor<1xf32>) -> tensor<?xf32, #graph.extents<"%s0 + %s1">> {
  graph.bind_sizes %n {symbols = ["%s0"], most = #graph.extents<"100">} : (tensor<1xi64>) -> ()
  %1 = graph.broadcast %x : (tensor<1xf32>) -> tensor<?xf32, #graph.extents<"%s0">>
  %2 = graph.exp %1 : (tensor<?xf32, #graph.extents<"%s0">>) -> tensor<?xf32, #graph.extents<"%s0">>
  graph.bind_sizes %m {symbols = ["%s1"], most = #graph.extents<"9223372036854775807">} : (tensor<1xi64>) -> ()
  %3 = graph.broadcast %x : (tensor<1xf32>) -> tensor<?xf32, #graph.extents<"%s1">>
  %4 = graph.exp %3 : (tensor<?xf32, #graph.extents<"%s1">>) -> tensor<?xf32, #graph.extents<"%s1">>
  %5 = graph.concat %2, %4 {axis = 0 : i64} : (tensor<?xf32, #graph.extents<"%s0">>, tensor<?xf32, #graph.extents<"%s1">>) -> tensor<?xf32, #graph.extents<"%s0 + %s1">>
  return %5 : tensor<?xf32, #graph.extents<"%s0 + %s1">>
}
