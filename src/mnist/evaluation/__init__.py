"""What probabilities are worth: numbers with intervals, pictures."""
