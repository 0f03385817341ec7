"""Creation of datasets: planned, computed by many processes, resumed after an interruption."""
