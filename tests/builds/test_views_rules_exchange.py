"""Import and export of rules over HTTP: the report, the rules in the editor, the file, and that nothing is saved."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Role
from accounts.tokens import create_token
from builds.core.rulesfile import read_rules_file
from builds.models import BuildRule, Source
from tests.builds.pages import rule_form, words
from tests.factories import make_member, make_rule

pytestmark = pytest.mark.django_db

IMPORT = "/r/acme/web/rules/import"
EXPORT = "/r/acme/web/rules/export"
HUB = "Branch\tmaster\tlatest\t/\nTag\t/^v([0-9.]+)$/\t{\\1}\t/app/\nBranch\t/(/\tx\t/"
ACTION = "type=ref,event=branch\ntype=semver,pattern={{version}}\ntype=raw,value=${{ github.run_id }}"


def pasted(text: str, **more: str) -> dict[str, str]:
    return {"kind": "docker-hub", "text": text, "how": "replace", **more}


def patterns(answer) -> list[str]:
    return [row.spec.pattern for row in answer.context["form"].rows]


def test_it_reads_docker_hubs_table_and_reports_every_line(writer):
    answer = writer.post(IMPORT, pasted(HUB))
    assert patterns(answer) == ["master", "/^v([0-9.]+)$/"]
    assert [line.level for line in answer.context["found"].report][-1] == "lost"
    assert "1 not possible" in words(answer)


def test_it_reads_the_lines_of_metadata_action(writer):
    answer = writer.post(IMPORT, pasted(ACTION, kind="metadata-action"))
    assert answer.context["found"].rules
    assert "not possible" in words(answer)


def test_it_saves_nothing_before_somebody_says_so(writer):
    writer.post(IMPORT, pasted(HUB))
    assert [rule.pattern for rule in BuildRule.objects.all()] == ["main"]


def test_it_shows_beside_the_rules_what_they_would_have_built(writer):
    answer = writer.post(IMPORT, pasted("Tag\t/^v([0-9.]+)$/\t{\\1}\t/"))
    assert "1.2.0" in words(answer)


def test_it_puts_imported_rules_behind_those_that_are_here(writer):
    answer = writer.post(IMPORT, pasted(HUB, how="add"))
    assert patterns(answer) == ["main", "master", "/^v([0-9.]+)$/"]


def test_it_shows_the_same_rules_as_a_file(writer):
    answer = writer.post(IMPORT, pasted(HUB))
    rules = read_rules_file(answer.context["as_file"]).rules
    assert [rule.spec.pattern for rule in rules] == ["master", "/^v([0-9.]+)$/"]


def test_it_offers_no_editor_while_the_rules_come_from_the_file(writer):
    Source.objects.update(rules_from="file")
    page = writer.post(IMPORT, pasted(HUB)).content.decode()
    assert 'id="rules-editor"' not in page
    assert "put the text above there" in page


@pytest.mark.parametrize("text", ["", "\0", "x" * 70_000, "{", "<script>alert(1)</script>\tx"])
def test_it_answers_whatever_is_pasted(writer, text):
    page = writer.post(IMPORT, pasted(text))
    assert page.status_code == 200
    assert "<script>alert" not in page.content.decode()


def test_it_moves_imported_rules_to_the_repository_once_they_are_saved(writer):
    answer = writer.post(IMPORT, pasted(HUB))
    rows = [{"pattern": row.spec.pattern, "ref_type": row.spec.ref_type, "tags": ", ".join(row.spec.tags)}
            for row in answer.context["form"].rows]  # fmt: skip
    writer.post("/r/acme/web/rules", rule_form(*rows))
    assert [rule.pattern for rule in BuildRule.objects.order_by("position")] == ["master", "/^v([0-9.]+)$/"]


@pytest.mark.one_database
@pytest.mark.parametrize("address", [IMPORT])
def test_it_lets_only_writers_import(reader, address):
    assert reader.get(address).status_code == 403


@pytest.mark.one_database
def test_it_exports_the_rules_as_the_file_that_reads_back(reader, repository):
    make_rule(repository.source, ref_type="tag", pattern="/^v/", tags=["{version}", "latest"], timeout_s=90,
              examples=[{"ref_type": "tag", "ref": "v1.2.3", "tags": ["1.2.3", "latest"]}])  # fmt: skip
    answer = reader.get(EXPORT, {"download": "1"})
    assert 'filename=".imageyard.yml"' in answer.headers["Content-Disposition"]
    read = read_rules_file(answer.content)
    assert [rule.spec.pattern for rule in read.rules] == ["main", "/^v/"]
    assert read.rules[1].examples[0].tags == ("1.2.3", "latest")


@pytest.mark.one_database
def test_it_shows_the_file_with_the_address_of_its_schema(reader):
    page = words(reader.get(EXPORT))
    assert "$schema=http://testserver/static/schema/imageyard.schema.json" in page
    assert "branch: main" in page


@pytest.mark.one_database
def test_it_shows_no_export_to_a_stranger(stranger, repository):
    assert stranger.get(EXPORT).status_code == 404


@pytest.fixture
def api(repository) -> Client:
    user = make_member(repository.namespace, "wendy", Role.WRITE)
    return Client(headers={"authorization": f"Bearer {create_token(user, 'test')[1]}"})


@pytest.mark.one_database
def test_the_api_gives_the_rules_as_the_file(api):
    answer = api.get("/api/v1/repositories/acme/web/rules/file")
    assert answer.headers["Content-Type"].startswith("application/yaml")
    assert [rule.spec.pattern for rule in read_rules_file(answer.content).rules] == ["main"]


def test_the_api_reads_rules_from_elsewhere_as_what_it_takes_itself(api):
    body = {"format": "docker-hub", "text": HUB}
    read = api.post("/api/v1/repositories/acme/web/rules/import", body, "application/json").json()
    assert [line["level"] for line in read["report"]][-1] == "lost"
    answer = api.put("/api/v1/repositories/acme/web/rules", read["rules"], "application/json")
    assert [rule["pattern"] for rule in answer.json()] == ["master", "/^v([0-9.]+)$/"]


def test_the_api_says_that_a_repository_without_a_source_has_no_rules(api, repository):
    repository.source.delete()
    answer = api.get("/api/v1/repositories/acme/web/rules/file")
    assert answer.status_code == 422
    assert "Link one first" in answer.json()["detail"]
