// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Moments.h"
#include <algorithm>
#include <array>
#include <cmath>

namespace smelt::quantize {

/// Rows of which sums are read and written once.
constexpr int64_t kRowsAtOnce = 16;

void Moments::add(const float *rows, int64_t count) {
  rows_ += count;
  for (int64_t i = 0; i < count * channels_; ++i)
    totals_[i % channels_] += rows[i];
  for (int64_t first = 0; first < count; first += kRowsAtOnce) {
    const int64_t end = std::min(first + kRowsAtOnce, count);
    for (int64_t i = 0; i < channels_; ++i)
      for (int64_t row = first; row < end; ++row) {
        const float *x = rows + row * channels_;
        float *sums = &sums_[i * channels_];
        const float factor = x[i];
        for (int64_t j = i; j < channels_; ++j)
          sums[j] += factor * x[j];
      }
  }
}

void Moments::addSome(const float *rows, int64_t count, int64_t most) {
  const int64_t taken = std::min(count, most);
  std::vector<float> some;
  for (int64_t first = 0; first < taken; first += kRowsAtOnce) {
    const int64_t end = std::min(first + kRowsAtOnce, taken);
    some.clear();
    for (int64_t row = first; row < end; ++row) {
      const float *x = rows + row * count / taken * channels_;
      some.insert(some.end(), x, x + channels_);
    }
    add(some.data(), end - first);
  }
}

Moments Moments::aroundMeans(llvm::ArrayRef<float> factors) const {
  Moments result(channels_);
  auto factor = [&](int64_t channel) { return factors.empty() ? 1.0 : static_cast<double>(factors[channel]); };
  for (int64_t i = 0; i < channels_; ++i)
    for (int64_t j = i; j < channels_; ++j) {
      const double ofMeans = rows_ > 0 ? totals_[i] * totals_[j] / static_cast<double>(rows_) : 0;
      result.sums_[i * channels_ + j] =
          static_cast<float>((sums_[i * channels_ + j] - ofMeans) / (factor(i) * factor(j)));
    }
  return result;
}

std::vector<double> Moments::squaresOf(llvm::ArrayRef<float> matrix, int64_t columns) const {
  std::vector<double> squares(columns, 0);
  std::vector<float> products(columns);
  for (int64_t i = 0; i < channels_; ++i) {
    std::fill(products.begin(), products.end(), 0.0F);
    for (int64_t j = i; j < channels_; ++j) {
      const float moment = sums_[i * channels_ + j] * (j == i ? 1 : 2);
      const float *row = &matrix[j * columns];
      for (int64_t column = 0; column < columns; ++column)
        products[column] += moment * row[column];
    }
    for (int64_t column = 0; column < columns; ++column)
      squares[column] += static_cast<double>(products[column]) * matrix[i * columns + column];
  }
  return squares;
}

/// In as many sums as a vector may hold, whatever the processor: the same on all.
static double dot(const double *a, const double *b, int64_t count) {
  constexpr int64_t kSums = 8;
  std::array<double, kSums> sums{};
  int64_t i = 0;
  for (; i + kSums <= count; i += kSums)
    for (int64_t lane = 0; lane < kSums; ++lane)
      sums[lane] += a[i + lane] * b[i + lane];
  for (; i < count; ++i)
    sums[0] += a[i] * b[i];
  double sum = 0;
  for (double part : sums)
    sum += part;
  return sum;
}

/// The lower triangle of a symmetric matrix → L with L Lᵀ = the matrix; false where there is none.
static bool factorise(std::vector<double> &matrix, int64_t size) {
  for (int64_t i = 0; i < size; ++i) {
    double *row = &matrix[i * size];
    for (int64_t j = 0; j < i; ++j)
      row[j] = (row[j] - dot(row, &matrix[j * size], j)) / matrix[j * size + j];
    const double square = row[i] - dot(row, row, i);
    if (!(square > 0) || !std::isfinite(square))
      return false;
    row[i] = std::sqrt(square);
  }
  return true;
}

/// Lower triangular matrices: L → its inverse
static void invert(std::vector<double> &matrix, int64_t size) {
  std::vector<double> sums(size);
  for (int64_t i = 0; i < size; ++i) {
    double *row = &matrix[i * size];
    const double inverse = 1 / row[i];
    std::fill(sums.begin(), sums.begin() + i, 0.0);
    for (int64_t k = 0; k < i; ++k)
      for (int64_t j = 0; j <= k; ++j)
        sums[j] += row[k] * matrix[k * size + j];
    for (int64_t j = 0; j < i; ++j)
      row[j] = -sums[j] * inverse;
    row[i] = inverse;
  }
}

// With H turned round in both dims, H = P L Lᵀ P and inverse(H) = (P L⁻¹ P)ᵀ (P L⁻¹ P), whose right factor is upper
// triangular.
std::optional<std::vector<float>> Moments::inverseFactors() const {
  constexpr double kDamping = 0.01;
  double trace = 0;
  for (int64_t i = 0; i < channels_; ++i)
    trace += sums_[i * channels_ + i];
  if (!(trace > 0) || !std::isfinite(trace))
    return std::nullopt;
  const double damping = kDamping * trace / static_cast<double>(channels_);
  std::vector<double> matrix(channels_ * channels_, 0);
  const int64_t last = channels_ - 1;
  for (int64_t i = 0; i < channels_; ++i) {
    for (int64_t j = 0; j <= i; ++j) // of H in its upper triangle
      matrix[i * channels_ + j] = sums_[(last - i) * channels_ + last - j];
    matrix[i * channels_ + i] += damping;
  }
  if (!factorise(matrix, channels_))
    return std::nullopt;
  invert(matrix, channels_);
  std::vector<float> factors(matrix.size(), 0);
  for (int64_t i = 0; i < channels_; ++i)
    for (int64_t j = i; j < channels_; ++j)
      factors[i * channels_ + j] = static_cast<float>(matrix[(last - i) * channels_ + last - j]);
  return factors;
}

} // namespace smelt::quantize
