"""What `run` does: print how a bundle is started, serve one that was built here, or start an image by its digest."""
