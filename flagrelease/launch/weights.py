"""The command with which a person brings a bundle's weights to a machine."""

from flagrelease.domain.recipe import Recipe


def download_command(recipe: Recipe) -> tuple[str, ...]:
    """The hub client's command for the weights of this bundle; empty where they come from no hub.

    The arguments are those of `modelscope download` and `hf download`. `lock` pins what they bring by hash.
    """
    source, folder = recipe.weights.source, recipe.variant.weights_folder
    if source is None:
        return ()
    match source.kind:
        case "modelscope":
            # `master` is what the client takes by itself.
            revision = () if source.revision == "master" else ("--revision", source.revision)
            return ("modelscope", "download", "--model", source.repo, *revision, "--local_dir", folder, *source.files)
        case "huggingface":
            revision = ("--revision", source.revision) if source.revision else ()
            return ("hf", "download", source.repo, *source.files, *revision, "--local-dir", folder)
        case "wheel" | "folder":
            return ()
