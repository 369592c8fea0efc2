"""Point 8: the files of a layer as a tree, and what an image carries in vain."""

from __future__ import annotations

import pytest

from builds.core.image_waste import waste_of, waste_sentences, waste_summary
from builds.core.layer_files import LayerFiles, read_layer
from builds.core.layer_tree import MOST_DEPTH, largest, tree
from tests.builds.core.tars import pieces, tar


def read(*items) -> LayerFiles:
    return read_layer(pieces(tar(*items), 65536))


FILES = read(("a/x", 10), ("a/y", 300), ("b/c/z", 200), ("top", 5), ("b/.wh.gone", 0)).files


def shape(node):
    return (node.name, node.size_bytes, node.count, [shape(child) for child in node.children])


def test_folders_have_the_sum_of_what_is_below_them_it_puts_the_largest_first():
    found = tree(FILES)
    assert shape(found) == (
        "",
        515,
        4,
        [
            ("a", 310, 2, [("y", 300, 1, []), ("x", 10, 1, [])]),
            ("b", 200, 1, [("c", 200, 1, [("z", 200, 1, [])]), ("gone", 0, 0, [])]),
            ("top", 5, 1, []),
        ],
    )


def test_a_tree_of_many_files_shows_the_largest_it_counts_the_rest():
    found = tree(read(*[(f"d/f{place:03}", place) for place in range(100)]).files, most=11)
    folder = found.children[0]
    assert [child.name for child in folder.children] == [f"f{place:03}" for place in range(99, 89, -1)]
    assert (folder.left_out, folder.left_bytes) == (90, sum(range(90)))


def test_a_part_of_a_tree_is_a_tree_it_finds_folders_only():
    assert [child.path for child in tree(FILES, "b").children] == ["b/c", "b/gone"]
    assert tree(FILES, "b/nowhere") is None


def test_a_very_deep_tree_ends_somewhere_it_leads_on_from_there():
    node, depth = tree(read(("/".join("abcdefghijklmnopqrstuvwxyz"), 7)).files), 0
    while node.children:
        node, depth = node.children[0], depth + 1
    assert (depth, node.left_out, node.left_bytes) == (MOST_DEPTH + 1, 1, 7)


def test_the_largest_files_it_gives_the_largest_first():
    assert [file.path for file in largest(FILES)] == ["a/y", "b/c/z", "a/x", "top"]


@pytest.mark.parametrize(
    ("layers", "wasted"),
    [
        ([[("a", 5)], [("b", 6)]], []),
        ([[("a", 5)], [("a", 6)]], [("a", 5, 0, 1, "again")]),
        ([[("a", 5)], [(".wh.a", 0)]], [("a", 5, 0, 1, "removed")]),
        ([[("d/a", 5), ("d/e/b", 6)], [(".wh.d", 0)]], [("d/e/b", 6, 0, 1, "removed"), ("d/a", 5, 0, 1, "removed")]),
        ([[("d/a", 5)], [("d/.wh..wh..opq", 0), ("d/b", 1)]], [("d/a", 5, 0, 1, "removed")]),
        ([[("d/a", 5)], [("d/", 0)]], []),
        ([[("d/a", 5)], [("d", 7)]], [("d/a", 5, 0, 1, "again")]),
        ([[("a", 5)], [(".wh.a", 0)], [("a", 6)]], [("a", 5, 0, 1, "removed")]),
        ([[("a", 5)], [("a", 6)], [("a", 7)]], [("a", 6, 1, 2, "again"), ("a", 5, 0, 1, "again")]),
        ([[("a", 5)], [(".wh.b", 0), ("x/.wh.y", 0)]], []),
        ([[("a", 5), ("b", 3)], [(".wh..wh..opq", 0)]], [("a", 5, 0, 1, "removed"), ("b", 3, 0, 1, "removed")]),
    ],
)
def test_what_later_layers_write_again_or_remove_it_counts_once(layers, wasted):
    found = waste_of([read(*items) for items in layers])
    assert [(file.path, file.size_bytes, file.layer, file.by, file.how) for file in found.files] == wasted
    assert found.size_bytes == sum(file[1] for file in wasted)


MAKERS = ["ADD rootfs", "RUN apt-get update", "RUN rm -rf /var/lib/apt/lists"]


def test_waste_is_told_with_what_to_do_it_names_the_steps():
    waste = waste_of([read(("etc/x", 200_000)), read(("lists/a", 4_000_000)), read((".wh.lists", 0), ("etc/x", 1))])
    assert waste_summary(waste.document).startswith("4.2 MB (100 %) of the 4.2 MB unpacked are in vain")
    assert list(waste_sentences(waste.document, MAKERS, base_layers=1)) == [
        (
            "`RUN rm -rf /var/lib/apt/lists` removes 4.0 MB that `RUN apt-get update` put there. "
            "Doing both in one `RUN` would save it."
        ),
        (
            "`RUN rm -rf /var/lib/apt/lists` writes again 200.0 kB that `ADD rootfs` put there. "
            "It came with the base image: only another base would save it."
        ),
    ]


def test_an_image_without_waste_says_so_it_gives_no_advice():
    document = waste_of([read(("a", 1))]).document
    assert waste_summary(document).startswith("Nothing is in vain")
    assert list(waste_sentences(document, [])) == []
