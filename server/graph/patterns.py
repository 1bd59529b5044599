"""Find the triple patterns of a SPARQL 1.1 query, and where in its text they stand, by the rules of its grammar (§19.8) for groups and triples.

Everything that is no triple pattern is stepped over by its brackets: what it means is the engine's business. Text that cannot be read
is refused, for an engine would refuse it too, or it would be rewritten wrongly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pyoxigraph import NamedNode

from server.errors import QueryRefused
from server.graph.cursor import Cursor, Node, Pattern, Triples
from server.graph.vocabulary import RDF

_HIDDEN = "hub_"


class Patterns(Cursor):
    """Reads one query."""

    def __init__(self, text: str, base: str = "") -> None:
        """Cut the text into tokens; raise `QueryRefused` where that cannot be done."""
        super().__init__(text, base)
        self._blocks: list[Triples] = []
        self._stars = False
        self._counted = True
        self._unnamed = 0

    def blocks(self) -> list[Triples]:
        """Return the runs of triple patterns, in their order."""
        self._prologue()
        if self._word() == "CONSTRUCT":
            self._step()
            if self._mark() == "{":
                self._skip()
            elif self._word() == "WHERE":
                raise self._refuse("CONSTRUCT WHERE { … } cannot be asked with reasoning; write the template out.")
        self._until(None)
        return self._blocks

    def labels(self) -> Iterator[tuple[int, int, str]]:
        """Yield where blank nodes have labels, and the variables that stand for them once patterns are taken apart."""
        for each in self._tokens:
            if each.kind == "blank":
                yield each.start, each.start + len(each.text), _variable(each.text)

    def forbid_hidden_names(self, blocks: Iterable[Triples]) -> None:
        """Refuse `SELECT *` where nodes without a name would become columns."""
        unnamed = any(node.unnamed for block in blocks for each in block.patterns for node in (each.subject, each.object))
        if self._stars and (unnamed or any(True for _ in self.labels())):
            raise QueryRefused("With reasoning, SELECT * and blank nodes do not go together; name the columns, or the nodes by variables.")

    def fresh(self, name: str) -> str:
        """Return a variable that the text does not use."""
        variable = f"?{_HIDDEN}{name}"
        while variable in self.text or f"${variable[1:]}" in self.text:
            variable += "_"
        return variable

    # What stands between the triples

    def _until(self, closing: str | None) -> None:
        """Step over everything up to a closing mark, or to the end, but for the groups that hold patterns."""
        counted = self._counted
        while self._token() is not None and self._mark() != closing:
            word, mark = self._word(), self._mark()
            if word == "VALUES":
                self._values()
            elif word in ("EXISTS", "WHERE") or mark == "{":
                self._at += 0 if mark else 1
                self._counted = counted and word != "EXISTS"
                if self._mark() == "{":
                    self._group()
                self._counted = counted
            elif mark == "(":
                self._step()
                self._until(")")
                self._expect(")")
            else:
                self._stars |= mark == "*" and self._tokens[self._at - 1].text.upper() in ("SELECT", "DISTINCT", "REDUCED")
                self._step()
        if closing and self._token() is None:
            raise self._refuse(f"A bracket is not closed: {closing} is missing.")

    def _values(self) -> None:
        self._step()
        if self._mark() == "(":
            self._skip()
        else:
            self._step()
        self._skip()

    def _group(self) -> None:
        """Read a group graph pattern, its brackets included."""
        self._expect("{")
        if self._word() == "SELECT":
            self._until("}")
        while self._mark() != "}":
            before = self._at
            self._part()
            if self._at == before:
                raise self._refuse("Here should stand a pattern, or the end of the group.")
        self._step()

    def _part(self) -> None:
        """Read one part of a group: a pattern of some sort, or a run of triples."""
        word, mark = self._word(), self._mark()
        if mark == "{":
            self._group()
        elif mark == ".":
            self._step()
        elif word in ("OPTIONAL", "UNION", "MINUS"):
            self._nested(word)
        elif word in ("GRAPH", "SERVICE"):
            self._step()
            self._at += self._word() == "SILENT"
            self._step()
            self._group()
        elif word in ("FILTER", "BIND"):
            self._constraint()
        elif word == "VALUES":
            self._values()
        else:
            self._triples()

    def _nested(self, word: str) -> None:
        counted, self._counted = self._counted, self._counted and word != "MINUS"
        self._step()
        self._group()
        self._counted = counted

    def _constraint(self) -> None:
        """Step over a filter: an expression in brackets, a call, or EXISTS."""
        self._step()
        self._at += self._word() == "NOT"
        if self._word() == "EXISTS":
            counted, self._counted = self._counted, False
            self._step()
            self._group()
            self._counted = counted
            return
        if self._mark() != "(":
            self._step()
        self._expect("(")
        self._until(")")
        self._expect(")")

    # Triples

    def _triples(self) -> None:
        token = self._token()
        block = Triples(token.start if token else len(self.text), 0, self._counted)
        while not self._ends():
            found: list[Pattern] = []
            bracket = self._mark() == "["
            subject = self._node(found)
            if not (bracket and found and self._ends(".")):
                self._properties(subject, found)
            block.patterns += found
            if self._mark() == ".":
                self._step()
        last = self._tokens[self._at - 1]
        block.end = last.start + len(last.text)
        self._blocks.append(block)

    def _ends(self, also: str = "") -> bool:
        token = self._token()
        words = ("OPTIONAL", "MINUS", "GRAPH", "SERVICE", "FILTER", "BIND", "VALUES", "UNION")
        return token is None or self._word() in words or (bool(self._mark()) and self._mark() in f"{{}}{also}")

    def _properties(self, subject: Node, found: list[Pattern]) -> None:
        """Read a property list: verbs with their objects."""
        while True:
            verb, text, path = self._verb()
            while True:
                found.append(Pattern(subject, verb, text, self._node(found), path))
                if self._mark() != ",":
                    break
                self._step()
            while self._mark() == ";":
                self._step()
                if self._mark() != ";" and (self._ends(".") or self._mark() == "]"):
                    return
            if self._tokens[self._at - 1].text != ";":
                return

    def _verb(self) -> tuple[NamedNode | None, str, tuple[NamedNode | str, ...] | None]:
        """Read a verb: the property, its text, and where it is a path the path's properties and marks."""
        token = self._token()
        if token is not None and token.kind == "variable":
            return None, self._step().text, None
        steps: list[NamedNode | str] = []
        wanted = True  # a property comes next, or what stands before one
        while True:
            mark = self._mark()
            if wanted and mark in ("(", "^"):
                steps.append(self._step().text)
            elif wanted and mark == "!":
                start = self._step()
                if self._mark() == "(":
                    self._skip()
                else:
                    self._at += self._mark() == "^"
                    self._step()
                last = self._tokens[self._at - 1]
                steps.append(self.text[start.start : last.start + len(last.text)])
                wanted = False
            elif wanted:
                steps.append(self._property())
                wanted = False
            elif mark in ("*", "+", "?", "/", "|", ")") and self._within(steps, mark):
                steps.append(self._step().text)
                wanted = mark in ("/", "|")
            else:
                break
        if len(steps) == 1 and isinstance(steps[0], NamedNode):
            return steps[0], str(steps[0]), None
        return None, "", tuple(steps)

    @staticmethod
    def _within(steps: list[NamedNode | str], mark: str) -> bool:
        """Tell whether a closing bracket belongs to the path."""
        return mark != ")" or steps.count("(") > steps.count(")")

    def _property(self) -> NamedNode:
        token = self._token()
        if token is not None and token.kind == "word" and token.text == "a":
            self._step()
            return RDF.type
        if token is None or token.kind not in ("iri", "name"):
            raise self._refuse("Here should stand a property.")
        return self._iri(self._step())

    def _node(self, found: list[Pattern]) -> Node:
        """Read a subject or object; what is said of it in brackets goes to the patterns found."""
        mark = self._mark()
        if mark == "[":
            return self._anonymous(found)
        if mark == "(":
            return self._collection(found)
        token = self._step()
        if token.kind == "variable":
            return Node(token.text, variable=True)
        if token.kind == "blank":
            return Node(_variable(token.text), variable=True, unnamed=True)
        if token.kind in ("iri", "name"):
            iri = self._iri(token)
            return Node(str(iri), iri)
        if token.kind in ("string", "number") or token.text in "+-" or token.text.lower() in ("true", "false"):
            return Node(self._literal(token))
        self._at -= 1
        raise self._refuse("Here should stand a variable, an IRI or a literal.")

    def _anonymous(self, found: list[Pattern]) -> Node:
        self._step()
        node = self._new()
        if self._mark() != "]":
            self._properties(node, found)
        self._expect("]")
        return node

    def _collection(self, found: list[Pattern]) -> Node:
        self._step()
        members: list[Node] = []
        while self._mark() != ")":
            members.append(self._node(found))
        self._step()
        rest = Node(str(RDF.nil), RDF.nil)
        for member in reversed(members):
            cell = self._new()
            found += [Pattern(cell, RDF.first, str(RDF.first), member), Pattern(cell, RDF.rest, str(RDF.rest), rest)]
            rest = cell
        return rest

    def _new(self) -> Node:
        self._unnamed += 1
        return Node(self.fresh(f"node{self._unnamed}"), variable=True, unnamed=True)


def _variable(label: str) -> str:
    """Name the variable that stands for a labelled blank node."""
    return f"?{_HIDDEN}blank_" + "".join(each if each.isalnum() and each.isascii() else f"_{ord(each):x}_" for each in label[2:])
