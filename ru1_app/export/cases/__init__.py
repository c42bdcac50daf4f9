"""What a release is made of: labels, rows, preferences, and what of them a selection takes."""
