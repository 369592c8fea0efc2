"""What a rule's form can know before anything is pushed."""

from __future__ import annotations

import pytest

from builds.core.rules import RuleSpec, check_rule, check_rules, describe_rule


def rule(pattern="main", tags=("latest",), ref_type="branch", **fields) -> RuleSpec:
    return RuleSpec(fields.pop("id", 1), ref_type, pattern, tags, **fields)


def problems(**fields) -> list[tuple[str, str]]:
    return [(problem.field, problem.message) for problem in check_rule(rule(**fields))]


GOOD = [
    {},
    {"pattern": "release/1.0"},
    {"pattern": "/^v([0-9.]+)$/", "tags": ("{\\1}", "{1}", "v{\\1}-{sha7}"), "ref_type": "tag"},
    {"pattern": r"/^v(?P<major>\d+)\.\d+$/", "tags": ("{major}",)},
    {"tags": ("{sourceref},latest",)},
    {"tags": ("my tag",)},  # is made legal, and the verdict says so
    {"tags": ("{sha}",), "pattern": "/.*/"},
    {"dockerfile": "/docker/Dockerfile", "context": "/"},
    {"target": "runtime", "platforms": ("linux/amd64", "linux/arm/v7"), "build_args": {"VERSION": "1"}},
    {"pattern": "-x"},
    {"pattern": "$(id)"},
    {"pattern": "日本語"},
    {"ref_type": "pull_request"},
]


@pytest.mark.parametrize("fields", GOOD, ids=str)
def test_it_finds_nothing_wrong_with_a_good_rule(fields):
    assert problems(**fields) == []


BAD = [
    ({"pattern": ""}, "pattern", "The pattern is empty"),
    ({"pattern": "  "}, "pattern", "The pattern is empty"),
    ({"pattern": "//"}, "pattern", "would match everything"),
    ({"pattern": "/"}, "pattern", "cannot be the name"),
    ({"pattern": "a b"}, "pattern", "it holds a space"),
    ({"pattern": "release-*"}, "pattern", "such as `/^release-.*$/`"),
    ({"pattern": "^v([0-9.]+)$"}, "pattern", "such as `/^v([0-9.]+)$/`"),
    ({"pattern": "/feature"}, "pattern", "such as `/feature/`"),
    ({"pattern": "refs/heads/main"}, "pattern", "Write the bare name, `main`"),
    ({"pattern": "x" * 501}, "pattern", "501 characters; 500 is the most"),
    ({"pattern": "a\x00b"}, "pattern", "a character that no ref can have"),
    ({"pattern": "/\ud800/"}, "pattern", "a character that no ref can have"),
    ({"pattern": "/(?P<sha>x)/"}, "pattern", "group name `sha`"),
    ({"tags": ()}, "tags", "makes no tag"),
    ({"tags": ("", " , ")}, "tags", "makes no tag"),
    ({"tags": ("{branch}",)}, "tags", "Did you mean `{sourceref}`?"),
    ({"tags": ("{sourcref}",)}, "tags", "Did you mean `{sourceref}`?"),
    ({"tags": ("{flavor}",)}, "tags", "The pattern has no group of that name. Known are `{sourceref}`"),
    ({"tags": ("{short_sha}",)}, "tags", "Did you mean `{sha7}`?"),
    ({"tags": ("{}",)}, "tags", "names nothing"),
    ({"tags": ("a{sourceref",)}, "tags", "a `{` without its partner"),
    ({"tags": ("a}",)}, "tags", "a `}` without its partner"),
    ({"tags": ("日本語",)}, "tags", "cannot be made into a tag"),
    ({"tags": ("---",)}, "tags", "cannot be made into a tag"),
    ({"tags": ("build-123",)}, "tags", "`build-123` is reserved"),
    ({"tags": ("build/123",)}, "tags", "`build-123` is reserved"),
    ({"tags": ("x" * 256,)}, "tags", "at most 255 characters"),
    ({"tags": tuple(f"t{n}" for n in range(21))}, "tags", "21 tags; 20 is the most"),
    ({"dockerfile": "../Dockerfile"}, "dockerfile", "uses `..`"),
    ({"context": "https://example.com/x.git"}, "context", "is an address"),
    ({"target": "--help"}, "target", "cannot be the name of a stage"),
    ({"platforms": ("amd64",)}, "platforms", "write `linux/amd64`"),
    ({"platforms": ("linux/amd64,linux/arm64",)}, "platforms", "is not a platform"),
    ({"platforms": ("linux/amd64", "linux/amd64")}, "platforms", "named twice"),
    ({"platforms": tuple(f"linux/a{n}" for n in range(17))}, "platforms", "at most 16"),
    ({"build_args": {"A=B": "1"}}, "build_args", "cannot be the name of a build argument"),
    ({"build_args": {"A": "\x00"}}, "build_args", "NUL byte"),
    ({"build_args": {f"A{n}": "" for n in range(101)}}, "build_args", "at most 100"),
    ({"ref_type": "commit"}, "ref_type", "a `branch`, a `tag` or a `pull_request`"),
]


