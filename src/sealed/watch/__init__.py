"""What a stage opens while it runs, and what it asks for in vain."""
