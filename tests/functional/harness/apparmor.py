"""Reads an AppArmor profile: which paths its rules allow, those of what it includes too."""

import os
import re

PLACE = "/etc/apparmor.d"


def variables(text):
    found = {}
    for name, values in re.findall(r"^@\{(\w+)\}\s*\+?=\s*(.+)$", text, re.M):
        found.setdefault(name, []).extend(value.strip('"') for value in values.split())
    return found


def included(text):
    """The text with that of everything it includes."""
    def one(match):
        path = os.path.join(PLACE, match.group(1))
        if os.path.isdir(path):
            names = [os.path.join(path, name) for name in sorted(os.listdir(path))]
        else:
            names = [path] if os.path.exists(path) else []
        return "".join(included(open(name, encoding="utf-8").read()) for name in names)
    return re.sub(r"^\s*#?include\s+(?:if exists\s+)?<([^>]+)>", one, text, flags=re.M)


def pattern(glob, known):
    """A glob of AppArmor as a regular expression."""
    while match := re.search(r"@\{(\w+)\}", glob):
        values = ",".join(value.rstrip("/") or "/" for value in known.get(match.group(1), ["*"]))
        glob = glob[:match.start()] + "{" + values + "}" + glob[match.end():]
    out, at, depth = "", 0, 0
    while at < len(glob):
        char = glob[at]
        if glob.startswith("**", at):
            out, at = out + ".*", at + 1
        elif char == "*":
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif char == "{":
            out, depth = out + "(?:", depth + 1
        elif char == "}" and depth:
            out, depth = out + ")", depth - 1
        elif char == "," and depth:
            out += "|"
        elif char == "[":
            end = glob.index("]", at)
            out, at = out + glob[at:end + 1].replace("[^", "[^/"), end
        else:
            out += re.escape(char)
        at += 1
    return re.compile(re.sub("//+", "/", out) + r"\Z")


class Profile:
    def __init__(self, path):
        text = re.sub(r"^\s*#(?!include).*$", "", included(open(path, encoding="utf-8").read()), flags=re.M)
        known = variables(text)
        self.rules = [(pattern(glob, known), kinds) for glob, kinds in re.findall(
            r"^\s*(?:owner\s+)?((?:/|@\{)\S*)\s+([a-zA-Z]+)\s*,", text, re.M)]
        self.text = text

    def allows(self, path, kind):
        return any(kind in kinds and glob.match(path) for glob, kinds in self.rules)
