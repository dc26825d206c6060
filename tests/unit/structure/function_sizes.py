# SPDX-License-Identifier: Apache-2.0
"""Finds the functions of a C or C++ file and how many lines each takes, without a compiler.

A function's lines run from the first line of its declaration to its closing brace. What lies
inside a function (lambdas, local types) is part of it. A macro counts as a function.

How: at every `{` outside of functions, the tokens since the last `;`, `{` or `}` (the head) tell
what opens: a namespace, a type, an initializer or a function's body.
"""

from typing import NamedTuple

from cc_tokens import LITERAL, Token, tokenize

TYPE_WORDS = {"class", "struct", "union", "enum"}
ACCESS_WORDS = {"public", "private", "protected"}
CLOSING = {"(": ")", "[": "]", "{": "}"}


class Function(NamedTuple):
    name: str
    line: int
    lines: int


def functions_of(text: str) -> list[Function]:
    tokens, macros = tokenize(text)
    found = [Function(f"#define {macro.name}", macro.line, macro.lines) for macro in macros]
    _read_scope(tokens, 0, found)
    return sorted(found, key=lambda function: function.line)


def _read_scope(tokens: list[Token], index: int, found: list[Function]) -> int:
    """Reads the inside of a file, namespace or type; answers the index behind its `}`."""
    head: list[Token] = []
    while index < len(tokens):
        text = tokens[index].text
        if text == "}":
            return index + 1
        kind = _kind_of(_flat(head)) if text == "{" else "other"
        if kind == "scope":
            index = _read_scope(tokens, index + 1, found)
            head = []
        elif kind == "function":
            end = _behind_group(tokens, index)
            found.append(_function(head, tokens[end - 1].line))
            index, head = end, []
        else:
            end = _behind_group(tokens, index) if text in CLOSING else index + 1
            _find_lambdas(tokens[index:end], found)
            head += tokens[index:end]
            index = end
            if text == ";" or (text == ":" and len(head) == 2 and head[0].text in ACCESS_WORDS):
                head = []
    return index


def _behind_group(tokens: list[Token], index: int) -> int:
    """The index behind the bracket that closes the one at index; the end if none does."""
    expected = []
    while index < len(tokens):
        text = tokens[index].text
        index += 1
        if text in CLOSING:
            expected.append(CLOSING[text])
        elif text == expected[-1]:
            expected.pop()
            if not expected:
                break
    return index


def _flat(head: list[Token]) -> list[str]:
    """The head's words with every bracketed group as `()`, `[]` or `{}` and without `<...>`."""
    words, index = [], 0
    while index < len(head):
        text = head[index].text
        if text == "operator":  # its signs are a name: operator<, operator=, operator()
            end = index + 1
            while end < len(head) and (head[end].text != "(" or end == index + 1):
                end = _behind_group(head, end) if head[end].text in CLOSING else end + 1
            words.append("".join(token.text for token in head[index:end]))
        elif text == "<" and (end := _behind_angles(head, index)):
            pass
        elif text in CLOSING:
            end = _behind_group(head, index)
            words.append(text + CLOSING[text])
        else:
            end = index + 1
            words.append(text)
        index = end
    return words


def _behind_angles(head: list[Token], index: int) -> int:
    """The index behind the `>` of the `<` at index; 0 if it opens no template arguments."""
    depth = 0
    while index < len(head):
        text = head[index].text
        depth += {"<": 1, ">": -1}.get(text, 0)
        index = _behind_group(head, index) if text in CLOSING else index + 1
        if depth == 0:
            return index
    return 0


def _kind_of(words: list[str]) -> str:
    """What a `{` behind these words opens: "scope", "function" or "initializer"."""
    if "namespace" in words or words == ["extern", LITERAL] or _is_type(words):
        return "scope"
    if "=" in words:
        value = words[words.index("=") + 1:]
        return "function" if value[:1] == ["[]"] else "initializer"
    if "()" not in words:
        return "initializer"
    # A constructor's `: member_{...}`: the body stands behind a bracket, a member's braces do not.
    in_members = ":" in words[words.index("()"):]
    return "initializer" if in_members and words[-1] not in ("()", "{}", ".") else "function"


def _is_type(words: list[str]) -> bool:
    at = next((index for index, word in enumerate(words) if word in TYPE_WORDS), None)
    if at is None or "=" in words or "->" in words[:at]:
        return False
    name = words[at:words.index(":", at)] if ":" in words[at:] else words[at:]
    calls = [index for index, word in enumerate(name) if word == "()"]
    return all(name[index - 1] in ("alignas", "__attribute__") for index in calls)


def _find_lambdas(tokens: list[Token], found: list[Function]) -> None:
    """Finds the lambdas of an initializer, outermost only."""
    index = 0
    while index < len(tokens):
        end = _behind_lambda(tokens, index)
        if end:
            first, last = tokens[index].line, tokens[end - 1].line
            found.append(Function("lambda", first, last - first + 1))
        index = end or index + 1


def _behind_lambda(tokens: list[Token], index: int) -> int:
    """The index behind the lambda that starts at index; 0 if none does."""
    before = tokens[index - 1].text if index else ""
    if tokens[index].text != "[" or before in ("]", ")", "[") or before[-1:].isalnum():
        return 0
    index = _behind_group(tokens, index)
    while index < len(tokens) and tokens[index].text not in ("{", ",", ";", ")", "}", "="):
        index = _behind_group(tokens, index) if tokens[index].text == "(" else index + 1
    if index < len(tokens) and tokens[index].text == "{":
        return _behind_group(tokens, index)
    return 0


def _function(head: list[Token], last_line: int) -> Function:
    words = _flat(head)
    end = words.index("=") if "=" in words else words.index("()")
    start = end - 1
    while start >= 2 and words[start - 1] in ("::", "~"):
        start -= 2 if words[start - 1] == "::" else 1
    return Function("".join(words[max(start, 0):end]), head[0].line,
                    last_line - head[0].line + 1)
