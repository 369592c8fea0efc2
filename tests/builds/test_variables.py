"""Variables and secrets: the action's rules, the page, the API, and what a build gets of them."""

from __future__ import annotations

import json
import subprocess

import pytest
from django.db import connection
from django.test import Client

from accounts.models import AuditEntry, Role
from accounts.tokens import create_token
from builds.actions.rules import RuleDraft, save_rules
from builds.actions.variables import VariableDraft, delete_variable, read_key, save_variable, save_variables
from builds.core.variables import Kind
from builds.engine.sshkeys import make_deploy_key
from builds.models import Source, Variable
from builds.pipeline.variables import secrets_of, variables_of
from lib.refusal import Refused
from tests.builds.pages import words
from tests.factories import make_build, make_member, make_rule, make_user

MULTI_LINE = "first\n  second\r\nthird: größer\n\n"
PATH = "/r/acme/web/settings/variables"
API = "/api/v1/repositories/acme/web/variables"


@pytest.fixture
def source(repository) -> Source:
    return repository.source


def given(name: str, value: str | None = "value", kind: Kind = Kind.SECRET, rule=None) -> VariableDraft:
    return VariableDraft(kind, name, value, rule.pk if rule else None)


def save(source: Source, *drafts: VariableDraft) -> list[Variable]:
    return save_variables(make_user(), source, drafts, sees_secrets=True)


def api(repository, role: Role) -> Client:
    _, token = create_token(make_member(repository.namespace, f"api-{role}", role), "test")
    return Client(headers={"Authorization": f"Bearer {token}"}, raise_request_exception=False)


def put(client: Client, *rows: dict):
    return client.put(API, json.dumps(list(rows)), content_type="application/json")


