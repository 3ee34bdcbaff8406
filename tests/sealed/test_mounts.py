"""A link that leads out of a folder reads in a container as it does on the host."""

from pathlib import Path

import pytest

from sealed.engines import mounts
from sealed.errors import StageError


@pytest.mark.fault(69)
def test_a_folder_without_links_is_mounted_alone(tmp_path: Path) -> None:
    (tmp_path / "mirror/mnist").mkdir(parents=True)
    (tmp_path / "mirror/inside").symlink_to("mnist")
    assert mounts.shown(f"{tmp_path}/mirror") == {f"{tmp_path}/mirror": tmp_path / "mirror"}


@pytest.mark.fault(69)
def test_what_a_link_leads_to_is_mounted_under_its_own_name(tmp_path: Path) -> None:
    for name in ("mirror", "disk", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "other/file").write_text("x", encoding="utf-8")
    (tmp_path / "disk/set").symlink_to("../other")
    (tmp_path / "mirror/mnist").symlink_to(tmp_path / "disk/set")
    (tmp_path / "mirror/relative").symlink_to("../other/file")
    (tmp_path / "mirror/dangling").symlink_to("nowhere")
    shown = mounts.shown(f"{tmp_path}/mirror")
    assert shown.keys() >= {f"{tmp_path}/mirror", f"{tmp_path}/disk/set", f"{tmp_path}/other/file"}
    assert shown[f"{tmp_path}/disk/set"] == tmp_path / "other"


@pytest.mark.fault(69)
def test_a_link_that_cannot_be_followed_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "name that is too long").symlink_to("x" * 300)
    (tmp_path / "circle").symlink_to("circle")
    assert mounts.shown(str(tmp_path)) == {str(tmp_path): tmp_path}


@pytest.mark.fault(69)
def test_a_link_that_would_hide_the_containers_own_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mnist").symlink_to("/etc")
    with pytest.raises(StageError, match=r"mnist: leads to /etc, which in a container is its own"):
        mounts.shown(str(tmp_path))


@pytest.mark.fault(69)
def test_links_without_number_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    for number in range(1002):
        (tmp_path / f"file-{number}").touch()
        (tmp_path / f"mirror/{number}").symlink_to(f"../file-{number}")
    with pytest.raises(StageError, match=r"more than 1,000 links lead out of it"):
        mounts.shown(f"{tmp_path}/mirror")
