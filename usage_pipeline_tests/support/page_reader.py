"""Somebody who follows a page line by line: edits the files, types the commands, and compares what is printed."""

import getpass
import json
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from usage_pipeline_tests.support.fuzz_server import Called, FuzzServer
from usage_pipeline_tests.support.pages import Block

_COMMAND = "usage-pipeline"
# What stands for something of the reader's own, and the command whose newest row has it.
_IDS = {
    "ALERT": (("alerts", "list", "--json"), "alert", {"kind": "budget", "level": "emergency"}),
    "ACTION": (("enforcement", "list", "--json"), "action_id", {}),
    "REQUEST": (("overrides", "list", "--json"), "id", {}),
}
_DAY = re.compile(r"\b2026-1[12]-\d\d\b")
_MONTH = re.compile(r"\b2026-11\b(?!-)")


@dataclass
class PageReader:
    """A folder with the reader's own files, the command in it, and what the reader has for what a page leaves open."""

    folder: Path
    server: FuzzServer
    secrets: Mapping[str, str]  # values of variables that a page leaves to its reader
    budget: str
    recipient: str
    zone: str = "Asia/Shanghai"
    known: dict[str, str] = field(default_factory=dict)
    editing: str = "usage_pipeline.yaml"

    def follow(self, block: Block, skip: Mapping[str, str]) -> None:
        """Does what a block says. Raises AssertionError where it does not do what the page says."""
        if block.language == "ini":
            self._put_into_env(block.text)
        elif block.language == "yaml":
            self._put_into_configuration(block.text)
        elif block.language == "console":
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                line, _, printed = part.partition("\n")
                self._type(line, [shown for shown in printed.splitlines() if shown.strip("… ")])
        elif block.language == "bash":
            for line in block.commands:
                if not any(line.startswith(words) for words in skip):
                    self._type(line, [])

    def _type(self, line: str, printed: list[str]) -> None:
        words = shlex.split(self._filled(line))
        if Path(words[0]).name != _COMMAND:
            subprocess.run(words, cwd=self.folder, check=True, timeout=60)
            self.editing = words[-1] if words[0] == "cp" else self.editing
            return
        called = self.server.call(words[1:])
        assert called.code == 0, (line, called.code, called.out[-2_000:], called.err[-2_000:])
        self._compare(line, [self._filled(shown) for shown in printed], called)

    def _compare(self, line: str, wanted: list[str], called: Called) -> None:
        """Each line that the page shows was printed, in the page's order; ``…`` stands for anything."""
        left = iter(_plain(called.out + called.err).splitlines())
        for shown in wanted:
            pattern = re.compile(r".*".join(re.escape(part.strip()) for part in _plain(shown).split("…")))
            assert any(pattern.search(text) for text in left), (line, shown, called.out + called.err)

    def _filled(self, line: str) -> str:
        for name, (command, key, only) in _IDS.items():
            if re.search(rf"\b{name}\b", line):
                line = line.replace(name, self._newest(name, command, key, only))
        line = line.replace("BUDGET", self.budget).replace("RECIPIENT", self.recipient)
        line = line.replace("YOU", getpass.getuser())
        yesterday = datetime.now(UTC).astimezone(ZoneInfo(self.zone)).date() - timedelta(days=1)
        days = {"2026-11-01": yesterday - timedelta(days=1), "2026-12-01": yesterday + timedelta(days=1)}
        line = _DAY.sub(lambda found: str(days.get(found[0], yesterday)), line)
        return _MONTH.sub(f"{yesterday:%Y-%m}", line)

    def _newest(self, name: str, command: tuple[str, ...], key: str, only: Mapping[str, str]) -> str:
        """The id that the reader reads off the list that the page showed before; kept, as eyes keep it."""
        if name not in self.known:
            rows: list[dict[str, Any]] = json.loads(self.server.call(command).out)
            self.known[name] = next(str(row[key]) for row in rows if all(row[k] == v for k, v in only.items()))
        return self.known[name]

    def _put_into_env(self, text: str) -> None:
        path = self.folder / ".env"
        lines = path.read_text(encoding="utf-8").splitlines()
        for name in (line.partition("=")[0] for line in text.splitlines()):
            lines = [line for line in lines if not line.startswith(f"{name}=")] + [f"{name}='{self.secrets[name]}'"]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _put_into_configuration(self, text: str) -> None:
        """Into the file that the page had copied last, else the active one."""
        path = self.folder / self.editing
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for key, value in yaml.safe_load(self._filled(text)).items():
            document[key] = _merged(document.get(key), value)
        for recipient in document["recipients"].values():
            recipient["allow_private"] = True  # robots of tests are at private addresses
        path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _plain(text: str) -> str:
    return re.sub(r"[ \t]+", " ", text)


def _merged(old: object, new: object) -> object:
    """What a section is after the page's lines were put into it: by id in lists, by key in mappings."""
    if isinstance(old, list) and isinstance(new, list) and all(isinstance(row, dict) and "id" in row for row in new):
        added = {row["id"] for row in new}
        return [row for row in old if row["id"] not in added] + new
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **new}
    return new
