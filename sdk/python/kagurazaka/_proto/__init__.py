"""The contract, generated."""
