"""The options: what is saved, what stays unseen, and the webhook that is set up from here."""
