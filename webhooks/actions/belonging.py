"""Whether a signed delivery is about the Git repository that the source is linked to (field case W13)."""

from __future__ import annotations

from builds.core.cloneurl import parse_clone_url
from builds.core.errors import BuildError
from builds.core.refnames import quoted
from builds.models import Source
from webhooks.providers import ForgeRepository


def foreign_problem(source: Source, repository: ForgeRepository) -> str | None:
    """The sentence for a delivery of another repository; None where it is the source's own, or does not say.

    The forge's id decides once a delivery has told it: it survives renames, and a new repository that takes an old
    name has another. Before that the clone URL decides, which keeps an organization's webhook, which tells of every
    repository of the organization, from tying the source to the first that is pushed.
    """
    named = quoted(repository.full_name or f"number {repository.id}")
    if source.forge_repository_id:
        if repository.id in ("", source.forge_repository_id):
            return None
        known = quoted(source.forge_full_name or f"number {source.forge_repository_id}")
        return (
            f"This webhook belongs to another repository: the delivery is of {named}, and this source is linked to "
            f"{known}. Nothing was built. Remove the webhook from {named}; if the repository was made anew, link it "
            "again in the settings."
        )
    place = _place(source.clone_url)
    if place is None or not place[0] or not repository.full_name or place[0] != repository.host.lower():
        return None
    if place[1].lower() == repository.full_name.lower():
        return None
    return (
        f"This webhook belongs to another repository: the delivery is of {named}, and this source clones "
        f"{quoted(place[1])}. Nothing was built. If it was renamed, change the clone URL in the settings; if the "
        "webhook is one of the organization, add one to the repository itself."
    )


def rename_sentence(source: Source, repository: ForgeRepository) -> str:
    """What to say where the forge calls the repository otherwise than before; "" where it does not."""
    old, new = source.forge_full_name, repository.full_name
    if not old or not new or old.lower() == new.lower():
        return ""
    return (
        f" The repository is called {quoted(new)} now, and was {quoted(old)}: change the clone URL in the settings "
        "before somebody else takes the old name."
    )


def _place(clone_url: str) -> tuple[str, str] | None:
    """Host and path of a clone URL; None where it is not one."""
    try:
        address = parse_clone_url(clone_url)
    except BuildError:
        return None
    return address.host.lower(), address.name
