"""What is tried: each precision that smelt compile knows, and mixtures of integers with more digits along the order of layers that cost most."""
import json
import re

from . import trial

WHOLE = ("f32", "bf16", "f16", "int8", "int8-dynamic", "int8-weights", "int4-weights")  # in the order of the contract
LEAST_ERROR = 0.05  # of that of all layers, in the last mixture


def known_precisions():
    """Those of WHOLE that smelt compile --help tells of."""
    text = trial.call("compile", "--help")
    told = set(re.findall(r"(?<![\w.\"-])(?:f32|bf16|f16|int8-dynamic|int8-weights|int4-weights|int8)(?![\w.-])", text))
    return [name for name in WHOLE if name in told]


def whole(target):
    return [trial.Job(name, target, name, calibrates=name in trial.CALIBRATED) for name in known_precisions()]


class Mixtures:
    """Configurations of one target that keep the first so many layers of an order in more digits."""

    def __init__(self, target, told, text):
        self.target, self._file = target, json.loads(text)
        self.layers = sorted(told["layers"], key=lambda layer: layer["index"])
        self.all_lowered = told["all_lowered"]
        lowered = [layer for layer in self.layers if layer["precision"] != "f32"]
        # What a layer costs is a sum of squares in the outputs, and what it saves is its multiply-adds.
        self.order = sorted(lowered, key=lambda layer: (-layer["alone"] ** 2 / max(layer["multiply_adds"], 1), layer["index"]))

    def error(self, kept):
        """Of the outputs, as the layers alone tell: errors of layers are taken as independent."""
        return sum(layer["alone"] ** 2 for layer in self.order[kept:]) ** 0.5

    def spread(self, count):
        """So many numbers of kept layers, none first, whose errors fall by one factor from each to the next."""
        most, found = len(self.order), {0}
        whole = self.error(0)
        for step in range(1, count):
            wanted = whole * LEAST_ERROR ** (step / (count - 1))
            found.add(next((kept for kept in range(most) if self.error(kept) <= wanted), most - 1))
        for kept in range(1, most):  # where errors fall in steps, the fewest that are not there yet
            if len(found) >= min(count, most):
                break
            found.add(kept)
        return sorted(found)

    def job(self, kept, kept_in):
        """The configuration in which the first `kept` layers of the order are in `kept_in`."""
        seen = {}
        precisions = {layer["index"] for layer in self.order[:kept]}
        layers = {name: [dict(entry) for entry in (entries if isinstance(entries, list) else [entries])] for name, entries in self._file["layers"].items()}
        for layer in self.layers:  # of one name, in the order in which they are computed
            place = seen[layer["name"]] = seen.get(layer["name"], -1) + 1
            if layer["index"] in precisions:
                layers[layer["name"]][place]["precision"] = kept_in
        file = dict(self._file, layers={name: entries if len(entries) > 1 else entries[0] for name, entries in layers.items()})
        return trial.Job(f"int8-keep-{kept}" if kept else "int8-all", self.target, configuration=in_lines(file))


def in_lines(file):
    """A file of layers as smelt writes it: a layer a line."""
    lines = [f"    {json.dumps(name)}: {json.dumps(entry, separators=(',', ':'))}" for name, entry in file["layers"].items()]
    head = [f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in file.items() if key != "layers"]
    return "{\n" + "".join(head) + '  "layers": {' + ("\n" + ",\n".join(lines) + "\n  " if lines else "") + "}\n}\n"
