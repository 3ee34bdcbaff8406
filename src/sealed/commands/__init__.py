"""The commands of `sealed`, each with its options and what it prints."""
