"""Helpers that task files may use."""
