// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Numbers of the schema: enums, and the tags of unions.

#ifndef SMELT_FRONTENDS_TFLITE_SCHEMA_H
#define SMELT_FRONTENDS_TFLITE_SCHEMA_H

#include "schema_generated.h"
#include <cstdint>

namespace smelt::frontend::tflite {

enum class Padding : int8_t { Same = 0, Valid = 1 };

/// ActivationFunctionType
enum class Activation : int8_t { None = 0, Relu = 1, ReluN1To1 = 2, Relu6 = 3, Tanh = 4, SignBit = 5 };

/// The tag of BuiltinOptions2 that goes with StableHLOCompositeOptions.
constexpr uint8_t kCompositeTag = 21;

/// The tag of BuiltinOptions that goes with a table.
template <typename T> constexpr uint8_t optionsTag();
template <> constexpr uint8_t optionsTag<schema::Conv2DOptions>() { return 1; }
template <> constexpr uint8_t optionsTag<schema::DepthwiseConv2DOptions>() { return 2; }
template <> constexpr uint8_t optionsTag<schema::Pool2DOptions>() { return 5; }
template <> constexpr uint8_t optionsTag<schema::SVDFOptions>() { return 6; }
template <> constexpr uint8_t optionsTag<schema::RNNOptions>() { return 7; }
template <> constexpr uint8_t optionsTag<schema::FullyConnectedOptions>() { return 8; }
template <> constexpr uint8_t optionsTag<schema::SoftmaxOptions>() { return 9; }
template <> constexpr uint8_t optionsTag<schema::ConcatenationOptions>() { return 10; }
template <> constexpr uint8_t optionsTag<schema::AddOptions>() { return 11; }
template <> constexpr uint8_t optionsTag<schema::L2NormOptions>() { return 12; }
template <> constexpr uint8_t optionsTag<schema::LocalResponseNormalizationOptions>() { return 13; }
template <> constexpr uint8_t optionsTag<schema::LSTMOptions>() { return 14; }
template <> constexpr uint8_t optionsTag<schema::ResizeBilinearOptions>() { return 15; }
template <> constexpr uint8_t optionsTag<schema::CallOptions>() { return 16; }
template <> constexpr uint8_t optionsTag<schema::ReshapeOptions>() { return 17; }
template <> constexpr uint8_t optionsTag<schema::SpaceToDepthOptions>() { return 19; }
template <> constexpr uint8_t optionsTag<schema::MulOptions>() { return 21; }
template <> constexpr uint8_t optionsTag<schema::GatherOptions>() { return 23; }
template <> constexpr uint8_t optionsTag<schema::ReducerOptions>() { return 27; }
template <> constexpr uint8_t optionsTag<schema::SubOptions>() { return 28; }
template <> constexpr uint8_t optionsTag<schema::DivOptions>() { return 29; }
template <> constexpr uint8_t optionsTag<schema::SqueezeOptions>() { return 30; }
template <> constexpr uint8_t optionsTag<schema::SequenceRNNOptions>() { return 31; }
template <> constexpr uint8_t optionsTag<schema::StridedSliceOptions>() { return 32; }
template <> constexpr uint8_t optionsTag<schema::SplitOptions>() { return 35; }
template <> constexpr uint8_t optionsTag<schema::CastOptions>() { return 37; }
template <> constexpr uint8_t optionsTag<schema::ArgMaxOptions>() { return 40; }
template <> constexpr uint8_t optionsTag<schema::TransposeConvOptions>() { return 49; }
template <> constexpr uint8_t optionsTag<schema::ShapeOptions>() { return 55; }
template <> constexpr uint8_t optionsTag<schema::ArgMinOptions>() { return 57; }
template <> constexpr uint8_t optionsTag<schema::FakeQuantOptions>() { return 58; }
template <> constexpr uint8_t optionsTag<schema::PackOptions>() { return 59; }
template <> constexpr uint8_t optionsTag<schema::OneHotOptions>() { return 61; }
template <> constexpr uint8_t optionsTag<schema::UnpackOptions>() { return 64; }
template <> constexpr uint8_t optionsTag<schema::BidirectionalSequenceLSTMOptions>() { return 69; }
template <> constexpr uint8_t optionsTag<schema::BidirectionalSequenceRNNOptions>() { return 70; }
template <> constexpr uint8_t optionsTag<schema::UnidirectionalSequenceLSTMOptions>() { return 71; }
template <> constexpr uint8_t optionsTag<schema::ResizeNearestNeighborOptions>() { return 74; }
template <> constexpr uint8_t optionsTag<schema::LeakyReluOptions>() { return 75; }
template <> constexpr uint8_t optionsTag<schema::MirrorPadOptions>() { return 77; }
template <> constexpr uint8_t optionsTag<schema::SplitVOptions>() { return 79; }
template <> constexpr uint8_t optionsTag<schema::ReverseSequenceOptions>() { return 87; }
template <> constexpr uint8_t optionsTag<schema::IfOptions>() { return 92; }
template <> constexpr uint8_t optionsTag<schema::WhileOptions>() { return 93; }
template <> constexpr uint8_t optionsTag<schema::DepthToSpaceOptions>() { return 94; }
template <> constexpr uint8_t optionsTag<schema::BatchMatMulOptions>() { return 101; }
template <> constexpr uint8_t optionsTag<schema::CumsumOptions>() { return 102; }
template <> constexpr uint8_t optionsTag<schema::CallOnceOptions>() { return 103; }
template <> constexpr uint8_t optionsTag<schema::Conv3DOptions>() { return 106; }
template <> constexpr uint8_t optionsTag<schema::VarHandleOptions>() { return 111; }
template <> constexpr uint8_t optionsTag<schema::RandomOptions>() { return 114; }
template <> constexpr uint8_t optionsTag<schema::BucketizeOptions>() { return 115; }
template <> constexpr uint8_t optionsTag<schema::GeluOptions>() { return 116; }

} // namespace smelt::frontend::tflite

#endif // SMELT_FRONTENDS_TFLITE_SCHEMA_H
