"""What several tests share: corpora, models, runs, levels and servers made for them."""
