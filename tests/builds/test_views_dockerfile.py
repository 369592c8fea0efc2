"""The tab Dockerfile of a build's page, and the same in the API."""

from __future__ import annotations

import pytest

from accounts.tokens import create_token
from builds.models import Build, BuildRecord, Step
from tests.builds.pages import words
from tests.builds.test_views_build import ATTACK, admin, ended, logs_in_memory, make_step  # noqa: F401
from tests.factories import make_admin, make_build, make_user

pytestmark = pytest.mark.django_db

TEXT = "FROM node:20 AS base\nCOPY . .\nRUN npm ci \\\n  && npm test\nEXPOSE 80\n"
STEPS = [
    ("[1/3] FROM docker.io/library/node:20", [1], {"cached": True, "layer_bytes": 52_000_000}),
    ("[2/3] COPY . .", [2], {"duration_s": 2.0, "layer_bytes": 1200}),
    ("[3/3] RUN npm ci   && npm test", [3, 4], {"duration_s": 31.0, "layer_bytes": 2_000_000}),
]
WARNING = {"kind": "build", "message": "FromAsCasing: x", "url": "https://r.example/x", "line": 1, "file": "Dockerfile"}


def built(state: str = "succeeded", *, told: bool = True, text: str = TEXT, platform: str = "", **fields) -> Build:
    """A build with its Dockerfile; `told` says that its provenance named the lines."""
    build = ended(state, **fields)
    _steps(build, told=told, platform=platform)
    record = {
        "dockerfile": text,
        "dockerfile_path": "docker/Dockerfile",
        "platforms": [{"platform": "x"}] if told else [],
    }
    BuildRecord.objects.update_or_create(build=build, defaults={"attempt": 1, **record})
    return build


def _steps(build: Build, *, told: bool, platform: str = "") -> None:
    offset = build.steps.count() + 1
    for index, (name, lines, fields) in enumerate(STEPS, offset):
        known = {"dockerfile_lines": lines, **fields} if told else {"duration_s": fields.get("duration_s")}
        named = name.replace("[", f"[{platform} ") if platform else name
        make_step(build, index, named, vertex=f"sha256:{index}", **known)


def tab(client, build: Build, **query):
    return client.get(build.get_absolute_url(), {"tab": "dockerfile", **query})


def rows(answer) -> dict[int, str]:
    """What each line of the page says, without its number and text."""
    return {line.number: _said(line) for line in answer.context["dockerfile"].annotated.lines}


def _said(line) -> str:
    block = line.block
    return "" if block is None else f"{line.place} {block.outcome} {block.seconds} {block.layer_bytes}"


@pytest.mark.one_database
def test_02_the_tab_shows_the_dockerfile_with_what_each_line_cost(admin):  # noqa: F811
    """Point 2: each line with time, cached or not, layer size; multi-line instructions once, with a bracket."""
    build = built(warnings=[WARNING])
    answer = tab(admin, build)
    said, page = words(answer), answer.content.decode()
    assert rows(answer) == {
        1: "only cached None 52000000",
        2: "only ran 2.0 1200",
        3: "first ran 31.0 2000000",
        4: "last ran 31.0 2000000",
        5: "",
    }
    assert "docker/Dockerfile" in said
    assert said.count("31 s") == 1
    assert 'id="L3" class="df-row df-first"' in page and 'href="#L3"' in page
    assert '?step=3#s3" title="Log of [3/3] RUN npm ci' in page
    assert "FromAsCasing: x" in said and 'href="https://r.example/x"' in page


def test_02_the_failing_line_is_marked_with_the_error_and_the_last_lines(admin):  # noqa: F811
    """Point 2: the failing line from the recorded error location, with no provenance; linked from the header."""
    message = "Step 3 of 3 (`RUN npm ci`, Dockerfile line 3) ended with exit code 1."
    name = STEPS[2][0]
    build = built("failed", told=False, error_kind="user", error_message=message, error_step=name, error_line=3)
    Step.objects.filter(build=build, name=name).update(state="failed")
    failure = {"kind": "user", "message": message, "step": name, "step_index": 3, "dockerfile_line": 3, "attempt": 1}
    failure |= {"log_index": 3, "lines": [{"number": 7, "text": "npm error"}], "lines_total": 7}
    BuildRecord.objects.filter(build=build).update(failure=failure)
    answer = tab(admin, build)
    guilty = [line.number for line in answer.context["dockerfile"].annotated.lines if line.is_guilty]
    page = answer.content.decode()
    assert guilty == [3, 4]
    assert 'id="L4" class="df-row df-last df-guilty"' in page
    assert page.index("df-bad") > page.index('id="L4"')
    assert page.count("npm error") == 2
    assert f'{build.get_absolute_url()}?tab=dockerfile#L3"' in page


@pytest.mark.one_database
def test_02_a_failed_build_takes_its_lines_from_a_build_of_the_same_text(admin):  # noqa: F811
    before = built()
    build = built("failed", told=False, error_kind="user", error_message="It failed.")
    answer = tab(admin, build)
    assert rows(answer)[1].startswith("only ran")
    assert f"known from build #{before.number}, whose Dockerfile was the same" in words(answer)


