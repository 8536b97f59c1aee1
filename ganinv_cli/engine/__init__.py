"""Where the loop runs, and what feeds it."""
