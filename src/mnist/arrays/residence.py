"""What of the images is brought into memory, and what is read from its file each time."""

from collections.abc import Sequence

from mnist.arrays.dataset import Examples
from mnist.arrays.images import size


def bring(sets: Sequence[Examples], most: int) -> list[Examples]:
    """Bring the images of all sets into memory, unless they are more than `most` bytes.

    The same images in the same order either way. Says which, in a line.
    """
    wanted = sum(len(examples.images) * size(examples.images) for examples in sets)
    fits = wanted <= most
    where = "resident" if fits else "streamed"
    print(f"images: {_say(wanted)} of {_say(most)}: {where}", flush=True)
    if not fits:
        return list(sets)
    return [examples._replace(images=examples.images[:]) for examples in sets]


def _say(count: int) -> str:
    return f"{count / 1e9:,.3g} GB" if count >= 10**8 else f"{count / 1e6:,.3g} MB"
