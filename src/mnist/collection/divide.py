"""Divide pictures into training and test pictures; no picture is in both."""

from collections import defaultdict

import numpy as np

from mnist.collection.folder import MAX_ERRORS, Picture
from mnist.errors import UserError


def require_one_label(pictures: list[Picture]) -> None:
    """Raise UserError, with one line per picture, if a picture is in two classes."""
    lines = [
        "one picture in two classes: " + _paths(copies)
        for copies in _by_pixels(pictures)
        if len({copy.label for copy in copies}) > 1
    ]
    if lines:
        advice = "leave one out of each, with --drop"
        raise UserError("\n".join([*lines[:MAX_ERRORS], f"{len(lines)} in all; {advice}"]))


def divide(pictures: list[Picture], *, test_one_in: int, seed: int) -> list[Picture]:
    """Give each picture its split: that of its folder, or one in `test_one_in` is for the test.

    Stratified by class and seeded; copies of a picture get the same split. Raises UserError if a
    class has too few pictures, or the folder has one picture in both splits.
    """
    if any(picture.split == "test" for picture in pictures):
        _require_apart(pictures)
        return pictures
    order = np.random.Generator(np.random.PCG64(seed))
    split: dict[bytes, str] = {}
    for label in sorted({picture.label for picture in pictures}):
        groups = _by_pixels([picture for picture in pictures if picture.label == label])
        test_count = len(groups) // test_one_in
        if test_count == 0:
            raise UserError(
                f"{label}: expected {test_one_in} different pictures or more, so that one in "
                f"{test_one_in} is for the test, found {len(groups)}"
            )
        tests = set(order.permutation(len(groups))[:test_count].tolist())
        for number, copies in enumerate(groups):
            split[copies[0].pixels] = "test" if number in tests else "train"
    return [picture._replace(split=split[picture.pixels]) for picture in pictures]


def _require_apart(pictures: list[Picture]) -> None:
    both = [copies for copies in _by_pixels(pictures) if len({copy.split for copy in copies}) > 1]
    if both:
        lines = [
            f"one picture in train/ and test/: {_paths(copies)}" for copies in both[:MAX_ERRORS]
        ]
        raise UserError(
            "\n".join([*lines, f"{len(both)} in all; leave one out of each, with --drop"])
        )


def duplicates(pictures: list[Picture]) -> list[list[Picture]]:
    """Return the pictures that are there more than once, grouped by their pixels."""
    return [copies for copies in _by_pixels(pictures) if len(copies) > 1]


def _paths(pictures: list[Picture]) -> str:
    return ", ".join(str(picture.path) for picture in pictures)


def _by_pixels(pictures: list[Picture]) -> list[list[Picture]]:
    groups = defaultdict(list)
    for picture in pictures:
        groups[picture.pixels].append(picture)
    return list(groups.values())
