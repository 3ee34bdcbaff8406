"""What stages read and do not declare, found without running them."""
