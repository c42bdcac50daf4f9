"""The rating desk: who may judge, what is served next, what a judgement needs, and how far the labels agree."""
