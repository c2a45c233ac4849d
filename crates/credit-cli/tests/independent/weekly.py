"""The figures of a weekly report, computed again from the ledger by other means.

usage: weekly.py LEDGER BASELINES REPORT

Prints each figure that is not the same; exit 1 if there is one.
"""
import json
import sys
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal, getcontext
from math import comb, exp

getcontext().prec = 60
MICRO = Decimal("0.000001")
# The standard policy's gate for candidates and its pattern rule.
RUNS_MIN, CV_BELOW, LIMIT = 10, Decimal("0.3"), Decimal("1.2")
PATTERN_RUNS, PATTERN_DAYS = 3, 7
# The fewest runs that say anything about a median.
FEWEST = 6


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


def interval(values):
    """The narrowest pair of order statistics that holds the median with 95 %, in whole numbers."""
    n, best, below = len(values), None, 0
    for k in range(1, n // 2 + 1):
        below += comb(n, k - 1)
        if 2 * below * 20 > 2**n:
            break
        best = k
    return (None, None) if best is None else (values[best - 1], values[n - best])


def cost(run):
    return run["Credits_Total"].quantize(MICRO)


def in_order(runs):
    return sorted(runs, key=lambda r: (instant(r["Timestamp"]), cost(r), r["Run_ID"]))


def is_spike(run):
    return (run["Variance_Multiplier"] or 0) >= 2


def side(value, baseline):
    """True above the band around a baseline, False below it, None inside."""
    if value / baseline >= LIMIT:
        return True
    return False if value == 0 or baseline / value >= LIMIT else None


def variation(values):
    n, total = len(values), sum(values)
    return (n * sum(v * v for v in values) - total * total).sqrt() / total if total else None


def pettitt(values):
    """How improbable the clearest division is if nothing changed."""
    n, u, greatest = len(values), 0, 0
    for t in range(n - 1):
        u += sum((values[t] < v) - (values[t] > v) for v in values)
        greatest = max(greatest, abs(u))
    return min(1.0, 2 * exp(-6.0 * greatest**2 / (n**3 + n**2)))


def cuts(values, start=0):
    n = len(values)
    if n < 2 * FEWEST or pettitt(values) >= 0.01:
        return []

    def misfit(part):
        middle = sorted(part)[len(part) // 2]
        return sum(abs(v - middle) for v in part)

    at = min(range(FEWEST, n - FEWEST + 1), key=lambda t: misfit(values[:t]) + misfit(values[t:]))
    low, high = sorted((median(values[:at]), median(values[at:])))
    if high / low < LIMIT if low else high == 0:
        return []
    return cuts(values[:at], start) + [start + at] + cuts(values[at:], start + at)


def drift(runs, before, baseline):
    """Since when a scenario is elsewhere, from and to where, its runs since, and whether upwards."""
    runs = in_order(runs)
    if not baseline or len(runs) < FEWEST:
        return None
    latest = runs[-max(-(-len(runs) // 4), FEWEST):]
    if all(side(median([cost(r) for r in part]), baseline) is None for part in (runs, latest)):
        return None
    series = sorted((instant(r["Timestamp"]), cost(r)) for r in before + runs)
    values = [value for _, value in series]
    change, found = None, cuts(values)
    if found:
        at = found[-1]
        first = found[-2] if len(found) > 1 else 0
        change = (series[at][0], median(values[first:at]), median(values[at:]))
        runs = [r for r in runs if instant(r["Timestamp"]) >= change[0]]
    up = side(median([cost(r) for r in runs]), baseline) if runs else None
    return None if up is None else (change, runs, up)


def failed(runs, baseline):
    values = [cost(r) for r in runs]
    grave = [r for r in runs if r["Severity"] in ("SEV0", "SEV1")
             and r["Baseline_Status"] not in ("missing", "zero")
             and not (r["Severity"] == "SEV1" and r["Severity_Reason"] == "sensitive_floor")]
    cv = variation(values)
    criteria = [("runs", len(runs) >= RUNS_MIN), ("incidents", not grave),
                ("cv", cv is not None and cv < CV_BELOW), ("baseline", bool(baseline))]
    if baseline:
        criteria.append(("variance", side(median(values), baseline) is None))
    return [name for name, passed in criteria if not passed]


def screened(runs, baseline):
    values = [cost(r) for r in runs]
    mean = (sum(values) / len(values)).quantize(MICRO, ROUND_HALF_EVEN)
    return {"baseline": baseline, "proposed_median_credits": median(values),
            "variance_multiplier": ratio(median(values), baseline),
            "mean_variance_multiplier": ratio(mean, baseline), "run_count": len(runs)}


def patterns(of, drifts, baselines):
    found, spiking = [], []
    for id in sorted(of):
        spikes = sorted(filter(is_spike, of[id]), key=lambda r: (instant(r["Timestamp"]), r["Run_ID"]))
        times = [instant(r["Timestamp"]) for r in spikes]
        repeated = any((b[0] - timedelta(days=PATTERN_DAYS), b[1]) < a
                       for a, b in zip(times, times[PATTERN_RUNS - 1:]))
        drifted = drifts[id]
        up = drifted if drifted and drifted[2] else None
        if repeated or up:
            runs = up[1] if up and not repeated else spikes
            baseline = baselines.get(id)
            above = bool(baseline) and side(median([cost(r) for r in of[id]]), baseline) is True
            found.append(("drift", [id], runs, bool(up) or above, up[0] if up else None))
        if spikes:
            spiking.append((id, spikes, repeated or bool(up)))
    if len(spiking) >= 3 and 4 * len(spiking) >= len(of):
        runs = sorted((r for _, spikes, _ in spiking for r in spikes),
                      key=lambda r: (instant(r["Timestamp"]), r["Run_ID"]))
        found.append(("systemic", [id for id, _, _ in spiking], runs, False, None))
    else:
        found += [("transient", [id], spikes, False, None)
                  for id, spikes, drifted in spiking if not drifted]
    return found


def dots(runs):
    spikes = sorted(filter(is_spike, runs),
                    key=lambda r: (-r["Variance_Multiplier"], instant(r["Timestamp"])))[:10]
    rest = [r for r in in_order(runs) if not is_spike(r)]
    step = max(1, -(-len(rest) // (40 - len(spikes))))
    return sorted((instant(r["Timestamp"]), cost(r), r["Severity"]) for r in spikes + rest[::step])


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
    found["median_low"], found["median_high"] = interval(credits)
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
    before = defaultdict(list)
    now = []
    for line in lines:
        at = instant(line["Timestamp"])
        if start <= at < end:
            of[line["Scenario_ID"]].append(line)
            now.append(line)
        elif (start[0] - length, start[1]) <= at < start:
            before[line["Scenario_ID"]].append(line)

    wrong = []

    def same(what, mine, theirs):
        if mine != theirs:
            wrong.append(f"{what}: {mine} is not {theirs}")

    mine = [scenario(runs, len(before[id]), baselines.get(id)) for id, runs in of.items()]
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

    def same_figures(what, mine, theirs):
        for key, value in mine.items():
            same(f"{what}.{key}", value, theirs[key])

    def same_change(what, change, theirs):
        at = theirs["changed_at"]
        same(f"{what} changed", change,
             at and (instant(at), theirs["median_before"], theirs["median_after"]))

    drifts = {id: drift(runs, before[id], baselines.get(id)) for id, runs in of.items()}
    misses = {id: failed(of[id], baselines.get(id)) for id in sorted(of)}
    same("candidates", [id for id in misses if not misses[id]],
         [c["scenario_id"] for c in report["baseline_candidates"]])
    for theirs in report["baseline_candidates"]:
        id = theirs["scenario_id"]
        same_figures(f"candidate {id}", screened(of[id], baselines[id]), theirs)
        cv = variation([cost(r) for r in of[id]])
        same(f"candidate {id}.cv", cv.quantize(Decimal("0.0001"), ROUND_DOWN).normalize(),
             theirs["cv"].normalize())
    same("ineligible", [(id, missed) for id, missed in misses.items() if missed],
         [(i["scenario_id"], [f["criterion"] for f in i["failed"]])
          for i in report["baseline_ineligible"]])
    moved = [id for id in misses if misses[id] and drifts[id]
             and set(failed(drifts[id][1], baselines[id])) <= {"variance"}]
    same("drift", moved, [d["scenario_id"] for d in report["drift_candidates"]])
    for id, theirs in zip(moved, report["drift_candidates"]):
        change, runs, up = drifts[id]
        same_figures(f"drift {id}", screened(runs, baselines[id]), theirs)
        same(f"drift {id}", median([cost(r) for r in runs]) > baselines[id],
             theirs["direction"] == "up")
        same_change(f"drift {id}", change, theirs)
    mine = patterns(of, drifts, baselines)
    same("patterns", [(kind, ids, len(runs), [r["Run_ID"] for r in runs[:20]], level)
                      for kind, ids, runs, level, _ in mine],
         [(p["pattern"], p["scenario_ids"], p["run_count"], p["run_ids"], p["level_moved"])
          for p in report["patterns"]])
    for pattern, theirs in zip(mine, report["patterns"]):
        same_change(f"pattern {pattern[1]}", pattern[4], theirs)
    wanted = moved + [s["Scenario_ID"] for s in spikes[:5]] + [
        s["scenario_id"] for s in report["scenarios"]]
    wanted = [id for id in dict.fromkeys(wanted) if baselines.get(id)][:12]
    same("bands", wanted, [b["scenario_id"] for b in report["bands"]])
    for id, band in zip(wanted, report["bands"]):
        same(f"band {id}", ((baselines[id] / LIMIT).quantize(MICRO, ROUND_DOWN),
                            (baselines[id] * LIMIT).quantize(MICRO, ROUND_DOWN), len(of[id])),
             (band["low"], band["high"], band["run_count"]))
        same(f"band {id}", dots(of[id]),
             [(instant(d["timestamp"]), d["credits"], d["severity"]) for d in band["runs"]])
    if wrong:
        print("\n".join(wrong))
    print(f"{len(report['drift_candidates'])} drifted, {len(report['baseline_candidates'])} "
          f"candidates, {len(report['patterns'])} patterns, {len(report['bands'])} bands",
          file=sys.stderr)
    sys.exit(bool(wrong))


main()
