"""What each engine keeps out: the table in docs/sealed.md, each cell an attempt made for real."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealed_project import ROOT, Project, on

UNDECLARED = "what nobody declared"
ENGINES = ["host", "bwrap", pytest.param("docker", marks=pytest.mark.slow)]
ATTEMPTS = """
import json, os, socket, site, subprocess, sys
from importlib import import_module
from pathlib import Path

given = json.loads(Path('given.json').read_text())
project = Path(given['project'])

def relative():
    found = [Path('../' * up, 'secret.txt') for up in range(1, 12)]
    return [path.read_text() for path in found if path.exists()][0]

def absolute():
    return (project / 'secret.txt').read_text()

def symlink():
    link = Path('link')
    link.symlink_to(project / 'secret.txt')
    try:
        return link.read_text()
    finally:
        link.unlink()

def proc():
    for root in Path('/proc').glob('[0-9]*/root'):
        try:
            return Path(f'{root}{project}/secret.txt').read_text()
        except OSError as error:
            last = error
    raise last

def subprocess_():
    return subprocess.run(['cat', project / 'secret.txt'], check=True, stdout=-1, text=True).stdout

def editable():
    site.addsitedir('installed')
    return import_module('undeclared').secret

def variable():
    return os.environ['UNDECLARED']

def network():
    return socket.create_connection(('127.0.0.1', given['port']), timeout=5).recv(99).decode()

def service():
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(given['socket'])
    return connection.recv(99).decode()

def process():
    os.kill(given['pid'], 0)
    return Path('/proc', str(given['pid']), 'cmdline').read_text()[:0] + given['secret']

def temporary():
    return Path(given['temporary']).read_text()

def write():
    Path(given['written']).write_text('x')
    return given['secret']

def machine():
    return Path(given['machine']).read_text()

found = {}
for name in given['attempts']:
    try:
        found[name] = globals()[name]()
    except (OSError, LookupError, ImportError, subprocess.CalledProcessError) as error:
        found[name] = repr(error)
Path('out.txt').write_text(json.dumps(found))
"""
ROWS = {  # attempt -> its row in docs/sealed.md
    "relative": "a file of the project that is not declared, by `../../..` to where it lies",
    "absolute": "... by its absolute path",
    "symlink": "... by a link that the stage makes",
    "proc": "... by `/proc/*/root`",
    "subprocess_": "... by a program that the stage starts",
    "editable": "... by an editable install (a `.pth` that points into the project)",
    "variable": "an environment variable that is not declared",
    "network": "the network, where it is not declared",
    "service": "a service of this machine, by its socket in `/tmp` or `/run`",
    "process": "other processes",
    "temporary": "temporary files of others",
    "write": "a write to another place",
    "machine": "a file elsewhere on this machine, to be read",
}


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """Have a server, a process of its own, answer at a port and at a path with the secret."""
    path = str(tmp_path_factory.mktemp("run") / "s")
    code = f"""
import os, selectors, socket
own = socket.socket(socket.AF_UNIX)
own.bind({path!r})
own.listen()
servers = [socket.create_server(('127.0.0.1', 0)), own]
print(servers[0].getsockname()[1], flush=True)
selector = selectors.DefaultSelector()
for server in servers:
    selector.register(server, selectors.EVENT_READ)
while True:
    for key, _ in selector.select():
        key.fileobj.accept()[0].sendall({UNDECLARED!r}.encode())
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        yield int(server.stdout.readline()), path
        server.kill()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Path]:
    """Write a file that lies in no image and in no temporary folder, which bwrap has its own of."""
    with tempfile.TemporaryDirectory(prefix=".kept-out-", dir=Path.home()) as folder:
        (Path(folder) / "file.txt").write_text(UNDECLARED, encoding="utf-8")
        yield Path(folder) / "file.txt"


@pytest.fixture(scope="module", params=ENGINES)
def attempted(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    listening: tuple[int, str],
    elsewhere: Path,
) -> tuple[str, dict[str, str]]:
    """Run all attempts in one stage; return the engine, and what each attempt got."""
    engine = str(request.param)
    folder = tmp_path_factory.mktemp("attempts")
    project = on(engine, Project(folder / "a project"))
    (folder / "temporary.txt").write_text(UNDECLARED, encoding="utf-8")
    project.write("secret.txt", UNDECLARED)
    project.write("lib/undeclared.py", f"secret = {UNDECLARED!r}")
    project.write("installed/editable.pth", f"{project.root}/lib\n")
    port, path = listening
    given = {
        "attempts": list(ROWS),
        "machine": str(elsewhere),
        "pid": os.getpid(),
        "port": port,
        "project": str(project.root),
        "secret": UNDECLARED,
        "socket": path,
        "temporary": str(folder / "temporary.txt"),
        "written": str(folder / "written.txt"),
    }
    project.write("given.json", json.dumps(given))
    project.stage("look", ATTEMPTS, deps=["given.json", "installed/editable.pth"])
    result = project.run("look", UNDECLARED=UNDECLARED)
    assert result.returncode == 0, result.stderr
    found: dict[str, str] = json.loads(project.read("out.txt"))
    if not (folder / "written.txt").exists():
        found["write"] = "it is not there"
    return engine, found


def cells() -> dict[tuple[str, str], str]:
    """Return the cells of the table in docs/sealed.md, by row and engine."""
    lines = (ROOT / "docs/sealed.md").read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| tried by the stage |"))
    heads = [word.strip() for word in lines[start].strip("|").split("|")][1:]
    found: dict[tuple[str, str], str] = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        row, *values = [word.strip() for word in line.strip("|").split("|")]
        found |= {(row, head): value for head, value in zip(heads, values, strict=True)}
    return found


@pytest.mark.fault(20, 25, 26)
@pytest.mark.parametrize("attempt", ROWS)
def test_each_engine_keeps_out_what_the_table_says(
    attempted: tuple[str, dict[str, str]], attempt: str
) -> None:
    engine, found = attempted
    said = cells()[ROWS[attempt], engine]
    assert said in {"kept out", "**gets through**"}
    assert (found[attempt] == UNDECLARED) == (said != "kept out"), found[attempt]


def test_the_table_has_no_cell_that_is_not_tried() -> None:
    assert cells().keys() == {
        (row, engine) for row in ROWS.values() for engine in ("host", "bwrap", "docker")
    }


@pytest.mark.fault(131)
def test_what_a_stage_caches_no_other_stage_reads(project: Project) -> None:
    """On the host a stage finds its own cache again; it is the only one that does."""
    code = """
    import os
    from pathlib import Path
    cache = Path(os.environ['XDG_CACHE_HOME'])
    found = sorted(str(path.relative_to(cache)) for path in cache.rglob('*'))
    cache.mkdir(parents=True, exist_ok=True)
    (cache / '{0}').touch()
    Path('{0}.txt').write_text(str(found))
    """
    for name in ("one", "two-a1b2"):
        project.stage(name, code.format(name), outs=[f"{name}.txt"])
    for found in ("[]", "['one']"):
        assert project.run("one").returncode == 0
        assert project.read("one.txt") == found
    assert project.run("two-a1b2").returncode == 0
    assert project.read("two-a1b2.txt") == "[]"


@pytest.mark.fault(132)
def test_a_stage_warns_of_a_setting_that_nobody_reads(project: Project) -> None:
    done = project.stage("copy", meta={"checkpoints": True}).run("copy")
    line = "`meta: {checkpoints: ...}` has no effect; write `meta: {sealed: {checkpoints: ...}}`"
    assert done.returncode == 0
    assert f"sealed copy: warning: dvc.yaml: copy: {line}\n" in done.stderr
