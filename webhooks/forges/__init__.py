"""Forges as clients: one module for each, and the one interface that the rest of the room uses. No rows, no Django."""
