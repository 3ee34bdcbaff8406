"""What a review says: in sentences and rows, as markdown, and the pictures beside it."""
