"""How a notification leaves: one module for each kind of receiver. No rows, no Django, no decision to send."""
