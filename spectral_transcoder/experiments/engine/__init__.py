"""The engine of experiments, on doce: plans, selectors, the run store, computing, tables."""
