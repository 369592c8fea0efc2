"""Base images that moved: noticing it once, and asking for the builds of what stands on them, in order and not all.

Two guards. A storm: no more than `MOST_UNDER_WAY` builds for base images at once, the rest wait and say so. A circle:
a target whose own build led to this move is not built again. What waits is a row, looked at with every tick.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F

from accounts import audit
from accounts.models import User
from builds.actions.request import Order, request_builds
from builds.core.bases import BaseName, moved_sentence, newest_tag, waits_for, watchable
from builds.core.plan import evaluate
from builds.core.refnames import quoted
from builds.core.rules import Ref
from builds.core.states import ACTIVE, State
from builds.models import BaseImage, BaseUse, Build, Rebuild, Source
from lib.clock import database_now
from lib.queue import enqueue
from registry.models import Registry, Tag

MOST_UNDER_WAY = 10
MOST_IN_CHAIN = 20
CHECKS_AT_ONCE = 50
# What people push by hand to the registry beside us; what builds push is known at once.
OWN_CHECK_S = 60
# A registry that does not answer is asked less and less often; one that says when is believed up to a day.
_MOST_BACKOFF = timedelta(hours=6)
_SENTENCE = 500
Target = tuple[int, str, str]


def record_bases(build: Build) -> None:
    """What the newest success of a rule and ref stands on, inside the transaction of its success. Again is harmless."""
    if build.rule_id is None or build.ref_type == "pull_request" or build.untrusted:
        return
    mine = BaseUse.objects.filter(rule_id=build.rule_id, ref_type=build.ref_type, ref=build.ref)
    if mine.filter(build__number__gt=build.number).exists():
        return
    found: dict[int, tuple[BaseImage, str]] = {}
    for image in build.base_images:
        name = watchable(str(image.get("name", "")))
        if name is not None and image.get("digest"):
            base = _base(name, str(image["digest"]))
            found[base.pk] = base, str(image["digest"])
    mine.exclude(base_id__in=found).delete()
    for base, digest in found.values():
        mine.model.objects.update_or_create(
            base=base, rule_id=build.rule_id, ref_type=build.ref_type, ref=build.ref,
            defaults={"digest": digest, "build": build},
        )  # fmt: skip
        _catch_up(base, digest)
    # A rebuild that waits for its turn is done with, where this build took the new base already.
    waiting = Rebuild.objects.filter(
        rule_id=build.rule_id, ref_type=build.ref_type, ref=build.ref, state=Rebuild.State.WAITING
    )
    for rebuild in waiting:
        if rebuild.base_id not in found or found[rebuild.base_id][1] == rebuild.new_digest:
            _decide(rebuild, Rebuild.State.DROPPED, f"Build #{build.number} has the new base already.")


def _base(name: BaseName, digest: str) -> BaseImage:
    base, _ = BaseImage.objects.get_or_create(
        name=name.full,
        defaults={
            "host": name.host, "path": name.path, "tag": name.tag, "digest": digest,
            "next_check_at": database_now() + _until_next_check(name.host),
        },
    )  # fmt: skip
    return base


def _catch_up(base: BaseImage, digest: str) -> None:
    """The build saw another digest than we know: look soon, since one of the two is old."""
    if base.digest != digest:
        BaseImage.objects.filter(pk=base.pk).update(next_check_at=database_now())


def note_tags(build: Build, tags: Iterable[str], digest: str) -> None:
    """Our own build moved tags: whoever stands on them hears of it at once, inside the transaction of its success."""
    names = [f"{build.repository.image}:{tag}" for tag in tags]
    made_by = Rebuild.objects.filter(build=build).first()
    chain = made_by.chain_with(made_by.target) if made_by else []
    if not chain and build.rule_id is not None:
        chain = [[build.rule_id, build.ref_type, build.ref]]
    for base in BaseImage.objects.filter(name__in=names):
        note_digest(base, digest, chain=chain)


def note_digest(base: BaseImage, digest: str, *, chain: list[list[object]] | None = None) -> bool:
    """Where the base points now. True where it moved: then the rebuilds wait in the same transaction.

    A compare-and-swap: of two who notice the same move one plans it.
    """
    now = database_now()
    with transaction.atomic():
        seen = BaseImage.objects.filter(pk=base.pk, digest=base.digest)
        fields = {"checked_at": now, "failures": 0, "sentence": "", "next_check_at": now + _until_next_check(base.host)}
        if digest == base.digest:
            seen.update(**fields)
            return False
        if not seen.update(digest=digest, previous_digest=base.digest, moved_at=now, **fields):
            return False
        for use in _uses_to_build(base, digest):
            _wait(use, base, digest, chain or [])
        enqueue("builds.move_bases", expires_s=60)
    return True


def note_absence(base: BaseImage, sentence: str, *, retry_after_s: float | None = None) -> None:
    """A check that got no digest. The next one comes later each time, or when the registry says."""
    wait = _until_next_check(base.host) * 2 ** min(base.failures, 8)
    wait = min(wait, _MOST_BACKOFF) * random.uniform(0.8, 1.2)  # noqa: S311 — spreads load
    if retry_after_s is not None:
        wait = max(timedelta(seconds=min(retry_after_s, 86400)), wait)
    BaseImage.objects.filter(pk=base.pk).update(
        checked_at=database_now(),
        next_check_at=database_now() + wait,
        failures=F("failures") + 1,
        sentence=sentence[:_SENTENCE],
    )


def due_bases(now: datetime) -> list[BaseImage]:
    """The bases to ask about, those of a repository that wants rebuilds only; each is put off, so that nobody doubles.

    A base that nobody stands on any more is forgotten.
    """
    BaseImage.objects.filter(uses=None, rebuilds=None).delete()
    wanted = BaseImage.objects.filter(next_check_at__lte=now, uses__rule__source__rebuild_on_base=True).distinct()
    taken = []
    for base in wanted.order_by("next_check_at")[:CHECKS_AT_ONCE]:
        rows = BaseImage.objects.filter(pk=base.pk, next_check_at=base.next_check_at)
        if rows.update(next_check_at=now + timedelta(minutes=5)):
            taken.append(base)
    return taken


def _until_next_check(host: str) -> timedelta:
    """Spread, so that a thousand bases are not asked for in the same second. Our own registry is asked every minute."""
    seconds = settings.BASE_CHECK_S
    if Registry.objects.filter(host=host, is_default=True).exists():
        seconds = min(seconds, OWN_CHECK_S)
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311 — spreads load


def _uses_to_build(base: BaseImage, digest: str) -> list[BaseUse]:
    """Who is to be built anew: branches, and of the tags of each rule only the highest version."""
    uses = list(
        base.uses.exclude(digest=digest)
        .filter(rule__source__rebuild_on_base=True, rule__autobuild=True, rule__paused_at=None)
        .select_related("rule", "build")
        .order_by("build_id")
    )
    tags: dict[int, list[BaseUse]] = defaultdict(list)
    for use in uses:
        if use.ref_type == "tag":
            tags[use.rule_id].append(use)
    newest = {rule: newest_tag([use.ref for use in found]) for rule, found in tags.items()}
    return [use for use in uses if use.ref_type != "tag" or use.ref == newest[use.rule_id]]


def _wait(use: BaseUse, base: BaseImage, digest: str, chain: list[list[object]]) -> None:
    fields = {
        "commit": use.build.commit, "old_digest": use.digest, "new_digest": digest, "base": base, "chain": chain,
    }  # fmt: skip
    if list(use.target) in chain or len(chain) >= MOST_IN_CHAIN:
        Rebuild.objects.create(
            rule_id=use.rule_id, ref_type=use.ref_type, ref=use.ref, state=Rebuild.State.DROPPED,
            decided_at=database_now(), sentence=_circle_sentence(use), **fields,
        )  # fmt: skip
        return
    Rebuild.objects.update_or_create(
        rule_id=use.rule_id, ref_type=use.ref_type, ref=use.ref, state=Rebuild.State.WAITING, defaults=fields
    )


def _circle_sentence(use: BaseUse) -> str:
    return (
        f"Not built: the images stand on each other in a circle, and building {quoted(use.ref)} led here. Take one "
        "`FROM` out of the circle, or build by hand."
    )


def move_bases() -> int:
    """Ask for the rebuilds whose turn it is; how many. Running it twice, or at the same time, is harmless."""
    waiting = list(
        Rebuild.objects.filter(state=Rebuild.State.WAITING)
        .select_related("base", "rule__source__repository__namespace", "rule__source__repository__registry")
        .order_by("pk")
    )
    if not waiting:
        return 0
    room = MOST_UNDER_WAY - Build.objects.filter(cause=Build.Cause.BASE_IMAGE, state__in=ACTIVE).count()
    under_way = set(
        Build.objects.filter(state__in=ACTIVE, rule__isnull=False).values_list("rule_id", "ref_type", "ref")
    )
    before = waits_for({rebuild.target for rebuild in waiting} | under_way, _sources())
    open_ = {rebuild.target for rebuild in waiting} | under_way
    asked = 0
    for rebuild in waiting:
        if ahead := before[rebuild.target] & open_:
            _say(rebuild, f"Waits until what it stands on is built: {_refs(ahead)}.")
        elif rebuild.target in under_way:
            asked += _join(rebuild)
        elif room <= 0:
            _say(rebuild, f"Waits: {MOST_UNDER_WAY} builds for base images are under way, and more would be a storm.")
        else:
            room -= 1
            asked += _ask(rebuild)
    return asked


def _refs(targets: Iterable[Target]) -> str:
    return ", ".join(sorted({quoted(ref) for _, _, ref in targets}))


def _sources() -> dict[Target, set[Target]]:
    """What each target is built from, as far as that is a tag that another target of ours holds."""
    uses = list(BaseUse.objects.select_related("base"))
    images = {use.base.name for use in uses}
    makers: dict[str, set[Target]] = defaultdict(set)
    numbered = {
        (repository, number): (rule, ref_type, ref)
        for repository, number, rule, ref_type, ref in Build.objects.filter(base_uses__isnull=False)
        .exclude(rule=None)
        .values_list("repository_id", "number", "rule_id", "ref_type", "ref")
    }
    tags = Tag.objects.exclude(build_number=None).filter(name__in={use.base.tag for use in uses})
    for tag in tags.select_related("repository__namespace", "repository__registry"):
        name = f"{tag.repository.image}:{tag.name}"
        maker = numbered.get((tag.repository_id, tag.build_number or 0))
        if name in images and maker is not None:
            makers[name].add(maker)
    found: dict[Target, set[Target]] = defaultdict(set)
    for use in uses:
        found[use.target] |= makers[use.base.name]
    return found


def _join(rebuild: Rebuild) -> int:
    """A build of the same target is there: one that waits will take the new base; one that runs may have the old."""
    same = Build.objects.filter(rule_id=rebuild.rule_id, ref_type=rebuild.ref_type, ref=rebuild.ref)
    queued = same.filter(state=State.QUEUED, hold="").order_by("-number").first()
    if queued is None:
        _say(rebuild, "Waits until the build that runs is over: it may have taken the new base already.")
        return 0
    return _decide(
        rebuild, Rebuild.State.ASKED, f"Build #{queued.number} waits already and takes the new base.", queued
    )


def _ask(rebuild: Rebuild) -> int:
    rule = rebuild.rule
    source = rule.source
    if not source.rebuild_on_base or not rule.autobuild or rule.paused_at:
        return _decide(rebuild, Rebuild.State.DROPPED, "Not built: rebuilding was switched off meanwhile.")
    ref = Ref(rebuild.ref_type, rebuild.ref)  # type: ignore[arg-type]  # as it stands with the build
    verdicts = evaluate(ref, [rule.spec], commit=rebuild.commit, manual=True)
    if not verdicts[0].builds:
        return _decide(rebuild, Rebuild.State.DROPPED, f"Not built: the rule {verdicts[0].reason}.")
    made = Build.objects.filter(base_uses__rule=rule, base_uses__ref_type=ref.type, base_uses__ref=ref.name).first()
    order = Order(
        cause=Build.Cause.BASE_IMAGE,
        detail=moved_sentence(rebuild.base.shown, rebuild.old_digest, rebuild.new_digest),
        commit_message=made.commit_message if made else "",
        commit_author=made.commit_author if made else "",
    )
    with transaction.atomic():
        builds = request_builds(source, ref, rebuild.commit, verdicts, order)
        return _decide(rebuild, Rebuild.State.ASKED, f"Build #{builds[0].number}.", builds[0]) if builds else 0


def _say(rebuild: Rebuild, sentence: str) -> None:
    if rebuild.sentence != sentence:
        Rebuild.objects.filter(pk=rebuild.pk, state=Rebuild.State.WAITING).update(sentence=sentence[:_SENTENCE])


def _decide(rebuild: Rebuild, state: Rebuild.State, sentence: str, build: Build | None = None) -> int:
    return Rebuild.objects.filter(pk=rebuild.pk, state=Rebuild.State.WAITING).update(
        state=state, sentence=sentence[:_SENTENCE], build=build, decided_at=database_now()
    )


def switch_rebuilds(actor: User, source: Source, *, on: bool) -> None:
    """Build anew when a base image moves, or do not. Switched on, every base is looked at soon."""
    with transaction.atomic():
        Source.objects.filter(pk=source.pk).update(rebuild_on_base=on)
        audit.record(actor, "bases.switch", source.repository, "on" if on else "off")
        if on:
            look_now(source)


def look_now(source: Source) -> None:
    """Ask for the bases of a source at the next turn of the watch."""
    BaseImage.objects.filter(uses__rule__source=source).update(next_check_at=database_now())
    enqueue("builds.check_bases", expires_s=60)
