"""Archives that try to get out of the folder they are unpacked to, or to confuse who reads them.

Each is (name, layers, a part of the message it is refused with); an empty message means it is unpacked and does no
harm. Layers are functions of a folder outside that holds a file `canary`.
"""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

from tests.oci.tars import END, block, file, folder, hardlink, padded, pax, raw_pax, record, symlink

Layers = Callable[[bytes], list[bytes]]


def _one(content: bytes) -> Layers:
    return lambda _: [content + END]


def _raw(content: bytes) -> Layers:
    return lambda _: [content]


def _many(*contents: bytes) -> Layers:
    return lambda _: [content + END for content in contents]


def outside_name(outside: Path) -> bytes:
    return str(outside).encode()


_SPARSE = block(b"x", kind=b"S", size=0)
_RIGHTS = record(b"SCHILY.xattr.security.capability", b"\1\0\0\2")

HOSTILE: list[tuple[str, Layers, str]] = [
    # Names
    ("a name that climbs", _one(file(b"../outside/x")), r"`\.\.` part"),
    ("a name that climbs later", _one(file(b"a/../../outside/x")), r"`\.\.` part"),
    ("a name that ends in two dots", _one(folder(b"a/..")), r"`\.\.` part"),
    ("an absolute name", lambda out: [pax((b"path", out + b"/x")) + file(b"x") + END], "absolute"),
    ("an absolute folder", lambda out: [pax((b"path", out + b"/d/")) + folder(b"d/") + END], "absolute"),
    (
        "a long name of GNU that climbs",
        _one(block(b"@", kind=b"L", size=13) + padded(b"../outside/x\0") + file(b"x")),
        "part",
    ),
    ("a name with a NUL in pax", _one(pax((b"path", b"a\0b")) + file(b"x")), "control character"),
    ("a name with a line end", _one(file(b"a\nb")), "control character"),
    ("a name with an escape", _one(file(b"a\x1b[2J")), "control character"),
    ("a name with DEL", _one(file(b"a\x7f")), "control character"),
    ("a name with a C1 control", _one(pax((b"path", "a\x9bb".encode())) + file(b"x")), "control character"),
    ("a name that is not UTF-8", _one(file(b"a\xff")), "not UTF-8"),
    ("an empty name", _one(file(b"")), "empty"),
    ("a name with an empty part", _one(file(b"a//b")), "empty"),
    ("a file named as a folder", _one(file(b"a/")), "ends in a slash"),
    ("a name that is too long", _one(pax((b"path", b"n" * 256)) + file(b"x")), "more than 255 bytes"),
    ("a path that is too long", _one(pax((b"path", b"/".join([b"n" * 200] * 30))) + file(b"x")), "longer than 4095"),
    ("a path that is too deep", _one(pax((b"path", b"/".join([b"d"] * 1500))) + file(b"x")), "folders deep"),
    ("a link in place of the root", lambda out: [pax((b"linkpath", out)) + symlink(b".", b"x") + END], "part"),
    # Links
    (
        "a file through an absolute link",
        lambda out: [pax((b"linkpath", out)) + symlink(b"a", b"x") + file(b"a/x") + END],
        "below a",
    ),
    ("a file through a relative link", _one(symlink(b"a", b"../outside") + file(b"a/canary", b"!")), "below a"),
    ("a file through a link that comes later", _one(file(b"a/canary", b"!") + symlink(b"a", b"../outside")), "below a"),
    (
        "a file through a chain of links",
        _one(symlink(b"a", b".") + symlink(b"a/b", b"..") + file(b"a/b/outside/x")),
        "below a",
    ),
    (
        "a file through a link of a lower layer",
        _many(symlink(b"a", b"../outside"), file(b"a/canary", b"!")),
        "passes through 'a'",
    ),
    (
        "a file through a link that replaced a folder",
        _many(folder(b"a/") + file(b"a/x"), symlink(b"a", b"../outside"), file(b"a/canary", b"!")),
        "passes through 'a'",
    ),
    (
        "a folder through a link of a lower layer",
        _many(symlink(b"a", b"../outside"), folder(b"a/b/")),
        "passes through 'a'",
    ),
    ("a file through a file of a lower layer", _many(file(b"a"), file(b"a/x")), "passes through 'a'"),
    ("a link with an empty target", _one(symlink(b"a", b"")), "empty"),
    ("a link with a line end in its target", _one(symlink(b"a", b"x\ny")), "control character"),
    ("a hard link that climbs", _one(hardlink(b"a", b"../outside/canary")), "part"),
    (
        "an absolute hard link",
        lambda out: [pax((b"linkpath", out + b"/canary")) + hardlink(b"a", b"x") + END],
        "absolute",
    ),
    ("a hard link to a link", _one(symlink(b"a", b"../outside/canary") + hardlink(b"b", b"a")), "no file"),
    (
        "a hard link through a link",
        _many(symlink(b"a", b"../outside"), hardlink(b"b", b"a/canary")),
        "passes through 'a'",
    ),
    ("a hard link to a folder", _one(folder(b"a/") + hardlink(b"b", b"a")), "no file"),
    ("a hard link to nothing", _one(hardlink(b"b", b"a")), "not in the image"),
    ("a hard link to itself", _many(file(b"a"), hardlink(b"a", b"a")), "not in the image"),
    (
        "a hard link with content",
        _one(file(b"a") + block(b"b", kind=b"1", link=b"a", size=3) + padded(b"abc")),
        "bytes of content",
    ),
    # Kinds and rights
    ("a character device", _one(block(b"a", kind=b"3")), "a character device"),
    ("a block device", _one(block(b"a", kind=b"4")), "a block device"),
    ("a fifo", _one(block(b"a", kind=b"6")), "a fifo"),
    ("a kind nobody knows", _one(block(b"a", kind=b"Z")), "unknown type"),
    ("a setuid file", _one(file(b"a", mode=b"0004755\0")), "setuid"),
    ("a setgid file", _one(file(b"a", mode=b"0002755\0")), "setuid or setgid"),
    ("a setgid folder", _one(folder(b"a/", mode=b"0002755\0")), "setuid or setgid"),
    ("a mode of more than twelve bits", _one(file(b"a", mode=b"0040644\0")), "twelve bits"),
    ("a mode that is no number", _one(file(b"a", mode=b"rw-r--r-")), "octal"),
    ("a file with capabilities", _one(raw_pax(_RIGHTS) + file(b"a")), "is not taken"),
    # Sizes
    ("a sparse file of GNU", _one(_SPARSE), "a sparse file"),
    ("a sparse file in pax", _one(pax((b"GNU.sparse.realsize", b"9" * 18)) + file(b"a")), "is not taken"),
    ("a size beyond the archive", _one(block(b"a", size=1 << 30)), "is cut"),
    ("a size beyond the archive in pax", _one(pax((b"size", b"9" * 18)) + file(b"a")), "is cut"),
    ("a size in pax that is no number", _one(pax((b"size", b"-1")) + file(b"a")), "wanted a number"),
    ("a size in pax of too many digits", _one(pax((b"size", b"9" * 5000)) + file(b"a")), "wanted a number"),
    ("a negative size", _one(block(b"a", size_field=b"\xff" * 12)), "octal"),
    ("a size of 95 bits", _one(block(b"a", size_field=b"\x80" + b"\xff" * 11)), "octal"),
    ("a folder with content", _one(block(b"a", kind=b"5", size=3) + padded(b"abc")), "bytes of content"),
    # The same twice
    ("a file twice", _one(file(b"a", b"1") + file(b"a", b"2")), "twice"),
    ("a folder twice", _one(folder(b"a/") + folder(b"a")), "twice"),
    ("a file and a folder of one name", _one(file(b"a") + folder(b"a/")), "twice"),
    ("a file over a link of one name", _one(symlink(b"a", b"../outside/canary") + file(b"a", b"!")), "twice"),
    ("a name in two spellings", _one(file(b"a") + file(b"./a")), "twice"),
    ("a file below a file", _one(file(b"a") + file(b"a/b")), "below a"),
    # Headers
    ("a pax record twice", _one(pax((b"path", b"a"), (b"path", b"../b")) + file(b"x")), "twice"),
    ("two pax headers for one member", _one(pax((b"path", b"a")) + pax((b"path", b"b")) + file(b"x")), "twice"),
    ("a long chain of pax headers", _one(b"".join(pax((b"path", b"a")) for _ in range(5000))), "twice"),
    ("a pax header for all members", _one(pax((b"path", b"a"), kind=b"g") + file(b"x")), "unknown type"),
    ("a pax header of nothing but digits", _one(raw_pax(b"1" * 60_000) + file(b"x")), "no length"),
    ("a pax record that reaches beyond", _one(raw_pax(b"999 path=a\n") + file(b"x")), "malformed"),
    ("a pax record of length zero", _one(raw_pax(b"0 path=a\n") + file(b"x")), "malformed"),
    ("a pax header that is too large", _one(block(b"p", kind=b"x", size=1 << 20) + bytes(1 << 20)), "at most 65536"),
    ("a wrong checksum", _one(block(b"a", checksum_off_by=1)), "checksum"),
    ("a header before ustar", _one(block(b"a", magic=bytes(8))), "no tar header"),
    ("no tar at all", _raw(b"#!/bin/sh\n" * 200), "no tar header"),
    # Ends
    ("an empty archive file", _raw(b""), "is cut"),
    ("a cut header", _raw(file(b"a") + block(b"b")[:300]), "is cut"),
    ("a cut file", _raw(block(b"a", size=4000) + bytes(1000)), "is cut"),
    ("no end", _raw(file(b"a", b"1")), "is cut"),
    ("half an end", _raw(file(b"a", b"1") + bytes(512)), "two zero blocks"),
    ("one zero block between members", _raw(file(b"a") + bytes(512) + file(b"b") + END), "two zero blocks"),
    ("a second archive behind the first", _raw(file(b"a") + END + file(b"../b") + END), "two zero blocks"),
    ("a megabyte behind the end", _raw(file(b"a") + END + bytes(2 << 20)), "after the end"),
    ("gzip", _raw(gzip.compress(file(b"a") + END)), "compressed with gzip"),
    ("bzip2", _raw(bz2.compress(file(b"a") + END)), "compressed with bzip2"),
    ("xz", _raw(lzma.compress(file(b"a") + END)), "compressed with xz"),
    ("zstd", _raw(b"\x28\xb5\x2f\xfd" + bytes(600)), "compressed with zstd"),
    # Whiteouts
    ("a whiteout of the folder above", _one(file(b".wh...")), "hides nothing"),
    ("a whiteout of the folder itself", _one(file(b".wh..")), "hides nothing"),
    ("a whiteout of no name", _one(file(b".wh.")), "hides nothing"),
    ("a whiteout of another union file system", _one(file(b".wh..wh.aufs")), "hides nothing"),
    ("a whiteout with content", _one(file(b".wh.a", b"x")), "no empty file"),
    ("a whiteout that is a folder", _one(folder(b".wh.a/")), "no empty file"),
    ("a whiteout that is a link", _one(symlink(b".wh.a", b"../outside")), "no empty file"),
    ("a file below a whiteout", _one(file(b".wh.a/b")), "below"),
    ("a whiteout through a link", _many(symlink(b"a", b"../outside"), file(b"a/.wh.canary")), "passes through 'a'"),
    (
        "an opaque folder that is a link",
        _many(symlink(b"a", b"../outside"), file(b"a/.wh..wh..opq")),
        "passes through 'a'",
    ),
    # Unpacked without harm
    ("a link to the outside", _one(symlink(b"a", b"../outside/canary")), ""),
    ("a file in place of a link", _many(symlink(b"a", b"../outside/canary"), file(b"a", b"!")), ""),
    (
        "a folder in place of a link",
        _many(symlink(b"a", b"../outside"), folder(b"a/", mode=b"0000777\0") + file(b"a/x")),
        "",
    ),
    (
        "a hard link in place of a link",
        _many(symlink(b"a", b"../outside/canary"), file(b"b", b"!") + hardlink(b"a", b"b")),
        "",
    ),
    ("a whiteout of a link", _many(symlink(b"a", b"../outside"), file(b".wh.a")), ""),
    (
        "an opaque folder full of links",
        _many(folder(b"d/") + symlink(b"d/a", b"../../outside"), folder(b"d/") + file(b"d/.wh..wh..opq")),
        "",
    ),
    (
        "a folder full of links replaced by a file",
        _many(folder(b"d/") + symlink(b"d/a", b"../../outside"), file(b"d")),
        "",
    ),
]
