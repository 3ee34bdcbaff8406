"""Examples as arrays: read strictly, split, saved to the same bytes."""
