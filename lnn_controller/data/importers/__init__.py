"""Recordings of other projects become bags: a reader for each format, and one writer."""
