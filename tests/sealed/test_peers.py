"""A stage that several run together: the network is theirs alone, and one of them publishes."""

import ast
import socket
from pathlib import Path

import pytest

from sealed_project import Project

# more than `lo`, in CI and here; veth: of a container that another test has
HERE = sorted(name for _, name in socket.if_nameindex() if not name.startswith("veth"))
META = {"sealed": {"peers": ["CREW"], "checkpoints": True}}
LOOKS = """
import os, socket
from pathlib import Path
names = sorted(name for _, name in socket.if_nameindex() if not name.startswith("veth"))
said = [[os.environ.get('CREW'), os.environ.get('HTTP_PROXY')], *names]
Path('out.txt').write_text(repr(said))
"""
JOINS = """
import os, socket, sys
host, port = os.environ['CREW'].split(':')
with socket.create_connection((host, int(port)), timeout=9) as peer:
    peer.sendall(b'here')
print('peer' if os.environ.get('STAGE_PEER') else 'publishes', file=sys.stderr)
print('kept' if 'STAGE_CHECKPOINTS' in os.environ else 'nothing kept', file=sys.stderr)
"""


@pytest.mark.parametrize("engine", ["bwrap", "docker"])
def test_a_run_among_peers_has_the_machine_s_network_and_any_other_none(project: Project) -> None:
    project.stage("look", LOOKS, meta=META)
    proxy = {"HTTP_PROXY": "http://there"}
    for crew in ({}, {"CREW": "1"}, {"CREW": "a"}):
        result = project.run("look", **proxy, **crew)
        assert result.returncode == 0, result.stderr
        own, *names = ast.literal_eval(project.read("out.txt"))
        assert own == [crew.get("CREW"), None]
        assert (names == HERE) == (crew.get("CREW") == "a")


@pytest.mark.parametrize("engine", ["host", "bwrap", "docker"])
def test_a_peer_runs_the_stage_in_a_sandbox_and_publishes_nothing(project: Project) -> None:
    project.stage("join", JOINS, meta=META)
    project.write("out.txt", "of the one that publishes")
    before = project.files()
    with socket.create_server(("127.0.0.1", 0)) as server:
        result = project.peer("join", CREW=f"127.0.0.1:{server.getsockname()[1]}")
        assert result.returncode == 0, result.stderr
        with server.accept()[0] as peer:
            assert peer.recv(9) == b"here"
    assert "peer\nnothing kept" in result.stderr
    assert (project.files(), project.sandboxes()) == (before, [])
    assert not list(Path(project.root).glob(".dvc/tmp/checkpoints/*/*"))


def test_a_peer_that_fails_says_so_and_has_its_status(project: Project) -> None:
    project.stage("join", "import sys; sys.exit('no answer')", meta=META)
    result = project.peer("join", CREW="nowhere:1")
    assert result.returncode == 1
    assert "sealed join: stages/join.py failed with exit status 1" in result.stderr
