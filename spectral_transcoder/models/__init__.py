"""Models: transcoders, classifiers, their weights and labels."""
