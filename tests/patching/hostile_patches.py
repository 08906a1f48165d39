"""Patches that are never applied: name, the id of the refusal, and the bytes (made when asked for, some are large)."""

import base64
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tests.patching.made_patches import binary, changed, moved, new_file, symlink, zeroes


class Hostile(NamedTuple):
    """A patch and why it is refused."""

    reason: str
    make: Callable[[], bytes]


_HUNK = b"@@ -1,3 +1,3 @@\n a\n-b\n+c\n d\n"


def _hunks(count: int) -> bytes:
    return changed("train.py", b"".join(b"@@ -%d +%d @@\n-a\n+b\n" % (n, n) for n in range(1, count + 1)))


def _delta_bomb() -> bytes:
    size, varint = 1 << 40, bytearray()
    while size:
        varint.append((size & 0x7F) | (0x80 if size > 0x7F else 0))
        size >>= 7
    delta = b"\x00" + bytes(varint) + b"\x01x"
    return binary(len(delta), zlib.compress(delta), b"delta")


def _of(reason: str, **patches: bytes | Callable[[], bytes]) -> dict[str, Hostile]:
    return {
        name: Hostile(reason, (lambda made=made: made) if isinstance(made, bytes) else made)  # type: ignore[misc]
        for name, made in patches.items()
    }


