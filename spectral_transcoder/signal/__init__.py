"""Signals: sounds in and out, third octaves, Mel spectrograms, and sound from them."""