@pytest.mark.parametrize(("fields", "field", "words"), BAD, ids=lambda value: str(value)[:40])
def test_it_says_what_is_wrong_with_a_bad_rule(fields, field, words):
    [(found, message)] = problems(**fields)
    assert found == field
    assert words in message
    assert message.endswith((".", "?"))


@pytest.mark.parametrize("template", ["{4}", "{\\4}"])
def test_r06_it_refuses_a_group_that_the_pattern_does_not_have(template):
    [(field, message)] = problems(pattern=r"/^v(\d+)\.(\d+)(?:\.(\d+))?$/", tags=(template,))
    assert (field, message) == ("tags", f"`{template}` takes group 4, but the pattern has 3 groups.")


def test_r06_it_refuses_a_group_of_an_exact_name():
    assert problems(tags=("{1}",)) == [("tags", "`{1}` takes group 1, but the pattern has no groups.")]


@pytest.mark.parametrize("template", ["{0}", "{\\0}", "{\\10}", "{99999999999999999999}"])
def test_r06_it_knows_groups_one_to_nine_only(template):
    [(_, message)] = problems(pattern="/(a)/", tags=(template,))
    assert "groups go from `{\\1}` to `{\\9}`" in message


def test_r06_it_refuses_doubled_braces():
    [(_, message)] = problems(pattern="/(a)/", tags=("{{1}}",))
    assert message == "`{{1}}` doubles its braces: a placeholder has one pair, such as `{sourceref}`."


def test_it_reports_every_field_at_once():
    found = problems(pattern="", tags=(), dockerfile="..", platforms=("x",))
    assert [field for field, _ in found] == ["pattern", "tags", "dockerfile", "platforms"]


def test_it_does_not_blame_the_tags_for_a_regex_that_does_not_compile():
    assert [field for field, _ in problems(pattern="/^v(/", tags=("{\\1}",))] == ["pattern"]


COMPILE = [
    ("/^v([0-9.]+$/", "missing closing parenthesis at character 4"),
    ("/(a)(b/", "missing closing parenthesis at character 5"),
    (r"/\(a(b/", "missing closing parenthesis at character 5"),
    ("/[(](b/", "missing closing parenthesis at character 5"),
    ("/[]()](b/", "missing closing parenthesis at character 7"),
    ("/[^])](b/", "missing closing parenthesis at character 7"),
    ("/[^](](b/", "missing closing parenthesis at character 7"),
    ("/[^]](b)(c/", "missing closing parenthesis at character 9"),
    ("/a)/", "closing parenthesis without its partner at character 3"),
    ("/x[a/", "missing closing bracket at character 3"),
    ("/*a/", "nothing to repeat before `*` at character 2"),
    ("/a**/", "repeated repetition `**` at character 3"),
    ("/a{1001}/", "more than 1000 repetitions, or a wrong range, in `{1001}` at character 3"),
    ("/(?=x)/", "unknown operator `(?=` (there is no look-around) at character 2"),
    ("/a\\/", "nothing after the backslash at character 3"),
    (r"/(a)\1/", r"unknown escape `\1` (there are no back references) at character 5"),
    (r"/\p{Foo}/", r"unknown range or class `\p{Foo}` at character 2"),
    ("/(?P<a-b>x)/", "bad group name `(?P<a-b>` at character 2"),
]


@pytest.mark.parametrize(("pattern", "what"), COMPILE)
def test_it_says_where_a_regex_does_not_compile(pattern, what):
    [(field, message)] = problems(pattern=pattern)
    assert field == "pattern"
    assert message == f"The pattern does not compile: {what}. The rule matches nothing until it is mended."


def test_it_refuses_a_regex_that_would_take_much_memory():
    [(_, message)] = problems(pattern=r"/\pL{100}/")  # RE2's own limit, 8 MiB, would let it pass
    assert message == (
        "The pattern does not compile: it needs more memory than a rule may use. "
        "The rule matches nothing until it is mended."
    )


def test_it_warns_of_two_rules_that_make_one_tag_of_one_push():
    rules = [rule(tags=("latest", "a")), rule(pattern="dev"), rule(tags=("{sourceref},latest",))]
    [clash] = check_rules(rules)
    assert (clash.first, clash.second) == (0, 2)
    assert clash.message == "Rules 1 and 3 both make `latest` from branch `main`: two builds, one tag."


def test_it_does_not_warn_of_a_branch_rule_and_a_tag_rule():
    assert check_rules([rule(), rule(ref_type="tag")]) == ()


DESCRIBED = [
    (rule(), "branch `main` → `latest`, from `Dockerfile`"),
    (rule(dockerfile="/app/", context="/"), "branch `main` → `latest`, from `app/Dockerfile`"),
    (rule(dockerfile="..", tags=()), "branch `main` → no tag, from `..`"),
    (
        rule(
            "/^v/", ("{sourceref},x",), "tag", context="app", target="run", platforms=("linux/amd64",), autobuild=False
        ),
        "tag `/^v/` → `{sourceref}`, `x`, from `Dockerfile` in `app`, stage `run`, for linux/amd64, by hand only",
    ),
]


@pytest.mark.parametrize(("spec", "sentence"), DESCRIBED)
def test_it_describes_a_rule_as_a_line_to_read(spec, sentence):
    assert describe_rule(spec) == sentence
