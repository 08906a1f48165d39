"""A folder in the OCI image layout as a target."""

from pathlib import Path

from flagrelease.domain.image import Image
from flagrelease.domain.release import Published
from flagrelease.oci.layout import check_place, write_layout
from flagrelease.ports import Progress, Store


class OciFolderTarget:
    """`ports.Target` on a folder of this machine; see `flagrelease.oci.layout` for what it promises.

    Args:
        folder: The layout's folder; it is made when the first image is published. What is said and recorded about it
            has its absolute path: a record is read in another folder than it was written in.
        store: Where the image's blobs are.
    """

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder.absolute()
        self._store = store
        self.name = f"oci:{self._folder}"

    def check(self) -> None:
        """See that a layout is or can be made at the folder. Writes nothing.

        Raises:
            PublishError: it cannot.
        """
        check_place(self._folder)

    def publish(self, image: Image, tag: str, progress: Progress) -> Published:
        """Put copies of the blobs there, each read back by its digest, then write the index.

        Raises:
            PublishError: the tag is another image's, or the folder cannot be written or is damaged.
            SourceError: the image is not in the store.
        """
        sent = write_layout(self._store, image, self._folder, tag=tag, copies=True, progress=progress)
        return Published(
            target=self.name, reference=f"{self.name}:{tag}", tag=tag, digest=image.digest, bytes_sent=sent
        )
