// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// smelt-conformance: ONNX node tests, compiled and run in this program.
#include "tools/driver/Errors.h"
#include "tools/runner/Error.h"
#include "tools/smelt-conformance/NodeTest.h"
#include "tools/smelt-conformance/Workers.h"
#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>
#include <unistd.h>

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using namespace smelt::conformance;
using smelt::runner::Error;
using smelt::runner::Exit;

namespace {

struct Options {
  std::vector<std::string> folders;
  std::string list, target = "native";
  bool json = false, opensDims = false;
  unsigned jobs = std::max(1u, std::thread::hardware_concurrency());
  unsigned seconds = 60;
};

struct Test {
  std::string name, folder;
};

/// A folder that is gone at the end.
class ScratchFolder {
public:
  ScratchFolder() {
    std::string name = (fs::temp_directory_path() / "smelt-conformance-XXXXXX").string();
    if (!mkdtemp(name.data()))
      throw Error(Exit::Environment, name + ": no temporary folder can be made");
    path_ = name;
  }
  ScratchFolder(ScratchFolder &&) = delete;
  ScratchFolder &operator=(ScratchFolder &&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  /// A process's own part.
  std::string own() const {
    const fs::path folder = path_ / std::to_string(getpid());
    fs::create_directories(folder);
    return folder.string();
  }

private:
  fs::path path_;
};

/// Prints outcomes in the tests' order, and counts them.
class Report {
public:
  Report(const std::vector<Test> &tests, bool json) : tests_(tests), outcomes_(tests.size()), json_(json) {}

  void add(size_t test, Outcome outcome) {
    ++counts_[static_cast<size_t>(outcome.status)];
    if (outcome.status == Status::Pass && outcome.device && outcome.isF32) {
      ++passedOfDevice_;
      wholly_ += outcome.device->processorSteps == 0;
    }
    outcomes_[test] = std::move(outcome);
    for (; printed_ < tests_.size() && outcomes_[printed_]; ++printed_)
      print(tests_[printed_], *outcomes_[printed_]);
    if (isatty(STDERR_FILENO))
      std::cerr << "\r\033[K" << summary();
  }
  bool holds() const { return count(Status::Fail) + count(Status::Error) == 0; }
  std::string summary() const {
    std::string text = std::to_string(tests_.size()) + " tests: ";
    for (Status status : {Status::Pass, Status::Fail, Status::Unsupported, Status::Error})
      text += (status == Status::Pass ? "" : ", ") + std::to_string(count(status)) + " " + statusName(status);
    if (passedOfDevice_ > 0)
      text += "; of " + std::to_string(passedOfDevice_) + " that pass in f32, " + std::to_string(wholly_) +
              " run wholly on the device";
    return text;
  }

private:
  size_t count(Status status) const { return counts_[static_cast<size_t>(status)]; }
  void print(const Test &test, const Outcome &outcome) const {
    if (json_) {
      ordered_json line = {{"name", test.name}, {"status", statusName(outcome.status)}, {"detail", outcome.detail}};
      if (outcome.device)
        line["device"] = {{"f32", outcome.isF32},
                          {"steps", outcome.device->steps},
                          {"processor_steps", outcome.device->processorSteps},
                          {"processor_kernels", outcome.device->why}};
      std::cout << line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) << std::endl;
    } else {
      std::cout << statusName(outcome.status) << " " << test.name << (outcome.detail.empty() ? "" : ": ")
                << outcome.detail << std::endl;
    }
  }

