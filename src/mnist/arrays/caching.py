"""Keep images in memory if they fit; otherwise they are read from their file each time."""

from collections.abc import Sequence

from mnist.arrays.dataset import Examples
from mnist.arrays.images import bytes_per_image


def cache(sets: Sequence[Examples], max_bytes: int) -> list[Examples]:
    """Load the images of all sets into memory, unless they take more than `max_bytes`.

    Prints which it does. Images and order are the same in both cases.
    """
    needed = sum(len(examples.images) * bytes_per_image(examples.images) for examples in sets)
    fits = needed <= max_bytes
    mode = "resident" if fits else "streamed"
    print(f"images: {_format(needed)} of {_format(max_bytes)}: {mode}", flush=True)
    if not fits:
        return list(sets)
    return [examples._replace(images=examples.images[:]) for examples in sets]


def _format(count: int) -> str:
    return f"{count / 1e9:,.3g} GB" if count >= 10**8 else f"{count / 1e6:,.3g} MB"
