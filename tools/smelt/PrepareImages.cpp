// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// smelt prepare-images: what --calibration-preprocess makes of images, as files; for smelt profile, which runs models
// in Python on the same arrays. `smelt --help` does not show it.
#include "tools/quantize/Samples.h"
#include "tools/smelt/Commands.h"
#include <memory>

namespace smelt {

namespace {
struct Names {
  std::string images, preprocessing, folder;
};
} // namespace

void addPrepareImagesCommand(CLI::App &app, int &exitCode) {
  CLI::App *command = app.add_subcommand("prepare-images", "write what --calibration-preprocess makes of images");
  command->group("");
  auto names = std::make_shared<Names>();
  command->add_option("images", names->images, "a PNG or JPEG, or a folder of such files")->required();
  command->add_option("--calibration-preprocess", names->preprocessing, "as of smelt compile")->required();
  command->add_option("-o,--output", names->folder, "a folder that is there, for arrays NUMBER.npy, and NUMBER.name")
      ->required();
  command->callback([names, &exitCode] {
    exitCode = guarded([&] { return quantize::prepareImages(names->images, names->preprocessing, names->folder); });
  });
}

} // namespace smelt
