"""The API's calls of this room: the ledger, and triggers. Each module has a router; `imageyard.api` adds them."""
