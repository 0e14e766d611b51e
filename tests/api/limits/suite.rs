//! What holds for every store. Each line of [`conforms`] is a test of each of them.

use std::sync::Arc;

use futures_util::future::join_all;
use grantor::limits::Limits;
use grantor::limits::rules::Applied;
use grantor::limits::stores::{Ask, Milestone, Unused};

use super::{Somebody, Stored, measure};
use crate::support::eventually;

macro_rules! conforms {
    ($($store:ident)+ : $tests:tt) => {
        $(conforms! { @one_by_one $store $tests })+
        conforms! { @together $tests }
    };
    (@one_by_one $store:ident { $($test:ident)+ }) => {
        mod $store {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                super::$test(&super::super::$store().await).await;
            })+
        }
    };
    (@together { $($test:ident)+ }) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn a_redis_cluster_does_all_of_it() {
            let stored = super::redis_cluster().await;
            $(Box::pin($test(&stored)).await;)+
        }
    };
}

conforms! { memory postgres redis: {
    a_quota_is_given_out_once
    a_refused_request_consumes_nothing
    of_two_limits_both_are_taken_or_none
    a_cost_is_counted_as_what_it_is
    what_is_left_sinks_until_the_moment_that_was_told
    a_window_slides_on
    a_calendar_counts_in_its_own_cell
    a_bucket_refills
    what_is_held_is_freed_when_released_and_at_its_deadline
    looking_takes_nothing_and_a_reset_gives_all
    what_was_not_used_goes_back_into_its_cell
    what_goes_back_with_a_question_is_there_for_it
    into_what_was_forgotten_nothing_goes_back
    no_more_is_taken_beforehand_than_allowed
    most_and_all_of_a_quota_are_told_once
    who_is_refused_for_want_of_a_little_is_told_that_all_is_used
    of_many_at_once_as_many_pass_as_there_is_room
    limits_in_any_order_block_nobody
    leases_give_out_every_unit_and_none_twice
    what_counts_outlives_a_tidying
} }

/// How a call fared: whether it was allowed, and what is left of each limit.
async fn call(node: &Limits, applied: &[Applied], cost: u64) -> (bool, Vec<u64>) {
    let verdict = node.decide(applied, true, cost).await.expect("a verdict");
    assert_eq!(verdict.allowed, verdict.violated.is_empty());
    assert_eq!(verdict.allowed, verdict.retry_after_s.is_none());
    (verdict.allowed, verdict.policies.iter().map(|policy| policy.remaining).collect())
}

async fn left(node: &Limits, applied: &[Applied]) -> Vec<u64> {
    let status = node.status(applied).await.expect("a status");
    status.policies.iter().map(|policy| policy.remaining).collect()
}

fn ask(applied: &Applied, amount: u64) -> Ask {
    Ask {
        counter: applied.counter,
        measure: measure(applied),
        quota: applied.quota,
        amount,
        most: 0,
        at_most: 0,
        share: 1,
        warns: false,
        back: None,
    }
}

async fn a_quota_is_given_out_once(stored: &Stored) {
    let (node, limits) = (stored.node(), Somebody::new().limits(&["hour sliding 3/3600"]));
    for remaining in [2, 1, 0] {
        assert_eq!(call(&node, &limits, 1).await, (true, vec![remaining]));
    }
    let refused = node.decide(&limits, true, 1).await.expect("a verdict");
    assert!(!refused.allowed);
    assert_eq!(refused.violated, ["hour"]);
    let (policy, retry) = (&refused.policies[0], refused.retry_after_s.expect("a wait"));
    assert_eq!((policy.quota, policy.window_s, policy.remaining), (3, 3600, 0));
    // The cell at hand counts until twelve others have come and gone.
    assert!((3600..=3900).contains(&policy.reset_in_s), "{policy:?}");
    assert!(retry >= policy.reset_in_s, "{retry}");
    let somebody_else = Somebody::new().limits(&["hour sliding 3/3600"]);
    assert_eq!(call(&node, &somebody_else, 1).await, (true, vec![2]));
    assert_eq!(node.decide(&[], true, 1).await.expect("a verdict").policies, []);
}

