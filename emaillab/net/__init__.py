"""How octets travel, how long they take, and how they are watched."""
