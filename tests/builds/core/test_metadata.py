"""What the metadata file tells of a build, from files that buildx wrote and from what it might write."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builds.core.metadata import BaseImage, Layer, read_metadata
from builds.core.metadata_steps import read_image_purl
from builds.core.progress import StepBook
from tests.builds.core.rawjson import RAWJSON, read

BUSYBOX = "sha256:5c1552094058f7cb00de09678837e95f97b89c749c6c03ea8cbc5ea4edfbd68a"
NEWER = "sha256:acfaa3396ca2c56b415a6bad9dacdbaf512b915f623e749010b00a625c864451"


def document(name: str) -> dict:
    return json.loads((RAWJSON / "metadata" / f"{name}.json").read_text())


def book_of(name: str) -> StepBook:
    book = StepBook()
    for event in read((RAWJSON / "metadata" / f"{name}.jsonl").read_bytes())[0]:
        book.apply(event)
    return book


def lines_of(name: str) -> dict[str, int]:
    lines = read_metadata(document(name)).step_lines(book_of(name))
    return {step.partition("@sha256:")[0]: line for step, line in lines.items()}


def test_it_reads_digest_and_names_of_what_was_pushed():
    facts = read_metadata(document("push"))
    assert facts.digest == "sha256:5955b11467754cd893e41d83ae589cef318896f649d86c050888e7376a2b214b"
    assert facts.image_names == ("127.0.0.1:47113/team/app:build-1",)


def test_it_reads_a_comma_list_of_names():
    assert read_metadata({"image.name": "a/b:1, a/b:2"}).image_names == ("a/b:1", "a/b:2")


def test_it_reads_the_base_images_with_their_digests():
    assert read_metadata(document("push")).base_images == (BaseImage("busybox:local", BUSYBOX, "linux/amd64"),)
    assert read_metadata(document("two-bases")).base_images == (
        BaseImage("127.0.0.1:47113/library/busybox:local", NEWER, "linux/amd64"),
        BaseImage("busybox:local", NEWER, "linux/amd64"),
    )


def test_it_does_not_call_the_frontend_of_a_syntax_line_a_base_image():
    changed = document("push")
    frontend = {"uri": "pkg:docker/docker/dockerfile@1?platform=linux%2Famd64", "digest": {"sha256": "0" * 64}}
    changed["buildx.build.provenance"]["materials"].append(frontend)
    assert [image.name for image in read_metadata(changed).base_images] == ["busybox:local"]


def test_it_knows_the_dockerfile_line_of_every_step():
    assert lines_of("two-bases") == {
        "[stage-1 1/5] FROM docker.io/library/busybox:local": 9,
        "[stage-1 2/5] WORKDIR /srv": 12,
        "FROM 127.0.0.1:47113/library/busybox:local": 3,
        "[tools 2/2] RUN <<EOF (mkdir -p /out...)": 4,
        "[stage-1 3/5] COPY --from=tools /out/tool /srv/tool": 13,
        "[stage-1 4/5] COPY --from=127.0.0.1:47113/library/busybox:local /bin/busybox /srv/bb": 14,
        "[stage-1 5/5] RUN --mount=type=cache,target=/c     echo 9 > version": 15,
    }


def test_it_knows_the_lines_for_each_of_several_platforms():
    lines = lines_of("platforms")
    assert lines["[linux/amd64 mid 1/2] COPY a.txt /a"] == 6
    assert lines["[linux/arm64 mid 1/2] COPY a.txt /a"] == 6


def test_it_keeps_every_line_of_an_instruction_and_every_place_of_a_shared_base():
    by_line = {step.first_line: step.lines for step in read_metadata(document("two-bases")).platforms[0].steps}
    assert (by_line[15], by_line[4], by_line[3]) == ((15, 16), (4, 5, 6, 7), (3, 14))


def test_it_says_what_each_step_added_to_the_image():
    sizes = {step.first_line: step.size_bytes for step in read_metadata(document("two-bases")).platforms[0].steps}
    assert sizes == {9: 1080153, 12: 92, 3: 0, 4: 0, 13: 94943, 14: 1079934, 15: 173}


def test_it_sums_the_layers_of_the_image_and_not_those_of_other_stages():
    facts = read_metadata(document("two-bases"))
    assert facts.size_bytes == 1080153 + 92 + 94943 + 1079934 + 173
    assert len(facts.platforms[0].layers) == 5


def test_it_counts_a_layer_once_that_platforms_share():
    amd64, arm64 = read_metadata(document("platforms")).platforms
    assert (amd64.platform, arm64.platform) == ("linux/amd64", "linux/arm64")
    assert (amd64.size_bytes, arm64.size_bytes) == (1080676, 1080677)
    assert read_metadata(document("platforms")).size_bytes < 1080676 + 1080677


def test_it_finds_the_platform_of_a_build_for_one():
    assert read_metadata(document("push")).platforms[0].platform == "linux/amd64"


def test_it_keeps_the_dockerfile_its_path_and_the_build_args():
    facts = read_metadata(document("two-bases")).platforms[0]
    assert facts.filename == "Dockerfile.two"
    assert facts.dockerfile.splitlines()[8] == "FROM busybox:local"
    assert facts.build_args == (("VERSION", "9"),)


def test_it_reads_the_warnings():
    warnings = read_metadata(document("push")).warnings
    assert [warning.first_line for warning in warnings] == [10, 10, 11]
    assert warnings[0].short.startswith("StageNameCasing: ")


def test_it_gives_the_same_operation_the_same_fingerprint_in_another_build():
    first, second = (read_metadata(document(name)).platforms[0].steps for name in ("push", "no-attestation"))
    assert [step.fingerprint for step in first] == [step.fingerprint for step in second]
    assert [step.vertex for step in first] != [step.vertex for step in second]


def test_it_says_what_a_copy_takes_and_what_a_source_reads():
    steps = read_metadata(document("push")).platforms[0].steps
    assert {step.first_line: step.paths for step in steps if step.paths} == {6: ("/a.txt",), 12: ("/hello",)}
    assert [step.source.partition("@")[0] for step in steps if step.operation == "source"] == [
        "docker-image://docker.io/library/busybox:local",
        "local://context",
    ]


def test_it_makes_do_without_provenance():
    facts = read_metadata(document("platforms-pushed"))
    assert facts.digest == "sha256:cec15aa71ee48efec0c19884e9120b44ec16fd585fd75593f14f811d250dd40f"
    assert (facts.platforms, facts.base_images, facts.size_bytes) == ((), (), None)
    assert len(facts.warnings) == 3


def test_it_reads_slsa_1_as_it_reads_slsa_02():
    old = document("two-bases")
    predicate = old["buildx.build.provenance"]
    newer = {
        "buildDefinition": {
            "externalParameters": {"request": {"args": predicate["invocation"]["parameters"]["args"]}},
            "internalParameters": {"buildConfig": predicate["buildConfig"]},
            "resolvedDependencies": predicate["materials"],
        },
        "runDetails": {
            "metadata": {"buildkit_metadata": predicate["metadata"]["https://mobyproject.org/buildkit@v1#metadata"]}
        },
    }
    assert read_metadata(old | {"buildx.build.provenance": newer}) == read_metadata(old)


def test_it_knows_no_layers_of_a_base_it_cannot_see():
    layers = {"step1:0": [[{"digest": "sha256:a", "size": 3}, {"digest": "sha256:b", "size": 4}]]}
    provenance = {"metadata": {"https://mobyproject.org/buildkit@v1#metadata": {"layers": layers}}}
    facts = read_metadata({"buildx.build.provenance": provenance})
    assert facts.platforms[0].layers == (Layer("sha256:a", 3), Layer("sha256:b", 4))


@pytest.mark.parametrize("recording", ["push", "two-bases", "no-attestation", "platforms"])
def test_it_knows_the_layers_of_a_base_that_came_from_the_cache(recording: str):
    """BuildKit leaves the chain of such a FROM out."""
    whole, cut = document(recording), document(recording)
    for key in [key for key in cut if key.startswith("buildx.build.provenance")]:
        layers = cut[key]["metadata"]["https://mobyproject.org/buildkit@v1#metadata"]["layers"]
        for step in [step for step, chains in layers.items() if len(chains[0]) == 1]:
            del layers[step]
    assert read_metadata(cut).step_facts == read_metadata(whole).step_facts


def test_it_counts_the_layer_of_a_linked_copy_once():
    layer = [{"digest": f"sha256:{name}", "size": 5} for name in "ab"]
    nodes = [
        {"id": "step0", "op": {"Op": {"file": {}}}},
        {"id": "step1", "op": {"Op": {"file": {}}}},
        {"id": "step2", "op": {"Op": {"merge": {}}}, "inputs": ["step0:0", "step1:0"]},
        {"id": "step3", "op": {"Op": None}, "inputs": ["step2:0"]},
    ]
    config = {"llbDefinition": nodes, "digestMapping": {f"sha256:{n}": f"step{n}" for n in range(4)}}
    layers = {"step0:0": [layer[:1]], "step1:0": [layer[1:]], "step2:0": [layer]}
    metadata = {"https://mobyproject.org/buildkit@v1#metadata": {"layers": layers}}
    facts = read_metadata({"buildx.build.provenance": {"buildConfig": config, "metadata": metadata}})
    assert [step.size_bytes for step in facts.platforms[0].steps] == [5, 5, 0]
    assert facts.size_bytes == 10


@pytest.mark.parametrize(
    ("uri", "name", "platform"),
    [
        ("pkg:docker/busybox@local?platform=linux%2Famd64", "busybox:local", "linux/amd64"),
        ("pkg:docker/127.0.0.1:5000/a/b@1.2", "127.0.0.1:5000/a/b:1.2", ""),
        ("pkg:docker/127.0.0.1%3A5000/a/b@1.2?platform=linux%2Farm%2Fv7", "127.0.0.1:5000/a/b:1.2", "linux/arm/v7"),
        ("pkg:docker/a/b@1?digest=sha256%3Aabc&platform=linux%2Famd64", "a/b:1", "linux/amd64"),
        ("pkg:docker/a/b@sha256%3Aabc", "a/b", ""),
        ("pkg:docker/a/b", "a/b", ""),
        ("pkg:github/a/b@1", "", ""),
        ("https://example.org/file.tar", "", ""),
        ("", "", ""),
    ],
)
def test_it_reads_an_image_name_from_a_package_url(uri, name, platform):
    assert read_image_purl(uri) == (name, platform)


@pytest.mark.parametrize("odd", [None, [], "x", 1, {"buildx.build.provenance": []}, {"image.name": 5}])
def test_it_makes_nothing_of_an_odd_document(odd):
    facts = read_metadata(odd)
    assert (facts.digest, facts.image_names, facts.size_bytes, facts.step_facts) == (None, (), None, {})


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_it_never_raises_whatever_key_is_odd(data):
    changed = document("two-bases")
    node, key = changed, data.draw(st.sampled_from(sorted(changed)))
    while isinstance(node[key], dict | list) and node[key] and data.draw(st.integers(0, 9)):
        node = node[key]
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
    node[key] = data.draw(
        st.sampled_from(
            [None, "", "x", -1, 1 << 80, 1.5, True, [], [[]], [None], {}, {"": {}}, {"start": {"line": 1 << 60}}]
        )
    )
    facts = read_metadata(changed)
    facts.step_lines(book_of("two-bases"))
    assert facts.size_bytes is None or facts.size_bytes >= 0
