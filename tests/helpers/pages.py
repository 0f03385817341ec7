"""What the pages for readers contain: snippets of Python, commands, links."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language ("" for commands), and its text without the indentation."""

    page: str
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command of a page, as a shell splits it; variables are replaced."""

    page: str
    words: tuple[str, ...]

    @property
    def script(self):
        """The script that it runs, or the program that is none."""
        return self.words[1] if self.words[0] in ("python3", "python") else self.words[0]

    @property
    def arguments(self):
        return self.words[2:] if self.words[0] in ("python3", "python") else self.words[1:]

    def __str__(self):
        return f"{self.page}: {shlex.join(self.words)}"


def blocks(language=None):
    """Return the fenced blocks of all pages, or those of a language."""
    found = []
    for path in PAGES:
        for indent, name, text in FENCE.findall(path.read_text(encoding="utf-8")):
            lines = [line.removeprefix(indent) for line in text.splitlines()]
            found.append(Block(path.relative_to(ROOT).as_posix(), name, "\n".join(lines)))
    return [block for block in found if language is None or block.language == language]


def prose(path):
    """Return a page's text without its fenced blocks."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def commands():
    """Return each `Command` of the pages once, those in running text too; whole shell scripts are left alone."""
    found = []
    for block in blocks(""):
        if not block.text.startswith("#!"):
            found += commands_of(block.page, block.text)
    for path in PAGES:
        for span in re.findall(r"`(python3 [^`]+)`", prose(path)):
            found += commands_of(path.relative_to(ROOT).as_posix(), " ".join(span.split()))
    unique = {}
    for command in found:
        unique.setdefault(command.words, command)
    return list(unique.values())


def piped(words):
    """Return the words of each command of a pipe."""
    if "|" not in words:
        return [words]
    place = words.index("|")
    return [words[:place], *piped(words[place + 1 :])]


def commands_of(page, text):
    """Return the commands of some lines of a shell: continued ones joined, variables replaced."""
    variables, found = {}, []
    for line in text.replace("\\\n", " ").splitlines():
        line = re.sub(r"\$(\w+)", lambda match: variables.get(match[1], match[0]), line.strip())
        assignment = re.fullmatch(r'(\w+)="(.*)"', line)
        if assignment:
            variables[assignment[1]] = assignment[2]
        elif re.match(r"(python3|make|pip) ", line):
            found += [Command(page, words) for words in piped(tuple(shlex.split(line, comments=True)))]
    return found
