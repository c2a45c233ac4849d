//! Work on many items with as many threads as there are cores.

use std::iter;
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Too few items for a thread of their own.
const ITEMS_MIN: usize = 64;

/// `work` of each item, in the items' order.
pub(crate) fn parallel<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let share = items.len().div_ceil(cores()).max(ITEMS_MIN);
    if items.len() <= share {
        return items.into_iter().map(work).collect();
    }
    let mut shares: Vec<Vec<T>> = Vec::new();
    let mut items = items.into_iter().peekable();
    while items.peek().is_some() {
        shares.push(items.by_ref().take(share).collect());
    }
    let work = |share: Vec<T>| share.into_iter().map(&work).collect::<Vec<R>>();
    each_on_its_thread(shares, work)
        .into_iter()
        .flatten()
        .collect()
}

/// The same where items differ in what they take: whoever is done takes the next one.
pub(crate) fn in_turns<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = cores().min(items.len());
    let items = Mutex::new(items.into_iter().enumerate());
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    let taken = |_| {
        iter::from_fn(next)
            .map(|(place, item)| (place, work(item)))
            .collect::<Vec<_>>()
    };
    let mut done: Vec<(usize, R)> = each_on_its_thread((0..threads).collect(), taken)
        .into_iter()
        .flatten()
        .collect();
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

/// `work` of each item in the items' order, the first of them on this thread.
pub(crate) fn each_on_its_thread<T: Send, R: Send>(
    items: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let work = &work;
    thread::scope(|scope| {
        let mut items = items.into_iter();
        let first = items.next();
        let threads: Vec<_> = items.map(|item| scope.spawn(move || work(item))).collect();
        let first = first.map(work);
        let others = threads.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        first.into_iter().chain(others).collect()
    })
}

/// How many threads can work at once.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}
