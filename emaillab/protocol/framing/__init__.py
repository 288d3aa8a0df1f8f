"""What is one unit of a session? Framing comes before grammar: a unit owns its octets, also when it is refused."""
