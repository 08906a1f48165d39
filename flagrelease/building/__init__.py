"""How a bundle's image is built by a container engine: base, SDK, kernel libraries, bundle, each reused by its hash."""
