"""A city to listen to: synthetic urban scenes of labelled events, and corpora of them in published layouts.

`signals` are what sounds are made of; `machines` and `people_and_nature` the sources, one function each; `kinds`
names them and says which label of which taxonomy each stands for; `scenes` places them in time and space; `corpora`
writes them, a clip at a time (`clips`), in the layouts of TAU, UrbanSound8K and SONYC-UST (`layouts`).
"""
