"""Variables of a source: saved, replaced and deleted. Values of secrets go in here and never come out again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from builds.core.refnames import quoted
from builds.core.variables import MAX_VARIABLES, WORDS, Kind, name_problem, value_problem
from builds.models import BuildRule, Source, Variable
from lib.refusal import Refused

_PEM = "-----BEGIN "
_OPENSSH = "-----BEGIN OPENSSH PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class VariableDraft:
    """A variable as somebody wants it. `value` None keeps the stored one; for a new SSH key it makes a key pair."""

    kind: Kind
    name: str
    value: str | None = field(default=None, repr=False)
    rule_id: int | None = None


def save_variable(actor: User, source: Source, draft: VariableDraft, *, sees_secrets: bool) -> Variable:
    """Make or change one variable. Raises Refused; without `sees_secrets` (the admin role) for all but arguments."""
    with transaction.atomic():
        # The source's row, so that two people who add the same name get one variable.
        Source.objects.select_for_update().get(pk=source.pk)
        variable = _apply(source, actor, draft, sees_secrets=sees_secrets)
        if source.variables.count() > MAX_VARIABLES:
            raise Refused(f"A repository has at most {MAX_VARIABLES} variables.")
        _record(actor, source, "variable.save", [variable])
    return variable


def save_variables(
    actor: User, source: Source, drafts: Sequence[VariableDraft], *, sees_secrets: bool
) -> list[Variable]:
    """Make these the variables of `source`, all or nothing; those that are not among them go. Raises Refused."""
    if len(drafts) > MAX_VARIABLES:
        raise Refused(f"Nothing was saved: a repository has at most {MAX_VARIABLES} variables.")
    seen = [(draft.kind, draft.name, draft.rule_id) for draft in drafts]
    if twice := next((one for one in seen if seen.count(one) > 1), None):
        raise Refused(f"Nothing was saved: the {WORDS[twice[0]]} {quoted(twice[1])} is there twice.")
    with transaction.atomic():
        Source.objects.select_for_update().get(pk=source.pk)
        saved = [_apply(source, actor, draft, sees_secrets=sees_secrets) for draft in drafts]
        gone = list(source.variables.exclude(pk__in=[variable.pk for variable in saved]))
        for variable in gone:
            _check_role(Kind(variable.kind), sees_secrets=sees_secrets)
        source.variables.filter(pk__in=[variable.pk for variable in gone]).delete()
        _record(actor, source, "variables.save", saved)
    return saved


def delete_variable(actor: User, variable: Variable, *, sees_secrets: bool) -> None:
    """Forget a variable. Builds that have started keep what they got."""
    _check_role(Kind(variable.kind), sees_secrets=sees_secrets)
    with transaction.atomic():
        Variable.objects.filter(pk=variable.pk).delete()
        _record(actor, variable.source, "variable.delete", [variable])


def _apply(source: Source, actor: User, draft: VariableDraft, *, sees_secrets: bool) -> Variable:
    what = WORDS[draft.kind]
    if problem := name_problem(draft.kind, draft.name):
        raise Refused(problem)
    rule = _rule_of(source, draft.rule_id)
    known = source.variables.filter(kind=draft.kind.value, name=draft.name, rule=rule).first()
    if known is not None and draft.value in (None, known.value):
        return known
    _check_role(draft.kind, sees_secrets=sees_secrets)
    value = draft.value
    if draft.kind is Kind.SSH:
        value, public = make_key(source) if value is None else read_key(value, source)
    elif value is None:
        raise Refused(f"The {what} {quoted(draft.name)} is new: give it a value.")
    else:
        public = ""
    if problem := value_problem(draft.kind, value):
        raise Refused(f"{quoted(draft.name)}: {problem}")
    variable = known or Variable(source=source, rule=rule, kind=draft.kind.value, name=draft.name)
    variable.value, variable.public = value, public
    variable.updated_at, variable.updated_by = timezone.now(), actor.get_username()
    variable.save()
    return variable


def _rule_of(source: Source, rule_id: int | None) -> BuildRule | None:
    if rule_id is None:
        return None
    rule = source.rules.filter(pk=rule_id).first()
    if rule is None:
        raise Refused(f"This repository has no rule with the id {rule_id}.")
    return rule


def _check_role(kind: Kind, *, sees_secrets: bool) -> None:
    if kind.is_secret and not sees_secrets:
        raise Refused(
            "Secrets and SSH keys are set by people with the admin role. You may change build arguments.",
            code="forbidden",
        )


def _record(actor: User, source: Source, action: str, variables: Iterable[Variable]) -> None:
    """Names alone: an audit is read by many."""
    names = ", ".join(f"{variable.get_kind_display()} {variable.name}" for variable in variables)
    audit.record(actor, action, source.repository, names[:500])


def make_key(source: Source) -> tuple[str, str]:
    """A new ed25519 key: the private half in OpenSSH's format, the public half as one `authorized_keys` line."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return private, _public_line(key, source)


def read_key(text: str, source: Source) -> tuple[str, str]:
    """A pasted private key with Unix line breaks, and its public half. Raises Refused with what is wrong with it."""
    pasted = text.replace("\r\n", "\n").strip() + "\n"
    if not pasted.startswith(_PEM):
        hint = " This is the public half; paste the private one." if pasted.startswith(("ssh-", "ecdsa-")) else ""
        raise Refused(f"This is no private SSH key: those begin with `-----BEGIN`.{hint}")
    load = load_ssh_private_key if pasted.startswith(_OPENSSH) else load_pem_private_key
    try:
        key = load(pasted.encode(), password=None)
        return pasted, _public_line(key, source)
    except TypeError as error:  # cryptography's word for "it is encrypted"
        raise Refused(_WITH_A_PHRASE) from error
    except (ValueError, UnsupportedAlgorithm, AttributeError) as error:
        if "encrypt" in str(error).lower() or "password" in str(error).lower():
            raise Refused(_WITH_A_PHRASE) from error
        raise Refused(
            "The SSH key is damaged or of a kind that is not supported. Paste the whole file, with its first and its "
            "last line."
        ) from error


_WITH_A_PHRASE = (
    "The SSH key has a passphrase, which no build could type. Make one without (`ssh-keygen -t ed25519 -N ''`), or let "
    "Imageyard make a key."
)


def _public_line(key: object, source: Source) -> str:
    public = key.public_key()  # type: ignore[attr-defined]  # every kind of private key has it
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return f"{line} imageyard:{source.repository.path}"
