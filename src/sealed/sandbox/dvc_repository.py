"""What git and DVC's tools find in a sandbox: nothing that could touch the user's repository.

DVC's (`dvc.api.params_show()`, dvclive) look for `.dvc` upwards: the sandbox has one of its own,
with no git, cache or remote. `params_show(stages="train")` looks for that stage in a dvc.yaml: the
sandbox has one which declares its params alone. dvclive also asks DVC_ROOT whether a pipeline runs
it, and then saves no experiment and stashes nothing. git is told to look no further up than the
sandbox, and finds no repository. A commit that a stage wants to note comes by
`meta: {sealed: {environment: [...]}}`.
"""

import json
import os
from pathlib import Path
from typing import Any

from sealed.stage import Stage

IGNORED = {".dvc", "__pycache__"}  # folders that are not the stage's to declare
CONFIG = "[core]\n    no_scm = true\n    analytics = false\n    check_update = false\n"
HEAD = "# Made for the stage that runs here, and tells its params alone.\n"


def put(sandbox: Path, stage: Stage) -> None:
    """Make the sandbox a DVC repository of its own."""
    (sandbox / ".dvc/tmp").mkdir(parents=True)
    (sandbox / ".dvc/config").write_text(CONFIG, encoding="utf-8")
    if stage.params and not (sandbox / stage.file).exists():  # it is where its folder is a dep
        (sandbox / stage.file).parent.mkdir(parents=True, exist_ok=True)
        (sandbox / stage.file).write_text(HEAD + json.dumps(_pipeline(stage)), encoding="utf-8")


def _pipeline(stage: Stage) -> dict[str, Any]:
    """Return a dvc.yaml with the params of one stage, by the name that its code knows."""
    params = [
        {os.path.relpath(name, stage.wdir): list(keys) or None}
        for name, keys in stage.params.items()
    ]
    wdir = os.path.relpath(stage.wdir, Path(stage.file).parent)
    entry = {"cmd": "true", "wdir": wdir, "params": params}
    template, at, key = stage.name.partition("@")  # of foreach, of matrix
    return {"stages": {template: {"foreach": [key], "do": entry} if at else entry}}


def variables(sandbox: str, address: str) -> dict[str, str]:
    """Return what to set for a stage that sees its sandbox at this path."""
    above = sandbox.rpartition("/")[0] or "/"
    return {
        "DVC_NO_ANALYTICS": "1",
        "DVC_ROOT": sandbox,
        "DVC_STAGE": address,
        "GIT_CEILING_DIRECTORIES": above,
    }
