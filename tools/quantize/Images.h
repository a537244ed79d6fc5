// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_IMAGES_H
#define SMELT_TOOLS_QUANTIZE_IMAGES_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>
#include <vector>

namespace smelt::quantize {

/// An image, row by row from the top: red, green and blue of each point, 0 to 255. What is transparent in a file is
/// opaque here.
struct Image {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> values; // height · width · 3
};

/// Whether a file's name is that of an image: .png, .jpg, .jpeg.
bool isImageName(llvm::StringRef path);

/// Decodes a file by libpng or libjpeg, whatever its name. Fails as malformed where it is no such image, or a damaged
/// one, with the environment where this program was built without the library. Throws runner::Error where it cannot be
/// read.
llvm::Expected<Image> readImage(const std::string &path);

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_IMAGES_H
