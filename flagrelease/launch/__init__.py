"""How a bundle is started: the exact commands, as argument lists, from its recipe."""
