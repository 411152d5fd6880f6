"""Templates: they select the inputs, a run's part of them, the outputs' paths, and the finish check."""
