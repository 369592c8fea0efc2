"""The head of a pull request, checked out and compared, from refs as forges keep them. Field case W15."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builds.core.errors import BuildError
from builds.core.review import read_changes
from builds.engine.difference import Difference, difference
from builds.engine.git import Remote
from builds.engine.process import StopFlag
from tests.builds.engine.test_submodules import add_submodule
from tests.git_server import git, make_repo

REF = "refs/pull/7/head"


def propose(repo, files: dict[str, str | bytes], *, base: str = "main") -> str:
    """A commit on top of `base` that only `refs/pull/7/head` leads to."""
    git(repo.work, "switch", "-q", "--detach", base)
    for name, content in files.items():
        (repo.work / name).parent.mkdir(parents=True, exist_ok=True)
        (repo.work / name).write_bytes(content.encode() if isinstance(content, str) else content)
    git(repo.work, "add", "-A")
    git(repo.work, "commit", "-q", "-m", "Propose")
    commit = repo.head()
    git(repo.work, "push", "-q", "--force", "origin", f"HEAD:{REF}")
    git(repo.work, "switch", "-q", "main")
    return commit


def compare(remote: Remote, checkouts, commit: str, *paths: str, ref: str = REF) -> Difference:
    return difference(
        remote, mirror=checkouts.mirror, git_ref=ref, commit=commit, base_ref="main", choose=lambda _: paths,
        stop=StopFlag(), timeout_s=30,
    )  # fmt: skip


def test_it_checks_out_what_only_the_pull_request_s_ref_leads_to(git_repo, local, checkouts):
    commit = propose(git_repo, {"new": "x"})
    done = checkouts(local, ref_type="pull_request", commit=commit, git_ref=REF)
    assert (done.commit, (checkouts.tree / "new").read_text()) == (commit, "x")


def test_it_checks_out_the_commit_that_was_approved_also_when_the_ref_moved_on(git_repo, local, checkouts):
    commit = propose(git_repo, {"new": "approved"})
    propose(git_repo, {"new": "evil"}, base=commit)
    checkouts(local, ref_type="pull_request", commit=commit, git_ref=REF)
    assert (checkouts.tree / "new").read_text() == "approved"


def test_it_checks_out_nothing_else_when_that_commit_is_gone(git_repo, local, checkouts):
    commit = propose(git_repo, {"new": "approved"})
    propose(git_repo, {"new": "evil"})
    git(git_repo.bare, "reflog", "expire", "--expire=now", "--all")
    git(git_repo.bare, "gc", "-q", "--prune=now")
    with pytest.raises(BuildError, match="no longer in the repository"):
        checkouts(local, ref_type="pull_request", commit=commit, git_ref=REF)


@pytest.mark.parametrize(("trusted", "works"), [(True, True), (False, False)])
def test_w15_a_stranger_s_gitmodules_does_not_use_the_source_s_credential(
    git_root, git_repo, git_http, checkouts, trusted, works
):
    other = make_repo(git_root, "private")
    add_submodule(git_repo, "loot", "../private.git", other.commit({"secret": "x"}))
    git_http.login = ("user", "S3cret")
    remote = Remote(git_http.address(), "user", "S3cret", trusted_hosts=frozenset({git_http.host}))
    if works:
        checkouts(remote, trusted=trusted)
        assert (checkouts.tree / "loot/secret").read_text() == "x"
    else:
        with pytest.raises(BuildError, match="Submodule `loot`"):
            checkouts(remote, trusted=trusted)
        assert "S3cret" not in checkouts.log.decode()


def test_it_compares_with_where_the_histories_part(git_repo, local, checkouts):
    base = git_repo.head()
    commit = propose(git_repo, {"Dockerfile": "FROM scratch\nRUN evil\n", "README.md": "# Web\n"})
    git_repo.commit({"later.txt": "of main"})
    found = compare(local, checkouts, commit, "Dockerfile")
    assert found.base == base
    assert [(one.path, one.change) for one in read_changes(found.names)] == [("Dockerfile", "changed")]
    assert b"+RUN evil" in found.diffs["Dockerfile"] and b"-COPY . /" in found.diffs["Dockerfile"]


def test_it_compares_names_that_look_like_options_and_patterns(git_repo, local, checkouts):
    names = ["-x/Dockerfile", "*.test.yml", ":(glob)**", "ha\nha", "ä.Dockerfile"]
    commit = propose(git_repo, dict.fromkeys(names, "content"))
    found = compare(local, checkouts, commit, *names)
    assert {one.path for one in read_changes(found.names)} == set(names)
    assert all(diff.count(b"+content") == 1 for diff in found.diffs.values())


def test_it_runs_no_program_that_gitattributes_names(git_repo, local, checkouts, tmp_path):
    hook = tmp_path / "ran"
    commit = propose(git_repo, {".gitattributes": "* diff=evil filter=evil\n", "Dockerfile": "FROM x\n"})
    git(git_repo.bare, "config", "diff.evil.textconv", f"touch {hook}")
    found = compare(replace(local), checkouts, commit, "Dockerfile")
    assert b"+FROM x" in found.diffs["Dockerfile"] and not hook.exists()


def test_it_shows_a_link_as_a_link(git_repo, local, checkouts):
    (git_repo.work / "other").symlink_to("/etc/passwd")
    commit = propose(git_repo, {})
    (git_repo.work / "other").unlink(missing_ok=True)
    found = compare(local, checkouts, commit, "other")
    assert b"new file mode 120000" in found.diffs["other"] and b"root:" not in found.diffs["other"]


def test_histories_with_nothing_in_common_are_all_new(git_repo, local, checkouts):
    git(git_repo.work, "switch", "-q", "--orphan", "lonely")
    (git_repo.work / "Dockerfile").write_text("FROM lonely\n")
    git(git_repo.work, "add", "-A")
    git(git_repo.work, "commit", "-q", "-m", "lonely")
    git(git_repo.work, "push", "-q", "origin", f"HEAD:{REF}")
    found = compare(local, checkouts, git_repo.head(), "Dockerfile")
    assert found.base == "" and b"+FROM lonely" in found.diffs["Dockerfile"]


def test_a_base_branch_that_is_gone_is_a_sentence(git_repo, local, checkouts):
    commit = propose(git_repo, {"new": "x"})
    with pytest.raises(BuildError, match="`gone` that it is to go into is not there"):
        difference(
            local, mirror=checkouts.mirror, git_ref=REF, commit=commit, base_ref="gone", choose=lambda _: (),
            stop=StopFlag(), timeout_s=30,
        )  # fmt: skip
