"""Texts of others, such as names of files, in what is printed: shown, never obeyed."""


def printable(text: object) -> str:
    """Return a text as one line without the characters that a terminal obeys."""
    line = " ".join(str(text).replace("\t", " ").splitlines())
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in line)
