// Part of Smelt, under the Apache License v2.0 with LLVM Exceptions. See LICENSE for details.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/quantize/ConfigurationFile.h"
#include "passes/quantize/RoundingSteps.h"
#include "passes/quantize/Weights.h"
#include "tools/driver/Errors.h"
#include "tools/quantize/WeightRounding.h"
#include "tools/runner/Error.h"
#include "tools/runner/File.h"
#include "llvm/ADT/StringExtras.h"
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

using nlohmann::json;

namespace smelt::quantize {

constexpr uint64_t kMostFileBytes = uint64_t(1) << 30; // of int4-weights, each takes 0.8
constexpr int kMostDepth = 8;                          // of objects and lists in one another
constexpr size_t kMostNamesTold = 5;                   // in a message
constexpr double kMostFactor = 1e+30;                  // of smoothing; the least is its inverse

namespace {
/// Why a file is no configuration.
struct Wrong {
  std::string why;
};
} // namespace

[[noreturn]] static void wrong(const llvm::Twine &why) { throw Wrong{why.str()}; }

constexpr llvm::StringLiteral kInt8 = "int8", kDynamicInt8 = "int8-dynamic", kInt4 = "int4-weights";

/// Whether a layer in this precision is told what its input reaches.
static bool needsRange(llvm::StringRef precision) { return precision == kInt8; }
/// Whether only layers can be in it.
static bool isOfLayers(llvm::StringRef precision) { return precision == kInt8 || precision == kDynamicInt8; }

/// A name as JSON can hold it: bytes that are no UTF-8 are replaced.
static std::string asText(const std::string &name) {
  return json::parse(json(name).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
}

/// "'a', 'b' and 3 more"
static std::string inWords(llvm::ArrayRef<std::string> names) {
  std::string text;
  for (const std::string &name : names.take_front(kMostNamesTold))
    text += (text.empty() ? "" : ", ") + runner::quoted(name);
  if (names.size() > kMostNamesTold)
    text += " and " + std::to_string(names.size() - kMostNamesTold) + " more";
  return text;
}

// --------------------------------------------------------------------------------------------------------- reading

static std::string textOf(const std::string &path) {
  const runner::InputFile file(path);
  if (file.size() > kMostFileBytes)
    wrong("has " + llvm::Twine(file.size()) + " bytes, more than a configuration may");
  std::string text(file.size(), '\0');
  file.readAt(0, text.data(), text.size());
  return text;
}

/// "line 3, column 7" of the byte before which something is wrong, counted from 1.
static std::string placeOf(llvm::StringRef text, size_t byte) {
  const llvm::StringRef before = text.take_front(byte > 0 ? byte - 1 : 0);
  const size_t lineStart = before.rfind('\n'); // npos + 1 is 0
  return "line " + std::to_string(before.count('\n') + 1) + ", column " + std::to_string(before.size() - lineStart);
}

/// The text as JSON, in which no object has a key twice.
static json parsed(const std::string &text) {
  std::vector<std::set<std::string>> keys;
  std::string last; // of the keys before what cannot be read
  const auto check = [&](int depth, json::parse_event_t event, json &value) {
    if (depth > kMostDepth)
      wrong("has objects in one another, more than " + llvm::Twine(kMostDepth) + " deep");
    if (event == json::parse_event_t::object_start)
      keys.emplace_back();
    else if (event == json::parse_event_t::object_end)
      keys.pop_back();
    else if (event == json::parse_event_t::key && !keys.back().insert(last = value.get<std::string>()).second)
      wrong("has " + runner::quoted(last) + " twice in one object");
    return true;
  };
  try {
    return json::parse(text, check);
  } catch (const json::parse_error &error) {
    wrong("is no JSON: " + placeOf(text, error.byte) + " cannot be read");
  } catch (const json::exception &) { // the other thing that parsing finds wrong
    wrong("has a number that is too large" + (last.empty() ? "" : ": that of " + runner::quoted(last)));
  }
}

/// Turns JSON into what a ConfigurationFile holds. Throws Wrong.
class ConfigurationReader {
public:
  explicit ConfigurationReader(ConfigurationFile &file) : file_(file) {}

  void read(const json &whole);

private:
  using Entry = ConfigurationFile::Entry;

  std::string precision(const json &value, const std::string &where) const;
  std::string text(const json &value, const std::string &where) const;
  bool flag(const json &value, const std::string &where) const;
  float number(const json &value, const std::string &where) const;
  std::vector<float> numbers(const json &value, const std::string &where) const;
  Range range(const json &value, const std::string &where) const;
  Entry entry(const json &value, const std::string &where) const;
  void layers(const json &value);

  ConfigurationFile &file_;
};

std::string ConfigurationReader::text(const json &value, const std::string &where) const {
  if (!value.is_string())
    wrong(where + " is of type " + value.type_name() + ", and should be a string");
  return value.get<std::string>();
}

std::string ConfigurationReader::precision(const json &value, const std::string &where) const {
  std::string name = text(value, where);
  if (!precisionOf(name))
    wrong(where + ": no precision " + runner::quoted(name) + "; there are " + precisionNames());
  return name;
}

bool ConfigurationReader::flag(const json &value, const std::string &where) const {
  if (!value.is_boolean())
    wrong(where + " is of type " + value.type_name() + ", and should be true or false");
  return value.get<bool>();
}

float ConfigurationReader::number(const json &value, const std::string &where) const {
  if (!value.is_number())
    wrong(where + " is of type " + value.type_name() + ", and should be a number");
  const auto number = value.get<double>();
  if (!(std::abs(number) <= std::numeric_limits<float>::max()))
    wrong(where + " is a number that f32 cannot hold");
  return static_cast<float>(number);
}

std::vector<float> ConfigurationReader::numbers(const json &value, const std::string &where) const {
  if (!value.is_array())
    wrong(where + " is of type " + value.type_name() + ", and should be a list of numbers");
  std::vector<float> all;
  for (const json &element : value)
    all.push_back(number(element, where));
  return all;
}

Range ConfigurationReader::range(const json &value, const std::string &where) const {
  numbers(value, where); // as f32, so that nothing overflows
  if (value.size() != 2 || value[0].get<double>() > value[1].get<double>())
    wrong(where + " should be [the least, the largest] number of the layer's input");
  return {value[0].get<double>(), value[1].get<double>()};
}

/// "int8", or {"precision": "int8", "range": [-1, 2.5], "dynamic": true, "smoothing": […], "means": […],
/// "rounding": "…"}
ConfigurationReader::Entry ConfigurationReader::entry(const json &value, const std::string &where) const {
  Entry entry;
  if (!value.is_object()) {
    entry.precision = precision(value, where);
    return entry;
  }
  for (const auto &[key, part] : value.items()) {
    const std::string here = where + ": " + runner::quoted(key);
    if (key == "precision")
      entry.precision = precision(part, here);
    else if (key == "range")
      entry.range = range(part, here);
    else if (key == "smoothing")
      entry.smoothing = numbers(part, here);
    else if (key == "means")
      entry.means = numbers(part, here);
    else if (key == "rounding")
      entry.rounding = text(part, here);
    else if (key == "dynamic")
      entry.isDynamic = flag(part, here);
    else
      wrong(here + " is no key of a layer; there are precision, range, dynamic, smoothing, means and rounding");
  }
  for (float factor : entry.smoothing)
    if (!(factor <= kMostFactor && factor >= 1 / kMostFactor))
      wrong(where + ": 'smoothing' should be of numbers above 0 that inputs can be divided by");
  const bool hasRounding = !entry.rounding.empty() && entry.precision != kInt4;
  if (!entry.range && (!entry.smoothing.empty() || !entry.means.empty() || hasRounding || entry.isDynamic))
    wrong(where + ": 'smoothing', 'means', 'rounding' and 'dynamic' go with a 'range'");
  return entry;
}

void ConfigurationReader::layers(const json &value) {
  if (!value.is_object())
    wrong(std::string("'layers' is of type ") + value.type_name() +
          ", and should be an object of layers by their names");
  for (const auto &[name, part] : value.items()) {
    ConfigurationFile::Named named{name, {}, part.is_array()};
    const std::string where = "layer " + runner::quoted(name);
    if (!named.isList)
      named.entries.push_back(entry(part, where));
    else
      for (const json &element : part)
        named.entries.push_back(entry(element, where));
    file_.layers_.push_back(std::move(named));
  }
}

void ConfigurationReader::read(const json &whole) {
  if (!whole.is_object())
    wrong(std::string("is of type ") + whole.type_name() +
          ", and should be an object with the keys default and layers");
  for (const auto &[key, value] : whole.items()) {
    if (key == "default")
      file_.standard_ = precision(value, "'default'");
    else if (key == "rest")
      file_.rest_ = precision(value, "'rest'");
    else if (key == "layers")
      layers(value);
    else if (key == "model")
      text(value, "'model'"); // for people
    else if (key != "version")
      wrong(runner::quoted(key) + " is no key of a configuration; there are version, model, default, rest and layers");
    else if (value != 1)
      wrong("is of another version of this form than 1, which this program reads");
  }
  if (isOfLayers(file_.rest_))
    wrong("'rest' is of what has no weights, and cannot be " + file_.rest_);
  // What is written in floats alone is so throughout; beside integers a compilation chooses.
  if (file_.rest_.empty() && !isOfLayers(file_.standard_))
    file_.rest_ = file_.standard_;
  const std::set<std::string> names = file_.names();
  if (names.count(kInt8.str()) && names.count(kDynamicInt8.str())) // which different passes make
    wrong("has layers of int8 and of int8-dynamic, which do not mix");
}

llvm::Expected<ConfigurationFile> ConfigurationFile::read(const std::string &path) {
  ConfigurationFile file;
  file.path_ = path;
  try {
    ConfigurationReader(file).read(parsed(textOf(path)));
  } catch (const Wrong &error) {
    return driver::toolError(driver::kMalformed, path + ": " + error.why);
  }
  return file;
}

std::set<std::string> ConfigurationFile::names() const {
  std::set<std::string> names{standard_};
  if (!rest_.empty())
    names.insert(rest_);
  for (const Named &named : layers_)
    for (const Entry &entry : named.entries)
      if (!entry.precision.empty())
        names.insert(entry.precision);
  return names;
}

Precision ConfigurationFile::passes() const {
  if (const std::optional<Precision> only = onlyPrecision())
    return *only;
  return names().count(kDynamicInt8.str()) ? *precisionOf(kDynamicInt8) : Precision::Int8;
}

std::optional<Precision> ConfigurationFile::onlyPrecision() const {
  auto hasRange = [](const Named &named) {
    return llvm::any_of(named.entries, [](const Entry &entry) { return entry.range.has_value(); });
  };
  if (names().size() > 1 || needsRange(standard_) || llvm::any_of(layers_, hasRange))
    return std::nullopt;
  return precisionOf(standard_);
}

// ------------------------------------------------------------------------------------------------ meeting a model

using Indices = std::vector<size_t>;

/// Layers by their names, and by the names of single source nodes that were joined to one.
static std::pair<std::map<std::string, Indices>, std::map<std::string, Indices>>
byName(const std::vector<std::string> &layers) {
  std::map<std::string, Indices> whole, parts;
  for (size_t i = 0; i < layers.size(); ++i) {
    const std::string name = asText(layers[i]);
    whole[name].push_back(i);
    llvm::SmallVector<llvm::StringRef> nodes;
    llvm::StringRef(name).split(nodes, '+');
    for (llvm::StringRef node : nodes)
      if (nodes.size() > 1)
        parts[node.str()].push_back(i);
  }
  return {std::move(whole), std::move(parts)};
}

/// What the file says of each layer; null where it says nothing. `why` is what does not fit.
std::vector<const ConfigurationFile::Entry *> ConfigurationFile::entriesOf(const std::vector<std::string> &layers,
                                                                           std::string &why) const {
  const auto [whole, parts] = byName(layers);
  std::vector<const Entry *> entries(layers.size(), nullptr);
  std::vector<std::string> unknown;
  for (const auto *names : {&whole, &parts}) // whole names count before parts
    for (const Named &named : layers_) {
      const auto found = names->find(named.name);
      const bool isWhole = whole.count(named.name) > 0;
      if (found == names->end() || isWhole != (names == &whole)) {
        if (names == &parts && !isWhole)
          unknown.push_back(named.name);
        continue;
      }
      const Indices &meant = found->second;
      const bool hasRange = llvm::any_of(named.entries, [](const Entry &entry) { return entry.range.has_value(); });
      if (named.isList ? named.entries.size() != meant.size() : hasRange && meant.size() > 1)
        why = "node " + runner::quoted(named.name) + " is " +
              (meant.size() == 1
                   ? "one layer, so it has one entry, and not a list of " + std::to_string(named.entries.size())
                   : std::to_string(meant.size()) + " layers, so it needs a list of as many entries, in the "
                                                    "order in which they are computed");
      for (size_t i = 0; i < meant.size() && why.empty(); ++i)
        if (!entries[meant[i]])
          entries[meant[i]] = &named.entries[named.isList ? i : 0];
    }
  if (!unknown.empty())
    why = "the model has no layer " + inWords(unknown) + "; its layers are " +
          (layers.empty() ? "none: it has no product by constant weights" : inWords(layers));
  return entries;
}

/// Whether the layer's rounding is of these weights.
static bool isRounding(const Layer &layer, const WeightedProduct &product) {
  if (layer.precision == kInt4)
    return WeightRounding::isOf(layer.rounding, product.weights().shape());
  return stepsOf(layer.rounding, static_cast<size_t>(product.weights().size())).has_value();
}

llvm::Expected<Configuration> ConfigurationFile::fit(mlir::ModuleOp module) const {
  const std::vector<WeightedProduct> products = weightedProducts(module);
  std::vector<std::string> names;
  for (const WeightedProduct &product : products)
    names.push_back(product.name());
  std::string why;
  const std::vector<const Entry *> entries = entriesOf(names, why);
  Configuration result;
  result.rest = rest_;
  result.inParts = layersInParts(module);
  for (size_t i = 0; i < products.size() && why.empty(); ++i) {
    Layer layer;
    layer.node = names[i];
    layer.multiplyAdds = products[i].multiplyAdds();
    layer.precision = entries[i] && !entries[i]->precision.empty() ? entries[i]->precision : standard_;
    const std::optional<Precision> precision = precisionOf(layer.precision);
    if ((precision == Precision::Int8 || precision == Precision::Int8Dynamic) && !products[i].isFinite())
      layer.precision = nameOf(Precision::F32).str();
    if (entries[i] && entries[i]->range) {
      layer.isRangeGiven = true;
      layer.range = *entries[i]->range;
      layer.smoothing = entries[i]->smoothing;
      layer.means = entries[i]->means;
      layer.rounding = entries[i]->rounding;
      layer.isDynamic = entries[i]->isDynamic;
    } else if (entries[i]) {
      layer.rounding = entries[i]->rounding;
    }
    const auto channels = static_cast<size_t>(products[i].inputChannels());
    for (const auto &[key, count] : {std::pair("smoothing", layer.smoothing.size()), {"means", layer.means.size()}})
      if (count != 0 && count != channels)
        why = "layer " + runner::quoted(names[i]) + " has " + std::to_string(count) + " numbers of '" + key +
              "', and its input " + std::to_string(channels) + " channels: the file is of another model";
    const int64_t weights = products[i].weights().size();
    if (!layer.rounding.empty() && !isRounding(layer, products[i]))
      why = "layer " + runner::quoted(names[i]) + " has a 'rounding' that is not one of its " +
            std::to_string(weights) + " weights: the file is damaged, or of another model";
    result.layers.push_back(std::move(layer));
  }
  if (!why.empty())
    return driver::toolError(driver::kUsage, path_ + ": " + why);
  return result;
}

void ConfigurationFile::complete(Configuration &configuration, const Configuration &found) {
  for (auto [layer, data] : llvm::zip_equal(configuration.layers, found.layers)) {
    if (layer.isRangeGiven || layer.precision == kInt4)
      continue;
    layer.range = data.range;
    layer.smoothing = data.smoothing;
    layer.means = data.means;
    layer.rounding = data.rounding;
    layer.isDynamic = data.isDynamic;
    if (needsRange(layer.precision) && !needsRange(data.precision)) // its input is no number somewhere
      layer.precision = data.precision;
  }
}

std::string ConfigurationFile::unknownRanges(const Configuration &configuration) {
  std::vector<std::string> names;
  for (const Layer &layer : configuration.layers)
    if (needsRange(layer.precision) && !layer.isRangeGiven)
      names.push_back(layer.node);
  return inWords(names);
}

// --------------------------------------------------------------------------------------------------------- writing

/// A number of f32 in the fewest digits that it can be read from.
static json shortest(float number) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, number);
  return error == std::errc() ? json::parse(text, end) : json(number);
}

