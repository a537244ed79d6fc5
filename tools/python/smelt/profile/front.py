"""Which points are worth having.

Sizes and losses are the same in every run, and latencies are not, so they count for different things. A point is dominated by another that is neither
larger nor less accurate, unless it is *clearly* faster than that one: by more than MARGIN, in so many of the rounds in which both were measured in turns
that chance would not have it (three standard deviations of a fair coin). So latency decides only between points of which one is no better in size and
accuracy, and only where the difference is beyond noise: runs on one machine, and with workers anywhere, find the same front.
"""
import math

MARGIN = 0.10  # of the latency: what is less is none to whoever waits
SIGMAS = 3


def is_at_least(q, p):
    """Whether q is as small and as accurate as p, or more so; of equals, the first is."""
    if q["target"] != p["target"] or q is p:
        return False
    return q["size"] <= p["size"] and q["loss"] <= p["loss"] and (q["size"], q["loss"], q["number"]) < (p["size"], p["loss"], p["number"])


def contests(points):
    """(p, q) where it is for latency to say whether p stays beside q."""
    return [(p, q) for p in points for q in points if is_at_least(q, p)]


def verdict(rounds, p, q):
    """True where p is clearly faster than q, False where it clearly is not, None where rounds do not tell. `rounds` has milliseconds by number."""
    faster = sum(row[p["number"]] < (1 - MARGIN) * row[q["number"]] for row in rounds)
    if abs(faster - len(rounds) / 2) <= SIGMAS / 2 * math.sqrt(len(rounds)):
        return None
    return faster > len(rounds) / 2


def mark(points, rounds):
    """Sets `on_front` and, for who is dominated, `dominated_by`, the name of the first that does it."""
    for p in points:
        better = [q for q in points if is_at_least(q, p) and not (rounds.get(p["target"]) and verdict(rounds[p["target"]], p, q))]
        p["on_front"], p["dominated_by"] = not better, better[0]["name"] if better else None


def within(point, budget):
    """Whether a point keeps to all of a budget: {"loss": …, "size": bytes, "latency_ms": …}, of which each may be missing."""
    if "latency_ms" in budget and point["latency_ms"] is None:
        return False
    return all(point[key] <= most for key, most in budget.items())


def choose(points, budget):
    """Of those on the front that keep to the budget, the smallest; with a budget for size alone, the most accurate. None where there is none."""
    fitting = [point for point in points if point["on_front"] and within(point, budget)]
    if not budget or not fitting:
        return None
    key = (lambda point: (point["loss"], point["size"])) if set(budget) == {"size"} else (lambda point: (point["size"], point["loss"]))
    return min(fitting, key=lambda point: (*key(point), point["number"]))
