"""Training: distortions, shards, there and back, the optimizer, the loop, where it stands."""
