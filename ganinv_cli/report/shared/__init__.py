"""Parts that the reports of several commands share."""
