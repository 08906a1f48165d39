"""What git is set to in the folders that are made for it here."""

from typing import Final

CONFIG: Final = """[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tsymlinks = true
\tignorecase = false
\tautocrlf = false
\teol = lf
\tprotecthfs = true
\tprotectntfs = true
\tattributesfile = /dev/null
\texcludesfile = /dev/null
\thookspath = /dev/null
\tfsmonitor = false
\tuntrackedcache = false
\tquotepath = true
\tcommitgraph = true
\tfsync = none
[apply]
\twhitespace = nowarn
[gc]
\tauto = 0
[diff]
\trenames = true
"""
AS_STORED: Final = "* -text -ident -filter !working-tree-encoding !diff !merge !whitespace\n"
"""What git writes into a checkout is what is in the tree, byte for byte: attributes of this file go before all others.

`text`, `eol`, `ident`, filters and encodings of a tree's .gitattributes are for people who edit a clone.
"""
