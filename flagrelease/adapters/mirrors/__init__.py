"""Sources of components: git repositories by commit, kept once in the store, with submodules and LFS objects."""
