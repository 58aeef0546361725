"""The answers of the printed exercises, lessons/answers.md, lesson by lesson."""

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).with_name("answers.md")
ANSWER = re.compile(
    r"^\*\*(?P<number>\d+)\.\*\* (?P<question>.+?)\n\n"
    r"<details><summary>Answer</summary>\n\n(?P<text>.+?)\n\n</details>$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Answer:
    question: str
    text: str


def answers(page: Path = PAGE) -> dict[int, list[Answer]]:
    """Lesson -> its answers in the order of the exercises. Raises ValueError for broken folds."""
    _, *sections = re.split(r"^## Lesson (\d+)\n", page.read_text(encoding="utf-8"), flags=re.M)
    found = {}
    for number, section in zip(map(int, sections[::2]), sections[1::2]):
        matches = list(ANSWER.finditer(section))
        if len(matches) != section.count("<details>") or any(
            int(match["number"]) != place for place, match in enumerate(matches, start=1)
        ):
            raise ValueError(
                f"{page}: lesson {number}: each answer is `**1.** Question`, an empty line, "
                "`<details><summary>Answer</summary>`, an empty line, the answer, an empty line, "
                "`</details>`, and the numbers run from 1"
            )
        found[number] = [
            Answer(" ".join(match["question"].split()), match["text"]) for match in matches
        ]
    return found
