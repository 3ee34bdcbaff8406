"""Environment variables that the programs of this package set for each other."""

TURN = "SEALED_TURN"  # the descriptor of the lock that DVC's code and a launcher take in turns
VIOLATIONS = "SEALED_VIOLATIONS"  # the file to which each launcher adds its violations
