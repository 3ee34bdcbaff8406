"""Which GPU a stage uses: the one that was chosen, on the host and in a container."""

from pathlib import Path

import pytest

import made
from sealed.engines import gpu


def test_a_gpu_is_found_by_its_device(tmp_path: Path) -> None:
    driver = tmp_path / "libcuda.so.1"
    assert not gpu.present(tmp_path, driver)
    (tmp_path / "dxg").touch()
    assert not gpu.present(tmp_path, driver)  # any GPU of the Windows around it
    driver.touch()
    assert gpu.present(tmp_path, driver)
    (tmp_path / "dxg").unlink()
    (tmp_path / "nvidiactl").touch()
    assert gpu.present(tmp_path, tmp_path / "none")


@pytest.mark.fault(68)
@pytest.mark.parametrize(
    ("environ", "cards"),
    [
        ({}, None),
        ({"CUDA_VISIBLE_DEVICES": "0, 2"}, ["0", "2"]),
        ({"CUDA_VISIBLE_DEVICES": "0,-1,2"}, ["0"]),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, []),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"CUDA_VISIBLE_DEVICES": "MIG-8d/1/0"}, ["MIG-8d/1/0"]),
        ({"NVIDIA_VISIBLE_DEVICES": "void"}, []),
        ({"NVIDIA_VISIBLE_DEVICES": "0:1"}, ["0:1"]),
        ({"CUDA_VISIBLE_DEVICES": "1", "NVIDIA_VISIBLE_DEVICES": "0"}, ["1"]),
    ],
)
def test_the_environment_chooses(environ: dict[str, str], cards: list[str] | None) -> None:
    assert gpu.chosen(environ) == cards


@pytest.mark.fault(68)
@pytest.mark.parametrize(
    ("cards_here", "environ", "expected"),
    [
        ("01", {"CUDA_VISIBLE_DEVICES": "1"}, {"CUDA_VISIBLE_DEVICES": "1"}),
        ("01", {"CUDA_VISIBLE_DEVICES": ""}, {"CUDA_VISIBLE_DEVICES": ""}),
        (
            "01",
            {"NVIDIA_VISIBLE_DEVICES": "1"},
            {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
        ),
        ("1", {"NVIDIA_VISIBLE_DEVICES": "1"}, {}),  # this is a container that was given card 1
        ("01", {"NVIDIA_VISIBLE_DEVICES": "all"}, {}),
        ("01", {}, {}),
    ],
)
def test_the_chosen_gpu_is_used_on_the_host(
    tmp_path: Path, cards_here: str, environ: dict[str, str], expected: dict[str, str]
) -> None:
    for name in ("ctl", "-uvm", *cards_here):
        (tmp_path / f"nvidia{name}").touch()
    assert gpu.for_host(environ, tmp_path) == expected


@pytest.mark.fault(68)
@pytest.mark.parametrize(("wants", "sees"), [(True, "1"), (False, "-1")])
def test_on_the_host_only_a_stage_that_wants_a_gpu_sees_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wants: bool, sees: str
) -> None:
    monkeypatch.setattr(gpu, "present", lambda: True)
    stage = made.stage("s", gpu=wants)
    user = {"CUDA_VISIBLE_DEVICES": "1"}
    _, seen = made.engine("host").command(stage, made.sandbox(tmp_path), user)
    assert seen["CUDA_VISIBLE_DEVICES"] == sees


def test_certificates_are_given_under_both_names(tmp_path: Path) -> None:
    stage = made.stage("fetch", network=True)
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    for environ, expected in (
        ({"SSL_CERT_FILE": str(bundle)}, [str(bundle)] * 2),
        ({"REQUESTS_CA_BUNDLE": str(bundle)}, [str(bundle)] * 2),
        ({"SSL_CERT_FILE": "/a", "REQUESTS_CA_BUNDLE": "/b"}, ["/a", "/b"]),
        ({}, [None, None]),
    ):
        _, seen = made.engine("host").command(stage, made.sandbox(tmp_path), environ)
        assert [seen.get(name) for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")] == expected
