"""New recipes with everything that is known filled in, and every gap marked so that lint finds it."""
