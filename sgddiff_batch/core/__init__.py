"""Pure values and arithmetic: numpy and the standard library, no I/O, clock, randomness or logging."""
