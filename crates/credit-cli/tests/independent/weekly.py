"""The figures of a weekly report, computed again from the ledger by other means.

usage: weekly.py LEDGER BASELINES REPORT

Prints each figure that is not the same; exit 1 if there is one.
"""
import json
import sys
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal, getcontext

getcontext().prec = 60
MICRO = Decimal("0.000001")


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.loads(file.read(), parse_float=Decimal, parse_int=Decimal)


def instant(text):
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    return seconds, Decimal("0." + (fraction or "0"))


def median(values):
    values = sorted(values)
    n = len(values)
    middle = values[n // 2]
    if n % 2 == 0:
        middle = ((values[n // 2 - 1] + middle) / 2).quantize(MICRO, ROUND_HALF_EVEN)
    return middle


def ratio(value, baseline):
    return None if not baseline else (value / baseline).quantize(MICRO, ROUND_DOWN)


def scenario(runs, before, baseline):
    credits = sorted(run["Credits_Total"].quantize(MICRO) for run in runs)
    n = len(credits)
    mean = (sum(credits) / n).quantize(MICRO, ROUND_HALF_EVEN)
    found = {
        "scenario_id": runs[0]["Scenario_ID"],
        "total_credits": sum(credits),
        "run_count": n,
        "prev_run_count": before,
        "run_count_change": n - before,
        "avg_credits": mean,
        "median_credits": median(credits),
        "p95_credits": credits[-(-95 * n // 100) - 1],
        "max_credits": credits[-1],
        "baseline": baseline,
        "variance_multiplier": ratio(median(credits), baseline),
        "mean_variance_multiplier": ratio(mean, baseline),
        "notable": bool(baseline) and median(credits) > 2 * baseline,
        "expected_credits": None if baseline is None else baseline * n,
    }
    for level in range(5):
        found[f"sev{level}_count"] = sum(run["Severity"] == f"SEV{level}" for run in runs)
    return found


def main():
    ledger, baselines, report = sys.argv[1], load(sys.argv[2]), load(sys.argv[3])
    baselines = {b["scenario_id"]: b["median_credits"] for b in baselines["baselines"]}
    start, end = instant(report["period_start"]), instant(report["period_end"])
    length = end[0] - start[0]
    with open(ledger, encoding="utf-8") as file:
        lines = [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in file]
    of = defaultdict(list)
    before = defaultdict(int)
    now = []
    for line in lines:
        at = instant(line["Timestamp"])
        if start <= at < end:
            of[line["Scenario_ID"]].append(line)
            now.append(line)
        elif (start[0] - length, start[1]) <= at < start:
            before[line["Scenario_ID"]] += 1

    wrong = []

    def same(what, mine, theirs):
        if mine != theirs:
            wrong.append(f"{what}: {mine} is not {theirs}")

    mine = [scenario(runs, before[id], baselines.get(id)) for id, runs in of.items()]
    mine.sort(key=lambda s: (-s["total_credits"], s["scenario_id"]))
    same("scenarios", len(mine), len(report["scenarios"]))
    for one, other in zip(mine, report["scenarios"]):
        for key, value in one.items():
            same(f"{one['scenario_id']}.{key}", value, other[key])
    same("top", [s["scenario_id"] for s in mine[:5]],
         [s["scenario_id"] for s in report["top_scenarios_by_total"]])

    stats = report["summary_stats"]
    total = sum((run["Credits_Total"].quantize(MICRO) for run in now), Decimal(0))
    same("total_credits", total, stats["total_credits"])
    same("total_runs", len(now), stats["total_runs"])
    average = (total / len(now)).quantize(MICRO, ROUND_HALF_EVEN) if now else None
    same("avg_credits_per_run", average, stats["avg_credits_per_run"])
    for level in range(5):
        count = sum(run["Severity"] == f"SEV{level}" for run in now)
        same(f"sev{level}_count", count, stats[f"sev{level}_count"])

    grave = sorted((r for r in now if r["Severity"] in ("SEV0", "SEV1")),
                   key=lambda r: (r["Severity"], instant(r["Timestamp"]), r["Run_ID"]))
    same("violations", [r["Run_ID"] for r in grave],
         [v["run_id"] for v in report["policy_violations"]])
    spikes = sorted((r for r in now if (r["Variance_Multiplier"] or 0) >= 2),
                    key=lambda r: (-r["Variance_Multiplier"], r["Run_ID"]))
    same("spikes", [r["Run_ID"] for r in spikes[:5]],
         [s["Run_ID"] for s in report["top_spike_runs"]])
    critical = {"pii_exposure", "regulatory_data"}
    queue = sorted((r for r in now if r["Severity"] == "SEV2" or critical & set(r["Risk_Flags"])
                    or "weekly_review" in r["actions"]),
                   key=lambda r: (instant(r["Timestamp"]), r["Run_ID"]))
    same("queue", [r["Run_ID"] for r in queue], [q["run_id"] for q in report["review_queue"]])
    for day, part in enumerate(report["timeline"]):
        at = start[0] + timedelta(days=day)
        of_day = [r for r in now if at <= instant(r["Timestamp"])[0] < at + timedelta(days=1)]
        same(f"timeline {at}", len(of_day), part["runs"])
        credits = sum((r["Credits_Total"].quantize(MICRO) for r in of_day), Decimal(0))
        same(f"timeline {at}", credits, part["credits"])
    print("\n".join(wrong))
    sys.exit(bool(wrong))


main()
