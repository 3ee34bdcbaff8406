"""Be DVC, with another loop: `python src/sealed/jobs N DVC repro [its arguments]`."""

import inspect
import sys
from functools import partial
from pathlib import Path
from typing import Any

DVCS = ("stages", "graph", "force_downstream", "on_error", "force", "repro_fn", "kwargs")
ADVICE = "run it without, or install one of 3.49 to 3.67"


def _ours() -> Any:
    """Return what stands in for DVC's loop; leave no place of ours where DVC looks for its own."""
    here = Path(__file__).resolve().parent
    above = str(here.parents[1])
    sys.path[:] = [above, *(path for path in sys.path if Path(path).resolve() != here)]
    from sealed.jobs.loop import side_by_side  # noqa: PLC0415

    sys.path.remove(above)
    return side_by_side


def main() -> int:
    """Be `dvc repro`, with this loop in the place of its own."""
    side_by_side = _ours()
    jobs, *sys.argv = sys.argv[1:]
    from dvc import __version__, env  # noqa: PLC0415
    from dvc.cli import main as dvc  # noqa: PLC0415
    from dvc.repo import reproduce  # noqa: PLC0415
    from dvc.stage import run  # noqa: PLC0415

    own: Any = getattr(reproduce, "_reproduce", None)
    known = own and tuple(inspect.signature(own).parameters) == DVCS
    if not (known and hasattr(run, "_run") and hasattr(env, "DVC_STAGE")):
        print(f"sealed: --jobs: not known for DVC {__version__}; {ADVICE}", file=sys.stderr)
        return 2
    reproduce._reproduce = partial(side_by_side, int(jobs), own)
    return int(dvc(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
