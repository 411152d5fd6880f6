"""The bases that tasks derive from."""
