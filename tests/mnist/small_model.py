"""small.keras, a network that reads digits: `python tests/mnist/small_model.py` trains it again.

The tests copy it instead of training one each. Train it again when a change of `mnist.network`,
`mnist.training` or of the locked packages changes its bytes; test_small_model.py reports that.
"""

import shutil
import tempfile
from pathlib import Path

import servers

PATH = Path(__file__).with_name("small.keras")
STEPS = 600


def train(folder: Path) -> Path:
    """Train the network on the bundled digits; return its file below `folder`."""
    return servers.make(folder, servers.DIGITS, servers.digits()[0], steps=STEPS)


def copy(folder: Path) -> Path:
    """Put the network into `folder`, where a project has its model."""
    path = folder / "models/model.keras"
    path.parent.mkdir(parents=True)
    return Path(shutil.copyfile(PATH, path))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(train(Path(folder)), PATH)
