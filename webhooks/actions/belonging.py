"""Whether a signed delivery is about the Git repository that the source is linked to (field case W13)."""

from __future__ import annotations

from builds.core.cloneurl import parse_clone_url
from builds.core.errors import BuildError
from builds.core.refnames import quoted
from builds.models import Source
from webhooks.providers import ForgeRepository

# Where the large forges answer to SSH on the port of HTTPS.
_SSH_HOSTS = {
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}


def foreign_problem(source: Source, repository: ForgeRepository) -> str | None:
    """The sentence for a delivery of another repository; None where it is the source's own, or does not say.

    The forge's id decides once a delivery has told it: it survives renames, and a new repository that takes an old
    name has another. Before that the clone URL decides, which keeps the webhook of an organization, a group or a
    whole server, which tells of every repository in it, from tying the source to the first that is pushed.
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
    if place is None or not place[0] or not repository.full_name or place[0] not in _hosts(repository):
        return None
    if place[1].lower() in _names(repository):
        return None
    return (
        f"This webhook belongs to another repository: the delivery is of {named}, and this source clones "
        f"{quoted(place[1])}. Nothing was built. If it was renamed, change the clone URL in the settings; if the "
        "webhook is one of the organization, add one to the repository itself."
    )


def contact_sentence(source: Source, repository: ForgeRepository) -> str:
    """What to say, behind what came of a delivery, of where the repository is now; "" where nothing changed."""
    return rename_sentence(source, repository) or _host_sentence(source, repository)


def rename_sentence(source: Source, repository: ForgeRepository) -> str:
    """What to say where the forge calls the repository otherwise than before; "" where it does not."""
    old, new = source.forge_full_name, repository.full_name
    if not old or not new or old.lower() == new.lower():
        return ""
    return (
        f" The repository is called {quoted(new)} now, and was {quoted(old)}: change the clone URL in the settings "
        "before somebody else takes the old name."
    )


def _host_sentence(source: Source, repository: ForgeRepository) -> str:
    """The forge and the clone URL are on different servers: told of the first delivery, and of a forge that moved.

    Later deliveries of a mirror say nothing, and a name without a dot is one of an internal network.
    """
    place, host = _place(source.clone_url), repository.host.lower()
    if place is None or not place[0] or not host or place[0] in _hosts(repository):
        return ""
    if source.connected_at is None:
        return (
            f" The forge is at {quoted(host)}, and this source clones from {quoted('/'.join(place))}: right if that is "
            "a mirror of it. If not, change the clone URL in the settings."
        )
    if place[1].lower() in _names(repository) and "." in host and "." in place[0]:
        return (
            f" The forge calls itself {quoted(host)}, and this source clones from {quoted(place[0])}: if the forge "
            "moved, change the clone URL in the settings before the old address ends."
        )
    return ""


def _hosts(repository: ForgeRepository) -> set[str]:
    told = {place[0] for url in repository.clone_urls if (place := _place(url))}
    return (told | {repository.host.lower()}) - {""}


def _names(repository: ForgeRepository) -> set[str]:
    """In lower case: the name that the forge gives it, and the paths by which it is cloned."""
    told = {place[1].lower() for url in repository.clone_urls if (place := _place(url))}
    return (told | {repository.full_name.lower()}) - {""}


def _place(clone_url: str) -> tuple[str, str] | None:
    """Host and path of a clone URL; None where it is not one. Bitbucket Data Center has `scm/` before it in HTTPS."""
    try:
        address = parse_clone_url(clone_url)
    except BuildError:
        return None
    host = address.host.lower()
    return _SSH_HOSTS.get(host, host), address.name.removeprefix("scm/")
