"""A DVC project that knows nothing of sealing: its dvc.yaml is run as it is, plain and sealed."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import forked
from sealed_project import DECLARED, ROOT, WITHOUT_GIT, require_bwrap, require_image

SEALED = (  # with DVC's arguments after it
    sys.executable,
    "-c",
    f"import sys; sys.path[:0] = [{str(ROOT / 'src')!r}]; from sealed.__main__ import main; "
    "sys.exit(main())",
)
Done = subprocess.CompletedProcess[str]


class Foreign:
    """A folder with a dvc.yaml of its own, and no launcher in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.engine = "host"
        if not root.exists():
            root.mkdir(parents=True)
            self.write(".dvc/config", WITHOUT_GIT)

    def on(self, engine: str) -> "Foreign":
        """Have its stages run there, in the image of this project, if that can be had."""
        if engine == "bwrap":
            require_bwrap()
        elif engine == "docker":
            require_image()
            for name in ("Dockerfile", "requirements.lock"):
                self.write(name, (ROOT / name).read_text(encoding="utf-8"))
            self.write("sealed.toml", DECLARED)
        self.engine = engine
        return self

    def write(self, path: str, text: str) -> "Foreign":
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(textwrap.dedent(text), encoding="utf-8")
        return self

    def read(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def environment(self, **extra: str) -> dict[str, str]:
        own = {
            "STAGE_ENGINE": self.engine,
            "STAGE_SANDBOXES": str(self.root.parent / "sandboxes"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": "",
            "SHELL": "/bin/sh",
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(self.root.parent / "site"),
        }
        return os.environ | own | extra

    def plain(self, *words: str, folder: str = ".", **extra: str) -> Done:
        """Run DVC."""
        return forked.run("dvc", *words, cwd=self.root / folder, env=self.environment(**extra))

    def sealed(self, *words: str, folder: str = ".", **extra: str) -> Done:
        """Run DVC by way of `sealed`."""
        environ = self.environment(**extra)
        return forked.run("repro_in_a_fork", *words, cwd=self.root / folder, env=environ)

    def sandboxes(self) -> list[Path]:
        return list((self.root.parent / "sandboxes").glob("*/sandboxes/*"))