CORPUS: Mapping[str, Hostile] = {
    **_of(
        "outside-tree",
        above=new_file("../outside"),
        far_above=new_file("a/b/../../../outside"),
        absolute=new_file("/etc/cron.d/x"),
        dot=new_file("./x"),
        empty_part=new_file("a//b"),
        drive=new_file("C:/Windows/x"),
        moved_out=moved("train.py", "../train.py"),
        moved_from_nowhere=moved("/dev/null", "train.py"),
        winding=new_file("a/../b"),
        copied_in=moved("../secret", "train.py", "copy"),
        quoted_above=new_file(b"..\\057outside", quoted=True),
        trailing_slash=new_file("folder/"),
    ),
    **_of(
        "git-folder",
        hook=new_file(".git/hooks/post-checkout", mode="100755"),
        config=new_file(".git/config"),
        capitals=new_file(".GIT/config"),
        mixed=new_file(".gIt/config"),
        short_name=new_file("git~1/config"),
        short_name_two=new_file("GIT~2/config"),
        nested=new_file("third_party/x/.git/config"),
        git_file=new_file("third_party/x/.git"),
        blank_behind=new_file(".git /config"),
        dots_behind=new_file(".git.../config"),
        stream=new_file(".git::$INDEX_ALLOCATION/config"),
        ignored_by_macos=new_file(b".g\\342\\200\\214it/config", quoted=True),
        ignored_at_the_end=new_file(b".git\\357\\273\\277/config", quoted=True),
        symlink_into=symlink("x", b".git/config"),
    ),
    **_of(
        "backslash",
        backslash=new_file(b"a\\\\..\\\\x", quoted=True),
        git_with_backslash=new_file(b".git\\\\config", quoted=True),
    ),
    **_of(
        "control-character",
        newline=new_file(b"a\\nb", quoted=True),
        return_=new_file(b"a\\rb", quoted=True),
        escape=new_file(b"a\\033[2Jb", quoted=True),
        nul=new_file(b"a\\000b", quoted=True),
        raw_nul=new_file(b"a\0b"),
        bell=new_file(b"a\\007b", quoted=True),
        delete=new_file(b"a\\177b", quoted=True),
        line_separator=new_file(b"a\\342\\200\\250b", quoted=True),
        symlink_with_newline=symlink("x", b"a\nb\nc"),
    ),
    **_of("name-not-utf8", latin=new_file(b"caf\\351", quoted=True), raw_latin=new_file(b"caf\xe9")),
    **_of("name-too-long", long_name=new_file("n" * 256), long_path=new_file("/".join(["n" * 200] * 6))),
    **_of(
        "bad-name",
        unfinished_quote=new_file(b'x\\"', quoted=True).replace(b'\\""', b'\\"'),
        unknown_escape=new_file(b"a\\qb", quoted=True),
        no_prefix=new_file("x").replace(b"a/x b/x", b"x x"),
        empty=new_file("x").replace(b"a/x b/x", b"a/ b/"),
    ),
    **_of(
        "gitmodules",
        gitmodules=new_file(".gitmodules", b'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% /tmp/x\n'),
        gitmodules_capitals=new_file(".GitModules"),
        gitmodules_short=new_file("GITMOD~1"),
        gitmodules_moved=moved("modules.txt", ".gitmodules"),
        gitmodules_below=new_file("sub/.gitmodules"),
        gitmodules_hashed=new_file("gi7eba~1"),
        gitmodules_hashed_long=new_file("GI7EB~12"),
        gitmodules_hashed_longer=new_file("gi7e~123/x"),
        gitmodules_ignored_by_macos=new_file(".git\u200cmodules"),
        gitmodules_stream=new_file(".gitmodules:x:$DATA"),
    ),
    **_of(
        "attributes",
        filter=new_file(".gitattributes", b"* filter=evil\n"),
        driver=new_file("sub/.gitattributes", b"*.py diff=evil\n"),
        merge=new_file(".gitattributes", b"*.py merge=evil\n"),
        macro=new_file(".gitattributes", b"[attr]evil filter=evil\n"),
        encoding=new_file(".gitattributes", b"*.py working-tree-encoding=UTF-16\n"),
        subst=new_file(".gitattributes", b"*.py export-subst\n"),
        attributes_capitals=new_file(".GITATTRIBUTES", b"* filter=evil\n"),
        attributes_moved=moved("innocent.txt", ".gitattributes"),
        attributes_hashed=new_file("gi7d2~12"),
        attributes_in_one_line=new_file(".gitattributes", b"a text\r* filter=evil\n"),
        attributes_quoted=new_file(".gitattributes", b'"a b" filter=evil\n'),
        attributes_behind_a_mark=new_file(".gitattributes", b"\xef\xbb\xbf* filter=evil\n"),
        attributes_added_later=changed(".gitattributes", b"@@ -1 +1,2 @@\n * text\n+*.py filter=evil\n"),
        attributes_binary=binary(4, zlib.compress(b"abcd"), path=b".gitattributes"),
        attributes_symlink=symlink(".gitattributes", b"innocent.txt"),
    ),
    **_of(
        "gitlink",
        gitlink=new_file("third_party/x", b"Subproject commit " + b"1" * 40 + b"\n", "160000"),
        gitlink_moved=changed("x", _HUNK, b"index 1111111..2222222 160000\n"),
    ),
    **_of(
        "setuid",
        setuid=new_file("su", mode="104755"),
        setgid=new_file("su", mode="102755"),
        sticky=new_file("su", mode="101755"),
        setuid_later=b"diff --git a/x b/x\nold mode 100755\nnew mode 104755\n",
    ),
    **_of(
        "mode",
        device=new_file("null", mode="020666"),
        pipe=new_file("pipe", mode="010644"),
        folder=new_file("folder", mode="040000"),
        symlink_with_bits=new_file("x", mode="120777"),
        too_many_digits=new_file("x", mode="0100644"),
        group_writable=new_file("x", mode="100664"),
        no_number=new_file("x", mode="rw-r--"),
        half_a_mode=b"diff --git a/x b/x\nnew mode 100755\n",
    ),
    **_of("type-change", to_symlink=b"diff --git a/x b/x\nold mode 100644\nnew mode 120000\n"),
    **_of(
        "symlink-outside",
        symlink_absolute=symlink("x", b"/etc/passwd"),
        symlink_above=symlink("x", b"../x"),
        symlink_above_its_folder=symlink("a/b/x", b"../../../x"),
        symlink_winding=symlink("a/x", b"b/../../../x"),
        symlink_changed=changed(
            "link",
            b"@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+/etc\n\\ No newline at end of file\n",
            b"index 1111111..2222222 120000\n",
        ),
        symlink_binary=binary(4, zlib.compress(b"/etc")).replace(b"100644", b"120000"),
        symlink_to_nothing=b"diff --git a/x b/x\nnew file mode 120000\nindex 0000000..e69de29\n",
    ),
    **_of(
        "bomb",
        gigabyte_declared=lambda: binary(1 << 30, zeroes(1 << 20)),
        gigabyte_of_zeroes=lambda: binary(1 << 30, zeroes(1 << 30)),
        gigabyte_hidden=lambda: binary(100, zeroes(1 << 30)),
        delta_of_a_terabyte=_delta_bomb,
        many_that_add_up=lambda: b"".join(
            binary(64 << 20, zeroes(64 << 20), path=b"%d.bin" % number) for number in range(5)
        ),
    ),
    **_of(
        "bad-binary",
        binary_no_content=binary(4, b"").replace(b"literal 4\n", b""),
        binary_not_packed=binary(4, b"none"),
        binary_too_short=binary(100, zlib.compress(b"x")),
        binary_cut=binary(4, zlib.compress(b"abcd")[:-3]),
        binary_bad_letters=binary(4, zlib.compress(b"abcd")).replace(b"\nL", b"\nz"),
        binary_without_ids=binary(4, zlib.compress(b"abcd")).replace(b"0" * 40, b"0" * 7),
        binary_more_behind=binary(4, zlib.compress(b"abcd") + b"more"),
        delta_without_sizes=binary(1, zlib.compress(b"\x80"), b"delta"),
    ),
    **_of(
        "binary-without-content",
        binary_differs=b"diff --git a/x b/x\nindex 1111111..2222222 100644\nBinary files a/x and b/x differ\n",
    ),
    **_of("too-many-hunks", many_hunks=lambda: _hunks(60_000), million_hunks=lambda: _hunks(1_000_000)),
    **_of("too-many-files", many_files=lambda: b"".join(moved(f"a{n}", f"b{n}") for n in range(20_001))),
    **_of(
        "too-large",
        large=lambda: new_file("x", b"x" * 99 + b"\n") + b"\n" * (64 << 20),
        many_attributes=lambda: new_file(".gitattributes", b"* text\n" * 200_000),
        long_target=lambda: symlink("x", b"a/" * 600_000 + b"b"),
    ),
    **_of(
        "hunks-overlap",
        overlap=changed("train.py", _HUNK + b"@@ -3,3 +3,3 @@\n a\n-b\n+c\n d\n"),
        backwards=changed("train.py", b"@@ -9,3 +9,3 @@\n a\n-b\n+c\n d\n" + _HUNK),
        same_twice=changed("train.py", _HUNK + _HUNK),
    ),
    **_of(
        "bad-hunk",
        too_many_lines=changed("train.py", b"@@ -1,1 +1,1 @@\n-a\n+b\n+c\n"),
        bad_mark=changed("train.py", b"@@ -1,2 +1,2 @@\n a\n*b\n+c\n"),
        no_numbers=changed("train.py", b"@@ here @@\n-a\n+b\n"),
        huge_numbers=changed("train.py", b"@@ -99999999999999999999 +1 @@\n-a\n+b\n"),
        add_with_old_lines=new_file("x").replace(b"@@ -0,0 +1,1 @@\n+x\n", b"@@ -1 +1 @@\n-y\n+x\n"),
        short_remark=changed("train.py", b"@@ -1,2 +1,2 @@\n a\n\\ x\n-b\n+c\n"),
    ),
    **_of(
        "truncated",
        cut_in_a_hunk=changed("train.py", b"@@ -1,9 +1,9 @@\n a\n-b\n"),
        cut_in_a_line=changed("train.py", _HUNK)[:-1],
        cut_in_the_header=b"diff --git a/x b/x\nindex 1111111..2222222 100644\n--- a/x\n",
        cut_before_hunks=changed("x", b""),
        cut_in_a_binary=binary(4, zlib.compress(b"abcd"))[:-8],
    ),
    **_of(
        "crlf",
        crlf=changed("train.py", _HUNK).replace(b"\n", b"\r\n"),
        cr_alone=new_file("x").replace(b"\n", b"\r"),
        crlf_header=changed("train.py", _HUNK).replace(b"100644\n", b"100644\r\n"),
    ),
    **_of(
        "no-git-diff",
        nothing=b"",
        words=b"please apply this\n",
        old_style=b"--- a/x\n+++ b/x\n" + _HUNK,
        byte_order_mark=b"\xef\xbb\xbf" + new_file("x"),
        utf16_without_mark=new_file("x").decode().encode("utf-16-le"),
        base64_mail=b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(new_file("x")),
        utf16=changed("train.py", _HUNK).decode().encode("utf-16"),
        context_format=b"*** a/x\n--- b/x\n***************\n*** 1 ****\n! a\n--- 1 ----\n! b\n",
        script=b"1c\nx\n.\n",
        html=b"<!DOCTYPE html><title>404</title>\n",
        merge=b"diff --cc x\nindex 1,2..3\n--- a/x\n+++ b/x\n@@@ -1,1 -1,1 +1,1 @@@\n--a\n++b\n",
        archive=b"\x1f\x8b\x08" + struct.pack("<I", 7) * 9,
    ),
    **_of("diff-outside", before=b"--- a/y\n+++ b/y\n" + _HUNK + changed("train.py", _HUNK)),
    **_of(
        "unexpected-line",
        old_style_behind=changed("train.py", _HUNK) + b"Index: y\n--- /dev/null\n+++ b/../y\n@@ -0,0 +1 @@\n+x\n",
        two_mails=changed("train.py", _HUNK) + b"-- \n2.39.5\n\nFrom 1111 Mon Sep 17 00:00:00 2001\n",
        words_behind=changed("train.py", _HUNK) + b"Thanks!\n",
        nul_in_a_header=changed("x", _HUNK, b"old mode 100644\nnew mode 100755\nin\0dex 1..2\n"),
        mail_in_a_mail=changed("train.py", _HUNK) + b"\nFrom 1111 Mon Sep 17 00:00:00 2001\n\n" + new_file("x"),
        million_signatures=lambda: changed("train.py", _HUNK) + b"-- \n" * 1_000_000,
        name_twice=changed("x", _HUNK, b"old mode 100644\nold mode 100755\nnew mode 100755\n"),
        hidden_after_signature=changed("train.py", _HUNK) + b"-- \n2.39.5\n" + new_file("../x"),
        plus_before_minus=b"diff --git a/x b/x\n+++ b/x\n--- a/x\n" + _HUNK,
    ),
    **_of(
        "names-disagree",
        other_new_name=changed("x", _HUNK).replace(b"+++ b/x", b"+++ b/.bashrc"),
        other_old_name=changed("x", _HUNK).replace(b"--- a/x", b"--- a/y"),
        other_header=changed("x", _HUNK).replace(b"--git a/x b/x", b"--git a/x b/y"),
        rename_elsewhere=moved("x", "y").replace(b"rename to y", b"rename to z"),
        half_a_rename=moved("x", "y").replace(b"rename to y\n", b""),
        new_and_deleted=new_file("x").replace(b"index", b"deleted file mode 100644\nindex"),
        new_and_moved=moved("x", "y") + b"new file mode 100644\n",
        no_longer_there=changed("x", _HUNK).replace(b"+++ b/x", b"+++ /dev/null"),
    ),
    **_of(
        "null-diff",
        unknown_header=changed("x", _HUNK, b"index 1111111..2222222\nevil header\n"),
        nothing_changes=b"diff --git a/x b/x\nindex 1111111..1111111 100644\n",
    ),
}
