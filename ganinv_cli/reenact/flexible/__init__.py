"""The last resort of re-enactment: z and a flexible map are fitted to what no chain explains."""
