"""How well people agree, and what they say together: coefficients, consensus, regions, pair votes."""