  const std::vector<Test> &tests_;
  std::vector<std::optional<Outcome>> outcomes_;
  std::array<size_t, 4> counts_ = {};
  size_t printed_ = 0;
  size_t passedOfDevice_ = 0, wholly_ = 0; // of those in f32
  bool json_;
};

bool isTest(const fs::path &folder) { return fs::exists(folder / "model.onnx"); }

/// The tests in a folder, or the folder itself, by name.
std::vector<Test> findTests(const std::string &folder) {
  const fs::path path = fs::absolute(folder).lexically_normal();
  std::error_code code;
  std::vector<Test> tests;
  if (isTest(path))
    return {{(path.has_filename() ? path : path.parent_path()).filename().string(), path.string()}};
  for (const fs::directory_entry &entry : fs::directory_iterator(path, code))
    if (isTest(entry.path()))
      tests.push_back({entry.path().filename().string(), entry.path().string()});
  if (code)
    throw Error(Exit::Environment, folder + ": cannot be read: " + code.message());
  std::sort(tests.begin(), tests.end(), [](const Test &a, const Test &b) { return a.name < b.name; });
  return tests;
}

/// The tests that a list names, in its order; one that is nowhere has no folder.
std::vector<Test> select(const std::vector<Test> &tests, const std::string &list) {
  std::ifstream file(list);
  if (!file)
    throw Error(Exit::Environment, list + ": cannot be read");
  std::multimap<std::string, std::string> folders;
  for (const Test &test : tests)
    folders.emplace(test.name, test.folder);
  std::vector<Test> chosen;
  for (std::string name; file >> name;) {
    const auto [first, last] = folders.equal_range(name);
    for (auto row = first; row != last; ++row)
      chosen.push_back({name, row->second});
    if (first == last)
      chosen.push_back({name, ""});
  }
  return chosen;
}

/// Outcomes travel between processes as JSON.
std::string encode(const Outcome &outcome) {
  ordered_json json = {static_cast<int>(outcome.status), outcome.detail, outcome.isF32};
  if (const auto &device = outcome.device)
    json.insert(json.end(), {device->steps, device->processorSteps, device->why});
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}
Outcome decode(const Answer &answer) {
  if (answer.died)
    return {Status::Error, answer.text, false, {}};
  const ordered_json json = ordered_json::parse(answer.text);
  Outcome outcome{static_cast<Status>(json[0].get<int>()), json[1], json[2], {}};
  if (json.size() > 3)
    outcome.device = DeviceShare{json[3], json[4], json[5]};
  return outcome;
}

Outcome runTest(const Test &test, const ScratchFolder &scratch, const Options &options) {
  return test.folder.empty() ? Outcome{Status::Error, "there is no such test", false, {}}
                             : runNodeTest(test.folder, scratch.own(), options.target, options.opensDims);
}

int run(const Options &options) {
  std::vector<Test> tests;
  for (const std::string &folder : options.folders)
    for (Test &test : findTests(folder))
      tests.push_back(std::move(test));
  if (!options.list.empty())
    tests = select(tests, options.list);
  if (tests.empty())
    throw Error(Exit::Usage, options.folders.front() + ": there is no test: a folder with a model.onnx");
  const ScratchFolder scratch;
  Report report(tests, options.json);
  runInWorkers(
      tests.size(), options.jobs, options.seconds,
      [&](size_t i) { return encode(runTest(tests[i], scratch, options)); },
      [&](size_t i, const Answer &answer) { report.add(i, decode(answer)); });
  std::cerr << (isatty(STDERR_FILENO) ? "\r\033[K" : "") << report.summary() << "\n";
  if (!std::cout.flush())
    throw Error(Exit::Environment, "standard output cannot be written");
  return static_cast<int>(report.holds() ? Exit::Done : Exit::Differs);
}

} // namespace

int main(int argc, char **argv) {
  std::signal(SIGPIPE, SIG_IGN); // a closed pipe is an error of writing
  Options options;
  CLI::App app("Compiles and runs ONNX node tests, each a folder with model.onnx and test_data_set_0.",
               "smelt-conformance");
  app.add_option("DIR", options.folders, "folders of tests, or tests")->required();
  app.add_option("--list", options.list, "only the tests that this file names, in its order");
  app.add_option("--target", options.target, "what to compile for, native by default; devices must be here");
  app.add_flag("--open-dims", options.opensDims,
               "compile each model without the extents of its inputs, which a run then gives");
  app.add_flag("--json", options.json, "a line of JSON a test: name, status, detail");
  app.add_option("--jobs", options.jobs, "processes at a time; as many as there are cores by default")
      ->check(CLI::Range(1, 256));
  app.add_option("--seconds", options.seconds, "how long one test may take, 60 by default")
      ->check(CLI::Range(1, 86400));
  try {
    app.parse(argc, argv);
    return run(options);
  } catch (const CLI::Success &help) {
    return app.exit(help);
  } catch (const CLI::ParseError &error) {
    std::cerr << "smelt-conformance: error: " << error.what() << "; see smelt-conformance --help\n";
    return static_cast<int>(Exit::Usage);
  } catch (const Error &error) {
    std::cerr << "smelt-conformance: error: " << error.what() << "\n";
    return static_cast<int>(error.code());
  }
}
