"""Header fields: their grammar, what their values say, and how they are written."""
