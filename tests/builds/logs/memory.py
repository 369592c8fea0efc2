"""A frame store in memory, that can be told to fail."""

from __future__ import annotations

from builds.logs.frames import StoreClosed, StoreUnavailable


class MemoryFrames:
    def __init__(self):
        self.rows = {}
        self.archives = {}
        self.failures = 0  # the next so many inserts find no database
        self.closed = False
        self.inserts = 0

    def insert(self, build_id, attempt, frames):
        if self.closed:
            raise StoreClosed
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("locked")
        self.inserts += 1
        for frame in frames:
            self.rows.setdefault((build_id, attempt, frame.step, frame.seq), frame)

    def listing(self, build_id, attempt, step=None):
        keys = sorted(key for key in self.rows if key[:2] == (build_id, attempt) and step in (None, key[2]))
        return [self.rows[key]._replace(data=b"") for key in keys]

    def data(self, build_id, attempt, frames):
        keys = [(build_id, attempt, frame.step, frame.seq) for frame in frames]
        return [self.rows[key].data for key in keys] if all(key in self.rows for key in keys) else None

    def archive(self, build_id, attempt):
        return self.archives.get((build_id, attempt))

    def save_archive(self, build_id, attempt, archive):
        kept = self.archives.setdefault((build_id, attempt), archive)
        self.rows = {key: row for key, row in self.rows.items() if key[:2] != (build_id, attempt)}
        return kept

    def disconnect(self):
        pass
