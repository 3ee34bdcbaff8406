"""Pictures -> training and test pictures, no picture on both sides."""

from collections import defaultdict

import numpy as np

from mnist.collection.folder import MOST_TOLD, Picture
from mnist.errors import UserError


def require_one_label(pictures: list[Picture]) -> None:
    """Raise UserError, a line a picture, where one picture is in two classes."""
    by_pixels = _alike(pictures)
    twice = [
        "one picture in two classes: " + ", ".join(str(one.path) for one in same)
        for same in by_pixels
        if len({one.label for one in same}) > 1
    ]
    if twice:
        advice = "leave one out of each, with --drop"
        raise UserError("\n".join([*twice[:MOST_TOLD], f"{len(twice)} in all; {advice}"]))


def divide(pictures: list[Picture], *, test_one_in: int, seed: int) -> list[Picture]:
    """Give each picture its split: what the folder says, else one in `test_one_in` a test.

    Stratified by class and seeded; pictures alike stay on one side. Raises UserError where a
    class has too few to give one, or the folder has one picture on both sides.
    """
    if any(picture.split == "test" for picture in pictures):
        _require_apart(pictures)
        return pictures
    order = np.random.Generator(np.random.PCG64(seed))
    split: dict[bytes, str] = {}
    for label in sorted({picture.label for picture in pictures}):
        groups = _alike([picture for picture in pictures if picture.label == label])
        wanted = len(groups) // test_one_in
        if wanted == 0:
            raise UserError(
                f"{label}: expected {test_one_in} different pictures or more, so that one in "
                f"{test_one_in} is for the test, found {len(groups)}"
            )
        tests = set(order.permutation(len(groups))[:wanted].tolist())
        for number, same in enumerate(groups):
            split[same[0].pixels] = "test" if number in tests else "train"
    return [picture._replace(split=split[picture.pixels]) for picture in pictures]


def _require_apart(pictures: list[Picture]) -> None:
    both = [same for same in _alike(pictures) if len({one.split for one in same}) > 1]
    if both:
        lines = [", ".join(str(one.path) for one in same) for same in both[:MOST_TOLD]]
        told = [f"one picture in train/ and test/: {line}" for line in lines]
        raise UserError(
            "\n".join([*told, f"{len(both)} in all; leave one out of each, with --drop"])
        )


def alike(pictures: list[Picture]) -> list[list[Picture]]:
    """Return the pictures that are there more than once, by what they show."""
    return [same for same in _alike(pictures) if len(same) > 1]


def _alike(pictures: list[Picture]) -> list[list[Picture]]:
    groups = defaultdict(list)
    for picture in pictures:
        groups[picture.pixels].append(picture)
    return list(groups.values())
