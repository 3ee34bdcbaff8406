"""DVC with two changes: `python src/sealed/parallel N DVC repro [its arguments]`.

If a stage fails, DVC keeps the .gitignore entries of the stages before it. With N above 0, DVC runs
up to N stages at once.

It needs only DVC and the standard library, because it runs in the Python of the `dvc` on PATH.
"""

import inspect
import sys
from contextlib import suppress
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
    from sealed.parallel.loop import side_by_side  # noqa: PLC0415

    sys.path.remove(above)
    return side_by_side


def _keep_ignored() -> None:
    """Have DVC keep what it wrote into .gitignore, where a later stage fails.

    It takes that back, and the next `git add` commits the data (treeverse/dvc#11091).
    """
    from dvc.repo.scm_context import SCMContext  # noqa: PLC0415

    ignore = SCMContext.ignore

    def kept(context: Any, path: str) -> None:
        ignore(context, path)
        context.ignored_paths.clear()

    SCMContext.ignore = kept


def _run_side_by_side(jobs: int, side_by_side: Any) -> None:
    """Put our loop in the place of DVC's. Raises LookupError where this DVC has another."""
    from dvc import env  # noqa: PLC0415
    from dvc.repo import reproduce  # noqa: PLC0415
    from dvc.stage import run  # noqa: PLC0415

    own: Any = getattr(reproduce, "_reproduce", None)
    known = own and tuple(inspect.signature(own).parameters) == DVCS
    if not (known and hasattr(run, "_run") and hasattr(env, "DVC_STAGE")):
        raise LookupError
    reproduce._reproduce = partial(side_by_side, jobs, own)


def main() -> int:
    """Be `dvc`, with these changes."""
    side_by_side = _ours()
    jobs, *sys.argv = sys.argv[1:]
    from dvc import __version__  # noqa: PLC0415
    from dvc.cli import main as dvc  # noqa: PLC0415

    try:
        if int(jobs):
            _run_side_by_side(int(jobs), side_by_side)
    except LookupError:
        print(f"sealed: --jobs: not known for DVC {__version__}; {ADVICE}", file=sys.stderr)
        return 2
    with suppress(ImportError, AttributeError):  # another DVC, which takes them back
        _keep_ignored()
    return int(dvc(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
