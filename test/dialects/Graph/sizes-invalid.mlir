// RUN: smelt-opt %s -split-input-file -verify-diagnostics

// Each {} of a message is one of the values; other braces are doubled.

func.func @holds() {
  graph.check_sizes {extents = #graph.extents<"equal(a, 1)">, message = "{} is {{{}}}", values = #graph.extents<"a, 1">}
  return
}

// -----

func.func @fewer() {
  // expected-error @+1 {{has 1 values for the message 'a is {}, not {}'}}
  graph.check_sizes {extents = #graph.extents<"equal(a, 1)">, message = "a is {}, not {}", values = #graph.extents<"a">}
  return
}

// -----

func.func @single() {
  // expected-error @+1 {{has 0 values for the message 'a {'}}
  graph.check_sizes {extents = #graph.extents<"equal(a, 1)">, message = "a {", values = #graph.extents<"">}
  return
}
