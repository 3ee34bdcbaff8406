"""A DVC project as DVC sees it: stages, locks, cache, ignore rules and params, here and in git."""
