"""How long sound files are, beside what their headers say: a module for each family of containers."""