async fn a_refused_request_consumes_nothing(stored: &Stored) {
    let node = stored.node();
    for kind in ["sliding", "bucket"] {
        let limits = Somebody::new().limits(&[&format!("hour {kind} 5/3600 cost")]);
        assert_eq!(call(&node, &limits, 2).await, (true, vec![3]));
        for _ in 0..5 {
            assert_eq!(call(&node, &limits, 4).await, (false, vec![3]));
            assert_eq!(call(&node, &limits, 1_000_000_000_000).await, (false, vec![3]));
        }
        assert_eq!(call(&node, &limits, 3).await, (true, vec![0]), "{kind}");
    }
}

async fn of_two_limits_both_are_taken_or_none(stored: &Stored) {
    let (node, somebody) = (stored.node(), Somebody::new());
    let limits =
        somebody.limits(&["hour sliding 10/3600", "month calendar 2/2592000", "burst bucket 9/3600"]);
    assert_eq!(call(&node, &limits, 1).await, (true, vec![9, 1, 8]));
    assert_eq!(call(&node, &limits, 1).await, (true, vec![8, 0, 7]));
    for _ in 0..3 {
        assert_eq!(call(&node, &limits, 1).await, (false, vec![8, 0, 7]));
    }
    assert_eq!(left(&node, &limits).await, [8, 0, 7]);
    assert_eq!(call(&node, &limits[..1], 1).await, (true, vec![7]), "the hour has what it had");
}

async fn a_cost_is_counted_as_what_it_is(stored: &Stored) {
    let (node, somebody) = (stored.node(), Somebody::new());
    let limits = somebody.limits(&["calls sliding 10/3600", "units sliding 100/3600 cost"]);
    assert_eq!(call(&node, &limits, 30).await, (true, vec![9, 70]));
    assert_eq!(call(&node, &limits, 0).await, (true, vec![8, 70]));
    assert_eq!(call(&node, &limits, 71).await, (false, vec![8, 70]));
    assert_eq!(call(&node, &limits, 70).await, (true, vec![7, 0]));
}

/// Nobody is told that there is more until the moment comes that an answer named; here that is hours away.
async fn what_is_left_sinks_until_the_moment_that_was_told(stored: &Stored) {
    for (leases, line) in [
        (false, "hour sliding 60/3600"),
        (true, "hour sliding 200/3600"),
        (true, "month calendar 200/2592000"),
    ] {
        let node = stored.nodes(1, leases).remove(0);
        let limits = Somebody::new().limits(&[line]);
        let mut last = u64::MAX;
        for _ in 0..60 {
            let verdict = node.decide(&limits, true, 1).await.expect("a verdict");
            let policy = &verdict.policies[0];
            assert!(verdict.allowed && policy.reset_in_s > 0, "{policy:?}");
            assert!(policy.remaining < last, "{} after {last} ({line})", policy.remaining);
            last = policy.remaining;
        }
        // What is on lease when a cell ends counts as used until it is given back: a twentieth at most.
        let (quota, used) = (limits[0].quota, limits[0].quota - last);
        assert!((60..=60 + quota / 20).contains(&used), "{used} ({line})");
    }
}

async fn a_window_slides_on(stored: &Stored) {
    let (node, limits) = (&stored.node(), &Somebody::new().limits(&["second sliding 2/1 cost"]));
    assert!(call(node, limits, 2).await.0);
    for _ in 0..3 {
        eventually("is there room for two again", || async move { call(node, limits, 2).await.0 }).await;
        let refused = node.decide(limits, true, 3).await.expect("a verdict");
        assert_eq!((refused.allowed, refused.retry_after_s), (false, Some(1)), "three never fit");
    }
}

