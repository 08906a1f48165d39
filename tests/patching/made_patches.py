"""Patches as a program writes them that need not be git: every part of them may be wrong."""

import base64
import struct
import zlib


def new_file(path: str | bytes, content: bytes = b"x\n", mode: str = "100644", *, quoted: bool = False) -> bytes:
    """A patch that adds a file."""
    name = path.encode() if isinstance(path, str) else path
    old, new = (b'"a/%b"' % name, b'"b/%b"' % name) if quoted else (b"a/" + name, b"b/" + name)
    lines = content.split(b"\n")
    missing = lines.pop() if not content.endswith(b"\n") else (lines.pop() and b"")
    body = b"".join(b"+" + line + b"\n" for line in lines)
    if missing:
        body += b"+" + missing + b"\n\\ No newline at end of file\n"
    count = len(lines) + bool(missing)
    head = b"diff --git %b %b\nnew file mode %b\nindex 0000000..1111111\n--- /dev/null\n+++ %b\n"
    return head % (old, new, mode.encode(), new) + b"@@ -0,0 +1,%d @@\n" % count + body


def changed(path: str, hunks: bytes, extra: bytes = b"index 1111111..2222222 100644\n") -> bytes:
    """A patch that changes a file."""
    name = path.encode()
    return b"diff --git a/%b b/%b\n%b--- a/%b\n+++ b/%b\n" % (name, name, extra, name, name) + hunks


def binary(declared: int, packed: bytes, kind: bytes = b"literal", path: bytes = b"x.bin") -> bytes:
    """A patch that adds a binary file."""
    lines = []
    for at in range(0, len(packed), 52):
        piece = packed[at : at + 52]
        letter = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[len(piece) - 1 : len(piece)]
        lines.append(letter + base64.b85encode(piece, pad=True) + b"\n")
    head = b"diff --git a/%b b/%b\nnew file mode 100644\nindex %b..%b\nGIT binary patch\n"
    return head % (path, path, b"0" * 40, b"1" * 40) + b"%b %d\n" % (kind, declared) + b"".join(lines) + b"\n"


def zeroes(count: int) -> bytes:
    """So many zeroes, packed: one MiB of them again and again, and their checksum at the end."""
    packer = zlib.compressobj(9)
    piece = bytes(1 << 20)
    first = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.flush()[:-4] + struct.pack(">HH", count % 65521, 1)
    return first + again * ((count >> 20) - 1) + end


def symlink(path: str, target: bytes) -> bytes:
    """A patch that adds a symlink."""
    return new_file(path, target, "120000")


def moved(old: str, new: str, word: str = "rename") -> bytes:
    """A patch that moves a file as it is."""
    text = f"diff --git a/{old} b/{new}\nsimilarity index 100%\n{word} from {old}\n{word} to {new}\n"
    return text.encode()
