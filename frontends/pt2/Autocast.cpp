// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/pt2/Autocast.h"
#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace smelt::frontend::pt2 {

// torch's kernels of the key AutocastCPU, as far as Smelt imports the operators.

static constexpr StringLiteral kLower[] = {
    "addbmm",
    "addmm",
    "baddbmm",
    "bmm",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "linear",
    "matmul",
    "mm",
    "prelu",
    "scaled_dot_product_attention",
};

static constexpr StringLiteral kFull[] = {
    "adaptive_avg_pool3d",
    "adaptive_max_pool3d",
    "avg_pool3d",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cdist",
    "cholesky_solve",
    "cosine_embedding_loss",
    "cross_entropy_loss",
    "fake_quantize_per_tensor_affine",
    "fft_fft",
    "fft_fft2",
    "fft_fftn",
    "fft_hfft",
    "fft_ifft",
    "fft_ifft2",
    "fft_ifftn",
    "fft_ihfft",
    "fft_irfft",
    "fft_irfft2",
    "fft_irfftn",
    "fft_rfft",
    "fft_rfft2",
    "fft_rfftn",
    "grid_sampler",
    "grid_sampler_2d",
    "grid_sampler_3d",
    "hinge_embedding_loss",
    "huber_loss",
    "inverse",
    "kl_div",
    "l1_loss",
    "linalg_cholesky",
    "linalg_cholesky_ex",
    "linalg_inv",
    "linalg_inv_ex",
    "linalg_solve",
    "margin_ranking_loss",
    "max_pool3d",
    "max_unpool2d",
    "max_unpool3d",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_margin_loss_forward",
    "nll_loss",
    "nll_loss2d",
    "poisson_nll_loss",
    "polar",
    "prod",
    "quantile",
    "reflection_pad1d",
    "reflection_pad2d",
    "replication_pad1d",
    "replication_pad2d",
    "replication_pad3d",
    "smooth_l1_loss",
    "soft_margin_loss",
    "stft",
    "trace",
    "triangular_solve",
    "triplet_margin_loss",
    "view_as_complex",
};

static constexpr StringLiteral kWidest[] = {"cat", "index_copy", "stack"};

/// Made of products, which are cast.
static constexpr StringLiteral kInner[] = {
    "affine_grid_generator",
    "bilinear",
    "chain_matmul",
    "corrcoef",
    "cov",
    "einsum",
    "gru",
    "gru_cell",
    "inner",
    "linalg_multi_dot",
    "lstm",
    "lstm_cell",
    "rnn_relu",
    "rnn_relu_cell",
    "rnn_tanh",
    "rnn_tanh_cell",
    "tensordot",
};

AutocastRule autocastRule(StringRef operatorName) {
  if (!operatorName.consume_front("aten."))
    return AutocastRule::None;
  const StringRef name = operatorName.split('.').first;
  if (is_contained(kLower, name))
    return AutocastRule::Lower;
  if (is_contained(kFull, name))
    return AutocastRule::Full;
  if (is_contained(kWidest, name))
    return AutocastRule::Widest;
  return is_contained(kInner, name) ? AutocastRule::Inner : AutocastRule::None;
}

} // namespace smelt::frontend::pt2
