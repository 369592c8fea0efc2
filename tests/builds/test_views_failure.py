"""The digest of a failure: on the build's page, among the repository's builds, and in the API."""

from __future__ import annotations

import pytest

from builds.actions.lifecycle import fail
from builds.actions.runs import Run
from builds.core.errors import BuildError, ErrorKind
from builds.core.failure_alike import failure_key
from builds.core.failure_digest import FailureDigest, last_lines
from builds.models import Build, BuildRecord
from builds.views.failure import failure_of
from tests.builds.pages import words
from tests.builds.test_views_build import ATTACK, admin, ended, logs_in_memory, make_step, write_log  # noqa: F401
from tests.factories import make_admin, make_build

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

STEP = "[2/3] RUN npm ci"
MESSAGE = "Step 2 of 3 (`RUN npm ci`, Dockerfile line 4) ended with exit code 1."
API = "/api/v1"


def failed(message: str = MESSAGE, kind: str = "user", printed: str = "", **fields) -> Build:
    """A failed build with its record, as the end of a run leaves it."""
    fields = {"error_kind": kind, "error_message": message, "error_step": STEP, "error_line": 4, **fields}
    build = ended("failed", **fields)
    make_step(build, 1, STEP, state="failed", vertex="sha256:1")
    lines = last_lines(printed.split("\n"), 100) if printed else ()
    digest = FailureDigest(kind, message, STEP, 1, 4, 1, 1 if lines else None, lines, 100 + len(lines), 3.0)
    BuildRecord.objects.create(build=build, attempt=1, failure=digest.as_json())
    Build.objects.filter(pk=build.pk).update(failure_key=digest.key)
    build.refresh_from_db()
    return build


@pytest.fixture
def token(settings) -> dict[str, str]:
    from accounts.tokens import create_token

    return {"HTTP_AUTHORIZATION": f"Bearer {create_token(make_admin(), 'test')[1]}"}


def test_05_a_failed_build_says_at_its_top_what_failed_whose_fault_and_what_to_try(admin):  # noqa: F811
    """Point 5: what failed, whose fault, the last lines linked to the log, what to try, the Dockerfile line."""
    build = failed(printed="npm error code E404\n\x1b[31mnpm error\x1b[0m not found")
    answer = admin.get(build.get_absolute_url())
    page, said = answer.content.decode(), words(answer)
    assert "Step 2 of 3 (RUN npm ci, Dockerfile line 4) ended with exit code 1." in said
    assert "Fault: your build" in said
    assert "Your move: A package or version of that name does not exist" in said
    assert f'{build.get_absolute_url()}?tab=dockerfile#L4">Dockerfile line 4<' in page
    assert f'{build.get_absolute_url()}?step=1&amp;line=102#s1-l102"' in page
    assert '<span class="ansi-red-fg">npm error</span> not found' in page


def test_05_the_digest_of_a_build_without_a_record_is_made_of_its_rows_and_log(admin):  # noqa: F811
    build = ended("failed", error_kind="user", error_message=MESSAGE, error_step=STEP, error_line=4)
    make_step(build, 1, STEP, state="failed", vertex="sha256:1")
    write_log(build, 1, b"".join(b"line %d\n" % n for n in range(1, 51)))
    answer = admin.get(build.get_absolute_url())
    assert "Last 20 of 50 lines" in words(answer)
    assert [line.number for line in answer.context["failure"].digest.lines] == list(range(31, 51))


def test_05_a_build_that_waits_again_after_a_fault_says_what_the_fault_was(admin):  # noqa: F811
    """Point 5: the digest also of a queued build that waits again after a fault."""
    message = "hub.example could not be reached for the push of acme/web: no answer in time."
    build = make_build(attempt=1, platform_failures=1, wait_reason=f"{message} It is tried again by itself.")
    digest = FailureDigest(
        "registry", message, "pushing x", attempt=1, lines=last_lines(["dial tcp"], 0), lines_total=1
    )
    BuildRecord.objects.create(build=build, attempt=1, failure=digest.as_json())
    said = words(admin.get(build.get_absolute_url()))
    assert "Last fault: registry" in said
    assert "If it comes back: Wait until the registry answers again" in said
    assert "dial tcp" in said


@pytest.mark.both_databases
def test_it_shows_no_digest_of_an_attempt_that_is_over(admin):  # noqa: F811
    build = failed()
    Build.objects.filter(pk=build.pk).update(state="queued", attempt=2, platform_failures=1)
    build.refresh_from_db()
    assert failure_of(build, 2, []) is None
    assert failure_of(build, 1, []) is None


@pytest.mark.both_databases
def test_it_runs_nothing_of_what_a_step_printed(admin):  # noqa: F811
    build = failed(message=f"Step `{ATTACK}` ended with exit code 1.", printed=f"{ATTACK}\nnpm error {ATTACK}")
    page = admin.get(build.get_absolute_url()).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.both_databases
