"""The body of a trigger call: ours, Docker Hub's, a form, a stranger's, nothing."""

from __future__ import annotations

import pytest

from builds.core.refnames import Ref
from webhooks.providers.base import FormatError
from webhooks.providers.trigger_body import Wish, read_wish

COMMIT = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MAIN, TAG = Ref("branch", "main"), Ref("tag", "v1.0")


@pytest.mark.parametrize(
    ("body", "content_type", "wish"),
    [
        (b"", "", Wish()),
        (b"", JSON, Wish()),
        (b"null", JSON, Wish()),
        (b"{}", JSON, Wish()),
        (b"build=true", FORM, Wish()),
        (b'{"build": true}', JSON, Wish()),
        (b'{"ref": "main"}', JSON, Wish(MAIN)),
        (b'\xef\xbb\xbf{"ref": "main"}', JSON, Wish(MAIN)),
        (b'{"ref": "main"}', FORM, Wish(MAIN)),  # what `curl -d` calls it
        (b"ref=main", FORM, Wish(MAIN)),
        (b"ref=feature%2Fx", FORM, Wish(Ref("branch", "feature/x"))),
        (b'{"ref_type": "tag", "ref": "v1.0"}', JSON, Wish(TAG)),
        (b"ref_type=tag&ref=v1.0", FORM, Wish(TAG)),
        (b'{"ref": "refs/heads/main"}', JSON, Wish(MAIN)),
        (b'{"ref": "refs/tags/v1.0"}', JSON, Wish(TAG)),
        (b'{"ref_type": "tag", "ref": "refs/tags/v1.0"}', JSON, Wish(TAG)),
        (b'{"source_type": "Branch", "source_name": "main"}', JSON, Wish(MAIN)),
        (b'{"source_type": "Tag", "source_name": "v1.0"}', JSON, Wish(TAG)),
        (b'{"source_name": "main"}', JSON, Wish(MAIN)),
        (b'{"docker_tag": "latest"}', JSON, Wish(docker_tag="latest")),
        (b'{"ref": "main", "commit": "%s"}' % COMMIT.upper().encode(), JSON, Wish(MAIN, COMMIT)),
        (b'{"ref": "main", "commit": null}', JSON, Wish(MAIN)),
        (b'{"push_data": {"tag": "latest"}, "repository": {"name": "web"}}', JSON, Wish()),  # another service's
        (b"a plain word", "text/plain", Wish()),
    ],
)
def test_it_reads(body, content_type, wish):
    assert read_wish(body, content_type) == wish


@pytest.mark.parametrize(
    ("body", "content_type", "sentence"),
    [
        (b"{", JSON, "The body is not JSON."),
        (b"main", JSON, "The body is not JSON."),
        (b"[" * 100_000, JSON, "The body is not JSON."),
        (b"[]", JSON, "The body has to be a JSON object"),
        (b'"main"', JSON, "The body has to be a JSON object"),
        (b"\xff\xfe", JSON, "The body is not UTF-8."),
        (b'{"ref": 1}', JSON, "`ref` has to be a text"),
        (b'{"ref": ["main"]}', JSON, "`ref` has to be a text"),
        (b'{"ref": "a..b"}', JSON, "`a..b` is not a name that Git allows for a branch: it holds `..`."),
        (b'{"ref": "a\\u0000b"}', JSON, "is not a name that Git allows for a branch"),
        (b'{"ref_type": "moon", "ref": "x"}', JSON, "`moon` is no kind of ref that a trigger builds"),
        (b'{"ref_type": "pull_request", "ref": "x"}', JSON, "`pull_request` is no kind of ref"),
        (b'{"ref_type": "tag"}', JSON, "The body says `tag` and names none."),
        (b'{"ref": "main", "commit": "--upload-pack=x"}', JSON, "is not a commit"),
        (b'{"ref": "main", "commit": "0000000"}', JSON, "A commit of zeros"),
        (b"--x", "multipart/form-data; boundary=x", "A form with parts is not read here."),
        (b"&".join(b"a%d=1" % i for i in range(101)), FORM, "The form has more than 100 fields."),
    ],
)
def test_it_says_what_cannot_be_meant(body, content_type, sentence):
    with pytest.raises(FormatError) as error:
        read_wish(body, content_type)
    assert sentence in error.value.sentence
