"""What a worker does at a forge: it asks or tells, and writes what came of it into a row. No page waits for it."""
