"""What a release would hold, before anything is written."""
