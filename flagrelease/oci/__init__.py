"""The OCI image format: layers, manifests, layouts and safe unpacking."""
