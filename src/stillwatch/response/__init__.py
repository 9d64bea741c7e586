"""What an account meets: the ladder, the policy that puts accounts on it, and their budgets."""
