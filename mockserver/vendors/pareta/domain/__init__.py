"""The rules, pure: what they need is handed in, what they decide is handed back."""
