"""The process that reads one SPARQL Update: cut it into operations, let pyoxigraph read their templates, and say what it asks for.

The grammar of operations is known here only as far as it is needed to find the parts (SPARQL 1.1 Update, 19.8, rules 29 to 51). Whether
a part is SPARQL is for pyoxigraph to say, on an empty store: data are what it then holds, and a template is what it inserts for one row in which
each variable is bound to an IRI that stands for it.
"""

from __future__ import annotations

import re
import resource
import secrets
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import orjson
from pyoxigraph import NamedNode, RdfFormat, Store, serialize

from server.errors import QueryRefused
from server.store.division import Parts, divide
from server.store.guard import inspect, resolve
from server.store.lexer import Token, refused, tokens
from server.store.updates import moved

MOST_WORDS = 1_500_000
MOST_OPERATIONS = 1_000
DEEPEST = 100
ROW = "?hub_row"  # is selected where the templates name no variable; it is never bound

_MANAGING = {"CLEAR": "refs", "DROP": "refs", "CREATE": "graph", "ADD": "pair", "MOVE": "pair", "COPY": "pair"}
_POSITION = re.compile(r"error at (\d+):(\d+): (.*)", re.DOTALL)
_END = Token("end", "", -1)
_OPENING, _CLOSING = {"{": "}", "(": ")", "[": "]"}, ("}", ")", "]")


class TooMuch(Exception):
    """The update is larger than one update may be."""


@dataclass
class Prologue:
    """What BASE and PREFIX have said so far: as text for the engine, and for resolving names."""

    base: str
    prefixes: dict[str, str] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)

    def resolve(self, token: Token) -> str:
        """Return the IRI that a token stands for."""
        return resolve(token, self.base, self.prefixes)


