"""What a release says of itself: manifest, card and Croissant description."""
