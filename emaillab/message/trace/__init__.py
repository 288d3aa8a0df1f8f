"""The way that a letter came, read from what servers wrote into its header."""
