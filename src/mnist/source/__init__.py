"""Data sets as published: facts, mirrors, downloads, the IDX format."""
