"""Values that are no tensors: a compiled model has the tensors that they consist of, Python has lists of arrays, and None for what is absent.

smelt_model.forms of runtime/include/smelt/smelt.h says what they are: "input x: sequence of 2\\noutput y: absent\\n".
"""
import collections
import itertools

from .errors import np


class FormError(ValueError):
    """A value that is not of the form that the model takes."""


class Forms:
    def __init__(self, text):
        self.inputs, self.outputs = {}, {}  # name → form
        for line in text.splitlines():
            place, _, form = line.rpartition(": ")
            direction, _, name = place.partition(" ")
            (self.inputs if direction == "input" else self.outputs)[name] = form

    def spread(self, feeds):
        """The feeds with sequences as their tensors, x[0], x[1], …"""
        spread = dict(feeds)
        for name, form in self.inputs.items():
            if name not in feeds:
                continue  # it is absent, or its tensors are given by themselves
            value, count = spread.pop(name), 0 if form == "absent" else int(form.split()[-1])
            if form == "absent" and value is not None:
                raise FormError(f"input '{name}' is absent in this model, and takes None")
            if form != "absent" and (not isinstance(value, (list, tuple)) or len(value) != count):
                what = f"a list of {len(value)}" if isinstance(value, (list, tuple)) else f"a {type(value).__name__}"
                raise FormError(f"input '{name}' is {what}, the model wants a list of {count} arrays")
            spread.update((f"{name}[{i}]", part) for i, part in enumerate(value or ()))
        return spread

    def gather(self, outputs):
        """The outputs with lists for sequences and None for what is absent, in the place of their tensors."""
        left = collections.OrderedDict(outputs)
        for name, form in self.outputs.items():
            is_present = left.pop(f"{name}.present", True)
            value = self._value(name, form.removeprefix("optional "), left)
            left[name] = value if is_present else None
        return dict(left)

    @staticmethod
    def _value(name, form, left):
        if form == "table":
            return list(tensors_of(left.pop(f"{name}.data"), left.pop(f"{name}.shapes")))
        if form.startswith("sequence of "):
            return [left.pop(f"{name}[{i}]") for i in range(int(form.split()[-1]))]
        return left.pop(name, None)


def tensors_of(data, shapes):
    """The tensors of a sequence whose elements lie one after another, and a row of dims for each, filled up with -1."""
    shapes = [tuple(extent for extent in row if extent >= 0) for row in shapes]
    ends = list(itertools.accumulate((int(np.prod(shape, dtype=np.int64)) for shape in shapes), initial=0))
    return (data[start:end].reshape(shape) for start, end, shape in zip(ends, ends[1:], shapes))
