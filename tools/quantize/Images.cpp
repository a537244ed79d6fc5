// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/Images.h"
#include "tools/driver/Errors.h"
#include "tools/runner/File.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/Path.h"
#include <csetjmp>
#include <cstdio>
#if SMELT_HAS_PNG
#include <png.h>
#endif
#if SMELT_HAS_JPEG
#include <jpeglib.h>
#endif

namespace smelt::quantize {

constexpr uint64_t kMostPoints = uint64_t(1) << 27; // of an image, so that a small file cannot ask for all memory
constexpr uint64_t kMostFileBytes = uint64_t(1) << 30;
constexpr int64_t kColours = 3;

using Bytes = std::vector<uint8_t>;

bool isImageName(llvm::StringRef path) {
  const std::string ending = llvm::sys::path::extension(path).lower();
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg";
}

/// Makes room; what is wrong, or nothing.
[[maybe_unused]] static std::string resize(Image &image, uint64_t height, uint64_t width) {
  if (height == 0 || width == 0 || height > kMostPoints / width)
    return "its size is " + std::to_string(height) + "x" + std::to_string(width);
  image.height = static_cast<int64_t>(height);
  image.width = static_cast<int64_t>(width);
  image.values.resize(height * width * kColours);
  return "";
}

#if SMELT_HAS_PNG
static std::string decodePng(const Bytes &file, Image &image) {
  png_image png = {};
  png.version = PNG_IMAGE_VERSION;
  llvm::scope_exit freeing([&] { png_image_free(&png); });
  if (!png_image_begin_read_from_memory(&png, file.data(), file.size()))
    return png.message;
  if (std::string why = resize(image, png.height, png.width); !why.empty())
    return why;
  constexpr size_t kWithAlpha = 4;
  png.format = PNG_FORMAT_RGBA;
  Bytes values(size_t(png.height) * png.width * kWithAlpha);
  if (!png_image_finish_read(&png, nullptr, values.data(), 0, nullptr))
    return png.message;
  for (size_t at = 0; at < image.values.size(); ++at)
    image.values[at] = values[at / kColours * kWithAlpha + at % kColours];
  return "";
}
#else
static std::string decodePng(const Bytes &, Image &) { return ""; }
#endif

#if SMELT_HAS_JPEG
namespace {
/// What libjpeg calls where something is wrong; it expects not to get control back.
struct JpegErrors {
  jpeg_error_mgr manager;
  std::jmp_buf leave;
  char message[JMSG_LENGTH_MAX];
};
} // namespace

static void leaveJpeg(j_common_ptr info) {
  auto *errors = reinterpret_cast<JpegErrors *>(info->err);
  info->err->format_message(info, errors->message);
  std::longjmp(errors->leave, 1);
}

/// Warnings, of level -1, are of data that is damaged or cut off.
static void tellJpeg(j_common_ptr info, int level) {
  if (level < 0)
    leaveJpeg(info);
}

/// Nothing here has a destructor, which a jump would pass by.
static bool decodeJpeg(const Bytes &file, Image &image, std::string &why, jpeg_decompress_struct &jpeg,
                       JpegErrors &errors) {
  if (setjmp(errors.leave) != 0)
    return false;
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, file.data(), file.size());
  jpeg_read_header(&jpeg, TRUE);
  if (jpeg.jpeg_color_space == JCS_CMYK || jpeg.jpeg_color_space == JCS_YCCK) {
    why = "its colors are CMYK, for print; convert it to RGB";
    return true;
  }
  jpeg.out_color_space = JCS_RGB;
  jpeg.dct_method = JDCT_ISLOW; // the same numbers on all machines
  why = resize(image, jpeg.image_height, jpeg.image_width);
  if (!why.empty())
    return true;
  jpeg_start_decompress(&jpeg);
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW row = &image.values[size_t(jpeg.output_scanline) * jpeg.output_width * kColours];
    jpeg_read_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_decompress(&jpeg);
  return true;
}

static std::string decodeJpeg(const Bytes &file, Image &image) {
  jpeg_decompress_struct jpeg = {};
  JpegErrors errors = {};
  jpeg.err = jpeg_std_error(&errors.manager);
  errors.manager.error_exit = leaveJpeg;
  errors.manager.emit_message = tellJpeg;
  std::string why;
  if (!decodeJpeg(file, image, why, jpeg, errors))
    why = errors.message;
  jpeg_destroy_decompress(&jpeg);
  return why;
}
#else
static std::string decodeJpeg(const Bytes &, Image &) { return ""; }
#endif

llvm::Expected<Image> readImage(const std::string &path) {
  struct Format {
    llvm::StringLiteral start, name;
    bool isKnown;
    std::string (*decode)(const Bytes &, Image &);
  };
  const Format formats[] = {{"\x89PNG\r\n\x1a\n", "PNG", SMELT_HAS_PNG, decodePng},
                            {"\xff\xd8\xff", "JPEG", SMELT_HAS_JPEG, decodeJpeg}};
  const runner::InputFile file(path);
  if (file.size() > kMostFileBytes)
    return driver::toolError(driver::kMalformed, path + ": is too large for an image");
  Bytes bytes(file.size());
  file.readAt(0, bytes.data(), bytes.size());
  const llvm::StringRef text(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  for (const Format &format : formats) {
    if (!text.starts_with(format.start))
      continue;
    if (!format.isKnown)
      return driver::toolError(driver::kEnvironment, path + ": this program was built without a library that reads " +
                                                         format.name + "; convert the image to .npy");
    Image image;
    if (const std::string why = format.decode(bytes, image); !why.empty())
      return driver::toolError(driver::kMalformed, path + ": the image cannot be read: " + why);
    return image;
  }
  return driver::toolError(driver::kMalformed, path + ": is neither PNG nor JPEG");
}

} // namespace smelt::quantize
