"""The files of a data set that is published as one archive."""

from pathlib import Path

from mnist.errors import UserError
from mnist.source import download, unpack
from mnist.source.dataset_spec import Archive, File
from mnist.source.mirror import Place
from mnist.source.transfer import InterruptedTransferError, UnfitError


def fetch(archive: Archive, files: tuple[File, ...], places: list[Place], folder: Path) -> None:
    """Bring the archive, verified, into `folder`, take the files out of it, and leave them alone.

    Raises UserError where no place has it, and where it holds other files than those.
    """
    path = download.fetch(archive, places, folder)
    try:
        for file, content in unpack.members(path, archive, files):
            try:
                download.write(file, download.exactly(file, content), folder)
            except (UnfitError, InterruptedTransferError) as error:
                raise UserError(f"fetch: {archive.name}: {file.name}: {error}") from None
    except UnfitError as error:
        raise UserError(f"fetch: {archive.name}: {error}") from None
    finally:
        path.unlink()
