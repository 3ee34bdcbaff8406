"""What a stage is given, what came out of it, and what is kept or brought back."""
