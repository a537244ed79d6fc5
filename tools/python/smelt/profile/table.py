"""Figures of a profile for people: on a terminal, and in Markdown."""


def size(bytes_):
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "KB")):
        if bytes_ >= unit:
            return f"{bytes_ / unit:.3g} {name}" if bytes_ < 999 * unit else f"{bytes_ / unit:.0f} {name}"
    return f"{bytes_} B"


def percent(part):
    """Losses are small numbers, and may be gains."""
    return "0 %" if part == 0 else f"{100 * part:.3g} %"


def milliseconds(value):
    return "-" if value is None else f"{value:.3g} ms"


def _rows(result):
    for point in result["points"]:
        ratio = point["latency_ratio"]
        marks = ("front" if point["on_front"] else "") + (", chosen" if point["configuration"] and result["chosen"] == _id(point) else "")
        yield (_id(point), size(point["size"]), milliseconds(point["latency_ms"]), "-" if ratio is None else f"{ratio:.2f}", percent(point["loss"]), marks)


def _id(point):
    return point["configuration"].rpartition("/")[2].removesuffix(".json")


def _head(result):
    return ("point", "size", "latency", "of f32", f"loss of {result['metric']}", "")


def _budget(result):
    words = {"loss": percent, "size": size, "latency_ms": milliseconds}
    return ", ".join(f"{key.removesuffix('_ms')} at most {words[key](most)}" for key, most in result["budget"].items())


def _verdict(result):
    if not result["budget"]:
        return ""
    if result["chosen"]:
        command = next(point["command"] for point in result["points"] if _id(point) == result["chosen"])
        return f"within the budget ({_budget(result)}): {result['chosen']}\n  {command}"
    return f"no point is within the budget ({_budget(result)})"


def text(result, report):
    rows = [_head(result), *_rows(result)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) if column in (0, 5) else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths))).rstrip()
             for row in rows]
    lines += [f"left out: {entry['name']}: {entry['why']}" for entry in result["failed"]]
    return "\n".join([*lines, "", *filter(None, [_verdict(result)]), f"{report} shows them"])


def markdown(result):
    rows = [_head(result), ("---",) + ("---:",) * 4 + ("---",), *_rows(result)]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    head = f"### {result['model']}: size, latency and {result['metric']}, {result['data']['evaluation']} samples"
    return "\n".join([head, "", *lines, "", _verdict(result)]).rstrip() + "\n"
