"""Random distortions of a batch, computed in the graph."""

import math
from typing import Any

import tensorflow as tf

from mnist.params.augment import AugmentParams

STREAM = 1  # the randomness of a step, apart from its dropout


def distort(images: Any, transforms: Any) -> Any:
    """Distort float images `[N, H, W, C]`, each by its row of `transforms`; None: not at all.

    One bilinear operation for the whole batch; pixels from outside an image are background.
    """
    if transforms is None:
        return images
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=images.shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def draw(count: int, size: tuple[int, int], seed: Any, params: AugmentParams) -> Any:
    """Draw one transform per image, uniform within the limits of `params`: `[N, 8]`, or None.

    Where each pixel comes from: (x, y) -> (ax + by + c, dx + ey + f), rotation times shear times
    zoom about the middle of the image, then the shift. Stateless: keyed by `seed` (int32 [2]).
    """
    if not any([params.rotation, params.shear, params.zoom, params.shift, params.flip]):
        return None
    seed = tf.random.experimental.stateless_fold_in(seed, STREAM)
    draws = tf.random.stateless_uniform((7, count), seed, -1, 1, alg="philox")
    angle, shear = (
        draws[i] * math.radians(m) for i, m in enumerate((params.rotation, params.shear))
    )
    zoom_x, zoom_y = 1 + params.zoom * draws[2], 1 + params.zoom * draws[3]
    if params.flip:
        zoom_x *= tf.sign(draws[6])
    sin, cos, slope = tf.sin(angle), tf.cos(angle), tf.tan(shear)
    a, b = cos * zoom_x, (cos * slope - sin) * zoom_y
    d, e = sin * zoom_x, (sin * slope + cos) * zoom_y
    y, x = ((side - 1) / 2 for side in size)
    c = x - a * x - b * y + params.shift * draws[4]
    f = y - d * x - e * y + params.shift * draws[5]
    zero = tf.zeros_like(a)
    return tf.stack([a, b, c, d, e, f, zero, zero], axis=1)
