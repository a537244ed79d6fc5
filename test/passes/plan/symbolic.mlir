// RUN: smelt-opt %s --form-dispatches --place-buffers --collapse-dims --parametrise-kernels --deduplicate-kernels | FileCheck %s

// One kernel serves both additions, whichever dims they run over: its sizes are arguments. Buffers lie above one
// another by formulas that hold for every size.
// CHECK: kernel.func @add_n_f32 attributes {sizes = ["p0"]}
// CHECK-NEXT: ^bb0(%{{.*}}: memref<?xf32, #kernel.layout<"4*p0", "1">>, {{.*}}, %{{.*}}: index):
// CHECK: kernel.func @softmax_sub_nx4_f32
// CHECK: kernel.plan
// CHECK-SAME: symbols = [{{.*}}"arena_bytes"]
// CHECK: kernel.check {extents = #graph.extents<"broadcast(min(64, n), n)">}
// CHECK: kernel.call @add_n_f32 {{.*}}sizes = #graph.extents<"n">
// CHECK: kernel.call @add_n_f32 {{.*}}sizes = #graph.extents<"m">
func.func @main(%x: tensor<?x4xf32, #graph.extents<"n, 4">>, %y: tensor<?x4xf32, #graph.extents<"m, 4">>, %t: tensor<?x4xf32, #graph.extents<"min(64, n), 4">>)
    -> (tensor<?x4xf32, #graph.extents<"n, 4">>, tensor<?x4xf32, #graph.extents<"m, 4">>) {
  %0 = graph.add %x, %x : (tensor<?x4xf32, #graph.extents<"n, 4">>, tensor<?x4xf32, #graph.extents<"n, 4">>) -> tensor<?x4xf32, #graph.extents<"n, 4">>
  %1 = graph.add %y, %y : (tensor<?x4xf32, #graph.extents<"m, 4">>, tensor<?x4xf32, #graph.extents<"m, 4">>) -> tensor<?x4xf32, #graph.extents<"m, 4">>
  %2 = graph.softmax %0 {axis = 1 : i64} : (tensor<?x4xf32, #graph.extents<"n, 4">>) -> tensor<?x4xf32, #graph.extents<"n, 4">>
  %3 = graph.sub %2, %t : (tensor<?x4xf32, #graph.extents<"n, 4">>, tensor<?x4xf32, #graph.extents<"min(64, n), 4">>) -> tensor<?x4xf32, #graph.extents<"n, 4">>
  return %3, %1 : tensor<?x4xf32, #graph.extents<"n, 4">>, tensor<?x4xf32, #graph.extents<"m, 4">>
}
