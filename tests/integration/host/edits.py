# SPDX-License-Identifier: Apache-2.0
"""Edits of wiki pages to feed, and what counting them must give."""
import collections
import gzip
import json
import os
import random
import sys
from pathlib import Path

FILE = "wikipedia-edits-2015-09-12.ndjson.gz"
EDITS, PAGES = 39_244, 35_143
TOP_COUNTS = [33, 28, 27, 21, 20, 18, 18, 18, 17, 17]
SEED = 20150912
TEXT = '{"edits":%d,"added":%d,"deleted":%d}'

Edit = tuple[str, str]  # Page, JSON text.


def load() -> list[Edit]:
    """The real edits where $MILLRACE_TEST_DATA has them, else generated ones of the same shape."""
    folder = os.environ.get("MILLRACE_TEST_DATA")
    if folder:
        with gzip.open(Path(folder) / FILE, "rt", encoding="utf-8") as lines:
            return [(json.loads(line)["page"], line.rstrip("\n")) for line in lines]
    print(f"\n*** MILLRACE_TEST_DATA is not set: NO REAL EDITS. Generated ones stand in for\n"
          f"*** {FILE}; set it to the folder that holds the file.\n", file=sys.stderr, flush=True)
    return generate()


def generate(edits: int = EDITS, pages: int = PAGES) -> list[Edit]:
    """As many edits of as many pages, with the same top pages; some counts are null."""
    source = random.Random(SEED)
    numbers = [n for n, count in enumerate(TOP_COUNTS) for _ in range(count)]
    numbers += range(len(TOP_COUNTS), pages)
    numbers += range(len(TOP_COUNTS), len(TOP_COUNTS) + edits - len(numbers))
    source.shuffle(numbers)
    made = []
    for number in numbers:
        edit = {"page": f"Page {number} é", "isRobot": source.random() < 0.4,
                "added": source.choice([None, source.randrange(5000)]),
                "deleted": source.choice([None, source.randrange(500)]),
                "comment": "x" * source.randrange(300)}
        made.append((edit["page"], json.dumps(edit, ensure_ascii=False)))
    return made


def recount(edits: list[Edit]) -> dict[str, str]:
    """Page -> the state that page_edits must have, by a plain loop over the edits."""
    counts: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0, 0])
    for page, text in edits:
        edit = json.loads(text)
        count = counts[page]
        count[0] += 1
        count[1] += edit["added"] or 0
        count[2] += edit["deleted"] or 0
    return {page: TEXT % tuple(count) for page, count in counts.items()}


def running_counts(records: list[dict]) -> list[tuple[str, str]]:
    """What page_edits emits for a partition's records: the page's counts after each edit."""
    counts: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0, 0])
    emitted = []
    for record in records:
        count, edit = counts[record["key"]], json.loads(record["value"])
        count[0] += 1
        count[1] += edit["added"] or 0
        count[2] += edit["deleted"] or 0
        emitted.append((record["key"], TEXT % tuple(count)))
    return emitted


def sums(states: dict[str, str]) -> dict[str, int]:
    total = collections.Counter(edits=0, added=0, deleted=0)
    for text in states.values():
        total.update(json.loads(text))
    return dict(total)


def top_counts(states: dict[str, str]) -> list[int]:
    ranked = sorted((json.loads(text)["edits"] for text in states.values()), reverse=True)
    return ranked[:len(TOP_COUNTS)]
