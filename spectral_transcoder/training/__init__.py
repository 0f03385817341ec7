"""Training: recipes, losses, the loop over epochs, classification heads, distillation."""
