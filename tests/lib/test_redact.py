"""Secrets are masked in every form a log can show them in, wherever the chunks are cut."""

from __future__ import annotations

import base64
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.redact import MASK, Redactor, redact_text, strip_url_credentials

TOKEN = "glpat-A/B+c@d=e f"
LOWER = quote(TOKEN, safe="").replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d")
KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n}\n-----END KEY-----\n"


@pytest.mark.parametrize("shown", [TOKEN, quote(TOKEN), quote(TOKEN, safe=""), quote_plus(TOKEN), LOWER, r"gl\u00e9s"])
def test_it_masks_a_secret_plain_and_percent_encoded(shown):
    assert redact_text(f"remote: {shown}!", [TOKEN, "glés"]) == f"remote: {MASK}!"


@pytest.mark.parametrize("before", ["", "u", "us", "usr", "x-access-token:"])
@pytest.mark.parametrize("after", ["", "!", "!!", "!!!"])
def test_it_masks_a_secret_inside_base64_at_every_alignment(before, after):
    secret = "ghp_abcdefghijklmnopqrstuv"
    shown = base64.b64encode(f"{before}{secret}{after}".encode()).decode()
    masked = redact_text(shown, [secret])
    assert MASK in masked
    for end in range(len(secret) - 5):
        piece = base64.b64encode(secret[end : end + 6].encode()).decode()
        assert piece not in masked


LONG_KEY = (
    "-----BEGIN KEY-----\n"
    + "\n".join(f"{n:02}QyNTUxOQAAACBrZ{'xYz7' * 12}" for n in range(6))
    + "\n-----END KEY-----\n"
)


@pytest.mark.parametrize("secret", [LONG_KEY, LONG_KEY.replace("\n", "")])
@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("width", [76, 64])
def test_it_masks_base64_that_a_tool_wrapped_into_lines(secret, end, width):
    whole = base64.b64encode((secret.rstrip("\n") + end).encode()).decode()
    lines = [whole[start : start + width] for start in range(0, len(whole), width)]
    masked = redact_text("\n".join(lines), [secret]).split("\n")
    assert masked[:-1] == [MASK] * (len(lines) - 1)
    assert len(lines[-1]) < 12 or masked[-1] == MASK


@pytest.mark.parametrize("typed", [KEY, KEY.replace("\n", "\r\n")])
@pytest.mark.parametrize("before", ["", "u", "us"])
def test_it_masks_the_base64_of_the_whole_whatever_its_line_breaks(typed, before):
    shown = base64.b64encode(f"{before}{KEY}".encode()).decode()
    assert base64.b64encode(b"kqhkiG9w0BAQEF").decode()[4:12] not in redact_text(shown, [typed])
    assert redact_text(shown, [typed]).count(MASK) >= 1


def test_it_masks_every_line_of_a_secret_that_spans_lines():
    masked = redact_text("a\n" + KEY.replace("\n", "\r\n") + "b\n", [KEY])
    assert masked == f"a\r\n{MASK}\r\n{MASK}\r\n{MASK}\r\n}}\r\n{MASK}\r\nb\n".replace("a\r\n", "a\n")


def test_it_masks_a_secret_that_spans_lines_when_json_prints_it_on_one():
    assert redact_text("{-----END KEY-----}", [KEY]) == f"{{{MASK}}}"
    assert "MIIEvQ" not in redact_text(KEY.replace("\n", "\\n"), [KEY])


@pytest.mark.parametrize("secrets", [[], [""], ["abc"], ["\n\n"]])
def test_it_leaves_text_alone_when_there_is_nothing_worth_masking(secrets):
    assert not Redactor(secrets)
    assert redact_text("abcdef", secrets) == "abcdef"


def test_it_prefers_the_longer_of_two_secrets():
    assert redact_text("abcdefgh abcde", ["abcd", "abcdefgh"]) == f"{MASK} {MASK}e"


ALPHABET = st.text("ab@\n", max_size=60)


