"""The digits: data sets, network, training, metrics. Knows nothing of DVC or containers."""
