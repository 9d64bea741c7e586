"""What is kept between runs, and how it gets there whole or not at all."""
