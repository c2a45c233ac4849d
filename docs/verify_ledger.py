#!/usr/bin/env python3
"""Checks a ledger without the crate: verify_ledger.py <stem>.jsonl [SEQ:HASH]

Prints what is wrong and exits with 4, or with 0 if nothing is. It follows ledger-format.md: hashes, links, numbers, origin,
ids, imported bytes, HEAD, a head noted elsewhere, the hash of each record's file and, where run_<id>.json is beside the
ledger or below, that file. Laxer than the crate in one thing: a record may be any JSON object."""
import hashlib, json, os, re, sys
H = rb'"([0-9a-f]{64})"'
LINE = re.compile(rb'(\{.+?)(?:,"Run_Sha256":' + H + rb')?(?:,"Ledger_Origin":"([0-9a-f]{32})"'
                  rb'(?:,"Ledger_Import_Bytes":([1-9]\d{0,15}),"Ledger_Import_Sha256":' + H + rb')?)?'
                  rb',"Seq":(0|[1-9]\d{0,15}),"Prev_Hash":' + H + rb',"Hash":' + H + rb'\}')
SLOT = re.compile(rb'(\{"Lines":(0|[1-9]\d*),"Hash":' + H + rb',"End":(0|[1-9]\d*),"Origin":"([0-9a-f]{32})"(?:,"Start":([1-9]\d*))?),"Check":"([0-9a-f]{16})"\} *\n')
TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[][{},:]|[^][{},:"]+')
def sha(data): return hashlib.sha256(data).hexdigest().encode()
def read(path): return open(path, "rb").read() if os.path.isfile(path) else b""
def genesis(origin, imported): return sha(b"\n".join(filter(None, [b"credit-ledger/v1", origin, imported])) + b"\n")

def pretty(body):
    out, depth, last = [], 0, b""
    for token in TOKEN.findall(body):
        closes, opened = token in (b"}", b"]"), last in (b"{", b"["); depth -= closes
        if opened and not closes or closes and not opened or last == b",": out.append(b"\n" + b"  " * depth)
        out.append(token + b" " * (token == b":"))
        depth, last = depth + (token in (b"{", b"[")), token
    return b"".join(out) + b"\n"

def verify(path, noted):
    data, raw = read(path), read(os.path.splitext(path)[0] + ".HEAD")
    slots = [m for m in map(SLOT.fullmatch, (raw[:256], raw[256:])) if m and sha(m[1])[:16] == m[7]]
    head = max(slots, key=lambda m: int(m[2]), default=None)
    if not head and (len(raw) > 256 or not data): yield "HEAD is damaged, or there is no ledger here"
    files = {f: os.path.join(d, f) for d, _, fs in os.walk(os.path.dirname(path) or ".") for f in fs if f.startswith("run_")}
    start = int((head[6] if head else (re.search(rb"(?m)^" + LINE.pattern + rb"$", data) or [0] * 5)[4]) or 0)
    old, before = start and sha(data[:start]), data[:start].count(b"\n")
    if head and not int(head[2]) and head[3] != genesis(head[5], old): yield "not the bytes that were imported"
    *lines, tail = data[start:].split(b"\n")
    if tail: yield f"the last {len(tail)} bytes are not a line"
    prev, ids, end, heads = None, {}, start, {}
    for n, line in enumerate(lines, before + 1):
        end, m = end + len(line) + 1, LINE.fullmatch(line) if len(line) <= 65535 else None
        if not m: yield f"line {n}: not a line of a ledger"; prev = None; continue
        body, stated, origin, size, imported, seq, link, own = m[1] + b"}", *m.groups()[1:]
        if n == before + 1: prev = genesis(origin, imported)
        if origin and (n > before + 1 or head and head[5] != origin): yield f"line {n}: another origin"
        if origin and (int(size or 0), imported or 0) != (start, old): yield f"line {n}: not the bytes that were imported"
        if int(seq) != n - before - 1: yield f"line {n}: seq {int(seq)}"
        if prev and link != prev: yield f"line {n}: a broken link"
        if sha(line[:-75]) != own: yield f"line {n}: edited"
        try: record = json.loads(body); name = str(record.get("Run_ID") or record["Event_ID"])
        except (ValueError, KeyError, RecursionError): yield f"line {n}: not a record"; name = n
        if ids.setdefault(name, n) != n: yield f"line {n}: the id of line {ids[name]}"
        if stated and sha(pretty(body)) != stated: yield f"line {n}: another file hash"
        if stated and (file := read(files.get(f"run_{name}.json", ""))) and sha(file) != stated: yield f"run_{name}.json: changed"
        prev, heads[end] = own, b"%b:%b" % (seq, own)
    if head and int(head[2]) and heads.get(int(head[4])) != b"%d:%b" % (int(head[2]) - 1, head[3]): yield "not the line HEAD knows"
    if noted and noted.encode() not in heads.values(): yield "does not contain the head that was noted"

findings = list(verify(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
print("\n".join(findings) or "fine")
sys.exit(4 if findings else 0)
