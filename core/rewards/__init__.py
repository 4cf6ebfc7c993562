"""CHRONOS: what learning earns, and what becomes of it."""
