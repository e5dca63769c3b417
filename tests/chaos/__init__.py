"""A round of chaos: the real processes, killed and cut off at random, and a judge at the end."""