def test_05_failures_alike_are_counted_with_the_first_of_them(admin):  # noqa: F811
    """Point 5: the same failure ended n of the last m builds, first in which build, by whom; with links."""
    first = failed(printed="E: Unable to locate package curll", commit_author="A. Author")
    ended()
    failed(printed="E: another error entirely")
    last = failed(printed="E: Unable to locate package curll")
    page = admin.get(last.get_absolute_url())
    assert (
        f"The same failure ended 2 of the last 4 builds, first #{first.number} (commit a1b2c3d, by A. Author)."
        in words(page)
    )
    assert f"?failure={last.failure_key}" in page.content.decode()


def test_it_says_which_build_of_the_ref_succeeded_since(admin):  # noqa: F811
    build = failed()
    ended(ref="other")
    mended = ended()
    assert f"Build #{mended.number} of main succeeded since." in words(admin.get(build.get_absolute_url()))


@pytest.mark.both_databases
def test_05_the_builds_of_a_repository_can_be_narrowed_to_failures_alike(admin):  # noqa: F811
    """Point 5: a small list on the repository's Builds tab, and a filter."""
    alike = [failed(printed="E: Unable to locate package curll") for _ in range(3)]
    other = failed(printed="E: another error")
    url = f"{alike[0].repository.get_absolute_url()}/builds"
    page = words(admin.get(url))
    assert "Failures that came back" in page
    assert "among the last 4 builds" in page
    assert f"3 times, last #{alike[-1].number}" in page
    narrowed = admin.get(url, {"failure": alike[0].failure_key})
    rows = narrowed.content.decode()
    assert all(f'data-row="{build.number}"' in rows for build in alike)
    assert f'data-row="{other.number}"' not in rows
    assert "Failures that came back" not in rows
    assert "No build is like that" in words(admin.get(url, {"failure": "' OR 1=1"}))


def test_it_tells_a_stranger_of_no_failure(client):
    build = failed()
    assert client.get(f"{API}/builds/{build.pk}/failure").status_code in (401, 404)


def test_05_the_api_tells_what_the_page_tells(client, token):
    """Point 5: the digest in the API."""
    failed(printed="E: Unable to locate package curll")
    build = failed(printed="\x1b[1mE: Unable to locate package curll\x1b[0m")
    told = client.get(f"{API}/builds/{build.pk}/failure", **token).json()
    assert (told["kind"], told["fault"], told["dockerfile_line"], told["step"]) == ("user", "your build", 4, 1)
    assert told["lines"] == [{"number": 101, "text": "E: Unable to locate package curll"}]
    assert "apt knows no `curll`" in told["what_to_try"]
    assert (told["alike"]["count"], told["alike"]["of"], told["key"]) == (2, 2, build.failure_key)
    listed = client.get(f"{API}/repositories/acme/web/failures", **token).json()
    assert [(row["count"], row["builds"][0], row["lasts"]) for row in listed["failures"]] == [(2, build.number, True)]


def test_it_answers_404_with_a_sentence_for_a_build_that_has_not_failed(client, token):
    answer = client.get(f"{API}/builds/{ended().pk}/failure", **token)
    assert (answer.status_code, "it is succeeded" in answer.json()["detail"]) == (404, True)


@pytest.mark.both_databases
def test_it_asks_as_many_questions_for_a_thousand_builds_as_for_three(admin, django_assert_max_num_queries):  # noqa: F811
    build = failed()
    with django_assert_max_num_queries(5):
        failure_of(build, 1, [])
    repository = build.repository
    rows = [
        Build(repository=repository, number=number, ref="main", ref_type="branch", state="failed", failure_key="k" * 64)
        for number in range(100, 1100)
    ]
    Build.objects.bulk_create(rows)
    build = Build.objects.get(repository=repository, number=1099)
    Build.objects.filter(pk=build.pk).update(error_kind="user", error_message=MESSAGE)
    build.refresh_from_db()
    with django_assert_max_num_queries(5):
        failure = failure_of(build, build.attempt, [])
    assert failure is not None
    assert (failure.alike.count, failure.alike.first.number) == (20, 100)


@pytest.mark.both_databases
@pytest.mark.parametrize(("alike", "key"), [("k" * 64, "k" * 64), ("", failure_key("user", STEP, MESSAGE))])
def test_it_puts_the_key_of_failures_alike_on_the_build_as_it_ends(alike, key, rings):
    build = make_build(state="building", attempt=1, lease_until="2100-01-01T00:00:00Z")
    assert fail(Run(build.pk, 1), BuildError(ErrorKind.USER, MESSAGE, step=STEP), alike=alike)
    build.refresh_from_db()
    assert (build.state, build.failure_key) == ("failed", key)
