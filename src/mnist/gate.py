"""Is the model good enough? `python -m mnist.gate` judges what `evaluate` wrote, and keeps it.

Exit status: 0; 1 below `gate.minimum_accuracy`; 2 where there is nothing to judge. A project
without a model passes with `--if-trained`: `make repro DVC_FLAGS=preprocess` makes none.
"""

import argparse
import json
import sys
from pathlib import Path

from mnist import document
from mnist.errors import UserError, run
from mnist.params.file import read
from mnist.params.gate import GateParams

MODEL = Path("models/model.keras")
EVALUATION = Path("metrics/evaluation.json")


def require_model(path: Path = MODEL) -> None:
    """Raise UserError where no model is here: the metrics are then those that git has."""
    if not path.exists():
        raise UserError(
            f"{path}: expected the model that {EVALUATION} is of, found no such file; run "
            "`make repro`, or `make pull` if a DVC remote has it"
        )


def accuracy(path: Path = EVALUATION) -> float:
    """Read the accuracy on the test set, 0 to 1. Raises UserError where there is none."""
    try:
        found = json.loads(path.read_bytes())
        value = found.get("accuracy") if isinstance(found, dict) else None
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run `make repro`") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(_unfit(path, document.reason(error))) from None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise UserError(_unfit(path, f"{value!r:.80}"))
    return value


def _unfit(path: Path, found: str) -> str:
    return f"{path}: expected an `accuracy` of 0 to 1, found {found}; delete it, run `make repro`"


def main() -> None:
    """Print in one line whether the model passes."""
    parser = argparse.ArgumentParser(prog="python -m mnist.gate", description=__doc__)
    parser.add_argument("--if-trained", action="store_true", help="pass where there is no model")
    if parser.parse_args().if_trained and not MODEL.exists():
        return
    require_model()
    least, found = read("gate", GateParams).minimum_accuracy, accuracy()
    if found < least:
        print(
            f"gate: expected a test accuracy of at least {least} (gate.minimum_accuracy in "
            f"params.yaml), found {found}; all that was measured is kept in metrics/",
            file=sys.stderr,
        )
        sys.exit(1)
    print(f"gate: test accuracy {found}, at least {least} as gate.minimum_accuracy asks")


if __name__ == "__main__":
    run(main)
