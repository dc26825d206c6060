# SPDX-License-Identifier: Apache-2.0
"""The run as one HTML file that needs nothing else."""
import dataclasses
import datetime
from collections.abc import Sequence
from html import escape
from pathlib import Path

from .engines import Engine
from .plots import bars, number, percentiles
from .ratios import spread
from .summary import COMPARED, FIGURES, Group, groups, plausibilities
from .trial import Failure, Result

STYLE = """body{font:15px/1.45 sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:.6em 0 1.4em;font-size:13px}
td,th{border:1px solid #ccc;padding:3px 8px;text-align:left;vertical-align:top}
td.n{text-align:right}td:first-child:not(.n){white-space:nowrap}th{background:#f2f4f7}
svg{display:block;margin:1em 0}h2{margin-top:2em;border-bottom:1px solid #ccc}
.bad{color:#a40000}small{color:#666}"""
PLOTTED = ("records_per_s", "cpu_s_per_million", "peak_mb", "lost_first_output_s",
           "kept_first_output_s", "first_record_s", "settled_s", "start_s", "idle_mb")
LATENCIES = ("latency_ms_p50", "latency_ms_p95", "latency_ms_p99", "latency_ms_p99_9")


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the report says about the run itself."""
    command: str
    machine: dict[str, str]
    versions: dict[str, str]


def write(path: Path, results: Sequence[Result], engines: Sequence[Engine], facts: Facts,
          failures: Sequence[Failure] = ()) -> None:
    found = groups(results)
    parts = [_head(results, facts), _failures(failures), _plausibility(found)]
    parts += [_section(group) for group in found]
    parts += [_fairness(engines), "</body></html>\n"]
    path.write_text("".join(parts), encoding="utf-8")


def _head(results: Sequence[Result], facts: Facts) -> str:
    today = datetime.date.today().isoformat()
    spins = spread([result.spin_s for result in results])
    steal = sum(result.steal_s for result in results)
    rows = {"made by": facts.command, **facts.machine, **facts.versions,
            "trials": str(len(results)),
            "fixed loop before each trial": f"{spins.median * 1000:.0f} ms ({spins.low * 1000:.0f} "
                                            f"to {spins.high * 1000:.0f}): the spread of the "
                                            "machine's own speed",
            "processor time stolen by others": f"{steal:.1f} s"}
    return ('<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f"<title>millrace, Kafka Streams, Flink: {today}</title><style>{STYLE}</style></head>"
            f"<body><h1>The contrast, {today}</h1>"
            "<p>All engines read the same bytes from the same broker, and their outputs were "
            "compared with what is right. Absolute figures are of this machine on this day; the "
            "ratios, taken block by block, are what counts. "
            "Medians; in brackets the least and the greatest value.</p>"
            + _table(["", ""], [[name, value] for name, value in rows.items()]))


def _failures(failures: Sequence[Failure]) -> str:
    if not failures:
        return ""
    return ('<h2 class="bad">Trials that failed</h2>'
            + _table(["trial", "reason"],
                     [[f"block {failure.trial.block}, {failure.trial.title()}", failure.reason]
                      for failure in failures]))


def _section(group: Group) -> str:
    parts = [f"<h2>{escape(group.title())}</h2>", _figures(group)]
    parts += [bars(FIGURES[name][0], FIGURES[name][1],
                   [(engine, list(group.values(engine, name).values()))
                    for engine in sorted(group.engines)])
              for name in group.figures() if name in PLOTTED]
    if group.trial.measure == "latency":
        parts.append(_latency_plot(group))
    parts.append(_ratios(group))
    return "".join(parts)


def _latency_plot(group: Group) -> str:
    rows = []
    for engine in sorted(group.engines):
        spreads = [group.spread(engine, name) for name in LATENCIES]
        if all(spreads):
            rows.append((engine, [s.median for s in spreads if s]))
    return percentiles("latency by percentile", [FIGURES[name][0] for name in LATENCIES], rows)


def _figures(group: Group) -> str:
    engines = sorted(group.engines)
    rows = []
    for name in group.figures():
        what, unit, _ = FIGURES[name]
        row = [what + (f", {unit}" if unit else "")]
        for engine in engines:
            found = group.spread(engine, name)
            row.append("" if found is None else
                       number(found.median) if found.count == 1 else
                       f"{number(found.median)} ({number(found.low)} to {number(found.high)})")
        rows.append(row)
    return _table(["", *engines], rows)


def _ratios(group: Group) -> str:
    ours = [name for name in sorted(group.engines) if name.startswith("millrace")]
    theirs = [name for name in sorted(group.engines) if not name.startswith("millrace")]
    rows = []
    for figure in COMPARED:
        for mine in ours:
            ratios = [group.ratio(mine, other, figure) for other in theirs]
            if any(ratios):
                rows.append([FIGURES[figure][0], mine] + [
                    "" if r is None else
                    f"{number(r.median)} × [{number(r.low)} to {number(r.high)}]"
                    for r in ratios])
    if not rows:
        return ""
    return ("<p>How many times better than each peer: the median of the ratios of each block, and "
            "where 95 % of resampled medians lie. Below 1 the peer is better.</p>"
            + _table(["", "", *(f"than {name}" for name in theirs)], rows))


def _plausibility(found: list[Group]) -> str:
    rows = [[row.title, row.engine, number(row.share), number(row.share_before),
             number(row.cpu_s_per_million), number(row.cpu_s_before),
             "yes" if row.is_plausible else "NO: explain it, or mend its settings"]
            for row in plausibilities(found)]
    if not rows:
        return ""
    return ("<h2>Are the peers at their best?</h2><p>Records/s as a part of what a consumer "
            "reaches that takes them in batches and does nothing, in the same block, and "
            "CPU-seconds per million; beside them what the peer has reached before. One of both "
            "must be as good.</p>"
            + _table(["", "peer", "part", "before", "CPU-s", "before", "plausible"], rows))


def _fairness(engines: Sequence[Engine]) -> str:
    names: list[str] = []
    for engine in engines:
        names += [name for name in engine.settings() if name not in names]
    rows = [[name, *(engine.settings().get(name, "") for engine in engines)] for name in names]
    return ("<h2>Fairness: settings of each engine</h2>"
            + _table(["", *(engine.name for engine in engines)], rows))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def cell(i: int, text: str) -> str:
        numeric = i > 0 and text[:1].isdigit()
        bad = ' class="bad"' if text.startswith("NO:") else ' class="n"' if numeric else ""
        return f"<td{bad}>{escape(text)}</td>"

    body = "".join("<tr>" + "".join(cell(i, text) for i, text in enumerate(row)) + "</tr>"
                   for row in rows)
    return ("<table><tr>" + "".join(f"<th>{escape(text)}</th>" for text in head) + "</tr>"
            + body + "</table>")
