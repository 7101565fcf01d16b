"""A small shell: enough of sh for scripts that read, and nothing of the machine it runs on.

Nobody who execs into a pretend pod may reach the machine that pretends. So nothing is handed to a
real shell: commands are Python functions, there are no files but those given, and redirections
lead to /dev/null or from one stream to the other. Understood: lists, `&&`, `||`, `;`, `&`, quotes,
variables, `$(...)`, functions, groups, `for`, `if`, `break`, `return`, `shift`, assignments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.sim.cluster.shellresults import Command, Result, not_begun, not_found
from bot.sim.cluster.shellwords import NAME, Part, SyntaxFault, Token, tokens

MOST_STEPS = 20_000
"""Commands a script may run; a loop without end must end."""

_PROGRAMS = ("cat", "echo", "false", "printf", "sh", "test", "timeout", "true", "[")
"""Those that every image with a shell has as files, too."""


class _Break(Exception):
    pass


class _Return(Exception):
    def __init__(self, code: int) -> None:
        self.code = code


class _Exit(Exception):
    def __init__(self, code: int) -> None:
        self.code = code


_RESERVED = {
    "for",
    "do",
    "done",
    "if",
    "then",
    "elif",
    "else",
    "fi",
    "{",
    "}",
    "in",
    "while",
    "case",
}


@dataclass
class Shell:
    """One run of a script.

    Args:
        commands: what there is beside the built-ins, by name.
        files: what can be read, by path; `cat` and `<` know no others.
        given: what comes on the standard input.
    """

    commands: dict[str, Command]
    files: Mapping[str, str] = field(default_factory=dict)
    given: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    functions: dict[str, list[Token]] = field(default_factory=dict)
    steps: int = 0
    status: int = 0
    wants_input: bool = False

    def run(self, script: str, *arguments: str) -> Result:
        """Run a script; the first argument is its name, as after `sh -c SCRIPT`."""
        self.arguments = list(arguments)
        out = _Streams()
        try:
            self._list(tokens(script), out)
        except SyntaxFault as fault:
            return Result(out.out, f"{out.err}sh: {fault}\n", 2)
        except RecursionError:
            return Result(out.out, f"{out.err}sh: too deeply nested\n", 2)
        except (_Exit, _Return) as ended:
            self.status = ended.code
        except _Break:
            pass
        return Result(out.out, out.err, self.status, wants_input=self.wants_input)

    def call(self, words: Sequence[str]) -> Result:
        """Run one command given as words, as an exec without a shell does.

        What is no program does not even begin: the container runtime says so.
        """
        name = words[0]
        if name in self.files:
            return Result(code=126, failure=not_begun(name, "permission denied"))
        if not self._is_program(name):
            return not_found(name)
        out = _Streams()
        self._simple(list(words), out)
        return Result(out.out, out.err, self.status, wants_input=self.wants_input)

    def _is_program(self, name: str) -> bool:
        known = name.rpartition("/")[2]
        return known in self.commands or known in _PROGRAMS

    # Lists

    def _list(self, given: list[Token], out: _Streams) -> None:
        at = 0
        while at < len(given):
            if given[at].operator in (";", "\n", "&"):
                at += 1
                continue
            skip = False
            while True:
                end = self._end(given, at) if at < len(given) else at
                if end == at:
                    raise SyntaxFault(f'syntax error: unexpected "{_shown(given, at)}"')
                if not skip:
                    self._command(given[at:end], out)
                follows = given[end].operator if end < len(given) else ""
                if follows not in ("&&", "||"):
                    at = end
                    break
                skip = (self.status != 0) if follows == "&&" else (self.status == 0)
                at = end + 1
                while at < len(given) and given[at].operator == "\n":
                    at += 1
            if at < len(given) and given[at].operator in ("|", "(", ")", ";;"):
                raise SyntaxFault(f'syntax error: unexpected "{given[at].operator}"')

    def _end(self, given: list[Token], at: int) -> int:
        """Where the command that begins at `at` ends."""
        if given[at].plain in ("for", "if", "{"):
            depth = 0
            closing = {"for": "done", "if": "fi", "{": "}"}[given[at].plain]
            for place in range(at, len(given)):
                word, begins = given[place].plain, self._begins(given, place)
                depth += begins and word in ("for", "if", "{")
                depth -= begins and word in ("done", "fi", "}")
                if depth == 0 and word == closing:
                    return _behind_redirections(given, place + 1)
            raise SyntaxFault(f'syntax error: end of file unexpected (expecting "{closing}")')
        if self._defines(given, at):
            return self._end(given, at + 3)
        for place in range(at, len(given)):
            if given[place].operator in (";", "\n", "&", "&&", "||", "|", "(", ")", ";;"):
                return place
        return len(given)

    @staticmethod
    def _begins(given: list[Token], at: int) -> bool:
        """Whether a word stands where a command may begin, so that it may be reserved."""
        if at == 0:
            return True
        before = given[at - 1]
        return before.operator in (";", "\n", "&", "&&", "||", ")") or before.plain in (
            "do", "then", "else", "{",
        )  # fmt: skip

    @staticmethod
    def _defines(given: list[Token], at: int) -> bool:
        return (
            len(given) > at + 3
            and given[at + 1].operator == "("
            and given[at + 2].operator == ")"
            and given[at + 3].plain == "{"
        )

    # Commands

    def _command(self, given: list[Token], out: _Streams) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise SyntaxFault("too many commands")
        if self._defines(given, 0):
            self.functions[given[0].plain] = given[4:-1]
            self.status = 0
            return
        words, streams = self._redirected(given, out)
        if not words:
            self.status = 0
            return
        head = words[0].plain
        if head == "{":
            self._list(words[1:-1], streams)
        elif head == "for":
            self._for(words, streams)
        elif head == "if":
            self._if(words[1:-1], streams)
        elif head in _RESERVED:
            raise SyntaxFault(f'syntax error: unexpected "{head}"')
        else:
            self._plain(words, streams)

    def _redirected(self, given: list[Token], out: _Streams) -> tuple[list[Token], _Streams]:
        compound = given[0].plain in ("for", "if", "{")
        words: list[Token] = []
        streams = out
        at, depth = 0, 0
        while at < len(given):
            one = given[at]
            begins = self._begins(given, at)
            depth += compound and begins and one.plain in ("for", "if", "{")
            depth -= compound and begins and one.plain in ("done", "fi", "}")
            if depth or one.operator not in (">", ">>", "2>", "2>&1", ">&2", "1>&2", "<"):
                words.append(one)
                at += 1
                continue
            if one.operator in ("2>&1", ">&2", "1>&2"):
                streams = streams.joined(errors=one.operator == "2>&1")
                at += 1
                continue
            target = " ".join(self._expand(given[at + 1])) if at + 1 < len(given) else ""
            if target != "/dev/null" and not (one.operator == "<" and target in self.files):
                raise SyntaxFault(f"can't open {target}: Read-only file system")
            if one.operator != "<":
                streams = streams.silenced(errors=one.operator == "2>")
            at += 2
        return words, streams

    def _for(self, given: list[Token], out: _Streams) -> None:
        name = given[1].plain if len(given) > 1 else ""
        at, values = 2, self.arguments[1:]
        if len(given) > 2 and given[2].plain == "in":
            at, values = 3, []
            while at < len(given) and not given[at].operator:
                values += self._expand(given[at])
                at += 1
        while at < len(given) and given[at].operator in (";", "\n"):
            at += 1
        if at >= len(given) or given[at].plain != "do":
            raise SyntaxFault('syntax error: expecting "do"')
        for value in values:
            self.variables[name] = value
            try:
                self._list(given[at + 1 : -1], out)
            except _Break:
                break

    def _if(self, given: list[Token], out: _Streams) -> None:
        branches: list[tuple[str, list[Token]]] = [("if", [])]
        depth = 0
        for at, one in enumerate(given):
            begins = self._begins(given, at) or one.plain in ("then", "else", "elif")
            depth += begins and one.plain in ("for", "if", "{")
            depth -= begins and one.plain in ("done", "fi", "}")
            if not depth and begins and one.plain in ("then", "elif", "else"):
                branches.append((one.plain, []))
            else:
                branches[-1][1].append(one)
        chosen = False
        for kind, body in branches:
            if kind in ("if", "elif"):
                if chosen:
                    return
                self._list(body, out)
                matched = self.status == 0
                self.status = 0
            elif kind == "then":
                if matched:
                    chosen = True
                    self._list(body, out)
            elif not chosen:
                self._list(body, out)

    def _plain(self, given: list[Token], out: _Streams) -> None:
        at = 0
        while at < len(given) and (assigned := self._assigned(given[at])) is not None:
            self.variables[assigned[0]] = assigned[1]
            at += 1
        words = [word for one in given[at:] for word in self._expand(one)]
        if words:
            self._simple(words, out)
        elif at == 0:
            self.status = 0

    def _assigned(self, token: Token) -> tuple[str, str] | None:
        if not token.parts or token.parts[0].kind != "text" or token.parts[0].quoted:
            return None
        name, equals, rest = token.parts[0].text.partition("=")
        if not equals or not NAME.fullmatch(name):
            return None
        first = Part("text", rest, quoted=True)
        value = "".join(self._value(one) for one in (first, *token.parts[1:]))
        if all(one.kind != "command" for one in token.parts):
            self.status = 0  # else it is that of the command whose output was taken
        return name, value

    def _simple(self, words: list[str], out: _Streams) -> None:
        name, arguments = words[0], words[1:]
        if name in self.functions:
            outer = self.arguments
            self.arguments = [outer[0] if outer else name, *arguments]
            try:
                self._list(self.functions[name], out)
            except _Return as back:
                self.status = back.code
            finally:
                self.arguments = outer
            return
        result = self._builtin(name, arguments)
        if result is None:
            found = self.commands.get(name.rpartition("/")[2])
            result = found(arguments) if found else self._missing(name)
        self.wants_input = self.wants_input or result.wants_input
        out.write(result)
        self.status = result.code

    def _missing(self, name: str) -> Result:
        if name in self.files:
            return Result("", f"sh: {name}: Permission denied\n", 126)
        return Result("", f"sh: {name}: not found\n", 127)

    def _builtin(self, name: str, given: list[str]) -> Result | None:
        match name:
            case ":" | "true" | "wait":
                return Result()
            case "false":
                return Result(code=1)
            case "break":
                raise _Break
            case "return" | "exit":
                code = int(given[0]) if given and given[0].isdigit() else self.status
                raise (_Exit if name == "exit" else _Return)(code)
            case "shift":
                del self.arguments[1:2]
                return Result()
            case "echo":
                return Result(" ".join(given) + "\n")
            case "printf":
                return Result(_printf(given))
            case "[" | "test":
                return Result(
                    code=0 if _test([one for one in given if one != "]"], self.files) else 1
                )
            case "command":
                known = given[-1] in self.commands if given else False
                return Result(f"/usr/bin/{given[-1]}\n" if known else "", code=0 if known else 127)
        return self._program(name, given)

    def _program(self, name: str, given: list[str]) -> Result | None:
        match name.rpartition("/")[2]:
            case "cat":
                return self._cat(given)
            case "timeout" if len(given) > 1:
                inner = _Streams()
                self._simple(given[1:], inner)
                return Result(inner.out, inner.err, self.status)
            case "sh" if given[:1] == ["-c"] and len(given) > 1:
                return Shell(self.commands, self.files, self.given).run(*given[1:])
        return None

    def _cat(self, given: list[str]) -> Result:
        out, err = "", ""
        if not given:
            return Result(self.given, wants_input=True)
        for path in given:
            if path in self.files:
                out += self.files[path]
            else:
                err += f"cat: can't open '{path}': No such file or directory\n"
        return Result(out, err, 1 if err else 0)

    # Words

    def _expand(self, token: Token) -> list[str]:
        if len(token.parts) == 1 and token.parts[0] == Part("variable", "@", quoted=True):
            return self.arguments[1:]
        words: list[str] = [""]
        some = False
        for part in token.parts:
            value = self._value(part)
            if part.quoted or part.kind == "text":
                words[-1] += value
                some = True
                continue
            pieces = value.split()
            if pieces:
                some = True
                words[-1] += pieces[0]
                words += pieces[1:]
        return words if some else []

    def _value(self, part: Part) -> str:
        if part.kind == "text":
            return part.text
        if part.kind == "command":
            out = _Streams()
            try:
                self._list(tokens(part.text), out)
            except _Exit as ended:
                # It is a shell of its own.
                self.status = ended.code
            return out.out.rstrip("\n")
        match part.text:
            case "?":
                return str(self.status)
            case "#":
                return str(max(0, len(self.arguments) - 1))
            case "@" | "*":
                return " ".join(self.arguments[1:])
        if part.text.isdigit():
            number = int(part.text)
            return self.arguments[number] if number < len(self.arguments) else ""
        return self.variables.get(part.text, "")


@dataclass
class _Streams:
    """Where output goes; `errors_to` and `out_to` lead elsewhere."""

    out: str = ""
    err: str = ""
    parent: _Streams | None = None
    drop_out: bool = False
    drop_err: bool = False
    swap: str = ""

    def write(self, result: Result) -> None:
        """Take a command's output."""
        out, err = result.out, result.err
        if self.swap == "err to out":
            out, err = out + err, ""
        elif self.swap == "out to err":
            out, err = "", err + out
        out = "" if self.drop_out else out
        err = "" if self.drop_err else err
        if self.parent is not None:
            self.parent.write(Result(out, err, result.code))
        else:
            self.out += out
            self.err += err

    def joined(self, *, errors: bool) -> _Streams:
        """Return streams whose errors go where the output goes, or the other way round."""
        return _Streams(parent=self, swap="err to out" if errors else "out to err")

    def silenced(self, *, errors: bool) -> _Streams:
        """Return streams of which one goes nowhere."""
        return _Streams(parent=self, drop_out=not errors, drop_err=errors)


_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\"}


def _shown(given: list[Token], at: int) -> str:
    """What stands there, for an error."""
    return given[at].operator or given[at].plain if at < len(given) else "end of file"


def _behind_redirections(given: list[Token], at: int) -> int:
    while at < len(given) and given[at].operator in (">", ">>", "2>", "2>&1", ">&2", "<"):
        at += 2 if given[at].operator in (">", ">>", "2>", "<") else 1
    return at


def _printf(given: list[str]) -> str:
    if not given:
        return ""
    form = re.sub(r"\\([nt\\])", lambda found: _ESCAPES[found.group(1)], given[0])
    rest: Iterator[str] = iter(given[1:])
    return re.sub(r"%[sd]", lambda _: next(rest, ""), form).replace("%%", "%")


def _test(given: list[str], files: Mapping[str, str]) -> bool:
    match given:
        case ["!", *rest]:
            return not _test(rest, files)
        case ["-n", text]:
            return bool(text)
        case ["-z", text]:
            return not text
        case ["-f" | "-r" | "-e" | "-s", path]:
            return path in files
        case [one, "=" | "==" | "-eq", other]:
            return one == other
        case [one, "!=" | "-ne", other]:
            return one != other
        case [text]:
            return bool(text)
    return False
