"""What `make predict` is given: files and folders, refused by name before TensorFlow starts."""

import json
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from mnist import predict
from mnist.errors import UserError
from mnist.machine import processor


def run(monkeypatch: pytest.MonkeyPatch, *typed: str) -> None:
    """Run the command up to where TensorFlow would start."""

    def start(**_: object) -> None:
        raise UserError("all of them are pictures")

    monkeypatch.setattr(predict, "require_output", lambda _: None)  # the model is not the point
    monkeypatch.setattr(processor, "prepare", start)
    monkeypatch.setattr(sys, "argv", ["predict", "--", *typed])
    predict.main()


def draw(path: Path) -> None:
    Image.new("L", (28, 28), 255).save(path)


@pytest.mark.fault(144)
@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", r"^IMAGE: expected a path, found nothing; for example `make predict IMAGE=~/new.jpg`"),
        (" ", r"^IMAGE: expected a path, found nothing"),
        ("~nobody-here/a.png", r"^IMAGE: expected a path, found ~nobody-here/a.png: no such user"),
        ("~/none.png", r"home/none.png: no such file"),
        ("~/a.png", r"^all of them are pictures$"),
        ("~", r"^all of them are pictures$"),
    ],
)
def test_what_is_typed_is_a_path_with_a_tilde_or_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, message: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    draw(home / "a.png")
    (home / "Thumbs.db").write_text("Windows leaves it there")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    with pytest.raises(UserError, match=message):
        run(monkeypatch, typed)


@pytest.mark.fault(143)
@pytest.mark.parametrize(
    ("name", "found"),
    [("pipe.png", "found a pipe or a device"), ("gone.png", "found a broken link")],
)
def test_what_is_no_file_in_a_folder_is_refused_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, found: str
) -> None:
    draw(tmp_path / "a.png")
    os.mkfifo(tmp_path / name) if name == "pipe.png" else (tmp_path / name).symlink_to("nowhere")
    with pytest.raises(UserError, match=f"{name}: expected an image, PNG or JPEG, {found}"):
        run(monkeypatch, str(tmp_path))


def test_a_folder_of_folders_has_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tulips").mkdir()
    with pytest.raises(UserError, match="expected a picture or a folder of them, found none in it"):
        run(monkeypatch, str(tmp_path))


@pytest.mark.fault(146)
def test_json_holds_the_name_of_a_file_and_nothing_that_a_terminal_obeys() -> None:
    names = ["a\x1b[31m\n\x9b\u202e.png", "größe.png", os.fsdecode(b"\xe9.png"), "\U000e0001"]
    text = predict._json([{"file": name} for name in names])
    assert [one["file"] for one in json.loads(text)] == names
    assert all(sign.isprintable() or sign == "\n" for sign in text)
    assert "größe" in text
