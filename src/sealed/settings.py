"""What a stage needs beside files, in `meta: {sealed: {...}}`; the rest of `meta` is others'."""

from typing import Any, NamedTuple

from sealed.errors import StageError

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
NETWORK_VARIABLES = (*PROXIES, "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


class Settings(NamedTuple):
    """The keys of `meta: {sealed: {...}}`, none of which DVC hashes."""

    network: bool = False
    environment: tuple[str, ...] = ()  # names of variables that the stage sees where they are set
    resources: tuple[str, ...] = ()  # more such names, of what changes no result: memory, a node
    peers: tuple[str, ...] = ()  # ... and where one is, others run it too, over the network
    read_only: tuple[str, ...] = ()  # absolute paths outside the project, `~` too: it may read them
    gpu: bool = False  # may ask for one; it runs without where there is none
    memory: str = ""  # the most that it may use, as in `8g`, where the engine can bound it
    checkpoints: bool = False  # a folder that outlives a run that was killed, until one succeeds
    records: tuple[str, ...] = ()  # written like an out, but unknown to DVC: differs each run
    image: str = ""  # the container image of this stage
    slurm: tuple[str, ...] = ()  # options of sbatch by which a job asks for resources
    python: str = ""  # a lock, one of its deps: an environment of its own is made of it


NONE = Settings()


def read(where: str, meta: Any) -> Settings:
    """Read a stage's `meta`; `where` is what to call the stage. Raises StageError."""
    entry = meta.get("sealed") if isinstance(meta, dict) else None
    if entry is None or entry is False:
        return NONE
    kinds = Settings.__annotations__
    if not isinstance(entry, dict) or not entry.keys() <= kinds.keys():
        found = repr(entry)
        if isinstance(entry, dict):
            found = ", ".join(str(key) for key in entry if key not in kinds)
        raise StageError(
            f"{where}.meta.sealed: expected {', '.join(kinds)}, found {found:.80}; "
            "delete it, or correct its name"
        )
    return Settings(**{key: _value(where, key, kinds[key], entry[key]) for key in entry})


def misplaced(meta: Any) -> tuple[str, ...]:
    """Return our keys that stand directly in a stage's `meta`, where nobody reads them."""
    if not isinstance(meta, dict):
        return ()
    return tuple(key for key in Settings.__annotations__ if key in meta)


def explained(key: str) -> str:
    """Return what to do about such a key."""
    return f"`meta: {{{key}: ...}}` has no effect; write `meta: {{sealed: {{{key}: ...}}}}`"


def _value(where: str, key: str, kind: Any, value: Any) -> Any:
    if kind is bool and isinstance(value, bool):
        return value
    if kind is str and isinstance(value, str):
        return value
    if kind not in {bool, str} and isinstance(value, list):
        if all(isinstance(text, str) for text in value):
            return tuple(value)
        value = next(text for text in value if not isinstance(text, str))
    expected = {bool: "true or false", str: "a text"}.get(kind, "a list of texts")
    raise StageError(f"{where}.meta.sealed.{key}: expected {expected}, found {value!r:.80}")
