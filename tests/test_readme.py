"""The README tells the truth: its code runs, its links lead somewhere, its commands exist."""

import doctest
import re
from pathlib import Path

from lessons.course import course
from lessons.coursework.commands import line_of
from lessons.coursework.one_file import mark
from lessons.coursework.sheet import find, whole

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OF_LOSSES = ROOT / "microloss" / "losses" / "README.md"


def test_code():
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    code = "\n".join(re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL))
    test = doctest.DocTestParser().get_doctest(code, {}, "README.md", "README.md", 0)
    assert len(test.examples) > 15
    runner = doctest.DocTestRunner(optionflags=flags)
    assert runner.run(test).failed == 0


def test_links_and_paths_exist():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    paths = re.findall(r"`((?:microloss|lessons|tests|figures)/[\w./]*)`", README)
    assert len(links) >= 2 and len(paths) >= 10
    missing = [p for p in links + paths if not p.startswith("http") and not (ROOT / p).exists()]
    assert not missing


def test_links_of_the_losses_readme_exist():
    text = OF_LOSSES.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    paths = re.findall(r"`((?:microloss|lessons|tests|figures)/[\w./]*)`", text)
    assert len(links) >= 4 and len(paths) >= 3
    missing = [p for p in links if not (OF_LOSSES.parent / p).exists()]
    assert not missing + [p for p in paths if not (ROOT / p).exists()]


def test_quick_start_is_the_first_two_shell_blocks():
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    assert "pip install" in blocks[0] and "-m lessons 5" in blocks[0]
    assert "-m pytest" in blocks[1]


def test_the_course_and_its_exercises():
    assert int(re.search(r"\n(\d+) lessons in ", README)[1]) == len(course(ROOT / "lessons"))
    exercises = (ROOT / "lessons" / "exercises").glob("*.py")
    count = sum(path.read_text(encoding="utf-8").count("\ndef ") for path in exercises)
    assert int(re.search(r" (\d+) functions in all", README)[1]) == count


def test_what_a_student_is_told():
    source = "def huber_gradient(input, target, delta): return (input - target).clip(-delta, delta)"
    marks = mark(whole(find(2)), source, "answers.py", quiet=True)
    (told,) = (line_of(m) for m in marks if m.name == "huber_gradient")
    assert f"```text\n{told}\n```" in README


def test_the_idea_stands_in_the_code_as_it_is_told():
    rules, walk = re.findall(r"```text\n(    .*?)```", README, flags=re.DOTALL)[:2]
    source = (ROOT / "microloss" / "engine" / "rules.py").read_text(encoding="utf-8")
    assert len(rules.splitlines()) == 6
    assert all(f"\n{rule}\n" in source for rule in rules.splitlines())
    assert walk in (ROOT / "microloss" / "engine" / "grad.py").read_text(encoding="utf-8")


def test_the_house_names_every_file_of_the_library():
    house = README[README.index("## The house") : README.index("## How to add")]
    here = {path.name for path in (ROOT / "microloss").glob("*.py")} - {
        "__init__.py",
        "__main__.py",
    }
    here |= {f"{path.parent.name}/" for path in (ROOT / "microloss").glob("*/__init__.py")}
    assert [name for name in sorted(here) if name not in house] == []
