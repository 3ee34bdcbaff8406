"""Small documents that are spoilt, as a slip, a merge or a disk may do it."""

import random


def spoilt(whole: bytes, rng: random.Random) -> bytes:
    """Cut, double or indent a line, replace a value or a byte, or begin with a mark of UTF-8."""
    lines, values = whole.splitlines(keepends=True), [b"", b"1", b"x", b"{}", b"[]", b".nan", b"~"]
    at = rng.randrange(len(lines))
    match rng.randrange(7):
        case 0:
            return whole[: rng.randrange(len(whole))]
        case 1:
            lines[at : at + 1] = []
        case 2:
            lines[at] *= 2
        case 3:
            lines[at] = b"  " + lines[at]
        case 4:
            lines[at] = lines[at].partition(b":")[0] + b": " + rng.choice(values) + b"\n"
        case 5:
            changed = bytearray(whole)
            changed[rng.randrange(len(whole))] = rng.randrange(256)
            return bytes(changed)
        case _:
            return b"\xef\xbb\xbf" + whole.replace(b"- ", b"- &a ", 1)
    return b"".join(lines)
