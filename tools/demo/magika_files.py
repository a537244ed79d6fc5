"""What magika needs around its network: how a file becomes the network's 2048 numbers, and what its answer is called.

As the Python package of magika 1.0 does it; the numbers and names come from that package's own configuration.
"""
import json
import zipfile

import numpy as np

_CONFIGURATION = "magika/models/standard_v3_3/config.min.json"
_CONTENT_TYPES = "magika/config/content_types_kb.min.json"


class Magika:
    """Files to numbers, and scores to words."""

    def __init__(self, wheel):
        with zipfile.ZipFile(wheel) as archive:
            self._configuration = json.loads(archive.read(_CONFIGURATION))
            self._types = json.loads(archive.read(_CONTENT_TYPES))

    def features(self, path):
        """The network's input for a file: its first and last bytes without the white space around, then padding. None if it is too short."""
        settings = self._configuration
        block, begin_size, end_size = settings["block_size"], settings["beg_size"], settings["end_size"]
        with open(path, "rb") as file:
            begin = file.read(block).lstrip()[:begin_size]
            file.seek(max(0, path.stat().st_size - block))
            end = file.read(block).rstrip()[-end_size:]
        if len(begin) < settings["min_file_size_for_dl"]:
            return None
        tokens = np.full(begin_size + end_size, settings["padding_token"], np.int32)
        tokens[: len(begin)] = np.frombuffer(begin, np.uint8)
        tokens[len(tokens) - len(end) :] = np.frombuffer(end, np.uint8)
        return tokens[np.newaxis]

    def answer(self, scores):
        """(label, score, description): the network's best guess, or what it falls back to where that is too weak."""
        settings = self._configuration
        best = int(scores.argmax())
        score, guess = float(scores[best]), settings["target_labels_space"][best]
        label = settings["overwrite_map"].get(guess, guess)
        if score < settings["thresholds"].get(guess, settings["medium_confidence_threshold"]):
            label = "txt" if self._types[label]["is_text"] else "unknown"
        return label, score, self._types[label]["description"] or label
