"""One module per section of params.yaml; none imports numpy, so that all are read in a moment."""
