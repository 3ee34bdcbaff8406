"""DVC with several stages in their sandboxes at once."""
