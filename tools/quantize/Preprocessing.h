// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_PREPROCESSING_H
#define SMELT_TOOLS_QUANTIZE_PREPROCESSING_H

#include "tools/quantize/Images.h"
#include <optional>

namespace smelt::quantize {

/// How an image becomes a model's input, as a person writes it:
///   resize=256,crop=224x224,scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225
/// in the order resize, crop, color, (x · scale - mean) / std, layout, whatever the order of words.
class Preprocessing {
public:
  /// Fails with a usage error that names the word which is wrong.
  static llvm::Expected<Preprocessing> parse(llvm::StringRef text);

  /// Writes images as arrays of one example each into a folder, 0000.npy and so on, and beside each a file of the same
  /// name that ends in .name, with what it was made of. Throws runner::Error.
  llvm::Error prepare(const std::vector<std::string> &images, const std::string &folder) const;

  /// An image as the numbers of one example, in the layout's order.
  llvm::Expected<std::vector<float>> apply(const Image &image, const std::string &path) const;
  /// The shape of what apply makes of an image of a size, after resize and crop.
  std::vector<int64_t> shapeFor(int64_t height, int64_t width) const;

private:
  enum class Colour { Rgb, Bgr, Gray };
  struct Size {
    int64_t height, width; // 0: of the shorter side alone, `width`
  };

  llvm::Error set(llvm::StringRef key, llvm::StringRef value);
  llvm::Error check() const;
  int64_t channels() const { return colour_ == Colour::Gray ? 1 : 3; }
  Size sizeFor(int64_t height, int64_t width) const;
  std::vector<float> coloured(const std::vector<float> &values) const;

  std::optional<Size> resize_, crop_;
  Colour colour_ = Colour::Rgb;
  double scale_ = 1;
  std::vector<double> mean_, deviation_;
  bool isChannelsFirst_ = true, isBytes_ = false;
};

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_PREPROCESSING_H
