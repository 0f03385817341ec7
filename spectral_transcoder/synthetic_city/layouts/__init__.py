"""Layouts of published corpora, one module each: how a clip is drawn, and the tables beside the audio."""
