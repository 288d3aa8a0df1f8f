"""Floor 4: how the course is made and kept: its notebooks run, their outputs stored so that they can be trusted."""
