"""Training: augmentation, shards, forward and backward pass, optimizer, loop, checkpoints."""
