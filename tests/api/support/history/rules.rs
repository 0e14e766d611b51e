//! Holds a history against the world: what was acknowledged is there, and nothing happened twice.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use super::{Asked, Entry, Heard, World};

/// How long after a revocation was acknowledged another node may still call the token good.
const SEEN_WITHIN: Duration = Duration::from_secs(1);

/// What was counted, and what should not be.
#[derive(Debug)]
pub struct Report {
    pub counts: BTreeMap<&'static str, usize>,
    pub breaches: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = self.counts.iter().map(|(what, many)| format!("{many} {what}")).collect();
        writeln!(f, "the history: {}", counts.join(", "))?;
        self.breaches.iter().try_for_each(|breach| writeln!(f, "BREACH: {breach}"))
    }
}

/// Holds a history against the world.
pub fn check(entries: &[Entry], world: &World) -> Report {
    let told = Told::of(entries, world);
    let rules: [fn(&Told<'_>) -> Vec<String>; 6] = [
        tokens_are_there,
        revocations_hold,
        the_door_told_the_truth,
        events_are_told_once,
        nothing_was_used_twice,
        what_nobody_knows_is_whole,
    ];
    let mut breaches: Vec<String> = rules.iter().flat_map(|rule| rule(&told)).collect();
    breaches.extend(entries.iter().filter_map(|entry| match &entry.heard {
        Heard::Nonsense(words) => Some(format!("{:?} was answered {words}", entry.asked)),
        _ => None,
    }));
    Report { counts: told.counts(), breaches }
}

/// A history, by what it is about.
struct Told<'a> {
    entries: &'a [Entry],
    world: &'a World,
    /// The first attempts to end each of these, and their first acknowledgements.
    tokens: HashMap<&'a str, Ended>,
    families: HashMap<Uuid, Ended>,
}

#[derive(Clone, Copy, Debug)]
struct Ended {
    asked: Duration,
    acknowledged: Option<Duration>,
}

impl Ended {
    fn note(ended: Option<&Self>, entry: &Entry) -> Self {
        let acknowledged = (entry.heard == Heard::Revoked).then_some(entry.ended);
        let first = |one: Option<Duration>, other: Option<Duration>| one.into_iter().chain(other).min();
        Self {
            asked: ended.map_or(entry.began, |ended| ended.asked.min(entry.began)),
            acknowledged: first(acknowledged, ended.and_then(|ended| ended.acknowledged)),
        }
    }
}

impl<'a> Told<'a> {
    fn of(entries: &'a [Entry], world: &'a World) -> Self {
        let mut told = Self { entries, world, tokens: HashMap::new(), families: HashMap::new() };
        for entry in entries {
            match (&entry.asked, &entry.heard) {
                (Asked::Revoke(token), _) if world.access.contains_key(token) => {
                    let ended = Ended::note(told.tokens.get(token.as_str()), entry);
                    told.tokens.insert(token, ended);
                }
                // Whoever asks again after an answer was lost may pass for a thief.
                (Asked::Revoke(bearer), _)
                | (Asked::Redeem(bearer) | Asked::Refresh(bearer), Heard::Refused(_)) => {
                    let single = world.codes.get(bearer).or_else(|| world.refresh.get(bearer));
                    if let Some(family) = single.map(|single| single.family) {
                        let ended = Ended::note(told.families.get(&family), entry);
                        told.families.insert(family, ended);
                    }
                }
                _ => {}
            }
        }
        told
    }

    /// Access tokens that somebody was given, each once.
    fn given(&self) -> BTreeSet<(&'a str, Option<&'a str>)> {
        let pair = |entry: &'a Entry| match &entry.heard {
            Heard::Tokens(access, refresh) => Some((access.as_str(), refresh.as_deref())),
            _ => None,
        };
        self.entries.iter().filter_map(pair).collect()
    }

    /// What ended a token, if anything did.
    fn ends_of(&self, token: &str) -> Vec<Ended> {
        let family = self.world.access.get(token).and_then(|access| access.family);
        let family = family.and_then(|family| self.families.get(&family));
        self.tokens.get(token).into_iter().chain(family).copied().collect()
    }

    fn events(&self, kind: &str, target: impl ToString) -> usize {
        self.world.events.get(&(kind.to_owned(), target.to_string())).copied().unwrap_or_default()
    }

    fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for entry in self.entries {
            let what = match (&entry.asked, &entry.heard) {
                (_, Heard::Unknown) => "unknown",
                (_, Heard::Nonsense(_)) => "nonsense",
                (_, Heard::Refused(_)) => "refused",
                (Asked::Issue, _) => "issued",
                (Asked::Redeem(_), _) => "redeemed",
                (Asked::Refresh(_), _) => "refreshed",
                (Asked::Revoke(_), _) => "revoked",
                (Asked::Introspect(_), _) => "introspected",
            };
            *counts.entry(what).or_default() += 1;
        }
        counts.insert("tokens held against the world", self.given().len());
        counts.insert("codes held against the world", self.world.codes.len());
        counts
    }
}

/// Every acknowledged token is stored, and good unless somebody ended it.
fn tokens_are_there(told: &Told<'_>) -> Vec<String> {
    let mut breaches = Vec::new();
    for (access, refresh) in told.given() {
        match told.world.access.get(access) {
            None => breaches.push(format!("an acknowledged access token is lost: {access}")),
            Some(found) if !found.is_good && told.ends_of(access).is_empty() => {
                breaches.push(format!("a token is dead, and nobody ended it: {access}"));
            }
            Some(_) => {}
        }
        if refresh.is_some_and(|refresh| !told.world.refresh.contains_key(refresh)) {
            breaches.push(format!("an acknowledged refresh token is lost, beside {access}"));
        }
    }
    breaches
}

