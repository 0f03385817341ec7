"""Datasets: which recordings there are, their splits and labels, and the arrays computed from them."""