async fn a_calendar_counts_in_its_own_cell(stored: &Stored) {
    for window_s in [60, 3600, 86_400, 2_592_000] {
        let limit = Somebody::new().limit(&format!("period calendar 5/{window_s}"));
        let answer = &stored.store.take(&[ask(&limit, 2)]).await.expect("an answer")[0];
        let (now_us, measure) = (answer.reading.now_us, measure(&limit));
        let drift_us = (now_us - chrono::Utc::now().timestamp_micros()).abs();
        assert!(drift_us < 60_000_000, "the store is {drift_us} µs from now");
        assert_eq!(answer.reading.cells, [(measure.cell(now_us), 2)], "{window_s}");
        let ends_in_us = measure.ends_in_us(now_us);
        let level = measure.level(&answer.reading, 5, 4);
        assert_eq!((level.remaining, level.rises_in_us, level.fits_in_us), (3, ends_in_us, Some(ends_in_us)));
    }
}

async fn a_bucket_refills(stored: &Stored) {
    let (node, slow) = (&stored.node(), &Somebody::new().limits(&["burst bucket 3/3600"]));
    for remaining in [2, 1, 0] {
        assert_eq!(call(node, slow, 1).await, (true, vec![remaining]));
    }
    let refused = node.decide(slow, true, 1).await.expect("a verdict");
    let retry = refused.retry_after_s.expect("a wait");
    assert!(!refused.allowed && (1100..=1200).contains(&retry), "{retry}");
    let quick = &Somebody::new().limits(&["burst bucket 2/1"]);
    assert!(call(node, quick, 1).await.0);
    for _ in 0..4 {
        eventually("is there another unit", || async move { call(node, quick, 1).await.0 }).await;
    }
}

async fn what_is_held_is_freed_when_released_and_at_its_deadline(stored: &Stored) {
    let (node, limits) = (&stored.node(), &Somebody::new().limits(&["streams concurrent 2/3600"]));
    let first = node.decide(limits, true, 1).await.expect("a verdict");
    let second = node.decide(limits, true, 1).await.expect("a verdict");
    assert!(first.allowed && second.allowed && !first.held.is_empty());
    let refused = node.decide(limits, true, 1).await.expect("a verdict");
    assert!(!refused.allowed && refused.held.is_empty());
    node.release(first.held).await.expect("a release");
    assert_eq!(call(node, limits, 1).await, (true, vec![0]), "one place is free, and then none");
    let crashed = &Somebody::new().limits(&["streams concurrent 1/1"]);
    assert!(call(node, crashed, 1).await.0);
    eventually("is the place of a crashed holder free", || async move { call(node, crashed, 1).await.0 })
        .await;
}

async fn looking_takes_nothing_and_a_reset_gives_all(stored: &Stored) {
    let (node, somebody) = (stored.node(), Somebody::new());
    let limits = somebody.limits(&["hour sliding 3/3600", "month calendar 9/2592000", "burst bucket 4/3600"]);
    assert_eq!(left(&node, &limits).await, [3, 9, 4]);
    for _ in 0..5 {
        let look = node.decide(&limits, false, 1).await.expect("a verdict");
        assert!(look.allowed && look.held.is_empty() && look.warnings.is_empty());
    }
    for _ in 0..3 {
        assert!(call(&node, &limits, 1).await.0);
    }
    let look = node.decide(&limits, false, 1).await.expect("a verdict");
    assert_eq!((look.allowed, look.violated), (false, vec!["hour".to_owned()]));
    assert_eq!(left(&node, &limits).await, [0, 6, 1]);
    node.reset(&limits[..2]).await.expect("a reset");
    assert_eq!(left(&node, &limits).await, [3, 9, 1]);
    node.reset(&limits).await.expect("a reset");
    assert_eq!(call(&node, &limits, 1).await, (true, vec![2, 8, 3]));
}

