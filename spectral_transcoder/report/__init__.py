"""The report: one static page of what runs have left on the disk.

`runs` reads settings and metrics, `tables` and `curves` show them, `sounds` brings regenerated recordings,
`page` writes it all. Nothing is computed that a run should have computed; what is missing is said to be, with
the command that makes it.
"""
