"""The network: built, saved to the same bytes, loaded from hostile files."""