def test_10_a_value_is_encrypted_in_the_database(source):
    save(source, given("TOKEN", "s3cret-value"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM builds_variable")
        assert "s3cret" not in cursor.fetchone()[0]


def test_a_rule_s_own_variable_stands_over_the_repository_s(source):
    mine, other = source.rules.get(), make_rule(source, pattern="other")
    save(source, given("A", "all"), given("A", "mine", rule=mine), given("B", "other", rule=other))
    assert variables_of(make_build(mine)).secrets == {"A": "mine"}
    assert variables_of(make_build(other)).secrets == {"A": "all", "B": "other"}


def test_arguments_have_the_rule_between_the_repository_and_the_rule_s_own(source):
    rule = source.rules.get()
    rule.build_args = {"A": "plan", "B": "plan"}
    args = [given(name, value, Kind.ARG, place) for name, value, place in
            [("A", "all", None), ("B", "all", None), ("C", "all", None), ("B", "own", rule)]]  # fmt: skip
    save(source, *args)
    assert variables_of(make_build(rule)).args == {"A": "plan", "B": "own", "C": "all"}


def test_arguments_have_the_placeholders_of_tags(source):
    rule = make_rule(source, ref_type="tag", pattern=r"/^v(?P<line>\d+)\.(\d+)/", build_args={"X": '{"a": {sha7}}'})
    save(source, given("V", r"{line}.{\2} {sourceref} {sha} {build} {other} {\9}", Kind.ARG))
    build = make_build(rule, ref="v1.2")
    known = variables_of(build).args
    assert known == {
        "V": rf"1.2 v1.2 {build.commit} {build.number} {{other}} {{\9}}",
        "X": f'{{"a": {build.commit[:7]}}}',
    }


def test_code_that_is_not_trusted_gets_arguments_only(source):
    save(source, given("A", "1", Kind.ARG), given("T"), given("default", None, Kind.SSH))
    chosen = variables_of(make_build(untrusted=True))
    assert (chosen.args, chosen.secrets, chosen.ssh) == ({"A": "1"}, {}, {})


def test_the_log_hides_every_secret_of_the_source_also_those_that_the_build_does_not_get(source):
    other = make_rule(source, pattern="other")
    save(source, given("T", "for the other rule", rule=other), given("A", "an argument", Kind.ARG))
    hidden = secrets_of(make_build(source.rules.first(), untrusted=True))
    assert "for the other rule" in hidden and "an argument" not in hidden


@pytest.mark.parametrize(
    ("draft", "sentence"),
    [
        (given("1A", "x", Kind.ARG), "cannot be the name of a build argument"),
        (given("BUILDKIT_SYNTAX", "evil/frontend", Kind.ARG), "read by BuildKit itself"),
        (given("a,src=/etc/shadow"), "cannot be the name of a secret"),
        (given("--help"), "cannot be the name of a secret"),
        (given("A", ""), "value is empty"),
        (given("A", None), "is new: give it a value"),
        (given("A", "x" * 40_000), "larger than 32 KiB"),
        (given("A", "x" * 5000, Kind.ARG), "at most 4096 characters"),
        (given("k", "no key", Kind.SSH), "begin with `-----BEGIN`"),
        (given("k", "ssh-ed25519 AAAA me", Kind.SSH), "public half"),
        (given("k", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", Kind.SSH), "damaged"),
        (VariableDraft(Kind.ARG, "A", "x", rule_id=999_999), "no rule with the id"),
    ],
)
def test_what_cannot_be_a_variable_is_refused_with_a_sentence(source, draft, sentence):
    with pytest.raises(Refused, match=sentence):
        save(source, draft)
    assert not source.variables.exists()


@pytest.mark.parametrize("form", ["OpenSSH", "PEM"])
def test_a_key_with_a_passphrase_is_refused(source, tmp_path, form):
    more = ["-m", "PEM", "-t", "rsa"] if form == "PEM" else ["-t", "ed25519"]
    subprocess.run(["ssh-keygen", "-q", *more, "-N", "phrase", "-f", str(tmp_path / "k")], check=True)
    with pytest.raises(Refused, match="passphrase"):
        read_key((tmp_path / "k").read_text(), source)


def test_a_pasted_key_is_kept_and_its_public_half_is_shown(source):
    private, public = make_deploy_key()
    [row] = save(source, given("default", private.replace("\n", "\r\n"), Kind.SSH))
    assert row.value == private
    assert row.public.split()[:2] == public.split()[:2]


def test_two_people_who_set_the_same_name_make_one(source):
    for value in ("one", "two"):
        save_variable(make_user(value), source, given("A", value), sees_secrets=True)
    assert [row.value for row in source.variables.all()] == ["two"]


def test_replacing_is_all_or_nothing(source):
    save(source, given("KEPT", "old"))
    with pytest.raises(Refused):
        save(source, given("NEW", "x"), given("bad name"))
    assert [(row.name, row.value) for row in source.variables.all()] == [("KEPT", "old")]


def test_a_rule_that_goes_takes_its_variables_along(source):
    rule = source.rules.get()
    save(source, given("A", rule=rule))
    save_rules(make_user(), source, [RuleDraft(rule.spec)])
    assert source.variables.count() == 1
    save_rules(make_user(), source, [])
    assert source.variables.count() == 0


def test_the_audit_names_what_was_set_and_no_value(source):
    [row] = save(source, given("TOKEN", "s3cret-value"))
    delete_variable(make_user(), row, sees_secrets=True)
    told = [f"{entry.action} {entry.detail}" for entry in AuditEntry.objects.order_by("pk")]
    assert told == ["variables.save secret TOKEN", "variable.delete secret TOKEN"]


# --- the page -----------------------------------------------------------------------------------------------------


def test_the_page_adds_a_secret_and_never_shows_it(owner, source):
    answer = owner.post(PATH, {"kind": "secret", "name": "TOKEN", "value": "s3cret\r\nlines\r\n"}, follow=True)
    assert "Saved TOKEN" in words(answer)
    assert source.variables.get().value == "s3cret\nlines\n"
    change = owner.get(f"{PATH}?change={source.variables.get().pk}")
    assert "Change TOKEN" in words(change)
    assert b"s3cret" not in answer.content + change.content


def test_the_page_says_that_a_short_secret_is_not_masked(owner, source):
    answer = owner.post(PATH, {"kind": "secret", "name": "PIN", "value": "123"}, follow=True)
    assert "too common to be masked" in words(answer)


def test_the_page_makes_a_key_and_shows_its_public_half(owner, source):
    answer = owner.post(PATH, {"kind": "ssh", "name": "default", "value": ""}, follow=True)
    assert "ssh-ed25519 AAAA" in words(answer)
    assert b"PRIVATE KEY" not in answer.content


def test_the_page_shows_values_of_arguments_escaped(owner, source):
    save(source, given("A", "<script>alert(1)</script>", Kind.ARG))
    assert b"&lt;script&gt;alert(1)" in owner.get(PATH).content


def test_the_page_deletes_one(owner, source):
    [row] = save(source, given("TOKEN"))
    assert "TOKEN is deleted" in words(owner.post(f"{PATH}/{row.pk}/delete", follow=True))
    assert not source.variables.exists()


def test_a_writer_sets_arguments_and_no_secrets(writer, source):
    [row] = save(source, given("TOKEN"))
    assert "Saved A" in words(writer.post(PATH, {"kind": "arg", "name": "A", "value": "1"}, follow=True))
    assert writer.post(PATH, {"kind": "secret", "name": "B", "value": "x"}).status_code == 422
    assert "admin role" in words(writer.post(f"{PATH}/{row.pk}/delete", follow=True))
    assert {row.name for row in source.variables.all()} == {"A", "TOKEN"}


def test_others_see_nothing(reader, stranger, source):
    assert reader.get(PATH).status_code == 403
    assert stranger.get(PATH).status_code == 404


# --- the API ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [MULTI_LINE, " a ", "\r\n", '"quoted", {json}\\n'])
def test_the_api_keeps_a_value_byte_for_byte_and_answers_without_it(repository, value):
    answer = put(api(repository, Role.ADMIN), {"kind": "secret", "name": "TOKEN", "value": value})
    assert answer.status_code == 200, answer.content
    assert repository.source.variables.get().value == value
    assert answer.json()[0]["value"] is None


def test_the_api_keeps_what_is_sent_without_a_value(repository):
    client = api(repository, Role.ADMIN)
    put(client, {"kind": "secret", "name": "A", "value": "one"}, {"kind": "arg", "name": "B", "value": "two"})
    put(client, {"kind": "secret", "name": "A"})
    assert [(row.name, row.value) for row in repository.source.variables.all()] == [("A", "one")]


def test_the_api_wants_the_admin_role_for_secrets(repository):
    client = api(repository, Role.WRITE)
    assert put(client, {"kind": "arg", "name": "A", "value": "1"}).status_code == 200
    assert put(client, {"kind": "secret", "name": "B", "value": "1"}).status_code == 403
    put(api(repository, Role.ADMIN), {"kind": "secret", "name": "C", "value": "1"})
    assert put(client).status_code == 403  # it would delete the secret
    assert repository.source.variables.get().name == "C"


def test_the_api_sets_and_deletes_one(repository):
    client = api(repository, Role.ADMIN)
    body = json.dumps({"kind": "ssh", "name": "default"})
    made = client.post(API, body, content_type="application/json")
    assert made.status_code == 201 and made.json()["public"].startswith("ssh-ed25519 ")
    assert client.delete(f"{API}/{made.json()['id']}").status_code == 204
    assert client.delete(f"{API}/{made.json()['id']}").status_code == 404
