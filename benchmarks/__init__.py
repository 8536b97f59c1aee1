"""What ganinv costs, how well it recovers, and what breaks it: measured for docs/."""