static json listOf(const std::vector<float> &numbers) {
  json list = json::array();
  for (float number : numbers)
    list.push_back(shortest(number));
  return list;
}

static std::string lineOf(const Layer &layer) {
  nlohmann::ordered_json line = {{"precision", layer.precision}};
  if (layer.range.low != 0 || layer.range.high != 0 || needsRange(layer.precision)) {
    line["range"] = {layer.range.low, layer.range.high};
    if (layer.isDynamic)
      line["dynamic"] = true;
    if (!layer.smoothing.empty())
      line["smoothing"] = listOf(layer.smoothing);
    if (!layer.means.empty())
      line["means"] = listOf(layer.means);
  }
  if (!layer.rounding.empty())
    line["rounding"] = layer.rounding;
  return line.dump();
}

static std::string quotedAsJson(const std::string &text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string toJson(const Configuration &configuration, const std::string &model, Precision standard) {
  std::vector<std::string> names; // each once, in the order in which they are computed
  std::map<std::string, std::vector<std::string>> lines;
  for (const Layer &layer : configuration.layers) {
    std::vector<std::string> &same = lines[asText(layer.node)];
    if (same.empty())
      names.push_back(asText(layer.node));
    same.push_back(lineOf(layer));
  }
  std::string text = "{\n  \"version\": 1,\n  \"model\": " + quotedAsJson(model) +
                     ",\n  \"default\": " + quotedAsJson(nameOf(standard).str()) + ",\n";
  if (!configuration.rest.empty())
    text += "  \"rest\": " + quotedAsJson(configuration.rest) + ",\n";
  text += "  \"layers\": {";
  for (const std::string &name : names) {
    const std::vector<std::string> &same = lines[name];
    const std::string value = same.size() == 1 ? same.front() : "[" + llvm::join(same, ",\n      ") + "]";
    text += (name == names.front() ? "\n    " : ",\n    ") + quotedAsJson(name) + ": " + value;
  }
  return text + (names.empty() ? "}\n}\n" : "\n  }\n}\n");
}

} // namespace smelt::quantize
