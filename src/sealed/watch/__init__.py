"""What a stage opens while it runs, and which files it does not find."""
