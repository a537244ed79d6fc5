// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

include "dialects/Graph/ElementwiseOps.td"
include "dialects/Graph/DataOps.td"
include "dialects/Graph/StructuredOps.td"
include "dialects/Graph/SequenceOps.td"
include "dialects/Graph/ControlOps.td"
include "dialects/Graph/CustomOps.td"
