"""The engine that answers as Docker does: builds Dockerfiles, runs containers."""
