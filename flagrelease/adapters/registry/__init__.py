"""The OCI distribution API: a registry as a place to publish to."""