@pytest.mark.one_database
def test_02_a_build_without_provenance_says_so_and_goes_by_the_words_of_its_steps(admin):  # noqa: F811
    """Point 2: what is missing is said in words."""
    build = built(told=False, text=f"# other\n{TEXT}", platform="linux/arm64")
    _steps(build, told=False, platform="linux/amd64")
    answer = tab(admin, build)
    assert {number for number, said in rows(answer).items() if said} == {2, 3, 4, 5}
    said = words(answer)
    assert "steps were put where their words stand" in said
    assert "BuildKit gives no layer sizes for a push of several platforms." in said
    assert "could not be put on a line" not in said
    one = tab(admin, build, platform="linux/arm64")
    assert [len(told.context["dockerfile"].annotated.lines[2].block.steps) for told in (answer, one)] == [2, 1]


@pytest.mark.one_database
def test_02_steps_that_stand_on_no_line_are_listed(admin):  # noqa: F811
    answer = tab(admin, built(told=False, text="FROM node:20\nRUN other\n"))
    assert "2 steps could not be put on a line; they are listed below." in words(answer)
    assert [step.index for step in answer.context["dockerfile"].annotated.unplaced] == [2, 3]


@pytest.mark.parametrize(
    ("state", "attempt", "step", "says"),
    [
        ("queued", 0, None, "The Dockerfile appears here once a worker has checked out the commit."),
        ("cancelled", 0, None, "No worker took this build, so that no Dockerfile was read."),
        ("failed", 1, ("check out main", ""), "This attempt ended before the Dockerfile was read."),
        ("succeeded", 1, ("hooks/build", ""), "The repository's own hooks/build made this image"),
        ("succeeded", 1, ("[1/2] FROM x", "sha256:1"), "The Dockerfile of this build was not kept."),
    ],
)
def test_02_where_there_is_no_dockerfile_it_says_why(admin, state, attempt, step, says):  # noqa: F811
    """Point 2: an attempt before the Dockerfile was read, and a build through hooks/build, say so."""
    build = ended(state) if state not in ("queued", "cancelled") else make_build(state=state)
    Build.objects.filter(pk=build.pk).update(attempt=attempt)
    if step:
        make_step(build, 0, step[0], vertex=step[1])
    assert says in words(tab(admin, build))


def test_it_escapes_what_the_dockerfile_and_its_steps_say(admin):  # noqa: F811
    build = built(
        text=f"FROM x\nRUN {ATTACK}\n", told=False, warnings=[{**WARNING, "message": ATTACK, "url": "javascript:x"}]
    )
    page = tab(admin, build).content.decode()
    assert "<script>alert" not in page and "javascript:x" not in page
    assert "RUN &lt;script&gt;" in page


def test_it_shows_as_much_of_an_endless_text_as_anybody_reads(admin):  # noqa: F811
    answer = tab(admin, built(text=TEXT + "\n" * 9000))
    assert len(answer.context["dockerfile"].annotated.lines) == 3000
    assert "The first 3,000 of 9,005 lines are shown." in words(answer)


def test_it_comes_with_the_fragment_while_the_build_runs(admin):  # noqa: F811
    build = built("building", told=False)
    Step.objects.filter(build=build, name=STEPS[2][0]).update(state="running", duration_s=None)
    page = tab(admin, build, platform="linux/arm64").content.decode()
    assert f'data-fragment-url="{build.get_absolute_url()}/fragment?tab=dockerfile&amp;platform=linux%2Farm64"' in page
    answer = admin.get(f"{build.get_absolute_url()}/fragment", {"tab": "dockerfile"})
    assert 'id="dockerfile" class="dockerfile" data-build-part' in answer.content.decode()
    assert rows(answer)[3].startswith("first running")
    assert "data-build-part" in admin.get(f"{build.get_absolute_url()}/fragment").content.decode()
    assert 'id="dockerfile"' not in admin.get(f"{build.get_absolute_url()}/fragment").content.decode()


def test_it_asks_three_questions_for_any_number_of_builds(admin, django_assert_max_num_queries):  # noqa: F811
    from builds.views.dockerfiles import dockerfile_of

    for _ in range(6):
        build = built(text="FROM other\n")
    build = built("failed", told=False)
    steps = list(build.steps.all())
    with django_assert_max_num_queries(3):
        assert dockerfile_of(build, 1, steps).annotated is not None


@pytest.mark.one_database
def test_02_the_api_gives_the_lines_and_the_instructions(client):
    """Point 2: what the page tells, the API tells."""
    build = built(warnings=[WARNING, {"kind": "rule", "message": "no place", "url": "", "line": None, "file": ""}])
    token = {"HTTP_AUTHORIZATION": f"Bearer {create_token(make_admin(), 'test')[1]}"}
    told = client.get(f"/api/v1/builds/{build.pk}/dockerfile", **token).json()
    assert [line["text"] for line in told["lines"]] == TEXT.splitlines()
    assert told["instructions"][2] == {
        "first_line": 3, "last_line": 4, "steps": [3], "outcome": "ran", "seconds": 31.0, "layer_bytes": 2_000_000,
    }  # fmt: skip
    assert told["lines"][0]["warnings"] == [{"message": "FromAsCasing: x", "url": "https://r.example/x"}]
    assert told["warnings"] == [{"message": "no place", "url": ""}]
    client.force_login(make_user("stranger"))
    assert client.get(f"/api/v1/builds/{build.pk}/dockerfile").status_code in (401, 404)
