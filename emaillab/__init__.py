"""A whole Internet mail system that fits in one notebook."""
