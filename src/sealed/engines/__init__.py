"""Where a stage runs: which engine there is, and how it is asked to run a command in a room."""
