"""A photo of a digit, prepared as MNIST was, or why not."""
