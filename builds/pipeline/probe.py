"""Looking at a source on a person's behalf: does the Git server answer, and which refs are there."""

from __future__ import annotations

from builds import live
from builds.actions.sources import record_probe
from builds.core.errors import BuildError, Stopped
from builds.engine import git
from builds.engine.stopflag import StopFlag
from builds.models import Source
from builds.pipeline.checkout import remote_of
from lib.humanize import plural

PROBE_TIMEOUT_S = 60.0
KEPT_REFS = 500


def probe(source_id: str) -> None:
    """Ask the Git server of a source and write down what it said. A source that nobody asks about any more is left."""
    source = Source.objects.filter(pk=source_id, probe_state="asked").first()
    if source is None:
        return
    try:
        found = git.list_refs(remote_of(source), stop=StopFlag(), timeout_s=PROBE_TIMEOUT_S)
    except (BuildError, Stopped) as error:
        sentence = error.message if isinstance(error, BuildError) else "The Git server did not answer within a minute."
        record_probe(source.pk, sentence=sentence, good=False)
    else:
        branches = sum(ref.type == "branch" for ref in found.refs)
        tags = len(found.refs) - branches
        sentence = f"The Git server answered: {plural(branches, 'branch', 'branches')} and {plural(tags, 'tag')}."
        if not found.refs:
            sentence = "The Git server answered, but the repository has no commits yet. Push one, and it is built."
        refs = [{"type": ref.type, "name": ref.name, "commit": ref.commit} for ref in found.refs[:KEPT_REFS]]
        record_probe(source.pk, sentence=sentence, good=True, default_branch=found.default_branch or "", refs=refs)
    live.wake(f"repository:{source.repository_id}")
