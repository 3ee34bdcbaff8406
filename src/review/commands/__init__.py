"""The commands of `review`, each with its options and what it prints."""
