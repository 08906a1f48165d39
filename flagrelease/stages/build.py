"""build: assemble the image into the store and lay it out as an OCI folder."""

from pathlib import Path

from flagrelease.domain.image import BuildContext, Image
from flagrelease.oci.layout import write_layout
from flagrelease.ports import Tools


def build(tools: Tools, here: Path, context: BuildContext) -> Image:
    """The image; `here/image` is its OCI layout, linked from the store.

    Raises:
        BuildError: an input is not what it should be, or two of them do not fit together.
    """
    image = tools.engine.build(context, lambda done, total: tools.events.progress(done, total, "bytes"))
    write_layout(tools.store, image, here / "image", tag=context.labels["org.opencontainers.image.version"])
    return image
