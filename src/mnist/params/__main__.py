"""Is params.yaml right, all of it? `python -m mnist.params` says so in a moment, without data."""

from mnist.errors import run
from mnist.params.sections import check

if __name__ == "__main__":
    run(check)
