"""People, teams and what they may do."""
