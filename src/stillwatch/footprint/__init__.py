"""What an account leaves behind: fixed-size, mergeable, without text."""
