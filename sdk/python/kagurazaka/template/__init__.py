"""Templates: what is read, which part of it, where outputs go, and what counts as finished."""
