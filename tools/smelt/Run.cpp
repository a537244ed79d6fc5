// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// smelt run: an artefact's outputs for inputs from a file.
#include "tools/runner/CommandLine.h"
#include "tools/runner/Error.h"
#include "tools/runner/File.h"
#include "tools/runner/RunOnce.h"
#include "tools/smelt/Launcher.h"

namespace smelt {

int runCommand(const std::vector<std::string> &arguments) {
  std::string path, inputs, outputs;
  unsigned threads = 1;
  runner::CommandLine line("smelt run", "Runs a shared artefact on inputs from a .npz file.");
  line.addPositional("ARTIFACT", "what smelt compile wrote", path);
  line.addText("--inputs", "IN.npz", "arrays under the names of the model's inputs; needed unless it has none", inputs);
  line.addText("--outputs", "OUT.npz", "where the outputs go; required", outputs);
  line.addOption("--threads", "N", "threads that compute, 1 by default; the results do not depend on it",
                 [&](const std::string &text) { threads = runner::parseThreads(text); });
  if (!line.parse(arguments))
    return 0;

  for (const std::string &read : {path, inputs})
    if (!read.empty() && !outputs.empty() && runner::isSameFile(read, outputs))
      throw runner::Error(runner::Exit::Usage, "--outputs " + outputs + " would replace " + read + ", which is read");

  const runner::Artifact artifact(path);
  line.require({{"--inputs", !inputs.empty() || artifact.model().input_count == 0}, {"--outputs", !outputs.empty()}});
  runner::Instance instance(artifact, threads);
  auto buffers =
      inputs.empty() ? runner::Buffers::seeded(instance) : runner::Buffers::read(instance, runner::NpzReader(inputs));
  runner::runOnce(instance, buffers);
  buffers.writeOutputs(instance, outputs);
  return 0;
}

} // namespace smelt
