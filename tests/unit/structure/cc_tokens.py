# SPDX-License-Identifier: Apache-2.0
"""Splits C and C++ text into tokens with line numbers, without a compiler.

Comments and preprocessor lines are left out, literals become the token LITERAL. Of an #if chain
only the first branch is kept, so that braces stay in balance when branches open the same block.
"""

import re
from typing import NamedTuple


class Token(NamedTuple):
    text: str
    line: int


LITERAL = '""'
PATTERN = re.compile(
    r"""
    (?P<space>\s+|\\\n)
  | (?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)
  | (?P<raw>(?:u8|[uUL])?R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)")
  | (?P<literal>(?:u8|[uUL])?(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'))
  | (?P<number>\.?\d(?:'?[\w.]|(?<=[eEpP])[+-])*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<sign>::|->|<=|>=|==|!=|.)
    """, re.VERBOSE | re.DOTALL)
DIRECTIVE = re.compile(
    r"""[ \t]*\#[ \t]*(?P<name>\w*)
        (?P<rest>(?:\\\n|"(?:\\.|[^"\\\n])*"|/\*.*?\*/|//(?:\\\n|[^\n])*|[^\n])*)""",
    re.VERBOSE | re.DOTALL)


class Macro(NamedTuple):
    """A #define, with the lines that it goes over."""
    name: str
    line: int
    lines: int


class Branches:
    """Which branch of the open #if chains is being read; only the first live one is kept."""

    def __init__(self):
        self._open = []  # of "kept", "waiting" (for the #else of an #if 0) and "over"

    def kept(self) -> bool:
        return all(state == "kept" for state in self._open)

    def follow(self, directive: str, rest: str) -> None:
        if directive in ("if", "ifdef", "ifndef"):
            dead = directive == "if" and rest.strip() in ("0", "false")
            self._open.append("waiting" if dead else "kept")
        elif directive in ("elif", "else") and self._open:
            self._open[-1] = "kept" if self._open[-1] == "waiting" else "over"
        elif directive == "endif" and self._open:
            self._open.pop()


def tokenize(text: str) -> tuple[list[Token], list[Macro]]:
    tokens, macros, branches = [], [], Branches()
    position, line, fresh = 0, 1, True  # fresh: nothing but space on this line yet
    while position < len(text):
        match = DIRECTIVE.match(text, position) if fresh else None
        if match:
            branches.follow(match["name"], match["rest"])
            if match["name"] == "define" and branches.kept():
                macros.append(Macro(match["rest"].split("(")[0].split()[0], line,
                                    match[0].count("\n") + 1))
        else:
            match = PATTERN.match(text, position)
            if match["space"]:
                fresh = fresh or "\n" in match[0]
            elif not match["comment"]:
                fresh = False
                if branches.kept():
                    literal = match["raw"] or match["literal"]
                    tokens.append(Token(LITERAL if literal else match[0], line))
        line += match[0].count("\n")
        position = match.end()
    return tokens, macros
