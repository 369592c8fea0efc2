"""Writing down that a tag is gone."""

from __future__ import annotations

from registry.models import Repository, Tag, TagMove


def record_deletion(repository: Repository, tag: str, digest: str, *, kind: str, by: str, sentence: str) -> bool:
    """Remove the row of a tag that had `digest`, and keep the history. Inside the caller's transaction.

    False where the row is gone or has another digest: then nothing is written. The image stays in the registry until
    it is collected; `digest` in the history is how the tag is put back.
    """
    gone, _ = Tag.objects.filter(repository=repository, name=tag, digest=digest).delete()
    if not gone:
        return False
    TagMove.objects.create(
        repository=repository, tag=tag, from_digest=digest, to_digest="", kind=kind, by=by, sentence=sentence[:300]
    )
    return True
