"""Is the change real? Two revisions of a DVC project that predicts classes, compared honestly."""
