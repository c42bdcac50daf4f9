"""What `ru1` can do, by subject. Each function is one command; `ru1_app.cli` gathers them."""