@given(
    ALPHABET, st.lists(st.text("ab@\n", min_size=4, max_size=9), max_size=3), st.lists(st.integers(1, 7), max_size=30)
)
def test_it_masks_a_stream_exactly_as_it_masks_the_whole(text, secrets, cuts):
    redactor = Redactor(secrets)
    stream, out, rest = redactor.stream(), b"", text.encode()
    for cut in cuts:
        out += stream.feed(rest[:cut])
        rest = rest[cut:]
    out += stream.feed(rest) + stream.flush()
    assert out == redactor.mask(text.encode())


def test_it_holds_back_only_what_could_be_the_beginning_of_a_secret():
    stream = Redactor(["password1234"]).stream()
    assert stream.feed(b"user: pass") == b"user: "
    assert stream.feed(b"ing by\n") == b"passing by\n"
    assert stream.feed(b"whole line\n") == b"whole line\n"
    assert stream.feed(b"pass") == b""
    assert stream.flush() == b"pass"


def test_it_keeps_bytes_that_are_not_utf8():
    assert Redactor(["hunter22"]).mask(b"\xff\x00hunter22\xfe") == b"\xff\x00***\xfe"


def test_it_keeps_up_with_a_flood():
    redactor = Redactor([f"secret-number-{n}-{'x' * n}" for n in range(10)])
    stream, chunk = redactor.stream(), b"a line of sixty bytes, as build tools print them all day\n" * 300
    for _ in range(600):  # 10 MB; one that looked again at what has passed would not come to the end
        assert stream.feed(chunk) == chunk


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("fatal: https://user:S3cretPW@host/x.git gone", "fatal: https://host/x.git gone"),
        ("https://ghp_TOKEN@host/a/b", "https://host/a/b"),
        ("https://oauth2:glpat-A%2FB@host:8443/a", "https://host:8443/a"),
        ("https://user:p@ss@host/x.git", "https://host/x.git"),
        ("unable to access 'http://ss@host/x.git/'", "unable to access 'http://host/x.git/'"),
        ("https://user:pa/ss@host/x", "https://host/x"),
        ("ssh://git@host/x and ssh://git:pw@host/x", "ssh://git@host/x and ssh://host/x"),
        ("http://registry:8080/@scope/package", "http://registry:8080/@scope/package"),
        ("https://host/x.git mail a@b.c", "https://host/x.git mail a@b.c"),
        ("git@host:acme/x.git", "git@host:acme/x.git"),
        ("two https://a:b@h/1 https://c:d@h/2", "two https://h/1 https://h/2"),
    ],
)
def test_g05_it_strips_the_credentials_of_urls_and_keeps_host_and_path(text, shown):
    assert strip_url_credentials(text) == shown


def test_g05_it_masks_the_rest_of_a_password_with_an_unescaped_at():
    assert "ss@" not in redact_text("Could not resolve host: ss@host", ["p@ss"])


HUGE = "".join(f"{n:04}-{base64.b64encode(bytes([n % 251] * 9)).decode()}" for n in range(500))


@pytest.mark.parametrize("size", [77, 80, 87, 88, 152, 153, 4096, len(HUGE)])
@pytest.mark.parametrize("cut", [1, 75, 76, 1000])
def test_it_masks_a_long_secret_wherever_its_stream_is_cut(size, cut):
    secret, text = HUGE[:size], f"a {HUGE[:size]} b\n".encode()
    stream = Redactor([secret]).stream()
    out = b"".join(stream.feed(text[start : start + cut]) for start in range(0, len(text), cut)) + stream.flush()
    assert out == b"a *** b\n" == Redactor([secret]).mask(text)


@pytest.mark.parametrize("before", ["", "u", "us"])
def test_it_masks_the_base64_of_a_long_secret_at_every_alignment(before):
    shown = base64.b64encode(f"{before}{HUGE}".encode()).decode()
    assert len(redact_text(shown, [HUGE])) < 12


def test_it_keeps_up_with_a_flood_beside_keys_of_many_lines():
    key = "\n".join(HUGE[start : start + 64] for start in range(0, len(HUGE), 64))
    stream, chunk = Redactor([key]).stream(), b"a line of sixty bytes, as build tools print them all day\n" * 300
    for _ in range(600):  # 10 MB
        assert stream.feed(chunk) == chunk
