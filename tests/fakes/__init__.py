"""Stand-ins and harnesses that several tests share."""
