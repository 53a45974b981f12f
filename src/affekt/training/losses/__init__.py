"""What errors cost, by kind of head: pure functions of what is said and what is true."""
