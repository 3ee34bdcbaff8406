"""The machine's own rate: a turn is 10 products of two 2048 x 2048 float32 matrices."""

import math
import os

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
import numpy as np
import tensorflow as tf

from turns import serve

SIDE, PRODUCTS = 2048, 10
GFLOP = PRODUCTS * 2 * SIDE**3 / 1e9  # a turn


def main() -> None:
    """Take turns."""
    matrix = tf.constant(np.random.default_rng(1).random((SIDE, SIDE), np.float32))

    def run() -> None:
        for _ in range(PRODUCTS):
            (matrix @ matrix).numpy()

    serve(run, lambda: math.nan)  # nothing to test


if __name__ == "__main__":
    main()
