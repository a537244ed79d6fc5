// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef SMELT_TOOLS_QUANTIZE_SAMPLES_H
#define SMELT_TOOLS_QUANTIZE_SAMPLES_H

#include "tools/runner/Buffers.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace smelt::quantize {

/// The .npz and .npy files of a folder, in the order of their names, or of calibration/ in it where evaluation/ is
/// beside that (as smelt profile takes them); a file is itself; of "" there is one sample, "", which stands for seeded
/// inputs. Fails where there is none, and where there are images, which prepareImages makes samples of.
llvm::Expected<std::vector<std::string>> samplesOf(const std::string &path);

/// Makes arrays of the images that `path` is, or has in it, in `folder`, as `preprocessing` says (Preprocessing.h).
/// Fails where there are none, or other samples beside them; says on stderr which images nobody reads. Throws
/// runner::Error.
llvm::Error prepareImages(const std::string &path, const std::string &preprocessing, const std::string &folder);

/// What a warning says of samples that cannot tell what a model sees in use: all are equal, or an input of floats is
/// the same in all of them. Empty where there is nothing to say, as of seeded inputs. Throws runner::Error.
std::string whatNeverVaries(const std::vector<std::string> &samples);

/// At most so many of the samples, evenly spread.
std::vector<std::string> someOf(const std::vector<std::string> &samples, size_t most);

/// A sample's arrays as a model's inputs, save for those `beside`, which are the caller's to fill, and for labels,
/// which smelt profile takes. Where dims are open and the sample is seeded, sizes are tried until some fit. Throws
/// runner::Error.
runner::Buffers inputsOf(runner::Instance &instance, const std::string &sample,
                         const std::vector<std::string> &beside = {});

} // namespace smelt::quantize

#endif // SMELT_TOOLS_QUANTIZE_SAMPLES_H
