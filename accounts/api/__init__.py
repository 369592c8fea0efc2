"""The API of this room: tokens, namespaces with their members, robots."""
