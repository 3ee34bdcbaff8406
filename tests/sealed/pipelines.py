"""A project whose stages are commands, for `sealed repro --jobs`."""

from pathlib import Path

from foreign_project import SEALED, Foreign
from sealed_project import Running


class Pipeline:
    """A project whose stages are commands with deps; each writes NAME.txt."""

    def __init__(self, root: Path) -> None:
        self.project, self.stages = Foreign(root), ""
        self.project.write("in.txt", "in\n")

    def stage(self, name: str, cmd: str, *deps: str, meta: str = "{}") -> "Pipeline":
        self.stages += f"  {name}:\n    cmd: {cmd}\n    meta: {meta}\n"
        self.stages += f"    deps: [{', '.join(deps or ['in.txt'])}]\n    outs: [{name}.txt]\n"
        self.project.write("dvc.yaml", f"stages:\n{self.stages}")
        return self

    def lock(self) -> str:
        return self.project.read("dvc.lock")

    def start(self, *words: str, before: tuple[str, ...] = ()) -> Running:
        command = [*before, *SEALED, "repro", *words]
        return Running(command, self.project.root, self.project.environment())
