"""What `export` and `build --exported` share: where an image is that was built, and what of it travels."""
