"""What a revision records of its model."""
