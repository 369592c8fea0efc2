"""Point 8: the files of a layer as the registry stores it, of honest tars and of hostile ones."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib

import pytest
import zstandard

from builds.core import layer_files
from builds.core.inflate import PIECE, LayerError, inflated
from builds.core.layer_files import LayerFile, files_of, read_layer
from tests.builds.core.tars import header, members, pieces, special, tar

HONEST = tar(("etc/", 0), ("etc/hosts", 30), ("usr/bin/app", 70_000), special("bin", tarfile.SYMTYPE, "usr/bin"))
WANTED = [("bin", "link", 0), ("etc", "dir", 0), ("etc/hosts", "file", 30), ("usr/bin/app", "file", 70_000)]


def rows(found):
    return [(file.path, file.kind, file.size_bytes) for file in found.files]


@pytest.mark.parametrize(
    "packed",
    [
        HONEST,
        gzip.compress(HONEST),
        members(HONEST[:700], HONEST[700:]),  # as pigz and eStargz write
        gzip.compress(HONEST) + bytes(512),
        zstandard.compress(HONEST),
        zstandard.compress(HONEST[:700]) + zstandard.compress(HONEST[700:]),
        b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc" + zstandard.compress(HONEST),  # as zstd:chunked begins a frame
    ],
    ids=["plain", "gzip", "gzip-members", "gzip-padded", "zstd", "zstd-frames", "zstd-skippable"],
)
@pytest.mark.parametrize("cut", [1, 7, 4096])
def test_a_layer_is_read_however_it_is_packed_and_cut_it_gives_every_file(packed, cut):
    found = read_layer(pieces(packed, cut))
    assert rows(found) == WANTED
    assert (found.size_bytes, found.notes, found.is_whole) == (70_030, (), True)
    assert files_of(found.document) == found


@pytest.mark.parametrize("pax", [True, False])
def test_names_longer_than_a_header_and_not_ascii_it_reads(pax):
    name = "opt/" + "n" * 300 + "/müller.txt"
    assert rows(read_layer(pieces(tar((name, 5), pax=pax)))) == [(name, "file", 5)]


def test_tarfile_and_we_read_the_same_entries_it_agrees():
    packed = tar(*[(f"d{place % 7}/f{place}", place * 37 % 2000) for place in range(300)], pax=False)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        theirs = sorted((entry.name, "file", entry.size) for entry in archive)
    assert rows(read_layer(pieces(packed))) == theirs


def test_whiteouts_are_removals_it_does_not_show_them_as_files():
    found = read_layer(pieces(tar(("a/.wh.gone", 0), ("b/.wh..wh..opq", 0), (".wh..wh.plnk/", 0), ("b/new", 4))))
    assert rows(found) == [("a/gone", "removed", 0), ("b", "emptied", 0), ("b/new", "file", 4)]


def test_a_file_in_place_of_one_that_it_removes_it_stays():
    assert rows(read_layer(pieces(tar((".wh.x", 0), ("x", 4))))) == [("x", "file", 4)]
    assert rows(read_layer(pieces(tar(("x", 4), (".wh.x", 0))))) == [("x", "file", 4)]


@pytest.mark.parametrize(
    ("items", "path", "note"),
    [
        ([("/etc/passwd", 1)], "etc/passwd", "1 entry has an absolute name: `/etc/passwd`. It counts from the"),
        (
            [("../../etc/passwd", 1)],
            "etc/passwd",
            "1 entry leads out of the image by `..`: `../../etc/passwd`. Engines",
        ),
        ([special("dev/sda", tarfile.BLKTYPE)], "dev/sda", "1 device is made: `dev/sda`. An image needs none"),
        ([("a", 1), ("a", 2)], "a", "1 path stands there more than once: `a`. The last one counts."),
        ([("n" * 5000, 1)], "n" * 4096, "1 name is longer than any file system takes"),
        ([("a\x1b[31m\u202egnp.exe", 1)], "a\ufffd[31m\ufffdgnp.exe", ""),
    ],
)
def test_what_is_odd_is_a_sentence_it_names_the_path(items, path, note):
    found = read_layer(pieces(tar(*items)))
    assert [file.path for file in found.files] == [path]
    assert ("\n".join(found.notes)).startswith(note)
    assert found.is_whole


@pytest.mark.parametrize(
    ("body", "clause"),
    [
        (b"<html>not found</html>" * 40, "it is not a tar archive"),
        (b"\x1f\x8b" + b"x" * 600, "its gzip content is broken"),
        (gzip.compress(HONEST, mtime=0)[:-200], "its gzip content ends too early"),
        (b"BZh91AY&SY" + bytes(600), "it is packed with bzip2"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 600, "its zstd content is broken"),
        (header(b"a", size=b"\xff" * 12), "it has an entry with a negative size"),
        (header(b"a", size=b"\xbf" + b"\xff" * 11), "it has an entry that is larger than any disk"),
        (header(b"a", size=b"9x9"), "it has an entry whose size is not a number"),
    ],
)
def test_what_is_no_layer_it_says_why(body, clause):
    with pytest.raises(LayerError, match=clause):
        read_layer(pieces(body))


def test_an_archive_that_breaks_later_it_keeps_what_came_before():
    found = read_layer(pieces(tar(("first", 9))[:1024] + header(b"second", size=b"00007777777\0") + b"cut"))
    assert ("first", "file", 9) in rows(found)
    assert found.notes[-1] == "Reading ended early: the archive ends in the middle of a file."
    assert not found.is_whole


def test_sparse_files_count_with_what_is_stored_it_does_not_believe_their_length():
    block = bytearray(header(b"disk.img", size=b"00000001000\0", flag=b"S", magic=b"ustar  \0"))
    block[483:495] = b"77777777777\0"  # 8 GB, they say
    block[148:156] = b" " * 8
    block[148:155] = b"%06o\0" % sum(block)
    found = read_layer(pieces(bytes(block) + bytes(512) + tar(("after", 3))))
    assert rows(found) == [("after", "file", 3), ("disk.img", "file", 512)]
    assert found.notes[0].startswith("1 file has holes: `disk.img`")


def test_an_extended_header_of_gigabytes_it_is_passed_over_in_little_memory():
    giant = header(b"x", size=b"\x80" + (5 * 10**6).to_bytes(11, "big"), flag=b"x") + b"9" * 5_000_192
    found = read_layer(pieces(giant + tar(("after", 3)), 65536))
    assert ("after", "file", 3) in rows(found)


def test_a_bomb_is_unpacked_in_small_pieces_it_stops_at_the_bound(monkeypatch: pytest.MonkeyPatch):
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(header(b"zeros", size=b"77777777777\0"))
    bomb += b"".join(packer.compress(bytes(1_000_000)) for _ in range(64)) + packer.flush()
    assert len(bomb) < 100_000
    assert max(len(piece) for piece in inflated(iter([bomb]))) <= PIECE
    monkeypatch.setattr(layer_files, "MOST_UNPACKED_BYTES", 10_000_000)
    found = read_layer(iter([bomb]))
    assert rows(found) == [("zeros", "file", 8**11 - 1)]
    assert found.notes[-1].startswith("Reading ended early: unpacked the layer is larger than 10.0 MB")


@pytest.mark.parametrize(("name", "most"), [("MOST_ENTRIES", 10), ("MOST_NAME_BYTES", 40)])
def test_more_entries_than_are_kept_it_says_how_many_are_shown(monkeypatch: pytest.MonkeyPatch, name: str, most: int):
    monkeypatch.setattr(layer_files, name, most)
    found = read_layer(pieces(tar(*[(f"f{place:03}", 0) for place in range(50)])))
    assert len(found.files) == 10
    assert found.notes == ("Reading ended early: only the first 10 entries are shown.",)


def test_time_that_is_over_it_says_how_far_it_came():
    found = read_layer(
        pieces(tar(("first", 9), ("big", 3_000_000)), 500_000), is_time_over=iter([False, True]).__next__
    )
    assert found.files == (LayerFile("big", "file", 3_000_000), LayerFile("first", "file", 9))
    assert "its time was over after 1.0 MB" in found.notes[-1]


def test_the_empty_layer_it_is_one_without_files():
    assert read_layer(pieces(gzip.compress(bytes(1024)))).files == ()
