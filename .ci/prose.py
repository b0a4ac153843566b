#!/usr/bin/env python3
"""Counts sentences that do not begin with their subject, and long comment lines.

Usage: .ci/prose [--list]

The counts must not exceed those in .ci/prose.limits. A sentence counts if it begins with Of, What, Who,
Whose, Whoever, Where or Which and is no question. Comments of Rust and C sources and the Markdown pages are read;
code blocks of Markdown and doc comments are left out.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLUMNS = 100
INVERTED = re.compile(r"(Of|What|Who|Whose|Whoever|Where|Which)\b")
COMMENT = re.compile(r"\s*(//[/!]?|\*|/\*\*?)(?:\s|$)")


def tracked(*patterns):
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, check=True
    )
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def paragraphs(lines):
    """Joins lines into paragraphs: (number of the first line, text). Code blocks are left out."""
    start, text, code = 0, [], False
    for number, line in lines:
        fence = line is not None and line.lstrip().startswith("```")
        if fence:
            code = not code
        plain = None if line is None or fence or code else line.strip()
        breaks = not plain or plain.startswith(("|", "#", "* ", "- ")) or re.match(r"\d+\. ", plain)
        if breaks and text:
            yield start, " ".join(text)
            text = []
        if plain:
            start = start if text else number
            text.append(re.sub(r"^([*#>-]+|\d+\.)\s+", "", plain))
        if line is None:
            code = False
    if text:
        yield start, " ".join(text)


def comments(path):
    """The text of each comment line, and None where code lies between two comments."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = COMMENT.match(line)
        if found:
            yield number, line[found.end():].removesuffix("*/")
        else:
            yield number, None


def sentences(text):
    return [part for part in re.split(r"(?<=[.!?:])\s+(?=[A-Z`*])", text) if re.match(r"[A-Z`*]", part)]


def main():
    total, inverted, long_lines = 0, [], []
    # The sentences of generated headers stand in the sources that they come from.
    generated = "/* Written by jbpf::codelet_header()"
    sources = tracked("*.rs", "*.c", "*.cpp", "*.h")
    sources = [path for path in sources if not path.read_text().startswith(generated)]
    for path in sources + tracked("*.md"):
        prose = path.suffix == ".md"
        lines = enumerate(path.read_text().splitlines(), 1) if prose else comments(path)
        for number, text in paragraphs(lines):
            for sentence in sentences(text):
                total += 1
                if INVERTED.match(sentence) and not sentence.rstrip("*_`").endswith("?"):
                    inverted.append(f"{path.relative_to(ROOT)}:{number}: {sentence}")
        if not prose:
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if COMMENT.match(line) and len(line) >= COLUMNS:
                    long_lines.append(f"{path.relative_to(ROOT)}:{number}")
    if "--list" in sys.argv:
        print("\n".join(inverted + long_lines))
    limits = dict(line.split() for line in (ROOT / ".ci/prose.limits").read_text().splitlines())
    counts = {"inverted": len(inverted), "long": len(long_lines)}
    share = 100 * len(inverted) / max(total, 1)
    print(f"{total} sentences, {len(inverted)} inverted ({share:.1f} %), {len(long_lines)} long comment lines")
    risen = [name for name, count in counts.items() if count > int(limits[name])]
    for name in risen:
        print(f"{name}: {counts[name]}, at most {limits[name]}; `.ci/prose --list` shows them")
    return 1 if risen else 0


if __name__ == "__main__":
    sys.exit(main())