/// Every acknowledged revocation is stored, and what it ended is dead; nothing came of it later.
fn revocations_hold(told: &Told<'_>) -> Vec<String> {
    let mut breaches = Vec::new();
    for entry in told.entries.iter().filter(|entry| entry.heard == Heard::Revoked) {
        let Asked::Revoke(token) = &entry.asked else { continue };
        let is_stored = match (told.world.access.get(token), told.world.refresh.get(token)) {
            (Some(access), _) => access.is_revoked && !access.is_good,
            (_, Some(single)) => told.world.families.get(&single.family).is_some_and(Option::is_some),
            _ => false,
        };
        if !is_stored {
            breaches.push(format!("an acknowledged revocation is lost: {token}"));
        }
    }
    for (access, _) in told.given() {
        let is_good = told.world.access.get(access).is_some_and(|found| found.is_good);
        if is_good && told.ends_of(access).iter().any(|end| end.acknowledged.is_some()) {
            breaches.push(format!("a token outlived its end: {access}"));
        }
    }
    for entry in told.entries {
        let (Asked::Refresh(token), Heard::Tokens(..)) = (&entry.asked, &entry.heard) else { continue };
        let family = told.world.refresh.get(token).map(|single| single.family);
        let ended = family.and_then(|family| told.families.get(&family)?.acknowledged);
        if ended.is_some_and(|ended| entry.began > ended) {
            breaches.push(format!("a family was refreshed after its end: {token}"));
        }
    }
    breaches
}

/// No token was called good long after its end, none bad before anybody asked for it.
fn the_door_told_the_truth(told: &Told<'_>) -> Vec<String> {
    let lie = |entry: &Entry| {
        let Asked::Introspect(token) = &entry.asked else { return None };
        let ends = told.ends_of(token);
        let is_over = |end: &Ended| end.acknowledged.is_some_and(|at| entry.began > at + SEEN_WITHIN);
        match entry.heard {
            Heard::Good(true) if ends.iter().any(is_over) => {
                Some(format!("a revoked token was called good: {token}"))
            }
            Heard::Good(false) if !ends.iter().any(|end| end.asked < entry.ended) => {
                Some(format!("a good token was called bad: {token}"))
            }
            _ => None,
        }
    };
    told.entries.iter().filter_map(lie).collect()
}

/// What is stored was told to the log, exactly once; what is not, was not.
fn events_are_told_once(told: &Told<'_>) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut expect = |kind: &str, target: String, many: usize| {
        let found = told.events(kind, &target);
        if found != many {
            breaches.push(format!("{found} events {kind} of {target} instead of {many}"));
        }
    };
    for access in told.world.access.values() {
        expect("token.revoked", access.id.to_string(), usize::from(access.is_revoked));
    }
    for code in told.world.codes.values() {
        expect("code.redeemed", code.family.to_string(), usize::from(code.is_used));
        let ended_by = told.world.families.get(&code.family).cloned().flatten();
        for (kind, reason) in [
            ("family.revoked", "revoked"),
            ("code.replayed", "code_replay"),
            ("refresh.reused", "refresh_reuse"),
        ] {
            expect(kind, code.family.to_string(), usize::from(ended_by.as_deref() == Some(reason)));
        }
    }
    breaches
}

/// A code and a refresh token become tokens once, however often they were presented.
fn nothing_was_used_twice(told: &Told<'_>) -> Vec<String> {
    let mut answers: HashMap<&str, HashSet<&str>> = HashMap::new();
    for entry in told.entries {
        let (Asked::Redeem(single) | Asked::Refresh(single)) = &entry.asked else { continue };
        if let Heard::Tokens(access, _) = &entry.heard {
            answers.entry(single).or_default().insert(access);
        }
    }
    let twice = answers.into_iter().filter(|(_, access)| access.len() > 1);
    let mut breaches: Vec<String> =
        twice.map(|(single, access)| format!("{single} became {} access tokens", access.len())).collect();
    let mut uses: HashMap<Uuid, usize> = HashMap::new();
    for single in told.world.codes.values().chain(told.world.refresh.values()) {
        *uses.entry(single.family).or_default() += usize::from(single.is_used);
    }
    for (family, uses) in uses {
        let issued = told.world.issued_to.get(&family).copied().unwrap_or_default();
        if issued != uses {
            breaches.push(format!("family {family}: {uses} bearers were used for {issued} access tokens"));
        }
    }
    breaches
}

/// Of what nobody was told the outcome, all happened or nothing.
fn what_nobody_knows_is_whole(told: &Told<'_>) -> Vec<String> {
    let mut breaches = Vec::new();
    for (token, single) in &told.world.refresh {
        if single.successors != usize::from(single.is_used) {
            breaches.push(format!("{token} has {} successors; used: {}", single.successors, single.is_used));
        }
    }
    let issues = |heard: fn(&Heard) -> bool| {
        let asked = told.entries.iter().filter(|entry| entry.asked == Asked::Issue);
        asked.filter(|entry| heard(&entry.heard)).count()
    };
    let issued = issues(|heard| matches!(heard, Heard::Tokens(..)));
    let perhaps = issues(|heard| *heard == Heard::Unknown);
    if !(issued..=issued + perhaps).contains(&told.world.issued) {
        let found = told.world.issued;
        breaches.push(format!("{found} tokens are stored of {issued} issued and {perhaps} perhaps"));
    }
    breaches
}