class Reading:
    """Reads the operations of one update one after another."""

    def __init__(self, task: dict[str, Any]) -> None:
        """Cut the text into its terminals."""
        self.text, self.most = task["update"], task["most"]
        self.using, self.using_named = task["using"], task["using_named"]
        self.mark = f"urn:x-hub-variable:{secrets.token_hex(8)}:"
        self.prologue = Prologue(task["base"])
        self.base = task["base"]
        self.quads = 0
        try:
            self.tokens = tokens(self.text, MOST_WORDS)
        except QueryRefused as error:
            if "more than" in error.detail:
                raise TooMuch(f"The update has more than {MOST_WORDS} words.") from error
            raise
        self.at = 0

    def operations(self) -> Iterator[dict[str, Any]]:
        """Yield each operation as it is told to the parent."""
        number = 0
        while True:
            self._read_prologue()
            if self.at >= len(self.tokens):
                return
            if (number := number + 1) > MOST_OPERATIONS:
                raise TooMuch(f"The update has more than {MOST_OPERATIONS} operations.")
            yield self._operation(self._until_semicolon())

    def _refuse(self, reason: str, token: Token) -> QueryRefused:
        return refused(reason, self.text, token.start if token is not _END else len(self.text))

    def _read_prologue(self) -> None:
        while (word := self._peek().text.upper()) in ("BASE", "PREFIX") and self._peek().kind == "word":
            count = 2 if word == "BASE" else 3
            found = self.tokens[self.at : self.at + count]
            if len(found) < count or found[-1].kind != "iri" or (count == 3 and not found[1].text.endswith(":")):
                raise self._refuse(f"{word} is followed by {'an IRI' if count == 2 else 'a prefix that ends with : and an IRI'}.", found[0])
            iri = self.prologue.resolve(found[-1])
            if count == 2:
                self.prologue.base = iri
            else:
                self.prologue.prefixes[found[1].text] = iri
            self.prologue.text.append(" ".join(each.text for each in found))
            self.at += count

    def _peek(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else _END

    def _until_semicolon(self) -> list[Token]:
        """Return the terminals up to the next semicolon outside of brackets, and go on behind it."""
        start, stack = self.at, list[Token]()
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            if token.kind != "mark":
                continue
            if token.text in _OPENING:
                stack.append(token)
                if len(stack) > DEEPEST:
                    raise self._refuse(f"Brackets nest deeper than {DEEPEST}.", token)
            elif token.text in _CLOSING:
                if not stack or _OPENING[stack.pop().text] != token.text:
                    raise self._refuse(f"This {token.text} closes nothing.", token)
            elif token.text == ";" and not stack:
                return self.tokens[start : self.at - 1]
        if stack:
            raise self._refuse(f"This {stack[-1].text} is not closed.", stack[-1])
        return self.tokens[start : self.at]

    def _operation(self, found: list[Token]) -> dict[str, Any]:
        first = found[0] if found else self.tokens[self.at - 1]
        word = first.text.upper() if first.kind == "word" else ""
        if word == "LOAD":
            raise self._refuse("LOAD is not allowed: the hub fetches nothing on behalf of an update. Send the data themselves.", first)
        if word in _MANAGING:
            return self._managing(word, found)
        if word in ("INSERT", "DELETE", "WITH"):
            return self._changing(found)
        raise self._refuse("An operation starts with INSERT, DELETE, WITH, CLEAR, DROP, CREATE, ADD, MOVE or COPY.", first)

    def _managing(self, word: str, found: list[Token]) -> dict[str, Any]:
        """Read `DROP SILENT GRAPH <g>` and its like."""
        words = iter([*found[1:], _END])
        token = next(words)
        told: dict[str, Any] = {"verb": word.lower(), "silent": token.text.upper() == "SILENT"}
        if told["silent"]:
            token = next(words)
        kind = _MANAGING[word]
        if kind == "pair":
            told["source"] = self._graph(token, words, ("DEFAULT",), bare=True)
            if (token := next(words, _END)).text.upper() != "TO":
                raise self._refuse(f"{word} takes two graphs with TO between them.", token)
            token = next(words, _END)
        names = {"pair": ("DEFAULT",), "refs": ("DEFAULT", "NAMED", "ALL"), "graph": ()}[kind]
        told["target"] = self._graph(token, words, names, bare=kind == "pair")
        if (rest := next(words, _END)) is not _END:
            raise self._refuse(f"After {word} and its graph nothing is expected but a semicolon.", rest)
        return told

    def _graph(self, token: Token, words: Iterator[Token], names: Sequence[str], bare: bool) -> str:
        text = token.text.upper()
        if token.kind == "word" and text in names:
            return text
        if token.kind == "word" and text == "GRAPH":
            token = next(words, _END)
        elif not bare:
            raise self._refuse(f"Here is expected GRAPH and an IRI{''.join(f', or {each}' for each in names)}.", token)
        if token.kind not in ("iri", "name"):
            raise self._refuse("A graph is named by an IRI.", token)
        return self._iri(token)

    def _iri(self, token: Token) -> str:
        if token.kind == "name" and token.text.partition(":")[0] + ":" not in self.prologue.prefixes:
            raise self._refuse(f"The prefix of {token.text[:80]} is not declared.", token)
        try:
            return NamedNode(self.prologue.resolve(token)).value
        except ValueError:
            raise self._refuse(f"{token.text[:80]} is no absolute IRI.", token) from None

    # Data and templates

    def _changing(self, found: list[Token]) -> dict[str, Any]:
        words = [each.text.upper() if each.kind == "word" else each.text for each in found[:2]]
        if words[1:] == ["DATA"]:
            quads = self._run(self._written(found), found[0])
            if words[0] == "INSERT":
                return {"verb": "modify", "insert": quads}
            return {"verb": "modify", "delete": self._run(self._behind("INSERT DATA", found[2:]), found[0])}
        return self._modify(found)

    def _modify(self, found: list[Token]) -> dict[str, Any]:
        parts = divide(found)
        if parts is None:
            raise self._refuse(_FORMS, found[0])
        if (parts.within or parts.using) and (self.using or self.using_named):
            raise self._refuse("The parameters using-graph-uri and using-named-graph-uri do not go together with WITH and USING.", found[0])
        variables = list(dict.fromkeys(each.text[1:] for each in (*parts.delete, *parts.insert) if each.kind == "variable"))
        told: dict[str, Any] = {"verb": "modify", "where": self._where(parts, variables)}
        self._run(self._written(found), found[0])
        words = f"WITH {parts.within.text} INSERT" if parts.within else "INSERT"
        for name, part in (("delete", parts.delete), ("insert", parts.insert)):
            if part:
                told[name] = self._run(self._behind(words, part) + self._one_row(variables), part[0])
        return told

    def _where(self, parts: Parts, variables: list[str]) -> dict[str, Any]:
        """Say what is asked: a SELECT of its own, so that the rules for queries hold for it."""
        default = [self._iri(each) for named, each in parts.using if not named] or list(self.using)
        named = [self._iri(each) for named, each in parts.using if named] or list(self.using_named)
        within = self._iri(parts.within) if parts.within is not None and not (default or named) else ""
        every = any(before.text.upper() == "GRAPH" and after.kind == "variable" for before, after in pairwise(parts.group))
        if within and not every:  # all graphs that it looks into are known
            default = [within]
            named = [self._iri(after) for before, after in pairwise(parts.group) if before.text.upper() == "GRAPH" and after.kind in ("iri", "name")]
            within = ""
        line, column = self._place(parts.group[0])
        distinct = "" if any(each.kind == "blank" or each.text in ("[", "(", "<<") for each in parts.insert) else "DISTINCT "
        head = f"{self._head()} SELECT {distinct}{' '.join(f'?{each}' for each in variables) or ROW} WHERE"
        group = f"{' ' * (column - 1)}{self._slice(parts.group)}"
        select = f"{head}\n{group}"
        told = {"select": select, "default": default, "named": named, "line": line}
        try:
            inspect(select)
        except QueryRefused as error:
            raise moved(error, line) from error
        return told | ({"within": within, "wrapped": f"{head} {{ GRAPH <{within}>\n{group} }}"} if within else {})

    def _head(self) -> str:
        return " ".join([f"BASE <{self.base}>", *self.prologue.text])

    def _place(self, token: Token) -> tuple[int, int]:
        return self.text.count("\n", 0, token.start) + 1, token.start - self.text.rfind("\n", 0, token.start)

    def _slice(self, part: Sequence[Token]) -> str:
        written: str = self.text[part[0].start : part[-1].start + len(part[-1].text)]
        return written

    def _written(self, found: Sequence[Token]) -> str:
        """Write an operation in the columns that it has in the text, behind a line with the prologue."""
        return self._behind("", found)

    def _behind(self, words: str, part: Sequence[Token]) -> str:
        column = self._place(part[0])[1] if part else 1
        return f"{self._head()} {words}\n{' ' * (column - 1)}{self._slice(part) if part else ''}"

    def _one_row(self, variables: Sequence[str]) -> str:
        names, iris = " ".join(f"?{each}" for each in variables), " ".join(f"<{self.mark}{each}>" for each in variables)
        return f" WHERE {{ VALUES ({names}) {{ ({iris}) }} }}"

    def _run(self, operation: str, first: Token) -> str:
        """Let pyoxigraph run one operation on an empty store, and return the quads that the store then holds."""
        store = Store()
        try:
            store.update(operation, base_iri=self.base)
        except SyntaxError as error:
            raise _unreadable(str(error), self._place(first)[0]) from error
        except (RuntimeError, OSError, ValueError) as error:
            raise self._refuse(f"The operation cannot be run: {str(error).splitlines()[0][:200]}", first) from error
        self.quads += len(store)
        if self.quads > self.most:
            raise TooMuch(f"The update has more than {self.most} quads.")
        return (serialize(store, format=RdfFormat.N_QUADS) or b"").decode()


_FORMS = "An update is INSERT DATA, DELETE DATA or DELETE WHERE with a group in braces, or [WITH <g>] DELETE {…} INSERT {…} [USING <g>] WHERE {…}."


def _unreadable(message: str, line: int) -> QueryRefused:
    if found := _POSITION.match(message):
        row, column = int(found[1]) - 2 + line, int(found[2])
        return QueryRefused(f"The update is not SPARQL: {found[3].splitlines()[0][:200]} (line {row}, column {column})", line=row, column=column)
    return QueryRefused(f"The update is not SPARQL: {message[:200]}")


def answer(task: dict[str, Any]) -> dict[str, Any]:
    """Return the operations of a task's update, or why there are none."""
    try:
        reading = Reading(task)
        return {"operations": list(reading.operations()), "mark": reading.mark}
    except TooMuch as error:
        return {"kind": "large", "detail": str(error)}
    except QueryRefused as error:
        return {"kind": "refused", "detail": error.detail, **error.members}


def main() -> None:
    """Read a task from standard input, work on it without files and sockets, write the answer."""
    task = orjson.loads(sys.stdin.buffer.read())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (task["seconds"], task["seconds"] + 1))
    resource.setrlimit(resource.RLIMIT_AS, (task["memory_mb"] << 20, task["memory_mb"] << 20))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
    sys.stdout.buffer.write(orjson.dumps(answer(task)))


if __name__ == "__main__":
    main()
