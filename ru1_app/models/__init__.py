"""Model adapters. `catalogue` lists them by name and imports nothing heavy; `wiring.App` loads them."""
