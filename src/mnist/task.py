"""What goes into a network and what comes out of it: no more than its data says."""

from typing import Any, NamedTuple

SIDES = range(8, 225)  # pixels
WORDS = ("classes", "photo")
CHANNELS = {1: "grey", 3: "rgb"}
COUNTS = range(2, 1001)  # classes
INK, DIGIT = "ink", (28, 28, 1)  # as MNIST was made, and what that gives
PHOTOS = (INK, "stretch", "crop", "pad")  # how a photo is prepared
LONGEST = 100  # characters of a class's name


class Task(NamedTuple):
    """Images of one shape, each of one class."""

    shape: tuple[int, int, int]  # height, width, channels
    classes: tuple[str, ...]  # names, in the order of the labels 0, 1, 2 ...
    photo: str  # how one is prepared to be read


def parse(shape: tuple[int, ...], words: Any) -> Task:
    """Return what a shape and JSON's `classes` and `photo` say. Raises ValueError for others."""
    classes, photo = (words.get(key) if isinstance(words, dict) else None for key in WORDS)
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise ValueError("classes that are no list of names")
    if len(shape) != 3:
        raise ValueError(f"images of {len(shape)} dimensions")
    height, width, channels = shape
    return require(Task((height, width, channels), tuple(classes), str(photo)))


def words(task: Task) -> dict[str, Any]:
    """Return what `parse` reads beside the shape."""
    return {"classes": list(task.classes), "photo": task.photo}


def is_class_name(name: str) -> bool:
    """Return whether a class may be called so."""
    return bool(name.strip()) and name.isprintable() and len(name) <= LONGEST


def require(task: Task) -> Task:
    """Return a task. Raises ValueError, with what was found, for one that cannot be."""
    height, width, channels = task.shape
    if height not in SIDES or width not in SIDES or channels not in CHANNELS:
        raise ValueError(f"images of {height} x {width} x {channels}")
    if len(task.classes) not in COUNTS:
        raise ValueError(f"{len(task.classes)} classes")
    for name in task.classes:
        if not is_class_name(name):
            raise ValueError(f"a class called {name[:LONGEST]!r}")
    if len(set(task.classes)) < len(task.classes):
        raise ValueError("two classes of one name")
    if task.photo not in PHOTOS:
        raise ValueError(f"photo {task.photo!r:.80}")
    return task
