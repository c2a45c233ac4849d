"""The figures of `creditctl report stats --json`, counted again from the ledger by other means.

usage: stats.py LEDGER STATISTICS

Prints each figure that is not the same; exit 1 if there is one. Where the package duckdb is there,
SQL counts, too.
"""
import json
import sys
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal, getcontext
from math import comb

getcontext().prec = 60
MICRO = Decimal("0.000001")
wrong = []


def same(what, mine, theirs):
    if mine != theirs:
        wrong.append(f"{what}: {mine} is not {theirs}")


def rank(values, percent):
    return values[-(-percent * len(values) // 100) - 1]


def median(values):
    n = len(values)
    return ((values[(n - 1) // 2] + values[n // 2]) / 2).quantize(MICRO, ROUND_HALF_EVEN)


def interval(values):
    """The narrowest pair of order statistics that holds the median with 95 %, in whole numbers."""
    n, best, below = len(values), None, 0
    for k in range(1, n // 2 + 1):
        below += comb(n, k - 1)
        if 2 * below * 20 > 2**n:
            break
        best = k
    return (None, None) if best is None else (values[best - 1], values[n - best])


def variation(values):
    n, total = len(values), sum(values)
    if not total:
        return None
    squares = sum(v * v for v in values)
    return (n * squares - total * total).sqrt() / total


def by_python(lines, told):
    of, days = defaultdict(list), defaultdict(list)
    for line in lines:
        of[line["Scenario_ID"]].append(line)
        days[line["Timestamp"][:10]].append(line)
    found = []
    for id, runs in of.items():
        values = sorted(run["Credits_Total"].quantize(MICRO) for run in runs)
        low, high = interval(values)
        found.append({
            "scenario_id": id, "total_credits": sum(values), "run_count": len(values),
            "avg_credits": (sum(values) / len(values)).quantize(MICRO, ROUND_HALF_EVEN),
            "median_credits": median(values), "median_low": low, "median_high": high,
            "p95_credits": rank(values, 95), "p99_credits": rank(values, 99),
            "max_credits": values[-1],
            **{f"sev{n}_count": sum(r["Severity"] == f"SEV{n}" for r in runs) for n in range(5)},
        })
        theirs = next(s["cv"] for s in told["scenarios"] if s["scenario_id"] == id)
        mine = variation(values)
        if abs(mine - theirs) > Decimal("0.0001"):
            wrong.append(f"{id}.cv: {mine} is not {theirs}")
    found.sort(key=lambda s: (-s["total_credits"], s["scenario_id"]))
    same("scenarios", [s["scenario_id"] for s in found],
         [s["scenario_id"] for s in told["scenarios"]])
    for mine, theirs in zip(found, told["scenarios"]):
        for key, value in mine.items():
            same(f"{mine['scenario_id']}.{key}", value, theirs[key])

    def sums(what, runs, theirs):
        same(f"{what} runs", len(runs), theirs["total_runs"])
        total = sum((r["Credits_Total"].quantize(MICRO) for r in runs), Decimal(0))
        same(f"{what} credits", total, theirs["total_credits"])
        for n in range(5):
            of = [r for r in runs if r["Severity"] == f"SEV{n}"]
            same(f"{what} sev{n}", len(of), theirs[f"sev{n}_count"])

    sums("all", lines, told["summary_stats"])
    stats = told["summary_stats"]
    for key, action in (("blocked_count", "block_dispatch"), ("quarantined_count", "quarantine")):
        same(key, sum(action in line["actions"] for line in lines), stats[key])
    for n in range(5):
        of_rung = [r["Credits_Total"].quantize(MICRO) for r in lines if r["Severity"] == f"SEV{n}"]
        same(f"sev{n}_credits", sum(of_rung, Decimal(0)), stats[f"sev{n}_credits"])
    same("days", sorted(days), [day["day"] for day in told["days"]])
    for day in told["days"]:
        sums(day["day"], days[day["day"]], day)
    dearest = sorted(lines, key=lambda r: (-r["Credits_Total"], r["Run_ID"]))[:5]
    same("dearest", [r["Run_ID"] for r in dearest], [r["run_id"] for r in told["dearest_runs"]])


def by_duckdb(ledger, told):
    try:
        import duckdb
    except ImportError:
        print("SKIPPED: the Python package duckdb is not installed", file=sys.stderr)
        return
    rows = duckdb.sql(f"""
      select Scenario_ID, count(*), sum(Credits_Total), quantile_disc(Credits_Total, 0.95),
             quantile_disc(Credits_Total, 0.99), max(Credits_Total),
             count(*) filter (Severity = 'SEV1')
      from read_json('{ledger}', format = 'newline_delimited', columns = {{
        Scenario_ID: 'VARCHAR', Credits_Total: 'DECIMAL(18,6)', Severity: 'VARCHAR'}})
      group by Scenario_ID order by 3 desc, 1""").fetchall()
    keys = ("scenario_id", "run_count", "total_credits", "p95_credits", "p99_credits",
            "max_credits", "sev1_count")
    same("DuckDB", rows, [tuple(s[key] for key in keys) for s in told["scenarios"]])


def main():
    ledger = sys.argv[1]
    exact = {"parse_float": Decimal, "parse_int": Decimal}
    with open(ledger, encoding="utf-8") as file:
        lines = [json.loads(line, **exact) for line in file]
    with open(sys.argv[2], encoding="utf-8") as file:
        told = json.load(file, **exact)
    by_python(lines, told)
    by_duckdb(ledger, told)
    print("\n".join(wrong))
    sys.exit(bool(wrong))


main()
