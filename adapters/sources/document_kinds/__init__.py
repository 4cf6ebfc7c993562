"""A reader for each kind of document."""
