"""Point 8: the page of an image. What it shows, what it hides, who may ask, and what it says where nothing is known."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from builds.models import Build, BuildRecord, BuildRule, ImageLook
from registry.models import Tag
from tests.builds import pages
from tests.compared_builds import two_builds
from tests.factories import make_build
from tests.images import sha256
from tests.sample_image import CONTENTS, SBOM, add_image, documents, statement

pytestmark = pytest.mark.one_database


def words(answer) -> str:
    """As `pages.words`, with a space where one element ends and the next begins."""
    answer.content = answer.content.replace(b"><", b"> <").replace(b"</", b" </")
    return pages.words(answer).replace(" ,", ",").replace("( ", "(").replace(" )", ")")


UNKNOWN = "sha256:" + "0" * 64


@pytest.fixture
def build(repository) -> Build:
    made = two_builds(BuildRule.objects.get(source__repository=repository))[1]
    add_image(made)
    return made


@pytest.fixture
def document(build) -> dict[str, Any]:
    return build.record.image


def tab(client: Client, build: Build, query: str = ""):
    return client.get(f"{build.get_absolute_url()}?tab=image{query}")


def page(client: Client, digest: str, rest: str = ""):
    return client.get(f"/r/acme/web/images/{digest}{rest}")


def test_layers_are_joined_with_steps_and_lines_it_tells_the_base_apart(reader, build):
    shown = words(tab(reader, build))
    assert "3 layers, 99.0 MB: 48.0 MB in 1 layer of the base image, 51.0 MB in 2 of its own." in shown
    assert "COPY /app/dist /srv step 2 of 3 · 0.7 s · line 9 · files · 5.7 MB unpacked · made" in shown
    assert "RUN useradd app && rm -rf /srv/cache step 3 of 3" in shown
    assert "Base image debian:12 1 layer 48.0 MB" in shown
    assert "# buildkit" not in shown
    assert "#(nop)" not in shown


def test_settings_are_shown_it_warns_of_values_that_look_secret(reader, build):
    answer = tab(reader, build)
    shown = words(answer)
    for told in ("/srv/serve", "--listen 0.0.0.0:8080", "User app", "8080/tcp", "/data", "SIGINT", "COPY . /srv",
                 "CMD curl -f localhost:8080, every 30 s, 3 times", "org.acme.team", "MODE production"):  # fmt: skip
        assert told in shown
    assert "NPM_TOKEN looks like a secret" in shown
    assert b"npm-secret-value" not in answer.content


def test_an_image_whose_user_is_root_it_says_so(reader, build, document):
    for user, said in (("", "root (no USER is set)"), ("0:0", "root (0:0)"), ("app", "User app")):
        document["platforms"][0]["config"]["user"] = user
        BuildRecord.objects.filter(build=build).update(image=document)
        assert said in words(tab(reader, build))


def test_provenance_and_packages_are_readable_it_hides_secret_arguments(reader, build):
    answer = tab(reader, build)
    shown = words(answer)
    assert "Provenance SLSA 1" in shown
    assert "https://builders.acme.example/1" in shown
    assert "Made from debian:12 linux/amd64" in shown
    assert "10 packages" in shown
    assert b">k1<" not in answer.content


def test_waste_is_summed_up_it_names_the_layers(reader, build):
    shown = words(tab(reader, build))
    assert "1.3 MB (12 %) of the 11.3 MB unpacked are in vain" in shown
    assert "RUN useradd app && rm -rf /srv/cache removes 1.3 MB that COPY /app/dist /srv put there." in shown
    assert "srv/cache/big.bin put there by layer 2 removed in layer 3 1.3 MB" in shown


def test_another_platform_it_switches_and_hides_attestations_as_platforms(reader, build, document):
    shown = tab(reader, build, "&platform=linux/arm64")
    assert "None: neither how it was built nor what is in it is attested" in words(shown)
    assert 'platform=linux%2Famd64"' in shown.content.decode()
    assert "unknown/unknown" not in words(shown)


def test_the_same_image_by_its_digest_it_is_joined_with_its_build(reader, build):
    Tag.objects.create(repository=build.repository, name="latest", digest=build.digest)
    shown = words(page(reader, build.digest))
    assert f"made by build #{build.number}" in shown
    assert "step 2 of 3" in shown
    assert f"docker pull {build.repository.image}@{build.digest}" in shown


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("failed", "This build made no image."),
        ("building", "when the build has pushed it"),
        ("succeeded", "not pushed"),
    ],
)
def test_a_build_without_an_image_it_says_why(reader, repository, state, said):
    build = make_build(BuildRule.objects.get(source__repository=repository), state=state, attempt=1)
    assert said in words(tab(reader, build))


def test_an_older_build_whose_image_was_not_kept_it_has_it_read(reader, build, rings):
    BuildRecord.objects.filter(build=build).update(image={})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.db.transaction.on_commit", lambda call: call())
        answer = tab(reader, build)
    assert "A worker reads this image from the registry as soon as it has a moment." in words(answer)
    assert b"data-refresh-url" in answer.content
    assert rings == ["builds.look_at_images"]


@pytest.mark.both_databases
def test_a_digest_that_nobody_knows_it_is_read_when_a_person_asks(reader, repository, rings):
    shown = page(reader, UNKNOWN)
    assert "did not put this digest into the registry" in words(shown)
    assert not ImageLook.objects.exists()
    reader.post(f"/r/acme/web/images/{UNKNOWN}/look", {"kind": "image"})
    assert ImageLook.objects.get().digest == UNKNOWN
    assert "A worker reads this image" in words(page(reader, UNKNOWN))


@pytest.mark.both_databases
def test_a_look_that_failed_it_says_why_and_looks_again(reader, repository, rings):
    look = ImageLook.objects.create(
        repository=repository, kind="image", digest=UNKNOWN, state="failed", sentence="registry.acme has no such image."
    )
    assert "registry.acme has no such image. Look again" in words(page(reader, UNKNOWN))
    reader.post(f"/r/acme/web/images/{UNKNOWN}/look", {"kind": "image"})
    look.refresh_from_db()
    assert look.state == "asked"


def test_a_digest_by_hand_it_shows_dockerfile_lines_of_its_provenance(reader, repository):
    document = documents()
    ImageLook.objects.create(
        repository=repository, kind="image", digest=document["digest"], state="ready", facts=document
    )
    shown = words(page(reader, document["digest"]))
    assert "COPY /app/dist /srv Dockerfile line 9 · files" in shown
    assert "not known" not in shown


@pytest.mark.parametrize("digest", ["latest", "sha256:abc", "sha256:" + "g" * 64, "md5:" + "0" * 32])
def test_what_is_no_digest_it_is_not_found(reader, repository, digest):
    assert page(reader, digest).status_code == 404


def test_people_without_access_it_is_not_found(stranger, build):
    for rest in ("", f"/layers/{sha256(CONTENTS[1])}", f"/packages/{sha256(statement(SBOM))}", f"/raw/{build.digest}"):
        assert page(stranger, build.digest, rest).status_code == 404
        assert page(Client(), build.digest, rest).status_code == 404


@pytest.mark.both_databases
def test_who_is_not_logged_in_sees_a_public_image_it_asks_for_nothing(build, rings):
    repository = build.repository
    repository.visibility = "public"
    repository.save()
    assert "50.0 MB" in words(page(Client(), build.digest))
    assert Client().post(f"/r/acme/web/images/{build.digest}/look", {"kind": "image"}).status_code == 403
    assert "Log in to have it read" in words(page(Client(), UNKNOWN))
    assert rings == []


def test_the_files_of_a_layer_it_shows_the_largest_and_a_tree(reader, build):
    shown = words(page(reader, build.digest, f"/layers/{sha256(CONTENTS[1])}"))
    assert "Everything 62 files, 5.7 MB" in shown
    assert "srv/serve 4.2 MB srv/cache/big.bin 1.3 MB" in shown
    deeper = words(page(reader, build.digest, f"/layers/{sha256(CONTENTS[1])}?path=srv/cache"))
    assert "All / srv / cache 1 file, 1.3 MB big.bin" in deeper
    assert page(reader, build.digest, f"/layers/{sha256(CONTENTS[1])}?path=nowhere").status_code == 404


def test_what_a_layer_removes_it_is_not_shown_as_a_file(reader, build):
    shown = words(page(reader, build.digest, f"/layers/{sha256(CONTENTS[2])}"))
    assert "Removed by this layer srv/cache" in shown
    assert ".wh." not in shown


@pytest.mark.both_databases
def test_a_layer_that_nobody_looked_into_it_is_read_when_a_person_asks(reader, build, rings):
    layer = sha256(CONTENTS[0])
    ImageLook.objects.filter(digest=layer).delete()
    assert "Nobody has looked into this layer yet" in words(page(reader, build.digest, f"/layers/{layer}"))
    answer = reader.post(f"/r/acme/web/images/{build.digest}/look", {"kind": "files", "digest": layer})
    assert answer["location"].endswith(f"/layers/{layer}")
    assert ImageLook.objects.get(digest=layer).state == "asked"


@pytest.mark.both_databases
@pytest.mark.parametrize("kind", ["files", "waste", "packages", "image", "nonsense"])
def test_what_is_no_part_of_the_image_it_is_not_read(reader, build, rings, kind):
    before = ImageLook.objects.count()
    reader.post(f"/r/acme/web/images/{build.digest}/look", {"kind": kind, "digest": UNKNOWN})
    assert ImageLook.objects.count() == before
    assert page(reader, build.digest, f"/layers/{UNKNOWN}").status_code == 404
    assert page(reader, build.digest, f"/raw/{UNKNOWN}").status_code == 404


@pytest.mark.both_databases
def test_packages_are_searched_by_name_version_and_licence_it_counts_them(reader, build):
    where = f"/packages/{sha256(statement(SBOM))}"
    assert "libssl3" in words(page(reader, build.digest, where))
    found = words(page(reader, build.digest, f"{where}?q=gpl"))
    assert "libbz2" in found
    assert "libacl" not in found
    assert "No package has that" in words(page(reader, build.digest, f"{where}?q=zzz"))


def test_a_registry_that_is_away_it_is_a_sentence_and_no_fault(reader, build):
    answer = page(reader, build.digest, f"/raw/{build.digest}")
    assert answer.status_code == 502
    assert "cannot be reached" in answer.content.decode()


@pytest.mark.both_databases
def test_a_large_image_takes_no_more_queries_than_a_small_one(reader, build, document):
    def queries() -> int:
        cache.clear()
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert tab(reader, build).status_code == 200
        return len(asked)

    queries()
    few = queries()
    large = copy.deepcopy(document)
    first = large["platforms"][0]
    for place in range(200):
        first["layers"].append({**first["layers"][2], "digest": sha256(str(place).encode())})
        first["history"].append({**first["history"][2], "layer": 3 + place})
    BuildRecord.objects.filter(build=build).update(image=large)
    assert queries() == few


HOSTILE = '<script>alert(1)</script>"><img src=x>'


@pytest.mark.both_databases
def test_everything_that_an_image_says_is_escaped(reader, build, document):
    first = document["platforms"][0]
    first["history"][2]["words"] = first["author"] = first["platform"] = HOSTILE
    first["config"] |= {"user": HOSTILE, "labels": [[HOSTILE, HOSTILE]], "env": [[HOSTILE, "x"]], "onbuild": [HOSTILE]}
    first["sentences"] = document["sentences"] = [HOSTILE]
    first["provenance"] |= {"builder": HOSTILE, "arguments": [[HOSTILE, HOSTILE]]}
    BuildRecord.objects.filter(build=build).update(image=document)
    assert b"<script>alert" not in tab(reader, build).content
    assert b"<img src=x" not in page(reader, build.digest).content


@pytest.mark.both_databases
def test_the_tab_of_a_running_build_looks_again_by_itself_it_stops_when_all_is_there(reader, build):
    Build.objects.filter(pk=build.pk).update(state="building", digest="")
    assert f'data-refresh-url="{build.get_absolute_url()}/image"' in tab(reader, build).content.decode()
    assert reader.get(f"{build.get_absolute_url()}/image").status_code == 200
    Build.objects.filter(pk=build.pk).update(state="succeeded", digest=build.record.image["digest"])
    answer = reader.get(f"{build.get_absolute_url()}/image")
    assert answer.status_code == 286
    assert "3 layers, 99.0 MB" in words(answer)
    assert b"data-refresh-url" not in tab(reader, build).content


@pytest.mark.both_databases
@pytest.mark.parametrize("part", ["image", "waste"])
def test_a_part_that_is_fetched_anew_says_when_it_is_the_last_time(reader, build, part):
    assert page(reader, build.digest, f"?part={part}").status_code == 286
    ImageLook.objects.filter(kind="waste").update(state="reading", sentence="1 of 3 layers are read.")
    answer = page(reader, build.digest, "?part=waste")
    assert answer.status_code == 200
    assert "A worker is reading every layer from the registry. 1 of 3 layers are read." in words(answer)


@pytest.mark.both_databases
def test_a_digest_that_is_searched_among_the_tags_leads_to_its_image(reader, build):
    answer = reader.get("/r/acme/web/tags", {"q": f" {build.digest} "})
    assert answer["location"] == f"/r/acme/web/images/{build.digest}"
