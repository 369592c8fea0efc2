"""Why the content of Git LFS files cannot be had → the sentence a person reads. Texts come in masked; asks nobody."""

from __future__ import annotations

from builds.core.errors import BuildError, ErrorKind
from builds.core.gitfailure import Asked, source_error
from builds.core.refnames import quoted
from lib.humanize import format_size, plural

_SERVER_FAULT = 500
_QUOTA = frozenset({507, 509})
_MISSING = frozenset({404, 410})


def off(count: int) -> str:
    """The warning where a source does not ask for LFS."""
    files = "1 LFS pointer file is" if count == 1 else f"{count:,} LFS pointer files are"
    return (
        f"{files} in the context instead of content: Git LFS is off for this source. "
        "Switch it on in the settings of the source, or keep these files in Git itself."
    )


def unassigned(count: int, first: str) -> str:
    """The warning for pointers that `.gitattributes` does not give to LFS."""
    files = "1 file is" if count == 1 else f"{count:,} files are"
    return (
        f"{files} left as LFS pointers, {quoted(first)} first: `.gitattributes` does not give them `filter=lfs`. "
        "If content is meant, run `git lfs track` for them."
    )


def bad_pointer(path: str, clause: str) -> BuildError:
    return source_error(f"{quoted(path)} {clause} as an LFS pointer. Commit the file again with Git LFS.")


def elsewhere(host: str, asked: Asked) -> BuildError:
    """`.lfsconfig` names another server."""
    own = asked.url.host or "its folder"
    return source_error(
        f"`.lfsconfig` sends Git LFS to {host}, but the source is at {own}. Imageyard asks the server of the clone URL "
        "only, so nothing was sent there. Remove the address from `.lfsconfig`, or switch Git LFS off for this source."
    )


def unreadable_config() -> BuildError:
    return source_error("The file `.lfsconfig` cannot be read. Check it with `git config --file .lfsconfig --list`.")


def refused(status: int, message: str, asked: Asked) -> BuildError:
    """The LFS server answered `status` as a whole; `message` is what it says itself."""
    server, repository = asked.server, asked.repository
    said = f" It says: {message.rstrip('.')}." if message else ""
    if status in _QUOTA:
        text = f"{server} gives out no Git LFS objects of {repository} for now: a quota is used up ({status})."
        return source_error(f"{text}{said} Whoever owns the repository there can raise it.")
    if status == 429 or status >= _SERVER_FAULT:  # noqa: PLR2004 — "too many requests"
        text = f"{server} cannot give out the Git LFS objects of {repository} now ({status})."
        return source_error(f"{text}{said}", retryable=True)
    if status in {301, 302, 303, 307, 308}:
        text = f"{server} redirects the Git LFS requests for {repository} ({status})."
        return source_error(f"{text} If the repository has moved, put its new address into the source.")
    if status in {401, 403}:
        given = asked.has_token or asked.public_key
        why = "The source's credential may not read them" if given else "The source has no access token"
        text = f"{server} refused access to the Git LFS objects of {repository} ({status}).{said}"
        return source_error(f"{text} {why}, or a quota there is used up. Check both.")
    if status in _MISSING:
        text = f"{server} has no Git LFS objects for {repository} ({status}).{said}"
        return source_error(f"{text} Git LFS is switched off there, or the source's credential may not see it.")
    return source_error(f"{server} refused the Git LFS request for {repository} ({status}).{said}")


def object_refused(path: str, status: int, message: str, asked: Asked) -> BuildError:
    """The server does not give out the content of one file."""
    if status in _MISSING:
        return source_error(
            f"{asked.server} does not have the Git LFS content of {quoted(path)} ({status}). It was probably never "
            "uploaded: run `git lfs push --all origin` where the file was committed."
        )
    failure = refused(status, message, asked)
    return source_error(f"{quoted(path)}: {failure.message}", retryable=failure.retryable)


def bad_answer(asked: Asked, clause: str) -> BuildError:
    return source_error(
        f"{asked.server} did not answer the Git LFS request for {asked.repository} as an LFS server does: {clause}. "
        "Ask whoever runs it."
    )


def wrong_content(path: str, asked: Asked) -> BuildError:
    return source_error(
        f"{asked.server} sent content for {quoted(path)} that is not what its LFS pointer names (the SHA-256 or the "
        "size differs), so it was thrown away. Run `git lfs fsck` where the file was committed and push it again."
    )


def unreachable(host: str, clause: str, *, retryable: bool) -> BuildError:
    return source_error(f"The Git LFS objects could not be fetched from {host}: {clause}.", retryable=retryable)


def address_refused(path: str, message: str, *, retryable: bool) -> BuildError:
    """`path` is the file that was wanted, "" where the server itself is at such an address."""
    what = f"sends the download of {quoted(path)} to" if path else "is at"
    return source_error(f"The Git LFS server {what} an address that is refused. {message}", retryable=retryable)


def no_room(needed_bytes: int, free_bytes: int, count: int) -> BuildError:
    return BuildError(
        ErrorKind.LIMIT,
        f"{plural(count, 'Git LFS object')} of this commit need {format_size(needed_bytes)} on the worker's disk, "
        f"and {format_size(max(0, free_bytes))} can be used. Whoever runs Imageyard makes room there.",
    )


def not_in_folder(path: str, asked: Asked) -> BuildError:
    return source_error(
        f"The folder {asked.repository} does not hold the Git LFS content of {quoted(path)}. "
        "Run `git lfs push --all` to it, or `git lfs fetch --all` in it."
    )


def no_ssh_access(asked: Asked, words: str) -> BuildError:
    return source_error(
        f"{asked.server} gives no access to the Git LFS objects of {asked.repository} over SSH: {words} "
        "Check that Git LFS is switched on there, or use an https:// clone URL with an access token."
    )
