"""What the change did, and how sure that is."""
