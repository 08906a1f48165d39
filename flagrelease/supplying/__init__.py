"""What a person supplies: which part of a bundle a file is, and whether it is the one that is wanted."""
