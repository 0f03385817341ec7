"""The report: one static page of what runs have left on the disk.

`runs` reads settings and metrics, `rows`, `tables` and `curves` show them, `sounds` brings regenerated recordings,
`provenance` says how each result was made, `gather` describes the two experiments, `page` writes it all. Nothing is
computed that a run should have computed; for what is missing the page names the command that makes it.
"""