async fn what_was_not_used_goes_back_into_its_cell(stored: &Stored) {
    let limit = Somebody::new().limit("month calendar 10/2592000");
    let answer = &stored.store.take(&[ask(&limit, 7)]).await.expect("an answer")[0];
    let unused = |amount| Unused { amount, ..ask(&limit, 0).taken(answer) };
    let limits = std::slice::from_ref(&limit);
    stored.store.give_back(&[unused(3), unused(2)]).await.expect("giving back");
    assert_eq!(left(&stored.node(), limits).await, [8]);
    let other_cell = Unused { cell: unused(2).cell - 1, ..unused(2) };
    stored.store.give_back(&[other_cell]).await.expect("giving back");
    assert_eq!(left(&stored.node(), limits).await, [8], "what was taken elsewhere is not here");
    stored.store.give_back(&[unused(9)]).await.expect("giving back");
    assert_eq!(left(&stored.node(), limits).await, [10], "nobody gets more than there is");
}

async fn what_goes_back_with_a_question_is_there_for_it(stored: &Stored) {
    let limit = Somebody::new().limit("hour sliding 10/3600");
    let answer = &stored.store.take(&[ask(&limit, 8)]).await.expect("an answer")[0];
    let back = Some(Unused { amount: 6, ..ask(&limit, 0).taken(answer) });
    for (amount, back, expected) in [(5, None, (false, 8)), (5, back, (true, 7)), (4, None, (false, 7))] {
        let asked = Ask { back, ..ask(&limit, amount) };
        let answer = &stored.store.take(&[asked]).await.expect("an answer")[0];
        let used: i64 = answer.reading.cells.iter().map(|(_, used)| used).sum();
        assert_eq!((answer.fits, used), expected);
    }
    // Whatever becomes of the question.
    let asked = Ask { back: back.map(|back| Unused { amount: 2, ..back }), ..ask(&limit, 9) };
    assert!(!stored.store.take(&[asked]).await.expect("an answer")[0].fits);
    assert_eq!(left(&stored.node(), std::slice::from_ref(&limit)).await, [5]);
    stored.store.peek(&[Ask { back, ..ask(&limit, 1) }]).await.expect("an answer");
    assert_eq!(left(&stored.node(), std::slice::from_ref(&limit)).await, [5], "who looks changes nothing");
}

/// It would take off what others used since.
async fn into_what_was_forgotten_nothing_goes_back(stored: &Stored) {
    for line in ["month calendar 10/2592000", "hour sliding 10/3600"] {
        let limit = Somebody::new().limit(line);
        let limits = std::slice::from_ref(&limit);
        let answer = &stored.store.take(&[ask(&limit, 4)]).await.expect("an answer")[0];
        let before = ask(&limit, 4).taken(answer);
        stored.node().reset(limits).await.expect("a reset");
        let answer = &stored.store.take(&[ask(&limit, 5)]).await.expect("an answer")[0];
        stored.store.give_back(&[before]).await.expect("giving back");
        assert_eq!(left(&stored.node(), limits).await, [5], "{line}");
        stored.store.give_back(&[ask(&limit, 5).taken(answer)]).await.expect("giving back");
        assert_eq!(left(&stored.node(), limits).await, [10], "the twin");
    }
}

async fn no_more_is_taken_beforehand_than_allowed(stored: &Stored) {
    let limit = Somebody::new().limit("hour sliding 100/3600");
    let beyond = |amount, at_most, share| Ask { at_most, share, ..ask(&limit, amount) };
    // Of 100: one and at most five of the 99 left, of which a fourth would be more.
    for (asked, expected) in [
        (beyond(1, 5, 4), (true, 5)),
        (beyond(4, 50, 4), (true, 22)),
        (beyond(60, 50, 4), (true, 2)),
        (beyond(3, 50, 4), (true, 0)),
        (beyond(4, 50, 4), (false, 0)),
        (beyond(3, 50, 4), (true, 0)),
        (beyond(1, 50, 4), (false, 0)),
    ] {
        let answer = &stored.store.take(&[asked]).await.expect("an answer")[0];
        assert_eq!((answer.fits, answer.beyond), expected, "{asked:?}");
    }
}

