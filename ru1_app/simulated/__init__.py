"""A simulated rater: judges recoveries of drawn road scenes by their known truth, with the noise that people have.

For tests and for the benchmark that closes the loop (what training on labels changes), where nobody has judged. What it
writes is marked: ids of simulated raters begin with `simulated-`. It is never a substitute for people's judgement.
"""
