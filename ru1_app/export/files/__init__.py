"""Kinds of files that formats are made of."""
