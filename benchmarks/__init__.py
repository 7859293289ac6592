"""How fast this project moves data, beside what else does the same."""
