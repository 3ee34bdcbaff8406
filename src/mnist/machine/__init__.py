"""What the machine contributes: to the bits, to the record, to what fits."""