async fn most_and_all_of_a_quota_are_told_once(stored: &Stored) {
    let nodes = stored.nodes(2, false);
    let limits = Somebody::new().limits(&["month calendar 10/2592000", "hour sliding 20/3600"]);
    let mut told = Vec::new();
    for call in 1..=13 {
        let verdict = nodes[call % 2].decide(&limits, true, 1).await.expect("a verdict");
        told.extend(
            verdict.warnings.into_iter().map(|warning| (call, warning.name, warning.quota, warning.used)),
        );
    }
    let month = || "month".to_owned();
    assert_eq!(told, [(8, month(), 10, Milestone::Most), (10, month(), 10, Milestone::All)]);
}

async fn who_is_refused_for_want_of_a_little_is_told_that_all_is_used(stored: &Stored) {
    let (node, limits) = (stored.node(), Somebody::new().limits(&["month calendar 10/2592000 cost"]));
    let mut told = Vec::new();
    for cost in [7, 4, 4, 1, 2] {
        let verdict = node.decide(&limits, true, cost).await.expect("a verdict");
        told.push((verdict.allowed, verdict.warnings.first().map(|warning| warning.used)));
    }
    let all = Some(Milestone::All);
    assert_eq!(told, [(true, None), (false, all), (false, None), (true, None), (true, None)]);
}

async fn of_many_at_once_as_many_pass_as_there_is_room(stored: &Stored) {
    let nodes = stored.nodes(2, false);
    let limits = Somebody::new().limits(&["hour sliding 50/3600", "month calendar 70/2592000"]);
    let calls = join_all((0..200).map(|call| nodes[call % 2].decide(&limits, true, 1))).await;
    let allowed = calls.into_iter().filter(|verdict| verdict.as_ref().expect("a verdict").allowed).count();
    assert_eq!(allowed, 50);
    assert_eq!(left(&nodes[0], &limits).await, [0, 20]);
}

async fn limits_in_any_order_block_nobody(stored: &Stored) {
    let (nodes, somebody) = (stored.nodes(2, false), Arc::new(Somebody::new()));
    let callers = (0..8usize).map(|caller| {
        let (node, somebody) = (Arc::clone(&nodes[caller % 2]), Arc::clone(&somebody));
        tokio::spawn(async move {
            let mut limits =
                somebody.limits(&["a sliding 999/3600", "b bucket 999/3600", "c calendar 999/2592000"]);
            limits.rotate_left(caller % 3);
            for _ in 0..25 {
                assert!(call(&node, &limits, 1).await.0);
            }
        })
    });
    for ended in join_all(callers).await {
        ended.expect("a caller");
    }
    let limits = somebody.limits(&["a sliding 999/3600", "c calendar 999/2592000"]);
    assert_eq!(left(&nodes[0], &limits).await, [799, 799]);
}

async fn leases_give_out_every_unit_and_none_twice(stored: &Stored) {
    let nodes = stored.nodes(5, true);
    let limits = Arc::new(Somebody::new().limits(&["month calendar 400/2592000"]));
    let callers = (0..10usize).map(|caller| {
        let (node, limits) = (Arc::clone(&nodes[caller % 5]), Arc::clone(&limits));
        tokio::spawn(async move {
            let mut allowed = 0;
            while call(&node, &limits, 1).await.0 {
                allowed += 1;
            }
            allowed
        })
    });
    let mut allowed: u64 = join_all(callers).await.into_iter().map(|caller| caller.expect("a caller")).sum();
    assert!((380..=400).contains(&allowed), "{allowed}");
    // What is left on leases when the nodes end is anybody's again.
    for node in &nodes {
        node.end().await.expect("an end");
    }
    while call(&nodes[0], &limits, 1).await.0 {
        allowed += 1;
    }
    assert_eq!(allowed, 400);
}

async fn what_counts_outlives_a_tidying(stored: &Stored) {
    let (node, somebody) = (stored.node(), Somebody::new());
    let limits = somebody.limits(&["hour sliding 5/3600", "month calendar 5/2592000", "burst bucket 5/3600"]);
    assert!(call(&node, &limits, 1).await.0);
    node.tidy().await.expect("a tidying");
    assert_eq!(left(&node, &limits).await, [4, 4, 4]);
}
