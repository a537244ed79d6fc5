// RUN: smelt-opt %s --form-dispatches --place-buffers | FileCheck %s

// What a graph.check_sizes asks for is checked in the part that it stands in, and says its message; what another has asked
// for is not checked again. No kernel comes of it.

// CHECK: kernel.plan
// CHECK-NEXT: kernel.check {extents = #graph.extents<"equal($s0, max(0, $s0))">, message = "takes element {} of 8", values = #graph.extents<"$s0">}
// CHECK-NOT: kernel.check
// CHECK: kernel.if
// CHECK-NEXT: kernel.check {extents = #graph.extents<"equal($s0, 1)">, message = "is not 1", values = #graph.extents<"">}
// CHECK-NOT: kernel.check
func.func private @first(%x: tensor<4xf32>) -> tensor<4xf32> {
  graph.check_sizes {extents = #graph.extents<"equal($s0, 1)">, message = "is not 1", values = #graph.extents<"">}
  %0 = graph.abs %x : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func private @second(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = graph.neg %x : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
func.func @main(%c: tensor<1xi64>, %x: tensor<4xf32>) -> tensor<4xf32> {
  graph.bind_sizes %c {symbols = ["$s0"], most = #graph.extents<"9223372036854775807">} : (tensor<1xi64>) -> ()
  graph.check_sizes {extents = #graph.extents<"equal($s0, max(0, $s0))">, message = "takes element {} of 8", values = #graph.extents<"$s0">}
  graph.define_sizes {symbols = ["%s1"], extents = #graph.extents<"$s0">} : () -> ()
  graph.check_sizes {extents = #graph.extents<"equal($s0, max(0, $s0))">, message = "again", values = #graph.extents<"">}
  %0 = graph.if(%x) {condition = #graph.extents<"min(1, %s1)">, first = @first, second = @second, symbols = [], first_sizes = #graph.extents<"">, second_sizes = #graph.extents<"">, uses = #graph.extents<"$s0, %s1">} : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
