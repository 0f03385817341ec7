"""Readers of files of third-octave levels, one module for each family of formats."""
