//! How limits are told in an answer's head: draft-ietf-httpapi-ratelimit-headers, and the older names beside it.

use chrono::{DateTime, Utc};

use crate::limits::limit::Kind;
use crate::limits::verdict::{Policy, Verdict};

/// The headers of an answer. Without limits there are none.
pub fn headers(verdict: &Verdict, now: DateTime<Utc>) -> Vec<(&'static str, String)> {
    let Some(tightest) = tightest(verdict) else { return Vec::new() };
    let listed =
        |item: fn(&Policy) -> String| verdict.policies.iter().map(item).collect::<Vec<_>>().join(",");
    let resets_at = now.timestamp().saturating_add_unsigned(tightest.reset_in_s);
    let mut headers = vec![
        ("RateLimit-Policy", listed(rule)),
        ("RateLimit", listed(state)),
        ("X-RateLimit-Limit", tightest.quota.to_string()),
        ("X-RateLimit-Remaining", tightest.remaining.to_string()),
        ("X-RateLimit-Reset", resets_at.to_string()),
    ];
    headers.extend(verdict.retry_after_s.map(|seconds| ("Retry-After", seconds.to_string())));
    headers
}

/// The one that will stop the caller first, or that does: the older names have room for one.
pub fn tightest(verdict: &Verdict) -> Option<&Policy> {
    let is_violated = |policy: &Policy| verdict.violated.contains(&policy.name);
    let share = |policy: &Policy| u128::from(policy.remaining) * 1_000_000 / u128::from(policy.quota.max(1));
    let order = |policy: &&Policy| {
        let reset = std::cmp::Reverse(policy.reset_in_s);
        if is_violated(policy) { (0, 0, reset) } else { (1, share(policy), reset) }
    };
    verdict.policies.iter().min_by_key(order)
}

fn rule(policy: &Policy) -> String {
    let (name, quota) = (&policy.name, policy.quota);
    match policy.kind {
        Kind::Concurrent(_) => format!(r#""{name}";q={quota};qu="concurrent-requests""#),
        _ => format!(r#""{name}";q={quota};w={}"#, policy.window_s),
    }
}

/// Nobody knows when what is held will be let go.
fn state(policy: &Policy) -> String {
    let (name, remaining) = (&policy.name, policy.remaining);
    match policy.kind {
        Kind::Concurrent(_) => format!(r#""{name}";r={remaining}"#),
        _ => format!(r#""{name}";r={remaining};t={}"#, policy.reset_in_s),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::limit::Period;

    fn policy(name: &str, kind: Kind, (quota, remaining, reset_in_s): (u64, u64, u64)) -> Policy {
        Policy { name: name.to_owned(), kind, quota, window_s: kind.window_s(), remaining, reset_in_s }
    }

    fn minute(state: (u64, u64, u64)) -> Policy {
        policy("minute", Kind::Sliding(60), state)
    }

    fn day(state: (u64, u64, u64)) -> Policy {
        policy("day", Kind::Calendar(Period::Day), state)
    }

    fn told(policies: Vec<Policy>, violated: &[&str], retry_after_s: Option<u64>) -> String {
        let violated: Vec<String> = violated.iter().map(|name| (*name).to_owned()).collect();
        let verdict =
            Verdict { allowed: violated.is_empty(), policies, violated, retry_after_s, ..Verdict::default() };
        let now = DateTime::from_timestamp(1_735_476_278, 900_000_000).expect("a moment");
        let lines = headers(&verdict, now).into_iter().map(|(name, value)| format!("{name}: {value}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_policy_is_told_and_the_tightest_by_its_older_names() {
        let cases = [
            (vec![], &[][..], None, ""),
            (
                vec![minute((30, 0, 42)), day((1000, 612, 30_211))],
                &["minute"][..],
                Some(42),
                "RateLimit-Policy: \"minute\";q=30;w=60,\"day\";q=1000;w=86400\n\
                 RateLimit: \"minute\";r=0;t=42,\"day\";r=612;t=30211\n\
                 X-RateLimit-Limit: 30\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1735476320\nRetry-After: 42",
            ),
            (
                vec![minute((30, 29, 1)), day((1000, 5, 9))],
                &[][..],
                None,
                "RateLimit-Policy: \"minute\";q=30;w=60,\"day\";q=1000;w=86400\n\
                 RateLimit: \"minute\";r=29;t=1,\"day\";r=5;t=9\n\
                 X-RateLimit-Limit: 1000\nX-RateLimit-Remaining: 5\nX-RateLimit-Reset: 1735476287",
            ),
            // A cost that the day cannot bear any more, although the minute has a smaller share left.
            (
                vec![minute((30, 1, 2)), day((1000, 50, 9))],
                &["day"][..],
                Some(9),
                "RateLimit-Policy: \"minute\";q=30;w=60,\"day\";q=1000;w=86400\n\
                 RateLimit: \"minute\";r=1;t=2,\"day\";r=50;t=9\n\
                 X-RateLimit-Limit: 1000\nX-RateLimit-Remaining: 50\nX-RateLimit-Reset: 1735476287\nRetry-After: 9",
            ),
            (
                vec![policy("streams", Kind::Concurrent(3600), (2, 1, 3600))],
                &[][..],
                None,
                "RateLimit-Policy: \"streams\";q=2;qu=\"concurrent-requests\"\nRateLimit: \"streams\";r=1\n\
                 X-RateLimit-Limit: 2\nX-RateLimit-Remaining: 1\nX-RateLimit-Reset: 1735479878",
            ),
        ];
        for (policies, violated, retry, expected) in cases {
            assert_eq!(told(policies, violated, retry), expected);
        }
    }
}
