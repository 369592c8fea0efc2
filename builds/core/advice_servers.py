"""What to try, by the sentence of a fault that lies outside of the build: registries, Git servers, workers."""

from __future__ import annotations

from builds.core.advice_clue import ADMIN, BUILDER, NOBODY, PLATFORM, REGISTRY, SOURCE, USER, Clue, clue

_REGISTRY: tuple[Clue, ...] = (
    clue(
        (REGISTRY,),
        r"\(413\)|larger than the registry",
        "Make the layer smaller (files that a later step deletes still count: delete them in the same `RUN`), or ask "
        "the "
        "administrator to raise the limit of the registry's proxy, such as nginx's `client_max_body_size`.",
    ),
    clue(
        (REGISTRY, USER),
        r"was asked too often|toomanyrequests",
        "The registry limits how often it may be asked (429). Wait and retry; an account for base images, or the cache "
        "for Docker Hub, has a higher limit.",
        NOBODY,
    ),
    clue((REGISTRY,), r"No account is set", "Enter an account for this registry in Imageyard's settings.", ADMIN),
    clue(
        (REGISTRY,),
        r"may not write there|was not accepted|does not accept the account|wants a log-in",
        "Give the account that the sentence names the right to push there, or correct its password, then retry: only "
        "the "
        "push is done again.",
        ADMIN,
    ),
    clue(
        (REGISTRY,), r"Free space or raise the limit", "Delete tags that nobody needs, or raise the quota, then retry."
    ),
    clue(
        (REGISTRY,), r"clocks of the builder", "Set the clock of the builder by a time server (NTP), then retry.", ADMIN
    ),
    clue(
        (REGISTRY,),
        r"does not trust the certificate",
        "Install the registry's certificate authority on the builder.",
        ADMIN,
    ),
    clue(
        (REGISTRY,),
        r"insecure registries",
        "Give the registry TLS, or name it in the builder's insecure registries.",
        ADMIN,
    ),
    clue(
        (REGISTRY,),
        r"could not be reached|cannot be reached|fault of the registry|registry's fault|is in trouble",
        "Wait until the registry answers again, then retry: what was built is in the cache, so that only the rest is "
        "done.",
        NOBODY,
    ),
)

_SOURCE: tuple[Clue, ...] = (
    clue(
        (SOURCE,),
        r"no longer in the repository",
        "Build the branch's newest commit: Build now on the repository's page.",
    ),
    clue(
        (SOURCE,), r"deploy key", "Copy the key from the source's settings to the repository's deploy keys, then retry."
    ),
    clue(
        (SOURCE,), r"access token", "Put a token that may read the repository into the source's settings, then retry."
    ),
    clue(
        (SOURCE,), r"host key", "Compare the fingerprint with the server's own, then trust it in the source's settings."
    ),
    clue((SOURCE,), r"rate limit", "Wait; a token in the source's settings has a higher limit.", NOBODY),
    clue(
        (SOURCE,),
        r"does not exist in the repository",
        "Correct the ref: it was deleted or renamed since it was asked for.",
    ),
    clue((SOURCE,), r"redirects", "Put the new address into the source's settings."),
    clue((SOURCE,), r"certificate", "Correct the address, or ask the administrator to trust the server's authority."),
    clue((SOURCE,), r"LFS", "Check that the server still has the file's content, and that the credential may read it."),
    clue(
        (SOURCE,),
        r"did not answer|takes no connections|could not be looked up|connection .* broke|error of its own|No network",
        "Wait until the Git server answers again, then retry.",
        NOBODY,
    ),
)

_OURS: tuple[Clue, ...] = (
    clue((BUILDER,), r"disk is full", "Free space on the builder (`docker builder prune`, old images), then retry."),
    clue(
        (BUILDER,),
        r"went away|cannot be reached",
        "Look whether the Docker Engine runs and why it ended, then retry; the commit is not to blame.",
    ),
    clue(
        (PLATFORM,), r"worker's disk is full|disk of the worker", "Make room on the worker's disk, then retry.", ADMIN
    ),
    clue(
        (PLATFORM,),
        r"no `docker buildx`|may not use its Docker|no builder|BUILDX_BUILDER",
        "Mend the worker, then retry.",
        ADMIN,
    ),
    clue(
        (PLATFORM,),
        r"several platforms at once",
        "Give the worker a builder with the containerd image store or of the driver `docker-container`, or name one "
        "platform "
        "in the rule.",
        ADMIN,
    ),
    clue(
        (PLATFORM,),
        r"disappeared at",
        "Look at the worker's host for that time: a restart, a kill for want of memory, or a network that was away.",
        ADMIN,
    ),
    clue((PLATFORM,), r"interrupted from outside", "Retry: nothing in the repository caused this."),
)

SERVER_CLUES: tuple[Clue, ...] = (*_REGISTRY, *_SOURCE, *_OURS)
