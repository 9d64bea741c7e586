"""Problems of which the lab knows the worked answers, one a file."""
