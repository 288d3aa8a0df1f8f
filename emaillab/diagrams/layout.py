"""Where do the nodes of a network go on paper? Those who are joined in layers, each a step further away.

>>> layers(["a", "b", "c", "alone"], [("b", "c"), ("a", "b")])
[[['a'], ['b'], ['c']], [['alone']]]
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def layers(names: Sequence[str], links: Sequence[tuple[str, str]]) -> list[list[list[str]]]:
    """Return, for every group of joined nodes, its layers; deterministic.

    The first node of all stands on top if it is an end, such as the author's device; else one of those farthest apart.
    """
    neighbours: dict[str, list[str]] = {name: [] for name in names}
    for a, b in links:
        neighbours[a].append(b)
        neighbours[b].append(a)
    groups: list[list[list[str]]] = []
    left = dict.fromkeys(names)
    while left:
        first = next(iter(left))
        group = [name for layer in _spread(first, neighbours) for name in layer]
        farthest = _spread(first, neighbours)[-1][0]
        other = _spread(farthest, neighbours)[-1][0]
        root = first if len(neighbours[first]) < 2 else min(farthest, other, key=list(names).index)
        groups.append(_untangled(_spread(root, neighbours), neighbours))
        for name in group:
            del left[name]
    return groups


def _spread(root: str, neighbours: dict[str, list[str]]) -> list[list[str]]:
    """Return the nodes by their distance from a root."""
    seen, found = {root}, [[root]]
    while True:
        layer = []
        for name in found[-1]:
            for other in neighbours[name]:
                if other not in seen:
                    seen.add(other)
                    layer.append(other)
        if not layer:
            return found
        found.append(layer)


def _untangled(found: list[list[str]], neighbours: dict[str, list[str]]) -> list[list[str]]:
    """Order each layer by where its neighbours in the layer above stand, so that few lines cross."""
    for above, layer in pairwise(found):
        place = {name: at for at, name in enumerate(above)}

        def middle(name: str, place: dict[str, int] = place) -> float:
            known = [place[other] for other in neighbours[name] if other in place]
            return sum(known) / len(known)

        layer.sort(key=middle)
    return found
