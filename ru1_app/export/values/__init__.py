"""Rows as plain values: records, flat values, and what a model should say."""
