"""A fictional account: nothing in; an account, a server of it, and a whole run out."""
