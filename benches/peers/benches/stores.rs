//! Keeping records durably: the ledger beside a bare write and sync, SQLite, redb and fjall.
//!
//! All of them keep the same 700-byte records in the same directory, in turns, and make each
//! batch durable before the next. What is printed is records a second and the ratio to the bare
//! write and sync of the same run; a disk's own speed changes from minute to minute, so only
//! the ratios mean something.
//!
//! The ledger chains its records by SHA-256 and checks that each is strict JSON. What it costs
//! the other stores to keep such a chain, the rows "with a hash chain" say: each record is stored
//! with SHA-256 of the hash before it and itself. They check nothing.
//!
//! ```sh
//! cargo bench --manifest-path benches/peers/Cargo.toml --bench stores
//! ```

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use credit_benches::{PLAIN, PLAIN_BYTES, leave, plain};
use credit_ledger::{Config, FileStorage, Ledger, Record};
use fjall::{Keyspace, KeyspaceCreateOptions, PersistMode};
use redb::{Durability, TableDefinition};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

const TABLE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
/// Each store takes so many turns; the best counts, because noise only ever adds time.
const TURNS: usize = 5;

fn main() {
    let dir = tempfile::tempdir_in(".").unwrap();
    for (size, batches) in [(1, 200), (100, 40), (1000, 20)] {
        let mut peers = peers(dir.path(), size);
        let mut best = vec![Duration::MAX; peers.len()];
        let mut next = 0;
        for _ in 0..TURNS {
            for (peer, best) in peers.iter_mut().zip(&mut best) {
                let mut took = Duration::ZERO;
                for _ in 0..batches {
                    let records: Vec<Vec<u8>> = (next..next + size).map(plain).collect();
                    next += size;
                    took += peer.keep(records);
                }
                *best = took.min(*best);
            }
        }
        println!("batches of {size}, {PLAIN_BYTES} bytes a record:");
        let bare = best.first().unwrap().as_secs_f64();
        for (peer, best) in peers.iter().zip(&best) {
            let rate = (batches * size) as f64 / best.as_secs_f64();
            let ratio = bare / best.as_secs_f64();
            let name = peer.name();
            leave(&format!("batches of {size}"), name, *best, batches * size);
            println!("  {name:<24} {rate:>9.0} records/s  {ratio:>5.2} of bare");
        }
    }
}

trait Peer {
    fn name(&self) -> &'static str;

    /// Makes the records durable, and says how long that took.
    fn keep(&mut self, records: Vec<Vec<u8>>) -> Duration;
}

fn peers(dir: &Path, size: usize) -> Vec<Box<dyn Peer>> {
    let dir = dir.join(size.to_string());
    std::fs::create_dir(&dir).unwrap();
    let storage = FileStorage::new(&dir, "ledger");
    let ledger = Ledger::open(Box::new(storage), PLAIN, Config::default()).unwrap();
    let redb = redb::Database::create(dir.join("redb")).unwrap();
    vec![
        Box::new(Bare(File::create(dir.join("bare")).unwrap())),
        Box::new(ledger),
        Box::new(sqlite(&dir.join("sqlite"))),
        Box::new(Redb(redb, 0)),
        Box::new(fjall(&dir.join("fjall"))),
        Box::new(Chained::new(
            "SQLite with a hash chain",
            sqlite(&dir.join("sqlite-chained")),
        )),
        Box::new(Chained::new(
            "fjall with a hash chain",
            fjall(&dir.join("fjall-chained")),
        )),
    ]
}

fn sqlite(path: &Path) -> Connection {
    let sqlite = Connection::open(path).unwrap();
    sqlite.pragma_update(None, "journal_mode", "WAL").unwrap();
    sqlite.pragma_update(None, "synchronous", "FULL").unwrap();
    let table = "CREATE TABLE records (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)";
    sqlite.execute(table, ()).unwrap();
    sqlite
}

fn fjall(path: &Path) -> Fjall {
    let database = fjall::Database::builder(path).open().unwrap();
    let keyspace = database.keyspace("records", KeyspaceCreateOptions::default);
    Fjall(database, keyspace.unwrap(), 0)
}

struct Bare(File);

impl Peer for Bare {
    fn name(&self) -> &'static str {
        "bare write + fdatasync"
    }

    fn keep(&mut self, records: Vec<Vec<u8>>) -> Duration {
        let start = Instant::now();
        let bytes = records.join(&b'\n');
        self.0.write_all(&bytes).unwrap();
        self.0.sync_data().unwrap();
        start.elapsed()
    }
}

impl Peer for Ledger {
    fn name(&self) -> &'static str {
        "credit-ledger"
    }

    fn keep(&mut self, records: Vec<Vec<u8>>) -> Duration {
        // Checking the records is the ledger's work, too.
        let start = Instant::now();
        let records = Record::new_all(&PLAIN, records).into_iter();
        let records = records.map(Result::unwrap).collect();
        let answers = self.append_batch(records).unwrap();
        assert!(answers.iter().all(Result::is_ok));
        start.elapsed()
    }
}

impl Peer for Connection {
    fn name(&self) -> &'static str {
        "SQLite (WAL, FULL)"
    }

    fn keep(&mut self, records: Vec<Vec<u8>>) -> Duration {
        let start = Instant::now();
        let transaction = self.transaction().unwrap();
        let insert = "INSERT INTO records (body) VALUES (?1)";
        let mut statement = transaction.prepare_cached(insert).unwrap();
        for record in &records {
            statement.execute([record]).unwrap();
        }
        drop(statement);
        transaction.commit().unwrap();
        start.elapsed()
    }
}

struct Redb(redb::Database, u64);

impl Peer for Redb {
    fn name(&self) -> &'static str {
        "redb"
    }

    fn keep(&mut self, records: Vec<Vec<u8>>) -> Duration {
        let start = Instant::now();
        let mut transaction = self.0.begin_write().unwrap();
        transaction.set_durability(Durability::Immediate).unwrap();
        let mut table = transaction.open_table(TABLE).unwrap();
        for record in &records {
            table.insert(self.1, record.as_slice()).unwrap();
            self.1 += 1;
        }
        drop(table);
        transaction.commit().unwrap();
        start.elapsed()
    }
}

struct Fjall(fjall::Database, Keyspace, u64);

impl Peer for Fjall {
    fn name(&self) -> &'static str {
        "fjall"
    }

    fn keep(&mut self, records: Vec<Vec<u8>>) -> Duration {
        let start = Instant::now();
        let mut batch = self.0.batch().durability(Some(PersistMode::SyncData));
        for record in &records {
            batch.insert(&self.1, self.2.to_be_bytes(), record.as_slice());
            self.2 += 1;
        }
        batch.commit().unwrap();
        start.elapsed()
    }
}

/// A store that is given each record with a hash over it and the hash before.
struct Chained<P> {
    name: &'static str,
    peer: P,
    hash: [u8; 32],
}

impl<P> Chained<P> {
    fn new(name: &'static str, peer: P) -> Self {
        let hash = [0; 32];
        Self { name, peer, hash }
    }
}

impl<P: Peer> Peer for Chained<P> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn keep(&mut self, mut records: Vec<Vec<u8>>) -> Duration {
        let start = Instant::now();
        for record in &mut records {
            let hasher = Sha256::new_with_prefix(self.hash);
            self.hash = hasher.chain_update(&*record).finalize().into();
            record.extend_from_slice(&self.hash);
        }
        start.elapsed() + self.peer.keep(records)
    }
}
