use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::scope;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// A cache of numbers whose listener is known to hear everything, for as long as a test lasts.
fn cache() -> Cache<u64, u64> {
    let hearing = Arc::new(Hearing::default());
    hearing.heard_until(Instant::now() + HOUR);
    let settings = CacheSettings { entries: 100, lifetime_s: 10 };
    Cache::new(&settings, hearing, CacheMetrics::default())
}

fn counts<K, V>(cache: &Cache<K, V>) -> [u64; 4] {
    let CacheMetrics { hits, misses, bypasses, invalidations } = &cache.metrics;
    [hits, misses, bypasses, invalidations].map(|counter| counter.get())
}

#[test]
fn what_is_put_is_found_until_it_is_forgotten() {
    let cache = cache();
    for key in [1, 2] {
        cache.put(cache.claim(), key, key * 10);
    }
    assert_eq!([cache.get(&1), cache.get(&2), cache.get(&3)], [Some(10), Some(20), None]);
    cache.forget(&1);
    assert_eq!([cache.get(&1), cache.get(&2)], [None, Some(20)]);
    cache.forget_all();
    assert_eq!(cache.get(&2), None);
    assert_eq!(counts(&cache), [3, 3, 0, 2]);
}

/// The race that all of this is about: what was looked up before it changed comes in after it was forgotten.
#[test]
fn a_load_that_is_slower_than_a_forgetting_is_not_remembered() {
    let cache = cache();
    let forgettings: [fn(&Cache<u64, u64>); 2] = [|cache| cache.forget(&1), Cache::forget_all];
    for forget in forgettings {
        let slow = cache.claim();
        forget(&cache);
        cache.put(slow, 1, 10);
        assert_eq!(cache.get(&1), None, "loaded before, put after");
        cache.put(cache.claim(), 1, 11);
        assert_eq!(cache.get(&1), Some(11), "loaded after");
    }
}

#[test]
fn nothing_is_remembered_for_longer_than_its_lifetime_counted_from_before_it_was_loaded() {
    let cache = cache();
    let ago = |seconds| Claim {
        began: Instant::now().checked_sub(Duration::from_secs(seconds)).expect("a machine up for a while"),
        ..cache.claim()
    };
    cache.put(ago(5), 1, 10);
    assert_eq!(cache.get(&1), Some(10));
    cache.put(ago(10), 1, 10);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn while_nothing_is_heard_nothing_is_found_and_nothing_is_put() {
    let cache = cache();
    cache.put(cache.claim(), 1, 10);
    cache.hearing.hears_no_more();
    assert_eq!(cache.get(&1), None);
    cache.put(cache.claim(), 2, 20);
    cache.hearing.heard_until(Instant::now() + HOUR);
    assert_eq!([cache.get(&1), cache.get(&2)], [Some(10), None]);
    assert_eq!(counts(&cache), [1, 1, 1, 0]);
}

#[test]
fn a_cache_is_bounded() {
    let cache = cache();
    for key in 0..10_000 {
        cache.put(cache.claim(), key, key);
    }
    let remembered = cache.entries.len();
    assert!((50..=200).contains(&remembered), "{remembered}");
}

/// Threads that change things, forget them and say so, among threads that read: nobody finds what was older when
/// he began than what had been said.
#[test]
fn whoever_was_told_of_a_change_never_finds_what_was_before_it() {
    const KEYS: u64 = 4;
    const TURNS: u64 = 5000;
    let cache = cache();
    let rows: Vec<AtomicU64> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
    let told: Vec<AtomicU64> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
    let reading = AtomicU64::new(3);
    scope(|threads| {
        threads.spawn(|| {
            for change in (1..).take_while(|_| reading.load(Ordering::SeqCst) > 0) {
                let key = change % KEYS;
                rows[key as usize].store(change, Ordering::SeqCst);
                if change % 50 == 0 {
                    cache.forget_all();
                } else {
                    cache.forget(&key);
                }
                told[key as usize].store(change, Ordering::SeqCst);
                std::thread::yield_now();
            }
        });
        for _ in 0..3 {
            threads.spawn(|| {
                let _done = Done(&reading);
                // And on, until something was found: who was not let run tried nothing.
                for turn in (0..).take_while(|turn| *turn < TURNS || counts(&cache)[0] == 0) {
                    let key = turn % KEYS;
                    let known = told[key as usize].load(Ordering::SeqCst);
                    let found = cache.get(&key).unwrap_or_else(|| {
                        let claim = cache.claim();
                        let loaded = rows[key as usize].load(Ordering::SeqCst);
                        std::thread::yield_now();
                        cache.put(claim, key, loaded);
                        loaded
                    });
                    assert!(found >= known, "key {key}: found {found} when {known} was known");
                }
            });
        }
    });
    let [hits, misses, ..] = counts(&cache);
    assert!(hits > 0 && misses > 0, "{hits} hits, {misses} misses: nothing was tried");
}

/// Counts a reader off, also one that panics.
struct Done<'a>(&'a AtomicU64);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
