"""Git as a program: in an environment of its own, on objects it only reads, with what it makes in folders of ours."""
